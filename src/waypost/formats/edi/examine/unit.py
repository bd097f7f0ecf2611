"""The business unit a finding stands in, as acknowledgements name it: a claim, a member, a trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from waypost.formats.edi.examine.message import Message
from waypost.formats.edi.finding import Finding

_UNITS: Mapping[str, tuple[str, int]] = {
    "837": ("CLM", 1), "835": ("CLP", 1), "834": ("REF", 2), "276": ("TRN", 2), "277": ("TRN", 2), "270": ("TRN", 2),
    "271": ("TRN", 2), "278": ("TRN", 2), "820": ("ENT", 1), "850": ("PO1", 1), "855": ("PO1", 1), "810": ("IT1", 1),
}  # fmt: skip
"""By message, the element that names a unit (005010X231, CTX01)."""


def units_of(message: str, rows: Sequence[Sequence[Any]], findings: Sequence[Finding]) -> dict[int, tuple[str, str]]:
    """As ``business_units``, of a message that was read into rows."""
    known = _UNITS.get(message)
    if known is None or not findings:
        return {}
    tag = known[0]
    return _units(known, [n for n, row in enumerate(rows) if row[0] == tag], rows.__getitem__, findings)


def business_units(message: str, read: Message, findings: Sequence[Finding]) -> dict[int, tuple[str, str]]:
    """By position of a finding, the unit begun last before it; none where there is none."""
    known = _UNITS.get(message)
    if known is None or not findings:
        return {}
    tag = known[0]
    at = [n for n in range(len(read.texts)) if read.texts[n].startswith(tag) and read.row(n)[0] == tag]
    return _units(known, at, read.row, findings)


def _units(
    known: tuple[str, int], at: Sequence[int], row_of: Callable[[int], Sequence[Any]], findings: Sequence[Finding]
) -> dict[int, tuple[str, str]]:
    tag, element = known
    made: dict[int, tuple[str, str]] = {}
    for position in {f.position for f in findings}:
        before = [n for n in at if n < position]
        row = row_of(before[-1]) if before else []
        if len(row) > element and row[element]:
            made[position] = (f"{tag}{element:02}", str(row[element]))
    return made
