"""SQLite as the store uses it: through apsw's own library, in WAL mode, with many rows per statement.

Python's interpreter lock changes hands at every step of a statement; beside a busy event loop a row per statement
costs milliseconds (measured: 2.2 ms a row, against 2.6 µs in one statement). So rows travel as one JSON argument
(numbers, and bytes as hexadecimal), and each statement does all its work at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import apsw
import msgspec

from waypost.core.errors import StoreError

SAFE_VERSION = 3_051_003
"""From here on a WAL reset cannot corrupt a database that two connections use."""

_BUSY_MS = 5000

Row = Sequence[int | bytes]


def connect(
    path: Path, *, synchronous: str = "FULL", read_only: bool = False, cache_kib: int = 4096
) -> apsw.Connection:
    """A connection to the database at ``path``; created when missing, unless ``read_only``. In a folder where nobody
    here may write, only one that does not need ``needs_recovery`` can be read."""
    if apsw.SQLITE_VERSION_NUMBER < SAFE_VERSION:
        raise StoreError(
            f"SQLite {apsw.sqlite_lib_version()}",
            where="store",
            expected="3.51.3 or later, earlier ones can damage a database",
            remedy="install a current apsw wheel",
        )
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    name = str(path)
    if read_only and _lies_still(path):
        name, flags = f"{path.absolute().as_uri()}?immutable=1", flags | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(name, flags=flags)
    connection.set_busy_timeout(_BUSY_MS)
    connection.pragma("mmap_size", 0)
    connection.pragma("cache_size", -cache_kib)
    if not read_only:
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", synchronous)
        connection.pragma("wal_autocheckpoint", 0)
    return connection


def _lies_still(path: Path) -> bool:
    """Whether a database is in a folder where we may not write, and is not open elsewhere: SQLite would want to make
    files beside it."""
    return not os.access(path.parent, os.W_OK, effective_ids=True) and not Path(f"{path}-shm").exists()


def needs_recovery(path: Path) -> bool:
    """Whether a database has a write-ahead log that can only be taken in by writing, where we may not write."""
    log = Path(f"{path}-wal")
    return _lies_still(path) and log.exists() and log.stat().st_size > 0


def schema(name: str) -> str:
    """The text of ``NAME.sql`` beside this module."""
    return resources.files(__package__).joinpath(f"{name}.sql").read_text("utf-8")


def select(connection: apsw.Connection, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
    """All rows of a query, so that no read stays open."""
    return connection.execute(sql, arguments).fetchall()


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """All or nothing, with the right to write from the start."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def bulk(connection: apsw.Connection, sql: str, rows: Iterable[Row], *more: Any) -> None:
    """Run ``sql`` once for all rows; it reads them from ``json_each(?1)``, further arguments follow."""
    packed = [[v if isinstance(v, int) else v.hex() for v in row] for row in rows]
    if packed:
        connection.execute(sql, (msgspec.json.encode(packed).decode(), *more)).fetchall()


def inserting(table: str, columns: str) -> str:
    """An upsert for ``bulk``. ``columns`` lists names; a leading ``*`` marks bytes.

    >>> inserting("t", "a *b")
    "INSERT OR REPLACE INTO t (a, b) SELECT value ->> 0, unhex(value ->> 1) FROM json_each(?1)"
    """
    names = columns.split()
    values = [f"unhex(value ->> {i})" if name[0] == "*" else f"value ->> {i}" for i, name in enumerate(names)]
    listed = ", ".join(name.lstrip("*") for name in names)
    return f"INSERT OR REPLACE INTO {table} ({listed}) SELECT {', '.join(values)} FROM json_each(?1)"


def checkpoint(connection: apsw.Connection) -> None:
    """Move what the WAL holds into the database, as far as readers allow without waiting for them; never called on
    the hot path."""
    connection.set_busy_timeout(0)
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    finally:
        connection.set_busy_timeout(_BUSY_MS)
