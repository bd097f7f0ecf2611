"""Poll a table for rows beyond a position: a column that only rises, and a key that tells equal values apart.

What the database shows late is waited for: a transaction that took a lower value but committed after a higher one was
seen would be passed over, so rows are read up to the highest position seen ``settle_seconds`` ago. A transaction that
stays open longer than that is missed; a row whose column is null is never read; a change that does not raise the
column is not seen.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from waypost.connectors.sql_connection import connection_of
from waypost.connectors.sql_driver import Driver, Rows
from waypost.connectors.sql_position import position_of, values_of
from waypost.connectors.sql_statement import NamedQuery, is_identifier, is_table, quoted
from waypost.core.component import Answer, Arrival, Received
from waypost.core.errors import BugError, ConfigurationRefused, MessageError, WaypostError, near
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import ConnectionRef, Option, OptionFault
from waypost.core.traits import SourceTraits

_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlSourceOptions:
    connection: Annotated[ConnectionRef, Option("The database, as named in connections.yaml.", kinds=("sql",))]
    column: Annotated[str, Option("Column that rises with every new or changed row.", example="id")]
    table: Annotated[str, Option("Table or view that is polled.", example="orders")] = ""
    query: Annotated[str, Option("A SELECT in place of a table.")] = ""
    key: Annotated[str, Option("Unique column that tells rows of an equal value apart; not needed if none are.")] = ""
    batch: Annotated[int, Option("Most rows of one delivery.", minimum=1, maximum=10_000)] = 500
    poll_seconds: Annotated[float, Option("Pause between two looks.", minimum=0.01)] = 1.0
    settle_seconds: Annotated[
        float | None,
        Option("How long rows may stay invisible; 1 for PostgreSQL and 0 for SQLite if not given.", minimum=0),
    ] = None

    def faults(self) -> Iterator[OptionFault]:
        if bool(self.table) == bool(self.query):
            yield OptionFault("table", "both a table and a query, or neither", "one of them")
        if self.table and not is_table(self.table):
            yield OptionFault("table", f"found {self.table!r}", "TABLE or SCHEMA.TABLE of letters, digits and _")
        for option, name in (("column", self.column), ("key", self.key)):
            if name and not is_identifier(name):
                yield OptionFault(option, f"found {name!r}", "a column of letters, digits and _")
        if NamedQuery.of(self.query).names:
            yield OptionFault("query", "a query with parameters", "a query without: nobody gives them")


@registry.register(
    "source", "sql", options=SqlSourceOptions, traits=SourceTraits(ordered=True, redelivers=True, polling=True),
    example="{connection: shop_db, table: orders, column: changed_at, key: id}",
)  # fmt: skip
class SqlSource:
    """Read rows of a table as they come, each as a JSON object."""

    def __init__(self, options: SqlSourceOptions, grants: Grants) -> None:
        self._options, self._grants = options, grants
        self._order = (options.column, options.key) if options.key else (options.column,)
        self._partition = options.table or f"query {options.column}"
        self._types: tuple[str, ...] = ()
        self._cursor = self._bound = ""
        self._closed = asyncio.Event()

    async def open(self) -> None:
        """Look at the columns. ``ConfigurationRefused`` when one of the options is not there."""
        pool = connection_of(self._options.connection, self._grants)
        await pool.open()
        if self._options.table:
            columns = await pool.driver.columns(self._options.table)
        else:
            columns = await pool.driver.describe(f"SELECT * FROM {self._from()}")
        for name in self._order:
            if name not in columns:
                raise ConfigurationRefused(
                    f"{self._partition!r} has no column {name!r}", where=pool.driver.address,
                    expected=", ".join(columns), remedy=near(name, columns),
                )  # fmt: skip
        self._types = tuple(columns[name] for name in self._order)
        self._cursor, self._bound = self._grants.positions.get(self._partition), ""
        self._closed.clear()

    async def receive(self) -> SqlDelivery | None:
        """The next rows in order; None when there are none. Waits while the newest may have an unseen forerunner."""
        if self._closed.is_set():
            return None
        driver = connection_of(self._options.connection, self._grants).driver
        if self._bound <= self._cursor:
            seen = await self._highest(driver)
            if seen <= self._cursor or not await self._settled(driver):
                return None
            self._bound = seen
        rows = await self._rows(driver)
        records = self._records(rows)
        if not records:
            self._bound = ""
            return None
        before, self._cursor = self._cursor, records[-1].position
        return SqlDelivery(self, self._partition, records, before)

    async def close(self) -> None:
        self._closed.set()

    def go_back(self, position: str) -> None:
        """Offer again what lies beyond ``position``."""
        self._cursor = min(self._cursor, position)

    def _from(self) -> str:
        if self._options.table:
            return quoted(self._options.table)
        return f"({NamedQuery.of(self._options.query).parts[0]}) AS polled"

    def _ordered(self, driver: Driver) -> list[str]:
        return [driver.collated(quoted(name), kind) for name, kind in zip(self._order, self._types, strict=True)]

    async def _highest(self, driver: Driver) -> str:
        names, ordered = ", ".join(map(quoted, self._order)), self._ordered(driver)
        present = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in self._order)
        falling = ", ".join(f"{expression} DESC" for expression in ordered)
        sql = f"SELECT {names} FROM {self._from()} WHERE {present} ORDER BY {falling} LIMIT 1"
        found = _sound((await driver.read([(sql, ())], 1))[0])
        return position_of(found.rows[0], self._types) if found.rows else ""

    async def _settled(self, driver: Driver) -> bool:
        """Wait until what was seen has no unseen forerunner; False when closed meanwhile."""
        given = self._options.settle_seconds
        seconds = driver.settle_seconds if given is None else given
        if seconds:
            pause = asyncio.ensure_future(self._grants.clock.sleep(seconds))
            closed = asyncio.ensure_future(self._closed.wait())
            try:
                await asyncio.wait((pause, closed), return_when=asyncio.FIRST_COMPLETED)
            finally:
                pause.cancel()
                closed.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.gather(pause, closed)
        return not self._closed.is_set()

    async def _rows(self, driver: Driver) -> Rows:
        """One row more than a batch, to see whether the next has an equal value."""
        mark, ordered = driver.mark, self._ordered(driver)
        left = ", ".join(ordered)
        bounds, values = [], list[Any]()
        for sign, position in ((">", self._cursor), ("<=", self._bound)):
            if position:
                places = ", ".join(f"{mark}{len(values) + n}" for n in range(1, len(ordered) + 1))
                bounds.append(f"({left}) {sign} ({places})")
                values += values_of(position)
        sql = (
            f"SELECT * FROM {self._from()} WHERE {' AND '.join(bounds)} ORDER BY {left} LIMIT {self._options.batch + 1}"
        )
        return _sound((await driver.read([(sql, values)], self._options.batch + 1))[0])

    def _records(self, rows: Rows) -> list[Received]:
        records: list[Received] = []
        before = self._cursor
        for row in rows.dicts():
            position = position_of([row[name] for name in self._order], self._types)
            if position <= before:
                raise ConfigurationRefused(
                    f"two rows of {self._partition!r} share {self._options.column} {row[self._options.column]!r}",
                    where="sql source", expected="a value of its own for each row",
                    remedy="name a unique column as key",
                )  # fmt: skip
            before = position
            if len(records) < self._options.batch:
                records.append(Received(body=_body(row), position=position, content_type="application/json"))
        return records


def _sound(answer: Rows | MessageError) -> Rows:
    if isinstance(answer, MessageError):
        raise ConfigurationRefused(answer.found, where=answer.where, remedy="the column changed its type")
    return answer


def _body(row: Mapping[str, Any]) -> bytes:
    return _encode({name: _written(value) for name, value in row.items()})


def _written(value: Any) -> Any:
    """A huge exponent would be written digit by digit; such a number goes as a text."""
    huge = isinstance(value, Decimal) and abs(value.adjusted()) >= 1000
    return str(value) if huge else value


class SqlDelivery:
    """Rows of one look; rejected ones are offered again."""

    arrival: Arrival | None = None

    def __init__(self, source: SqlSource, partition: str, records: Sequence[Received], before: str) -> None:
        self._source, self._before, self.partition = source, before, partition
        self.records: Sequence[Received] | None = records

    def read(self, offset: int) -> AsyncIterator[bytes]:
        raise BugError("a delivery of rows has records, not content", where=self.partition)

    async def accept(self) -> None:
        """Nothing to tell the database: the position is in the journal."""

    async def reject(self, cause: WaypostError) -> None:
        self._source.go_back(self._before)

    async def answer(self, answers: Sequence[Answer]) -> None:
        raise BugError("nobody waits for an answer to a row", where=self.partition)
