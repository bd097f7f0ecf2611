"""Rules, levels, loops told apart by a value, and envelopes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.formats.edi_orders import ISA, X12_ORDER, edifact, faults, report_on, x12
from waypost.formats.edi.schema.load import library
from waypost.formats.edi.schema.model import Rule
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.schema.rule import compile_rule
from waypost.formats.edi.schema.validator import Validator

ROWS = {
    "A": [["A", "3", "X:Y"], ["A", "4"]], "B": [["B", "2", ""]],
    "D": [["D", "25.05", "20240131-20240229", "14.95", "4006381333931"]],
}  # fmt: skip


@pytest.mark.parametrize(
    "expression, holds",
    [
        ("B/1 == count(A)", True), ("B/1 == 3", False), ("sum(A/1) == 7", True), ("sum(A/1) - B/1 == 5", True),
        ("A/1 > 2 and B/1 < 3", True), ("not present(B/2)", True), ("present(C)", False), ("C/1 == 5", True),
        ("text(A/2/2) == 'Y'", True), ("implies(A/1 == 3, present(C))", False), ("implies(A/1 == 9, present(C))", True),
        ("A/1 in (1, 2)", False), ("A/2 > 1", True), ("A/2 == 'X:Y'", True), ("A/2/1 in ('X', 'Z')", True),
        ("count(A, A/1 > 3) == 1", True), ("sum(A/1, A/2/1 == 'X') == 3", True), ("present(A, A/2/1 == 'Q')", False),
        ("every(A, A/1 > 2)", True), ("every(A, A/1 > 3)", False), ("text(A/2/1, A/1 == 4) == 'X'", True),
        ("sum(D/(1, 3)) == 40", True), ("hash(D/1) == 2505", True), ("abs(D/1 - 10) < 0.01", False),
        ("date(D/2) <= '20240131'", True), ("last_date(D/2) == '20240229'", True), ("length(D/2) == 17", True),
        ("check_digit('gtin', D/4)", True), ("check_digit('npi', D/4)", False), ("outer(A/1) == 3", True),
        ("code('nowhere', A/2)", True), ("not (B/1 == 2) or C/1 == 1", False),
    ],
)  # fmt: skip
def test_a_rule_holds_or_not(expression: str, holds: bool) -> None:
    rule = compile_rule(Rule("r", expression, 4))
    assert (rule.ask(ROWS, {"A": [["A", "3"]]}) is None) == holds


@pytest.mark.parametrize(
    "expression",
    [
        "A.b",
        "__import__('os')",
        "A[0]",
        "lambda: 1",
        "count()",
        "x",
        "1 +",
        "A",
        "A/1",
        "code(A, A/1)",
        "1 + 2",
        "check_digit('x', A/1)",
        "every(A)",
        "own(A/1, A/2) == 1",
        "A/(1, 2) == 3",
        "present(A/1/2/3)",
        "f'{A}' == 'a'",
        "[r for r in (1,)] == 1",
        "A/1 == (yield)",
    ],
)
def test_a_rule_is_nothing_but_a_rule(expression: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        compile_rule(Rule("r", expression, 4))


SHIPMENT = ("BSN*00*SHIP1*20240101*1200", "HL*1**S", "HL*2*1*O", "PRF*PO1", "HL*3*2*I", "SN1*1*5*EA", "CTT*3")


@pytest.mark.parametrize(
    "change, found",
    [((), []), (("HL*3*2*I", "HL*3*7*I"), [("hierarchy", 2)]), (("HL*3*2*I", "HL*2*1*I"), [("hierarchy", 1)])],
)
def test_levels_name_a_level_before_them(change: tuple[str, ...], found: list[tuple[str, int]]) -> None:
    schema = library().schema("x12/004010/856")
    assert schema is not None
    segments = [change[1] if change and s == change[0] else s for s in SHIPMENT]
    validator = Validator(schema, Marks("*", ">", "", "~"))
    assert validator.accepts(segments) == (not found)
    assert [(f.code, f.element) for f in validator.findings(segments)[0]] == found


def test_loops_that_open_alike_are_told_apart_by_a_value(tmp_path: Path) -> None:
    place = tmp_path / "dictionary.yaml"
    place.write_text("elements: {1: ID 1..2}\nsegments: {NM: [1!], AA: [1!], BB: [1!]}\n")
    file = tmp_path / "M.yaml"
    file.write_text(
        "body:\n  - {loop: A, where: {1: A}, body: [NM!, AA!]}\n  - {loop: B, where: {1: [B, C]}, body: [NM!, BB!]}\n"
    )
    validator = Validator(library().file(file), Marks("*", ">", "", "~"))
    assert validator.accepts(["NM*A", "AA*1", "NM*A", "AA*1", "NM*C", "BB*1"])
    assert not validator.accepts(["NM*C", "AA*1"])
    assert [(f.code, f.position) for f in validator.findings(["NM*X", "AA*1"])[0]] == [("element-code", 2)]


@pytest.mark.parametrize(
    "content, found",
    [
        (x12(tail="GE*2*1~IEA*1*000000001~"), [("group-count", "5")]),
        (x12(tail="GE*1*7~IEA*1*000000001~"), [("group-control-number", "4")]),
        (x12(tail="GE*1*1~IEA*3*000000001~"), [("interchange-count", "021")]),
        (x12(tail="GE*1*1~IEA*1*000000009~"), [("interchange-control-number", "001")]),
        (x12(tail="GE*1*1~"), [("interchange-trailer-missing", "023")]),
        (x12(tail="IEA*1*000000001~"), [("group-trailer-missing", "3")]),
        (x12(X12_ORDER[:-1]), [("trailer-missing", "2")]),
        (x12(tail="XX*1~GE*1*1~IEA*1*000000001~"), [("envelope-junk", "024")]),
        (edifact().replace(b"UNZ+1", b"UNZ+2"), [("interchange-count", "29")]),
        (b"nothing", [("envelope", "022")]),
    ],
    ids=lambda v: v[0][0] if isinstance(v, list) else "",
)
def test_an_envelope_that_is_broken_is_one_finding(content: bytes, found: list[tuple[str, str]]) -> None:
    assert [fault[:2] for fault in faults(content)] == found


def test_a_message_without_a_schema_is_a_warning() -> None:
    report = report_on(x12(["ST*899*0001", *X12_ORDER[1:]]))
    assert report.accepted
    assert [(e["fault"], e["severity"], e["set"]) for e in report.errors] == [("no-schema", "warning", "899")]


@pytest.mark.parametrize("separator", ["\r", "\n", "\x1d", "}", "~\r\n"])
def test_any_terminator_will_do(separator: str) -> None:
    assert report_on(x12().replace(b"~", separator.encode())).accepted


def test_several_interchanges_of_both_standards_are_one_file() -> None:
    report = report_on(b"junk\n" + x12() + b"\r\n" + edifact() + x12(head=ISA.replace("*0*P", "*0*T")))
    assert report.accepted and report.interchanges == 3


def test_an_offset_is_where_the_element_begins() -> None:
    content = b"\xef\xbb\xbf" + x12().replace(b"~", b"~\r\n").replace(b"*EA*19.95", b"*EA*19.9X")
    (error,) = report_on(content).errors
    assert content[error["offset"] :].startswith(b"19.9X")
    assert error["excerpt"].startswith("PO1*2*5*EA")


def test_a_released_separator_is_counted_where_it_stands() -> None:
    content = edifact().replace(b"QTY+21:7:PCE", b"QTY+21:7X:PCE")
    (error,) = report_on(content).errors
    assert content[error["offset"] :].startswith(b"7X:PCE")
