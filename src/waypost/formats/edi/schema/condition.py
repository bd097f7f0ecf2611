"""Conditions between elements (X12.6 relational conditions, EDIFACT dependency notes D1 to D7).

Each is turned into *violations*: sets of elements that are present while others are absent. A segment is right when it
shows none of them; the same violations make the pattern of the fast path and the findings of the slow one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from waypost.formats.edi.schema.notation import places

_WORDS = {
    "P": "all of {} or none", "R": "at least one of {}", "E": "at most one of {}", 
    "C": "with the first of {} all others",
    "L": "with the first of {} one of the others at least",
}  # fmt: skip
_SAME = {"D2": "P", "D3": "R", "D4": "E", "D5": "C", "D6": "L"}


@dataclass(frozen=True, slots=True)
class Violation:
    """What breaks a condition. ``missing`` says whether something lacks, or is too much."""

    note: str
    present: frozenset[int]
    absent: frozenset[int]
    missing: bool

    def shown_by(self, present: frozenset[int]) -> bool:
        return self.present <= present and not self.absent & present


def violations(note: str) -> list[Violation]:
    """Every way to break ``note``."""
    kind, at = note[: 2 if note[0] == "D" else 1], places(note)
    first, others = at[0], at[1:]
    kind = _SAME.get(kind, kind)
    if kind == "P":
        ring = zip(at, [*others, first], strict=True)
        return [_lacks(note, {a}, {b}) for a, b in ring]
    if kind == "C":
        return [_lacks(note, {first}, {b}) for b in others]
    if kind == "L":
        return [_lacks(note, {first}, set(others))]
    if kind == "D7":
        return [_excess(note, first, b) for b in others]
    found = [_lacks(note, set(), set(at))] if kind in ("R", "D1") else []
    if kind in ("E", "D1"):
        found += [_excess(note, a, b) for i, a in enumerate(at) for b in at[i + 1 :]]
    return found


def words(note: str) -> str:
    """What a condition asks for."""
    kind = note[: 2 if note[0] == "D" else 1]
    named = ", ".join(map(str, places(note)))
    if kind == "D1":
        return f"exactly one of {named}"
    if kind == "D7":
        return f"with the first of {named} none of the others"
    return _WORDS[_SAME.get(kind, kind)].format(named)


def _lacks(note: str, present: set[int], absent: set[int]) -> Violation:
    return Violation(note, frozenset(present), frozenset(absent), True)


def _excess(note: str, one: int, other: int) -> Violation:
    return Violation(note, frozenset({one, other}), frozenset(), False)


@dataclass(frozen=True, slots=True)
class Grain:
    """How values stand in a row, as patterns: what separates them, what ends the row, what a value is made of, and
    whether a separator stands before the first one."""

    separator: str
    end: str
    other: str
    opens: bool

    def pattern(self, violation: Violation) -> str:
        """A pattern that matches a row of values that shows ``violation``."""
        return self._tail(1, sorted(violation.present | violation.absent), violation.present)

    def _tail(self, at: int, left: Sequence[int], present: frozenset[int]) -> str:
        if not left:
            return ""
        lead = self.separator if self.opens or at > 1 else ""
        if at < left[0]:
            one = f"{lead}{self.other}*+"
        elif left[0] in present:
            one = f"{lead}{self.other}++"
        else:
            one = f"{lead}(?={self.separator}|{self.end})"
        whole = f"{one}{self._tail(at + 1, left[1:] if at == left[0] else left, present)}"
        return whole if present & set(left) else f"(?:{self.end}|{whole})"
