"""Ask a database: one query, its parameters bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from waypost.connectors.sql_connection import connection_of
from waypost.connectors.sql_driver import Rows
from waypost.connectors.sql_statement import NamedQuery
from waypost.core.component import Request
from waypost.core.errors import ContractError, MessageError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import ConnectionRef, Option, OptionFault


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlRequesterOptions:
    connection: Annotated[ConnectionRef, Option("The database, as named in connections.yaml.", kinds=("sql",))]
    query: Annotated[
        str,
        Option(
            "One SELECT with :name where a parameter goes; a list is spread, as in sku IN (:skus).",
            example="SELECT price FROM prices WHERE sku = :sku",
        ),
    ]
    answer: Annotated[
        Literal["one", "many"], Option("One row as an object (none: not found; several: an error), or a list of rows.")
    ] = "one"
    limit_rows: Annotated[int, Option("Most rows of an answer; more are an error.", minimum=1, maximum=100_000)] = 1000

    def faults(self) -> Iterator[OptionFault]:
        first = self.query.split(None, 1)[0].upper() if self.query.strip() else ""
        if first not in ("SELECT", "WITH", "VALUES"):
            yield OptionFault("query", f"a query that begins with {first!r}", "SELECT, WITH or VALUES")


@registry.register(
    "requester", "sql", options=SqlRequesterOptions,
    example="{connection: prices, query: 'SELECT price FROM prices WHERE sku = :sku'}",
)  # fmt: skip
class SqlRequester:
    """Look up rows; nothing can be changed by asking."""

    def __init__(self, options: SqlRequesterOptions, grants: Grants) -> None:
        self._options, self._grants = options, grants
        self._query = NamedQuery.of(options.query)

    @staticmethod
    def parameters(options: SqlRequesterOptions) -> frozenset[str]:
        """What must be given to ask."""
        return NamedQuery.of(options.query).names

    async def open(self) -> None:
        await connection_of(self._options.connection, self._grants).open()

    async def ask(self, batch: Sequence[Request]) -> Sequence[Any]:
        """All in one transaction, so that they see one state of the data."""
        driver = connection_of(self._options.connection, self._grants).driver
        answers: list[Any] = [None] * len(batch)
        asked: list[int] = []
        questions: list[tuple[str, Sequence[Any]]] = []
        for at, request in enumerate(batch):
            try:
                questions.append(self._query.bind(request.parameters, driver.mark))
                asked.append(at)
            except MessageError as error:
                answers[at] = error
        most = 1 if self._options.answer == "one" else self._options.limit_rows
        found = await driver.read(questions, most + 1) if questions else ()
        for at, rows in zip(asked, found, strict=True):
            answers[at] = self._shape(rows, most) if isinstance(rows, Rows) else rows
        return answers

    async def close(self) -> None:
        """The pool belongs to the connection."""

    def _shape(self, rows: Rows, most: int) -> Any:
        if len(rows.rows) > most:
            return ContractError(
                f"the query found more than {most} row{'s' if most > 1 else ''}", where="query",
                expected="one row" if self._options.answer == "one" else f"at most {most}",
                remedy="narrow the query, or write answer: many",
            )  # fmt: skip
        if self._options.answer == "many":
            return rows.dicts()
        return rows.dicts()[0] if rows.rows else None
