"""Orders made wrong in one place: each mistake is found, named as an acknowledgement names it, and said once."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.unit.formats.edi_orders import EDIFACT_ORDER, X12_ORDER, edifact, report_on, x12

Mutant = Callable[[random.Random], list[str]]
ROUNDS = 60


def _place(chance: random.Random) -> int:
    return chance.randrange(1, len(X12_ORDER) - 1)


def _changed(chance: random.Random, places: str, change: Callable[[str], str]) -> list[str]:
    """The order with one of ``places``, written ``BEG05``, changed."""
    place = chance.choice(places.split())
    tag, number = place[:-2], int(place[-2:])
    at = chance.choice([n for n, s in enumerate(X12_ORDER) if s.startswith(f"{tag}*") and len(s.split("*")) > number])
    row = X12_ORDER[at].split("*")
    row[number] = change(row[number])
    return [*X12_ORDER[:at], "*".join(row), *X12_ORDER[at + 1 :]]


def _counted(segments: list[str]) -> list[str]:
    """With the count of the trailer made right."""
    return [*segments[:-1], f"SE*{len(segments)}*0001"]


def dropped_mandatory(chance: random.Random) -> list[str]:
    return _counted([s for s in X12_ORDER if not s.startswith("BEG")])


def dropped_any(chance: random.Random) -> list[str]:
    at = _place(chance)
    return [*X12_ORDER[:at], *X12_ORDER[at + 1 :]]


def duplicated_single(chance: random.Random) -> list[str]:
    tag = chance.choice(["BEG", "CUR", "CTT"])
    at = next(n for n, s in enumerate(X12_ORDER) if s.startswith(tag))
    return [*X12_ORDER[:at], X12_ORDER[at], *X12_ORDER[at:]]


def swapped(chance: random.Random) -> list[str]:
    at = chance.choice([1, 2, 3, 4, 5, 9, 12])
    return [*X12_ORDER[:at], X12_ORDER[at + 1], X12_ORDER[at], *X12_ORDER[at + 2 :]]


def unknown_tag(chance: random.Random) -> list[str]:
    at = _place(chance)
    return [*X12_ORDER[:at], "QZ9*1*2", *X12_ORDER[at:]]


def overlong(chance: random.Random) -> list[str]:
    return _changed(chance, "BEG03 REF02 N102 N301 PO101 PO107 CTT01", lambda v: v + "9" * 300)


def short(chance: random.Random) -> list[str]:
    return _changed(chance, "CUR02 DTM01 N402 N403 PO103", lambda v: v[:1])


def emptied(chance: random.Random) -> list[str]:
    return _changed(chance, "BEG01 BEG03 BEG05 CUR02 N101 N301 CTT01", lambda v: "")


def emptied_pair(chance: random.Random) -> list[str]:
    return _changed(chance, "PO106 PO107 PER03 PER04 N103 N104", lambda v: "")


def bad_code(chance: random.Random) -> list[str]:
    return _changed(chance, "BEG01 BEG02 PER01 PER03 PID01", lambda v: "?" * len(v))


def bad_date(chance: random.Random) -> list[str]:
    return _changed(chance, "BEG05 DTM02", lambda v: chance.choice(["20241315", "20240232", "20240000"]))


def bad_number(chance: random.Random) -> list[str]:
    return _changed(chance, "PO102 PO104 CTT02", lambda v: chance.choice(["12X", "1,5", "--3"]))


def extra_element(chance: random.Random) -> list[str]:
    at = chance.choice([1, 3, 7, 9])
    return [*X12_ORDER[:at], X12_ORDER[at] + "*" * 30 + "X", *X12_ORDER[at + 1 :]]


def over_maximum(chance: random.Random) -> list[str]:
    return _counted([*X12_ORDER[:5], *[X12_ORDER[4]] * 3, *X12_ORDER[5:]])


def broken_count(chance: random.Random) -> list[str]:
    return [*X12_ORDER[:-1], f"SE*{chance.randint(30, 99)}*0001"]


def broken_number(chance: random.Random) -> list[str]:
    return [*X12_ORDER[:-1], f"SE*20*{chance.randint(1000, 9999)}"]


def broken_total(chance: random.Random) -> list[str]:
    return _changed(chance, "CTT01", lambda v: str(chance.randint(4, 99)))


TABLE: list[tuple[Mutant, set[str]]] = [
    (dropped_mandatory, {"3"}), (dropped_any, {"3", "4"}), (duplicated_single, {"4", "5"}),
    (swapped, {"3", "5", "7", "4"}),
    (unknown_tag, {"1"}), (overlong, {"5"}), (short, {"4"}), (emptied, {"1"}), (emptied_pair, {"2"}), (bad_code, {"7"}),
    (bad_date, {"8"}), (bad_number, {"6"}), (extra_element, {"3"}), (over_maximum, {"5"}), (broken_count, {"4"}),
    (broken_number, {"3"}), (broken_total, {"7"}),
]  # fmt: skip
MAY_BE_LEGAL = {"swapped"}
"""Neighbours in the other order are sometimes a right order too."""


def test_the_order_is_accepted_as_it_is() -> None:
    assert report_on(x12()).accepted
    assert report_on(edifact()).accepted


@pytest.mark.parametrize("mutant, codes", TABLE, ids=lambda v: getattr(v, "__name__", ""))
def test_one_mistake_is_one_finding_with_its_code(
    mutant: Mutant, codes: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(7)
    found = said = right = 0
    for _ in range(ROUNDS):
        report = report_on(x12(mutant(chance)))
        found += not report.accepted
        said += report.faults
        right += bool(report.errors) and report.errors[0]["code"] in codes
    with capsys.disabled():
        print(  # noqa: T201
            f"{mutant.__name__:18} found {found:3} of {ROUNDS}, {said / max(found, 1):.2f} findings each, {right} right"
        )
    assert found == ROUNDS or mutant.__name__ in MAY_BE_LEGAL
    assert said <= 1.1 * found
    assert right >= 0.9 * found


EDIFACT_TABLE = [
    ("a missing mandatory segment", 1, None, ("segment-missing", "13")),
    ("an unknown segment", 3, "QZQ+1", ("segment-unknown", "15")),
    ("a code too long", 1, "BGM+2200+PO4711+9", ("element-too-long", "39")),
    ("a number that is none", 11, "QTY+21:5X:PCE", ("element-character", "37")),
    ("a component too many", 2, "DTM+137:20240215:102:9", ("too-many-components", "16")),
    ("a mandatory component left out", 11, "QTY+:5:PCE", ("element-missing", "13")),
    ("a closed list broken", 15, "UNS+X", ("element-code", "12")),
    ("a wrong count", 17, "UNT+99+1", ("segment-count", "29")),
    ("another reference", 17, "UNT+18+2", ("control-number", "28")),
]


@pytest.mark.parametrize("why, at, segment, expected", EDIFACT_TABLE, ids=[row[0] for row in EDIFACT_TABLE])
def test_an_edifact_mistake_is_one_finding(why: str, at: int, segment: str | None, expected: tuple[str, str]) -> None:
    segments = [*EDIFACT_ORDER[:at], *([segment] if segment else []), *EDIFACT_ORDER[at + 1 :]]
    report = report_on(edifact(segments))
    assert [(e["fault"], e["code"]) for e in report.errors] == [expected]
