"""The SQLite driver: one connection in one thread, in WAL mode; it never makes a database out of a typing error."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from waypost.connectors.sql_driver import Rows, Write, WriteRefused, Written
from waypost.connectors.sql_sqlite_value import bindable, plain
from waypost.connectors.sql_statement import quoted
from waypost.core.errors import (
    ConfigurationRefused,
    ContractError,
    DataError,
    EndpointTimeout,
    EndpointUnavailable,
    MessageError,
    WaypostError,
    near,
)

if TYPE_CHECKING:
    import apsw

T = TypeVar("T")
BUSY_MS = 5_000
_MISSING_TABLE = re.compile(r"no such table: (?:main\.)?(\S+)")
_MISSING_COLUMN = re.compile(r"no such column: \"?([^\"]+)\"?|has no column named (\S+)")


class SqliteDriver:
    """See ``connectors.sql_driver.Driver``. A file that is moved away or replaced is noticed before it is used."""

    mark = "?"
    settle_seconds = 0.0

    def __init__(self, path: Path, timeout_seconds: float) -> None:
        self.address = f"sqlite:{path}"
        self._path, self._timeout = path, timeout_seconds
        self._thread = ThreadPoolExecutor(1, "waypost-sqlite")
        self._connection: apsw.Connection | None = None
        self._inode, self._committing = 0, False

    async def columns(self, table: str) -> Mapping[str, str]:
        return await self._run(lambda connection: self._columns(connection, table))

    async def describe(self, sql: str) -> Mapping[str, str]:
        return await self._run(lambda connection: self._describe(connection, sql))

    def adapt(self, value: Any, column_type: str) -> Any:
        return bindable(value, column_type)

    def collated(self, expression: str, column_type: str) -> str:
        return f"{expression} COLLATE BINARY"

    async def read(self, questions: Sequence[tuple[str, Sequence[Any]]], limit: int) -> Sequence[Rows | MessageError]:
        def work(connection: apsw.Connection) -> list[Rows | MessageError]:
            connection.pragma("query_only", True)
            try:
                return [self._answer(connection, sql, values, limit) for sql, values in questions]
            finally:
                connection.pragma("query_only", False)

        return await self._run(work)

    async def make_ledger(self, table: str) -> None:
        sql = f"CREATE TABLE IF NOT EXISTS {quoted(table)} (idempotency_key TEXT PRIMARY KEY, at INTEGER NOT NULL)"
        await self._run(lambda connection: connection.execute(sql) and None)

    async def write(self, writes: Sequence[Write], ledger: str, at: int) -> Written:
        remember = f"INSERT INTO {quoted(ledger)} VALUES (?1, ?2) ON CONFLICT DO NOTHING" if ledger else ""
        return await self._run(lambda connection: self._write(connection, writes, remember, at))

    async def close(self) -> None:
        if self._connection is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)

    # ── in the thread ────────────────────────────────────────────────────────────────────────────────────────────

    def _write(self, connection: apsw.Connection, writes: Sequence[Write], remember: str, at: int) -> Written:
        written, index = Written(), 0
        connection.execute("BEGIN IMMEDIATE")
        try:
            for index, write in enumerate(writes):  # noqa: B007  needed below
                if remember:
                    connection.execute(remember, (write.key, at))
                fresh = not remember or connection.changes() == 1
                if fresh:
                    connection.execute(write.sql, write.values)
                written.fresh.append(fresh)
            index, self._committing = -1, True
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  told apart below
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            known = self._error(error, connection)
            if isinstance(known, MessageError):
                raise WriteRefused(known, index) from None
            raise known from None
        finally:
            self._committing = False
        return written

    def _answer(self, connection: apsw.Connection, sql: str, values: Sequence[Any], limit: int) -> Rows | MessageError:
        cursor, described = _traced(connection, most=1)
        try:
            bound = tuple(bindable(value, None) for value in values)
            raw = [row for _, row in zip(range(limit), cursor.execute(sql, bound), strict=False)]
        except Exception as error:  # noqa: BLE001  told apart below
            known = self._error(error, connection)
            if isinstance(known, MessageError):
                return known
            raise known from None
        finally:
            cursor.close(True)
        names = tuple(name for name, _ in described[0])
        types = [declared or "" for _, declared in described[0]]
        return Rows(names, [tuple(map(plain, row, types)) for row in raw])

    def _describe(self, connection: apsw.Connection, sql: str) -> Mapping[str, str]:
        import apsw

        cursor, described = _traced(connection, most=0)
        with contextlib.suppress(apsw.ExecTraceAbort):
            cursor.execute(sql)
        cursor.close(True)
        return {name: (declared or "").upper() for name, declared in described[0]}

    def _columns(self, connection: apsw.Connection, table: str) -> Mapping[str, str]:
        schema, _, name = table.rpartition(".")
        rows = connection.execute(
            "SELECT name, type FROM pragma_table_info(?1, ?2)", (name, schema or "main")
        ).fetchall()
        if not rows:
            raise self._no_table(connection, table)
        return {str(column): str(kind).upper() for column, kind in rows}

    def _no_table(self, connection: apsw.Connection, table: str) -> ConfigurationRefused:
        rows = connection.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')").fetchall()
        remedy = near(table, [str(name) for (name,) in rows]) or "create it, or correct the name"
        return ConfigurationRefused(f"there is no table {table!r}", where=self.address, remedy=remedy)

    def _connect(self) -> apsw.Connection:
        import apsw

        try:
            inode = self._path.stat().st_ino
        except OSError as error:
            self._disconnect()
            raise EndpointUnavailable(
                f"no database file: {error.strerror}", where=self.address, expected="an SQLite database",
                remedy="create it, or correct the address of the connection",
            ) from None  # fmt: skip
        if self._connection is not None and inode == self._inode:
            return self._connection
        self._disconnect()
        connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
        connection.set_busy_timeout(BUSY_MS)
        with contextlib.suppress(apsw.ReadOnlyError):
            connection.pragma("journal_mode", "wal")
        self._connection, self._inode = connection, inode
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(True)

    def _error(self, error: Exception, connection: apsw.Connection | None) -> WaypostError:
        """What an error of SQLite means. Codes: https://sqlite.org/rescode.html."""
        import apsw

        where, text = self.address, str(error)
        if isinstance(error, WaypostError):
            return error
        if isinstance(error, apsw.ConstraintError):
            return ContractError(
                f"the database refuses the row: {text}", where=where, remedy="mend the message or the table"
            )
        if isinstance(error, apsw.MismatchError | apsw.TooBigError | TypeError | ValueError | OverflowError):
            return DataError(f"a value cannot be kept: {text}", where=where, expected="a value of the column's type")
        if isinstance(error, apsw.BusyError | apsw.LockedError):
            return EndpointUnavailable(f"another process holds it: {text}", where=where, remedy="it is tried again")
        if isinstance(error, apsw.FullError):
            return EndpointUnavailable("the disk is full", where=where, remedy="make room; it is tried again")
        if isinstance(error, apsw.InterruptError):
            return EndpointUnavailable(
                f"not done within {self._timeout:g} s", where=where, remedy="narrow the query, or raise timeout_seconds"
            )
        if isinstance(error, apsw.IOError | apsw.CantOpenError):
            kind = EndpointTimeout if self._committing else EndpointUnavailable
            return kind(f"the file fails: {text}", where=where, remedy="check the disk and the file's permissions")
        if connection is not None and (missing := _MISSING_TABLE.search(text)):
            return self._no_table(connection, missing[1])
        if missing := _MISSING_COLUMN.search(text):
            return ConfigurationRefused(f"there is no column {missing[1] or missing[2]!r}", where=where)
        if isinstance(error, apsw.ExecTraceAbort):
            text = "more than one statement"
        if not isinstance(error, apsw.Error):
            raise error
        return ConfigurationRefused(f"SQLite says: {text}", where=where, remedy="check address, table and query")

    async def _run(self, work: Callable[[apsw.Connection], T]) -> T:
        """``work`` in the thread, interrupted when it takes too long. It goes on when the caller is cancelled."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, work)
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.wait_for(asyncio.shield(future), self._timeout)
        except TimeoutError:
            if self._connection is not None:
                self._connection.interrupt()
            return await future

    def _guarded(self, work: Callable[[apsw.Connection], T]) -> T:
        connection = None
        try:
            connection = self._connect()
            return work(connection)
        except (WaypostError, WriteRefused):
            raise
        except Exception as error:  # noqa: BLE001  told apart by _error
            raise self._error(error, connection) from None


def _traced(connection: apsw.Connection, *, most: int) -> tuple[apsw.Cursor, list[Any]]:
    """A cursor, and where it puts the columns of each statement before it runs; it runs ``most`` statements."""
    cursor, described = connection.cursor(), list[Any]()

    def see(running: Any, sql: str, bindings: Any) -> bool:
        described.append(running.get_description())
        return len(described) <= most

    cursor.exec_trace = see
    return cursor, described
