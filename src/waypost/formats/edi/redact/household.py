"""To which household each segment of a message belongs: dates of one household move together."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from waypost.formats.edi.redact.policy import Policy

Row = Sequence[str]


class Households:
    """The households of one message: a segment of ``Policy.households`` begins one, and the first member's number
    behind it, or else the first name, is its key. What stands before the first belongs to nobody."""

    def __init__(self, policy: Policy, message: str, rows: Sequence[Row]) -> None:
        self._starts = [n for n, row in enumerate(rows) if any(mark.fits(row, message) for mark in policy.households)]
        self._keys: list[str] = []
        for start, end in zip(self._starts, [*self._starts[1:], len(rows)], strict=False):
            self._keys.append(_key(policy, message, rows, start, end))

    def of(self, segment: int) -> str:
        """The key of the household segment number ``segment`` belongs to; '' where it belongs to none."""
        at = bisect_right(self._starts, segment)
        return self._keys[at - 1] if at else ""


def _key(policy: Policy, message: str, rows: Sequence[Row], start: int, end: int) -> str:
    name = ""
    for row in rows[start:end]:
        for mark in policy.member:
            if mark.fits(row, message):
                if len(row) > mark.id and row[mark.id].strip():
                    return row[mark.id].strip()
                name = name or "|".join(row[3:5]).strip("|").casefold()
    return name or "a person nobody names"
