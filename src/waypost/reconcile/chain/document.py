"""One business document as the chain ledgers see it: what it says of an order, a claim or a question."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import msgspec

Kind = Literal[
    "order", "change", "confirmation", "notice", "invoice", "payment", "claim", "syntax", "receipt", "inquiry",
    "status", "attachment", "remittance", "question", "answer",
]  # fmt: skip


class Line(msgspec.Struct, omit_defaults=True):
    """A line of a document. ``ids`` are item or procedure numbers with their qualifiers, ``UP:0123``; ``code`` is what
    it says of the line (accepted, rejected, added), ``amounts`` further amounts by name."""

    number: str = ""
    ids: list[str] = []
    quantity: str = ""
    unit: str = ""
    price: str = ""
    code: str = ""
    amounts: dict[str, str] = {}


class Document(msgspec.Struct, omit_defaults=True):
    """A document, or the part of it that is about ``key``: an order number, a claim number, a trace.

    ``pair`` are the two parties, sorted; ``number`` is what the document is called; ``refs`` link it to others, by
    name; ``dates`` are UTC µs, by name.
    """

    kind: str
    set: str
    key: str
    pair: str
    at: int
    number: str = ""
    code: str = ""
    total: str = ""
    currency: str = ""
    lines: list[Line] = []
    refs: dict[str, list[str]] = {}
    dates: dict[str, int] = {}
    amounts: dict[str, str] = {}
    sender: str = ""
    source: str = ""
    message: str = ""
    flow: str = ""
    state: str = ""
    partner: str = ""


def decimal(text: str) -> Decimal | None:
    """The number a text is, None for what is none.

    >>> decimal("12.50"), decimal("1,5"), decimal("a")
    (Decimal('12.50'), Decimal('1.5'), None)
    """
    try:
        made = Decimal(text.replace(",", ".")) if text else None
    except InvalidOperation:
        return None
    return made if made is not None and made.is_finite() else None


def iso(moment: int) -> str | None:
    """A moment (UTC µs) as text; None for 0."""
    return datetime.fromtimestamp(moment / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


@dataclass(frozen=True, slots=True)
class Difference:
    """Two documents say other things of the same: ``what`` names it, ``expected`` and ``found`` are as written."""

    what: str
    line: str = ""
    expected: str = ""
    found: str = ""
    says: str = ""
    by: str = ""
    severity: Literal["error", "notice"] = "error"

    def text(self) -> str:
        """In words."""
        place = f"line {self.line}: " if self.line else ""
        parts = [f"{word} {text}" for word, text in (("expected", self.expected), ("found", self.found)) if text]
        held = f": {', '.join(parts)}" if len(parts) == 2 else f": {self.expected or self.found}" if parts else ""
        return f"{place}{self.says or self.what}{held}" + (f" ({self.by})" if self.by else "")

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {"what": self.what, "line": self.line, "expected": self.expected, "found": self.found,
                "text": self.text(), "by": self.by, "severity": self.severity}  # fmt: skip


@dataclass(slots=True)
class Due:
    """A document that is waited for: ``state`` is open, overdue, closed in time, or late."""

    what: str
    after: str
    due: int
    state: Literal["open", "overdue", "closed", "late"]
    name: str = ""
    penalty: str = ""
    closed_at: int = 0
    rule: str = ""
    keys: list[str] = field(default_factory=list)
