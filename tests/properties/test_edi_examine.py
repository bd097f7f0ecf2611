"""Whatever bytes come, checking them ends with a report; and the quick path accepts nothing the slow one refuses."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.formats.edi_orders import EDIFACT_ORDER, X12_ORDER, edifact, report_on, x12
from waypost.formats.edi.examine.release import hide, show
from waypost.formats.edi.generate import Plan, generate
from waypost.formats.edi.schema.load import library
from waypost.formats.edi.schema.model import Schema
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.schema.validator import Validator

X12_MARKS = Marks("*", ">", "", "~")
EDIFACT_MARKS = Marks("+", ":", "", "'", "?")
SOUND = [x12(), edifact(), x12() + edifact(), b"UNA:+.? '" + edifact(), x12().replace(b"~", b"\r\n")]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sound file with a few bytes cut out, put in, doubled or turned."""
    content = draw(st.sampled_from(SOUND))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        to = min(len(content), at + draw(st.integers(0, 40)))
        put = draw(
            st.sampled_from(
                [b"", b"~", b"'", b"?", b"*", b"+", b"ISA", b"UNB+", b"\xff", b"\x01", b"\n", content[at:to]]
            )
        )
        content = content[:at] + put + content[to:] + draw(st.sampled_from([b"", content[:60]]))
    return content


@settings(max_examples=300, deadline=None)
@given(damaged())
def test_whatever_comes_is_reported_on(content: bytes) -> None:
    report = report_on(content)
    assert report.faults >= 0
    assert all(-1 <= error["offset"] <= len(content) for error in report.errors)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_bytes_of_no_kind_are_no_interchange(content: bytes) -> None:
    assert not report_on(content).accepted


@st.composite
def rearranged(draw: st.DrawFn, order: tuple[str, ...], marks: Marks) -> list[str]:
    """The segments of an order, some left out, repeated, moved, or with elements of others."""
    segments = list(order[1:-1])
    for _ in range(draw(st.integers(0, 5))):
        at, to = draw(st.integers(0, len(segments) - 1)), draw(st.integers(0, len(segments) - 1))
        kind = draw(st.sampled_from(["drop", "repeat", "move", "element", "clear"]))
        if kind == "drop" and len(segments) > 2:
            del segments[at]
        elif kind == "repeat":
            segments.insert(to, segments[at])
        elif kind == "move":
            segments.insert(to, segments.pop(at))
        else:
            row = segments[at].split(marks.element)
            number = draw(st.integers(1, max(1, len(row) - 1)))
            other = segments[to].split(marks.element)
            row[number:] = [] if kind == "clear" else [other[-1], *row[number + 1 :]]
            segments[at] = marks.element.join(row)
    return segments


@settings(max_examples=300, deadline=None)
@given(rearranged(X12_ORDER, X12_MARKS))
def test_the_quick_path_agrees_with_the_slow_one_on_x12(segments: list[str]) -> None:
    _agree("x12/004010/850", X12_MARKS, segments)


@settings(max_examples=200, deadline=None)
@given(rearranged(tuple(hide(s, EDIFACT_MARKS) for s in EDIFACT_ORDER), EDIFACT_MARKS))
def test_the_quick_path_agrees_with_the_slow_one_on_edifact(segments: list[str]) -> None:
    _agree("edifact/D96A/ORDERS", EDIFACT_MARKS, segments)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(0, 4))
def test_the_quick_path_agrees_with_the_slow_one_where_items_come_in_any_order(data: st.DataObject, seed: int) -> None:
    """A claim: identifiers and dates in any order, each of them as often as it may be, some of them required."""
    claim = _claim(seed)
    _agree(_CLAIM, CLAIM_MARKS, list(claim[1:-1]))
    _agree(_CLAIM, CLAIM_MARKS, data.draw(rearranged(claim, CLAIM_MARKS)))


def test_a_segment_left_out_is_missed_by_both_paths_or_by_none() -> None:
    claim = _claim(0)
    for left_out in range(1, len(claim) - 1):
        _agree(_CLAIM, CLAIM_MARKS, [*claim[1:left_out], *claim[left_out + 1 : -1]])


def test_what_a_block_requires_is_missed_though_other_items_of_it_are_there() -> None:
    claim = [segment.replace("REF*EI*", "REF*0B*") for segment in _claim(0)[1:-1]]
    assert any(segment.startswith("REF*0B*") for segment in claim)
    assert not _schema_validator(_CLAIM, CLAIM_MARKS).accepts(claim)
    _agree(_CLAIM, CLAIM_MARKS, claim)


@cache
def _claim(seed: int) -> tuple[str, ...]:
    content = b"".join(generate(_schema(_CLAIM), Plan(seed=seed, lines=1, density=0.15))).decode()
    return (*content.split("~ST*", 1)[1].rpartition("~SE*")[0].split("~"), "")


_CLAIM, CLAIM_MARKS = "x12/005010X222A1/837", Marks("*", ">", "^", "~")
_KEPT: dict[str, Validator] = {}


def _schema(name: str) -> Schema:
    schema = library().schema(name)
    assert schema is not None
    return schema


def _schema_validator(name: str, marks: Marks) -> Validator:
    if name not in _KEPT:
        _KEPT[name] = Validator(_schema(name), marks)
    return _KEPT[name]


def _agree(name: str, marks: Marks, segments: list[str]) -> None:
    validator = _schema_validator(name, marks)
    found = validator.findings(segments)[0]
    assert validator.accepts(segments) == (not found), found


@given(st.text(alphabet="A?'+:*\r\n", max_size=60))
def test_hidden_releases_come_back(text: str) -> None:
    assert show(hide(text, EDIFACT_MARKS), EDIFACT_MARKS) == text
