"""Claim acknowledgements: 277CA (005010X214), which says of each claim of an 837 whether it was accepted, and why not.

A claim is rejected by what is wrong in it, and by what is wrong above it: in its patient, its subscriber, its billing
provider, or the message as a whole. What is wrong in one claim leaves its neighbours accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import Any

from waypost.formats.edi.acknowledgement.policy import Maker
from waypost.formats.edi.examine.verdict import Verdict
from waypost.formats.edi.finding import Finding

Row = list[Any]
GUIDE = "005010X214"
_UNSAFE = re.compile(r"[^A-Za-z0-9 .,/+_-]")
_DATES = re.compile("[0-9]{8}")
_MOST_STATUSES = 20
_ACCEPTED, _FILE = ["A2", "20", "PR"], ["A1", "19", "PR"]
_MISSING = frozenset({"element-missing", "segment-missing", "element-conditional"})
_STATUS = {
    ("CLM", 2): "178", ("DTP", 3): "187", ("HI", 0): "255", ("SV1", 1): "454", ("SV2", 2): "454", ("SV3", 1): "454",
    ("SV1", 4): "476", ("DMG", 2): "158", ("DMG", 3): "157", ("N3", 0): "126", ("N4", 0): "126", ("N4", 3): "500",
    ("NM1", 3): "125", ("NM1", 4): "125",
}  # fmt: skip
"""The claim status code (ECL 508) of what an element says; any other is 21, missing or invalid information."""


@dataclass(slots=True)
class Claim:
    """One claim of an 837: its segments, from ``first`` to ``last`` (counted from 1 at ST), and what stands ``above``
    it. Rows are those of who sent the file, of the billing provider and of the patient."""

    number: str
    charge: Decimal
    first: int
    last: int = 0
    reference: str = ""
    submitter: Sequence[Any] = ()
    receiver: Sequence[Any] = ()
    provider: Sequence[Any] = ()
    patient: Sequence[Any] = ()
    member: str = ""
    above: list[tuple[int, int]] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)

    def concerned(self, position: int) -> bool:
        """Whether a fault at a position is one of this claim."""
        return self.first <= position <= self.last or any(a <= position <= b for a, b in self.above)


@dataclass(slots=True)
class _Reading:
    """What was read of an 837 up to one segment."""

    names: dict[str, Sequence[Any]] = field(default_factory=dict)
    levels: dict[str, list[int]] = field(default_factory=dict)
    open_level: str = ""
    reference: str = ""


def claims_of(rows: Sequence[Sequence[Any]]) -> list[Claim]:
    """The claims of an 837; ``rows`` begins with ST."""
    read, made = _Reading(), list[Claim]()
    for position, row in enumerate(rows, 1):
        tag = _at(row, 0)
        if tag in ("HL", "CLM"):
            _ends(read, made, position)
        if tag == "HL":
            _level(read, row, position)
        elif tag == "CLM":
            made.append(_claim(read, row, position))
        elif tag == "NM1" and not (made and not made[-1].last):
            read.names[_at(row, 1)] = row
        elif tag == "BHT":
            read.reference = _at(row, 3)
        elif tag == "DTP" and _at(row, 1) in ("472", "434") and made and not made[-1].last:
            made[-1].dates += _DATES.findall(_at(row, 3))
    _ends(read, made, len(rows) + 1)
    return made


def _ends(read: _Reading, made: Sequence[Claim], position: int) -> None:
    if made and not made[-1].last:
        made[-1].last = position - 1
    if read.open_level:
        read.levels[read.open_level][1] = position - 1
        read.open_level = ""


def _level(read: _Reading, row: Sequence[Any], position: int) -> None:
    """A level begins: what was below the last of its kind is over."""
    level = _at(row, 3)
    below = {"20": ("22", "23"), "22": ("23",)}.get(level, ())
    for gone in below:
        read.levels.pop(gone, None)
    for name in {"20": ("85", "IL", "QC"), "22": ("IL", "QC"), "23": ("QC",)}.get(level, ()):
        read.names.pop(name, None)
    read.levels[level] = [position, position]
    read.open_level = level


def _claim(read: _Reading, row: Sequence[Any], position: int) -> Claim:
    names = read.names
    return Claim(
        _at(row, 1), _amount(_at(row, 2)), position, 0, read.reference, names.get("41", ()), names.get("40", ()),
        names.get("85", ()), names.get("QC") or names.get("IL", ()), _at(names.get("IL", ()), 9),
        [(begin, end) for begin, end in read.levels.values()],
    )  # fmt: skip


def claim_rows(verdict: Verdict, claims: Sequence[Claim], maker: Maker) -> list[Row]:
    """The segments of the 277CA that answers one 837."""
    day, errors = maker.at.strftime("%Y%m%d"), [f for f in verdict.findings if f.severity == "error"]
    judged = [(claim, _faults(claim, claims, errors)) for claim in claims]
    first = claims[0]
    rows: list[Row] = [
        ["BHT", "0085", "08", _clean(verdict.control_number, 30) or "0", day, maker.at.strftime("%H%M"), "TH"],
        ["HL", "1", "", "20", "1"], _named("PR", "2", first.receiver, "46"),
        ["TRN", "1", _clean(first.reference, 30) or "0"], ["DTP", "050", "D8", day], ["DTP", "009", "D8", day],
        ["HL", "2", "1", "21", "1"], _named("41", _at(first.submitter, 2), first.submitter, "46"),
        ["TRN", "2", _clean(first.reference, 30) or "0"], _status(_FILE, day, judged), *_totals(judged, "90", "AA"),
    ]  # fmt: skip
    number = 2
    for _, several in groupby(judged, key=lambda one: id(one[0].provider)):
        of_provider = list(several)
        provider, number = of_provider[0][0].provider, number + 1
        parent = number
        code = _at(provider, 8) if _at(provider, 8) in ("FI", "SV", "XX") else "XX"
        rows += [
            ["HL", str(number), "2", "19", "1"], _named("85", _at(provider, 2), provider, code), ["TRN", "1", "0"],
            _status(_FILE, "", of_provider), *_totals(of_provider, "QA", "QC"),
        ]  # fmt: skip
        for claim, faults in of_provider:
            number += 1
            rows += _claim_rows(claim, faults, number, parent, day)
    return rows


def _faults(claim: Claim, claims: Sequence[Claim], errors: Sequence[Finding]) -> list[Finding]:
    """What rejects a claim: its own faults, those above it, and those that are no claim's."""
    return [
        f for f in errors
        if claim.concerned(f.position) or not any(other.concerned(f.position) for other in claims)
    ]  # fmt: skip


