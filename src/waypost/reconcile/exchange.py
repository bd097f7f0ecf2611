"""One document exchanged with a partner, as the books see it: its numbers, and what it acknowledged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["accepted", "rejected", "partly"]


@dataclass(frozen=True, slots=True)
class Reference:
    """What an acknowledgement says of one interchange, group or message. ``number`` is the control number it names,
    ``codes`` the reasons it gives."""

    level: Literal["interchange", "group", "message"]
    number: str
    verdict: Verdict
    set: str = ""
    group: str = ""
    codes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """One interchange that was sent or received. ``at`` is UTC µs; ``begun_at`` is when work on what was sent began (0:
    ``at``): an answer may come before we know that it was delivered, and never before that. ``groups`` are control
    numbers; a message is its set, its number, its group and, where it has one, its own reference. ``acknowledges`` is
    what it says of others, where it is an acknowledgement."""

    message: str
    flow: str
    direction: Literal["sent", "received"]
    partner: str
    standard: str
    at: int
    interchange: str
    groups: Sequence[str] = ()
    messages: Sequence[tuple[str, ...]] = ()
    kind: str = ""
    acknowledges: Sequence[Reference] = ()
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    begun_at: int = 0

    @property
    def since(self) -> int:
        """The earliest moment at which an answer to it can come."""
        return self.begun_at or self.at

    @staticmethod
    def of(row: Mapping[str, Any]) -> Exchange:
        """The exchange of a row of the control channel."""
        return Exchange(
            str(row["message"]), str(row["flow"]), row["direction"], str(row["partner"]), str(row["standard"]),
            int(row["at"]), str(row["interchange"]), tuple(row.get("groups") or ()),
            tuple(tuple(map(str, one)) for one in row.get("messages") or ()), str(row.get("kind") or ""),
            tuple(Reference(**one) for one in row.get("acknowledges") or ()),
            {name: tuple(values) for name, values in (row.get("keys") or {}).items()}, int(row.get("begun_at") or 0),
        )  # fmt: skip


def same_number(one: str, other: str) -> bool:
    """Whether two control numbers are the same, however they are padded."""
    return (one.strip().lstrip("0") or "0") == (other.strip().lstrip("0") or "0")


def answers(rows: Iterable[Mapping[str, Any]], message: str) -> list[Mapping[str, Any]]:
    """The rows that acknowledge what a message sent or received, by the partner and the numbers they name."""
    rows = list(rows)
    asked = [row for row in rows if row["message"] == message]
    return [row for row in rows for one in asked if _answers(row, one)]


def _answers(row: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    if row["direction"] == asked["direction"] or row["partner"] != asked["partner"]:
        return False
    numbers = [("interchange", asked["interchange"]), *(("group", number) for number in asked.get("groups") or ())]
    return any(
        said["level"] == level and same_number(said["number"], number)
        for said in row.get("acknowledges") or () for level, number in numbers
    )  # fmt: skip
