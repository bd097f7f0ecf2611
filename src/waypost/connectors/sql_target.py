"""Write documents to a table: insert or upsert, each batch in one transaction.

A batch of several is all or nothing. When the database refuses one row of it, nothing was written: the outcome of each
of the others, and of all where the database does not say which row it was, is ``batch-failed``, and the engine sends
them again one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from waypost.connectors.sql_connection import connection_of
from waypost.connectors.sql_driver import Driver, Write, WriteRefused
from waypost.connectors.sql_statement import is_identifier, is_table, quoted
from waypost.core.component import BATCH_FAILED, Outbound, Outcome
from waypost.core.errors import ConfigurationRefused, DataError, ErrorClass, MessageError, WaypostError, near
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import ConnectionRef, Expression, Option, OptionFault
from waypost.core.traits import Repetition, TargetTraits

LEDGER = "waypost_ledger"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlTargetOptions:
    connection: Annotated[ConnectionRef, Option("The database, as named in connections.yaml.", kinds=("sql",))]
    table: Annotated[str, Option("Table written to, with its schema if need be.", example="sales_orders")]
    operation: Annotated[Literal["insert", "upsert"], Option("Whether a row with the same key is replaced.")] = "insert"
    key: Annotated[tuple[str, ...], Option("Columns of a unique key; what an upsert goes by.", example=["number"])] = ()
    columns: Annotated[
        dict[str, Expression],
        Option("What goes into each column, as an expression over the document. Without: every top-level value."),
    ] = field(default_factory=dict)
    ledger: Annotated[
        bool,
        Option(
            "Remember each delivery in table waypost_ledger, in the same transaction, so that none is written twice. "
            "Its rows may be deleted once they are older than the longest retry."
        ),
    ] = False

    def faults(self) -> Iterator[OptionFault]:
        if not is_table(self.table):
            yield OptionFault("table", f"found {self.table!r}", "TABLE or SCHEMA.TABLE of letters, digits and _")
        for option, names in (("key", self.key), ("columns", tuple(self.columns))):
            for name in names:
                if not is_identifier(name):
                    yield OptionFault(option, f"found {name!r}", "a column of letters, digits and _")
        if self.operation == "upsert" and not self.key:
            yield OptionFault("key", "an upsert without a key", "the columns of a unique key")
        if missing := [name for name in self.key if self.columns and name not in self.columns]:
            yield OptionFault("columns", f"key column {missing[0]!r} gets no value", "an expression for it")


def target_traits(options: SqlTargetOptions) -> TargetTraits:
    """Without ledger or key a repetition shows twice, so deliveries go singly and few are ever in doubt."""
    if options.ledger:
        return TargetTraits(repetition=Repetition.RECOGNISED, batch=200, concurrency=4, reads_document=True)
    if options.operation == "upsert":
        return TargetTraits(repetition=Repetition.SAME_PLACE, batch=200, concurrency=4, reads_document=True)
    return TargetTraits(repetition=Repetition.DUPLICATES, batch=1, concurrency=8, reads_document=True)


@registry.register(
    "target", "sql", options=SqlTargetOptions,
    traits=TargetTraits(repetition=Repetition.DUPLICATES, batch=1, reads_document=True),
    traits_for=target_traits, example="{connection: erp_db, table: orders, operation: upsert, key: [number]}",
)  # fmt: skip
class SqlTarget:
    """Write each message's document as a row."""

    def __init__(self, options: SqlTargetOptions, grants: Grants) -> None:
        self._options, self._grants = options, grants
        self._values = {name: self._compiled(text) for name, text in options.columns.items()}
        schema, _, _ = options.table.rpartition(".")
        self._ledger = (f"{schema}." if schema else "") + LEDGER if options.ledger else ""
        self._types: Mapping[str, str] = {}
        self._statements: dict[tuple[str, ...], str] = {}

    async def open(self) -> None:
        """Look at the table. ``ConfigurationRefused`` when it, or a column named in the options, is not there."""
        pool = connection_of(self._options.connection, self._grants)
        await pool.open()
        types = await pool.driver.columns(self._options.table)
        for name in (*self._options.key, *self._options.columns):
            if name not in types:
                raise ConfigurationRefused(
                    f"table {self._options.table!r} has no column {name!r}", where=pool.driver.address,
                    expected=", ".join(types), remedy=near(name, types),
                )  # fmt: skip
        if self._ledger:
            await pool.driver.make_ledger(self._ledger)
        self._types = types

    async def send(self, batch: Sequence[Outbound]) -> Sequence[Outcome]:
        if not self._types:
            await self.open()
        driver = connection_of(self._options.connection, self._grants).driver
        address = f"{driver.address}#{self._options.table}"
        writes: list[Write] = []
        for index, message in enumerate(batch):
            try:
                writes.append(self._write(driver, message))
            except WaypostError as error:
                return _refused(len(batch), index, error, address)
        try:
            written = await driver.write(writes, self._ledger, self._grants.clock.now())
        except WriteRefused as refused:
            return _refused(len(batch), refused.index, refused.error, address)
        done = "inserted" if self._options.operation == "insert" else "upserted"
        return [
            Outcome(delivered=True, address=address, status=done if fresh else "repeated") for fresh in written.fresh
        ]

    async def close(self) -> None:
        """The pool belongs to the connection."""

    def _compiled(self, text: str) -> Callable[[Any], Any]:
        if self._grants.compile_expression is None:
            raise ConfigurationRefused("expressions are not available here", where=self._grants.name or "sql target")
        return self._grants.compile_expression(text)

    def _write(self, driver: Driver, message: Outbound) -> Write:
        row = self._row(message)
        columns = tuple(row)
        if columns not in self._statements:
            self._statements[columns] = self._statement(columns, driver.mark)
        values = tuple(driver.adapt(value, self._types[name]) for name, value in row.items())
        return Write(self._statements[columns], values, message.idempotency_key)

    def _row(self, message: Outbound) -> dict[str, Any]:
        document = message.document
        if self._values:
            return {name: value_of(document) for name, value_of in self._values.items()}
        if not isinstance(document, Mapping):
            raise DataError("the message is no object", where=self._options.table, expected="an object of values")
        row = {name: value for name, value in document.items() if not isinstance(value, dict | list)}
        for name in row:
            if name not in self._types:
                raise DataError(
                    f"no column for {name!r}", where=f"table {self._options.table}", expected=", ".join(self._types),
                    remedy=near(str(name), self._types) or "say with columns what goes where",
                )  # fmt: skip
        for name in self._options.key or list(self._types)[:0]:
            if row.get(name) is None:
                raise DataError(f"no value for key column {name!r}", where=f"table {self._options.table}")
        if not row:
            raise DataError("the message has no value for any column", where=f"table {self._options.table}")
        return row

    def _statement(self, columns: tuple[str, ...], mark: str) -> str:
        names = ", ".join(map(quoted, columns))
        places = ", ".join(f"{mark}{n}" for n in range(1, len(columns) + 1))
        sql = f"INSERT INTO {quoted(self._options.table)} ({names}) VALUES ({places})"
        if self._options.operation == "insert":
            return sql
        rest = [name for name in columns if name not in self._options.key]
        sets = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in rest)
        key = ", ".join(map(quoted, self._options.key))
        return f"{sql} ON CONFLICT ({key}) DO {f'UPDATE SET {sets}' if rest else 'NOTHING'}"


def _refused(count: int, index: int, error: WaypostError, address: str) -> list[Outcome]:
    """Nothing happened because of message ``index``; -1: nobody knows which of them it was."""
    if not isinstance(error, MessageError) or count == 1:
        return [Outcome.failed(error, address=address)] * count
    others = Outcome(
        delivered=False, address=address, error=f"nothing of the batch was written: {error}",
        error_class=ErrorClass.TRANSIENT, error_code=BATCH_FAILED,
    )  # fmt: skip
    return [Outcome.failed(error, address=address) if at == index else others for at in range(count)]