def _claim_rows(claim: Claim, faults: Sequence[Finding], number: int, parent: int, day: str) -> Iterator[Row]:
    yield ["HL", str(number), str(parent), "PT"]
    name = _named("QC", "1", claim.patient, "MI")
    yield [*name[:9], _clean(claim.member, 80) or "UNKNOWN"]
    yield ["TRN", "2", _clean(claim.number, 30) or "0"]
    statuses = [list(one) for one in dict.fromkeys(tuple(_reason(fault)) for fault in faults)][:_MOST_STATUSES]
    for one in statuses or [_ACCEPTED]:
        yield ["STC", one, day, "U" if faults else "WQ", _written(claim.charge)]
    dates = sorted(claim.dates) or [day]
    if dates[0] == dates[-1]:
        yield ["DTP", "472", "D8", dates[0]]
    else:
        yield ["DTP", "472", "RD8", f"{dates[0]}-{dates[-1]}"]


def _reason(one: Finding) -> list[str]:
    """Category and status of a rejection: A6 something is missing, A8 things do not fit together, A7 invalid."""
    category = "A6" if one.code in _MISSING else "A8" if one.rule and one.snip >= 3 else "A7"
    return [category, _STATUS.get((one.segment, one.element)) or _STATUS.get((one.segment, 0)) or "21"]


def _status(code: Row, day: str, judged: Sequence[tuple[Claim, Sequence[Finding]]]) -> Row:
    total = sum((claim.charge for claim, _ in judged), Decimal(0))
    return ["STC", code, day, "WQ" if any(not faults for _, faults in judged) else "U", _written(total)]


def _totals(judged: Sequence[tuple[Claim, Sequence[Finding]]], good: str, bad: str) -> Iterator[Row]:
    parts = [[claim for claim, faults in judged if bool(faults) is wrong] for wrong in (False, True)]
    for claims, code in zip(parts, (good, bad), strict=True):
        if claims:
            yield ["QTY", code, str(len(claims))]
    for claims, code in zip(parts, ("YU", "YY"), strict=True):
        if claims:
            yield ["AMT", code, _written(sum((claim.charge for claim in claims), Decimal(0)))]


def _named(entity: str, kind: str, row: Sequence[Any], code: str) -> Row:
    """NM1 of somebody the claims name; what is not there is said to be unknown."""
    last, first, middle = (_clean(_at(row, number), most) for number, most in ((3, 60), (4, 35), (5, 25)))
    person = kind == "1"
    names = [first, middle] if person else ["", ""]
    return ["NM1", entity, kind if kind in ("1", "2") else "2", last or "UNKNOWN", *names, "", "", code,
            _clean(_at(row, 9), 80) or "UNKNOWN"]  # fmt: skip


def _at(row: Sequence[Any], number: int) -> str:
    value = row[number] if len(row) > number else ""
    while isinstance(value, list):
        value = value[0] if value else ""
    return str(value or "")


def _clean(text: str, most: int) -> str:
    return _UNSAFE.sub(" ", text)[:most].strip()


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return Decimal(0)
    return amount if amount.is_finite() and abs(amount) < 10**15 else Decimal(0)


def _written(amount: Decimal) -> str:
    return format(amount.normalize(), "f") if amount else "0"
