"""The documents X12 becomes, and what is said of sets that break their grammar."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from waypost.core.errors import DataError
from waypost.formats.edi.schema import load_grammar
from waypost.formats.edi.view import compile_view
from waypost.testing.format_kit import build_format, decode_all, frame

GOLDEN = Path(__file__).parents[2] / "golden/formats"
ORDERS = (GOLDEN / "purchase_order.edi").read_bytes()


def read(content: bytes, options: str = "{}") -> list[Any]:
    format_ = build_format("x12", options)
    return decode_all(format_, frame(format_, [content])[0])


def broken(found: bytes, instead: bytes, segments: int = 0) -> Any:
    """The first order with a change in it, the number of its segments corrected."""
    content = ORDERS.replace(found, instead, 1).replace(b"SE*21*", b"SE*%d*" % (21 + segments))
    assert content != ORDERS
    return read(content)[0]


def test_an_850_becomes_a_purchase_order() -> None:
    document = read(ORDERS)[0]
    by_tag = document.pop("segments")
    golden = msgspec.json.Decoder(float_hook=Decimal).decode((GOLDEN / "purchase_order.json").read_bytes())
    assert document == golden
    assert by_tag["BEG"][0][3] == "NM-2026-0815"
    assert isinstance(document["purchase_order"]["lines"][0]["price"], Decimal)


def test_a_set_without_a_grammar_is_read_by_position() -> None:
    content = ORDERS.replace(b"*850*0001", b"*899*0001")
    document = read(content)[0]
    assert "purchase_order" not in document
    assert document["segments"]["BEG"][0][3] == "NM-2026-0815"


def test_another_version_is_read_by_the_grammar_named() -> None:
    content = ORDERS.replace(b"*X*004010~", b"*X*003070~")
    assert "purchase_order" not in read(content)[0]
    assert read(content, '{version: "004010"}')[0]["purchase_order"]["number"] == "NM-2026-0815"


def test_an_industry_version_is_read_by_the_grammar_it_builds_on() -> None:
    assert read(ORDERS.replace(b"*X*004010~", b"*X*004010VICS~"))[0]["purchase_order"]["currency"] == "EUR"


def test_composites_are_lists_and_repetitions_lists_of_lists() -> None:
    content = ORDERS.replace(b"*U*00401*", b"*^*00501*").replace(b"*850*0001", b"*899*0001")
    content = content.replace(b"REF*DP*042", b"REF*DP*042**A>B>C*X^Y>Z")
    assert read(content)[0]["segments"]["REF"] == [["REF", "DP", "042", "", ["A", "B", "C"], [["X"], ["Y", "Z"]]]]


def test_line_ends_every_eighty_characters_are_passed_over() -> None:
    flat = ORDERS.replace(b"\n", b"")
    wrapped = b"\r\n".join(flat[i : i + 79] for i in range(0, len(flat), 79))
    assert read(wrapped)[0]["purchase_order"] == read(ORDERS)[0]["purchase_order"]


@pytest.mark.parametrize(
    ("found", "instead", "segments", "code", "x12", "place"),
    [
        (b"BEG*00*SA", b"BEG**SA", 0, "element-missing", "1", ("BEG", 2, 1)),
        (b"BEG*00*SA", b"BEG*000*SA", 0, "element-too-long", "5", ("BEG", 2, 1)),
        (b"BEG*00*SA", b"BEG*0*SA", 0, "element-too-short", "4", ("BEG", 2, 1)),
        (b"**20260412~", b"**20260231x~", 0, "element-date", "8", ("BEG", 2, 5)),
        (b"*24*EA", b"*2.4.1*EA", 0, "element-character", "6", ("PO1", 13, 2)),
        (b"*24*EA", b"*12345678901234.56*EA", 0, "element-too-long", "5", ("PO1", 13, 2)),
        (b"AMT*TT*167.6", b"AMT*TT*167.6*C*D", 0, "too-many-elements", "3", ("AMT", 20, 4)),
        (b"Jo Ahrens", b"Jo\x07Ahrens", 0, "element-character", "6", ("PER", 5, 2)),
        (b"CUR*BY*EUR~", b"CUR*BY*EUR~CUR*BY*EUR~", 1, "segment-repeats", "5", ("CUR", 4, 0)),
        (b"BEG*00*SA*NM-2026-0815**20260412~\n", b"", -1, "segment-missing", "3", ("BEG", 2, 0)),
        (b"CUR*BY*EUR~", b"CUR*BY*EUR~QQ*1~", 1, "segment-unknown", "1", ("QQ", 4, 0)),
        (b"CUR*BY*EUR~", b"CUR*BY*EUR~AK1*PO*1~", 1, "segment-not-in-set", "6", ("AK1", 4, 0)),
        (b"AMT*TT*167.6~", b"AMT*TT*167.6~BEG*00*SA*1**20260412~", 1, "segment-sequence", "7", ("BEG", 21, 0)),
        (b"CTT*2~", b"CTT*3~", 0, "total", "7", ("CTT", 19, 1)),
        (b"SE*21*0001", b"SE*22*0001", 0, "segment-count", "4", ("SE", 21, 1)),
        (b"SE*21*0001", b"SE*21*0009", 0, "control-number", "3", ("SE", 21, 2)),
    ],
)  # fmt: skip
def test_one_fault_gives_one_finding_with_its_place_and_code(
    found: bytes, instead: bytes, segments: int, code: str, x12: str, place: tuple[str, int, int]
) -> None:
    error = broken(found, instead, segments)
    assert isinstance(error, DataError)
    said = [(d["code"], d["x12"], (d["segment"], d["position"], d["element"])) for d in error.details]
    assert said == [(code, x12, place)], str(error)
    assert error.where.startswith("850 0001, segment ")


def test_all_faults_of_a_set_are_reported_together() -> None:
    error = read(ORDERS)[1]
    assert isinstance(error, DataError)
    assert [d["segment"] for d in error.details] == ["BEG", "PO1", "CTT"]
    assert error.code == "x12-element-date"


def test_without_the_check_a_set_is_read_as_it_comes() -> None:
    document = read(ORDERS, "{check: false}")[1]
    assert document["purchase_order"]["date"] == "2026-13-41"
    assert document["purchase_order"]["lines"][0]["quantity"] == "many"


def test_what_the_set_does_not_know_leaves_no_trace_in_the_tables() -> None:
    format_ = build_format("x12")
    for number in range(200):
        slices, _ = frame(format_, [ORDERS.replace(b"CUR*BY", b"Q%02X*BY" % number)])
        decode_all(format_, slices[:1])
    known = [compiled for compiled in format_._reader._compiled.values() if compiled]  # type: ignore[attr-defined]
    assert all(len(one.check.validator._quick._start) < 100 for one in known)


@pytest.mark.parametrize(("version", "set_id"), [("004010", "850"), ("004010", "997")])
def test_every_grammar_shipped_compiles(version: str, set_id: str) -> None:
    grammar = load_grammar(version, set_id)
    assert grammar is not None
    assert compile_view(grammar)


@pytest.mark.parametrize("version", ["../../..", "", "004010/../004010"])
def test_a_version_from_outside_is_no_path(version: str) -> None:
    assert load_grammar(version, "850") is None


@pytest.mark.parametrize(("document", "says"), [({"x": {"y": {"maybe": 1}}}, "no form of a field"),
                                                ({"x": {"y": "BEG"}}, "names no element")])  # fmt: skip
def test_a_document_that_is_not_understood_says_where(document: dict[str, Any], says: str) -> None:
    grammar = load_grammar("004010", "850")
    assert grammar is not None
    with pytest.raises(ValueError, match=says):
        compile_view(replace(grammar, fields=document))
