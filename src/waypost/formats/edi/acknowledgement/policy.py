"""What is acknowledged, and how; and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Number = Literal["interchange", "group", "transaction"]
Allocate = Callable[[Number], str]
"""The next control number of a level; called once for each interchange, group and transaction made."""


@dataclass(frozen=True, slots=True)
class Policy:
    """``functional`` is the kind of acknowledgement of groups: by itself 999 for guides of 005010, else 997; EDIFACT is
    answered by CONTRL unless it says ``none``. ``technical`` says when a TA1 is made. ``accepted`` is whether messages
    without fault are named too. ``reject`` is what one fault rejects; ``note`` accepts in spite of faults and names
    them. ``application`` are kinds made beside: 824, APERAK."""

    functional: Literal["auto", "997", "999", "none"] = "auto"
    technical: Literal["requested", "always", "errors", "never"] = "requested"
    accepted: bool = True
    reject: Literal["transaction", "group", "interchange"] = "transaction"
    note: bool = False
    application: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One acknowledgement: its kind, what it answers, whether that was accepted, and the document that is written."""

    kind: str
    standard: Literal["x12", "edifact"]
    control_number: str
    accepted: bool
    document: Mapping[str, Any]


@dataclass(slots=True)
class Maker:
    """What everything made shares: the policy, the time it carries, and control numbers."""

    policy: Policy
    at: datetime
    allocate: Allocate | None = None
    _made: dict[str, int] = field(default_factory=dict)

    def number(self, level: Number, otherwise: str) -> str:
        """The next control number; without an allocator one that follows from what was received."""
        return self.allocate(level) if self.allocate else otherwise

    @property
    def when(self) -> dict[str, str]:
        """Date and time as documents have them."""
        return {"date": self.at.strftime("%Y-%m-%d"), "time": self.at.strftime("%H:%M")}
