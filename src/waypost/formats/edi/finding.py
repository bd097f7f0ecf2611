"""What is wrong with a transaction set, as data an acknowledgement is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from waypost.core.errors import DataError

_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. ``x12`` is its code in an acknowledgement: AK304 for a segment, AK403 for an element, AK502 for the
    set as a whole. ``position`` counts segments from 1 at ST, ``element`` and ``component`` from 1, 0 where none."""

    code: str
    x12: str
    segment: str
    position: int
    loop: str = ""
    element: int = 0
    component: int = 0
    level: Literal["transaction", "segment", "element"] = "segment"
    found: str = ""
    expected: str = ""

    def place(self) -> str:
        """``segment 5 PO1, element 2``."""
        element = f", element {self.element}" if self.element else ""
        component = f", component {self.component}" if self.component else ""
        return f"segment {self.position} {self.segment[:12]}{element}{component}"

    def said(self) -> str:
        return f"{self.found}, expected {self.expected}" if self.expected else self.found

    def __str__(self) -> str:
        return f"{self.place()}: {self.said()}"

    def detail(self) -> dict[str, Any]:
        return asdict(self)


def refusal(set_id: str, control_number: str, findings: Sequence[Finding]) -> DataError:
    """All findings of one transaction set as one error; the details carry each of them."""
    first, more = findings[0], len(findings) - _SHOWN
    found = "; ".join([first.said(), *map(str, findings[1:_SHOWN]), *([f"and {more} more"] if more > 0 else [])])
    return DataError(
        found, where=f"{set_id[:9]} {control_number[:9]}, {first.place()}",
        remedy="have the sender correct it; acknowledge the group to tell them", code=f"x12-{first.code}",
        details=[finding.detail() for finding in findings],
    )  # fmt: skip
