"""What the sql connector needs of a database: two small drivers behind one protocol.

A driver opens its connections when they are first needed and raises errors of ``core.errors`` only. Where a write
fails, nothing of it happened, except under ``EndpointTimeout``: the commit was under way and it may have happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from waypost.core.errors import MessageError


@dataclass(frozen=True, slots=True)
class Rows:
    """An answer as plain JSON values: exact Decimals, dates as ISO text, bytes as base64. Without rows the columns may
    be unknown."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]

    def dicts(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Write:
    """One statement that changes something. ``key`` is what the ledger remembers it by."""

    sql: str
    values: tuple[Any, ...]
    key: str = ""


@dataclass(slots=True)
class Written:
    """``fresh[i]``: write ``i`` happened now; else the ledger knew it already."""

    fresh: list[bool] = field(default_factory=list)


class WriteRefused(Exception):
    """The database refused write ``index`` for its own sake; -1 where it does not say which. Nothing happened."""

    def __init__(self, error: MessageError, index: int) -> None:
        self.error, self.index = error, index
        super().__init__(str(error))


class Driver(Protocol):
    """One database. ``mark`` begins a numbered place (``?1``, ``$1``); ``settle_seconds`` is how long a row may
    stay invisible after one with a higher position was seen."""

    mark: str
    settle_seconds: float
    address: str
    """Where it is, without secrets."""

    async def columns(self, table: str) -> Mapping[str, str]:
        """The columns of a table with their types, in the database's words, '' where it knows none.
        ``ConfigurationRefused`` with a near name when there is no such table."""
        ...

    async def describe(self, sql: str) -> Mapping[str, str]:
        """The columns a query would answer, with their types; it is not run."""
        ...

    def adapt(self, value: Any, column_type: str) -> Any:
        """``value`` as it is bound for a column. ``DataError`` when the column would not keep it exactly."""
        ...

    def collated(self, expression: str, column_type: str) -> str:
        """``expression`` so that the database orders texts by code point."""
        ...

    async def read(self, questions: Sequence[tuple[str, Sequence[Any]]], limit: int) -> Sequence[Rows | MessageError]:
        """The answer to each question, in a transaction that can change nothing; at most ``limit`` rows each. A
        ``MessageError`` in the place of a question whose values the database refuses."""
        ...

    async def make_ledger(self, table: str) -> None:
        """See that the ledger table is there."""
        ...

    async def write(self, writes: Sequence[Write], ledger: str, at: int) -> Written:
        """All in one transaction, in order. ``ledger`` is the table that remembers keys, '' for none."""
        ...

    async def close(self) -> None: ...
