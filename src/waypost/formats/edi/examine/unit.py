"""The business unit a finding stands in, as acknowledgements name it: a claim, a member, a trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from waypost.formats.edi.examine.message import Message
from waypost.formats.edi.finding import Finding

_UNITS: Mapping[str, tuple[str, int]] = {
    "837": ("CLM", 1), "835": ("CLP", 1), "834": ("REF", 2), "276": ("TRN", 2), "277": ("TRN", 2), "270": ("TRN", 2),
    "271": ("TRN", 2), "278": ("TRN", 2), "820": ("ENT", 1), "850": ("PO1", 1), "855": ("PO1", 1), "810": ("IT1", 1),
}  # fmt: skip
"""By message, the element that names a unit (005010X231, CTX01)."""


def business_units(message: str, read: Message, findings: Sequence[Finding]) -> dict[int, tuple[str, str]]:
    """By position of a finding, the unit begun last before it; none where there is none."""
    known = _UNITS.get(message)
    if known is None or not findings:
        return {}
    tag, element = known
    at = [n for n in range(len(read.texts)) if read.texts[n].startswith(tag) and read.row(n)[0] == tag]
    made: dict[int, tuple[str, str]] = {}
    for position in {f.position for f in findings}:
        before = [n for n in at if n < position]
        row = read.row(before[-1]) if before else []
        if len(row) > element and row[element]:
            made[position] = (f"{tag}{element:02}", row[element])
    return made
