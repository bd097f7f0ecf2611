"""What the fixed format makes of layouts, lines and files, and what it says about faults."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.conformance.test_fixed import PAYMENTS, PRICES
from waypost.core.errors import DataError, ProjectError
from waypost.formats.fixed_layout import read_layout
from waypost.testing.format_kit import build_format, decode_all, frame

FILE = b"H260102\nB1\nP0000000150anna\nP0000000050ben\nE000000000200\nT000002\n"


def payments(unit: str = "content") -> Any:
    return build_format("fixed", f"{{layout: p.yaml, unit: {unit}}}", {"p.yaml": PAYMENTS})


def test_a_file_becomes_one_document_with_its_records_nested() -> None:
    (document,) = decode_all(payments(), frame(payments(), [FILE])[0])
    assert document == {
        "header": {"type": "H", "created": "2026-01-02"},
        "batches": [
            {
                "batch": {"type": "B", "account": "1"},
                "payment": [
                    {"type": "P", "amount": Decimal("1.50"), "to": "anna"},
                    {"type": "P", "amount": Decimal("0.50"), "to": "ben"},
                ],
                "end": {"type": "E", "total": Decimal("2.00")},
            }
        ],
        "trailer": {"type": "T", "lines": 2},
    }


def test_counts_totals_and_constants_are_made_when_written() -> None:
    document = {
        "header": {"created": "2026-01-02"},
        "batches": [{"batch": {"account": "1"}, "payment": [{"amount": Decimal("1.5"), "to": "anna"}], "end": {}}],
        "trailer": {},
    }
    (written,) = payments().encode([document])
    assert [line.rstrip() for line in written.decode().split("\n")] == [
        "H260102", "B1", "P0000000150anna", "E000000000150", "T000001", "",
    ]  # fmt: skip
    assert document["trailer"] == {}, "the document is not changed"


def test_each_line_can_be_a_document() -> None:
    found = decode_all(payments("line"), frame(payments("line"), [FILE])[0])
    assert found[2] == {"record": "payment", "type": "P", "amount": Decimal("1.50"), "to": "anna"}


def test_all_faults_of_a_file_are_told_together_with_their_places() -> None:
    content = (
        FILE.replace(b"000000000200", b"000000000201").replace(b"260102", b"261301").replace(b"T000002", b"T00000x")
    )
    (error,) = decode_all(payments(), frame(payments(), [content])[0])
    assert isinstance(error, DataError) and error.code == "fixed-content"
    said = str(error)
    assert "line 1, column 2, field created: found '261301'; expected a date" in said
    assert "line 5, field total: found 2.01; expected 2.00" in said
    assert "line 6, column 2, field lines: found '00000x'; expected a whole number" in said


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"sku": "A" * 11}, "11 characters"),
        ({"sku": "A", "price": Decimal("1.005")}, "expected digits, the last 2"),
        ({"sku": "A", "price": Decimal("NaN")}, "expected digits"),
        ({"sku": "A", "price": Decimal("9E+100")}, "expected digits"),
        ({"sku": "A", "count": 1_000_000}, "7 characters"),
        ({"sku": "A", "count": True}, "expected a whole number"),
        ({"sku": "A", "since": "2. Jan"}, "expected a date"),
        ({"sku": "A", "note": "two\nlines"}, "expected text"),
        ({"sku": ""}, "expected a value"),
        ({"sku": "A", "prise": 1}, "did you mean 'price'?"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(values: dict[str, Any], says: str) -> None:
    (error,) = build_format("fixed", "p.yaml", {"p.yaml": PRICES}).encode([values])
    assert isinstance(error, DataError) and says in str(error), error


@pytest.mark.parametrize(
    ("layout", "says"),
    [
        ("layout: x", "no records"),
        ("records: {a: []}", "no fields"),
        ("records: {a: [{name: x}]}", "length None"),
        ("records: {a: [{name: x, length: 1, typ: text}]}", "unknown key 'typ'"),
        ("records: {a: [{name: x, length: 1, type: nombre}]}", "type 'nombre'"),
        ("records: {a: [{name: x, length: 1, value: abc}]}", "value 'abc'"),
        ("records: {a: [{name: x, length: 2}, {name: x, length: 2}]}", "twice"),
        ("records: {a: [{name: x, length: 2}, {name: y, at: 2, length: 2}]}", "at 2"),
        ("records: {a: [{name: x, length: 4, type: date}]}", "format 'YYYYMMDD'"),
        ("records: {a: [{name: x, length: 4, places: 2}]}", "places 2"),
        ("records: {a: [{name: x, length: 2}], b: [{name: x, length: 2}]}", "no field with a value"),
        ("length: 1\nrecords: {a: [{name: x, length: 2}]}", "up to column 2"),
        ("separator: none\nrecords: {a: [{name: x, length: 2}]}", "'none'"),
        ("records: {a: [{name: x, length: 2}]}\nstructure: [b]", "found 'b'"),
        ("records: {a: [{name: x, length: 2}]}\nstructure: [{group: g, body: ['a*']}]", "the group 'g'"),
        ("records: {a: [{name: x, length: 2}]}\nchecks: [{field: a.y, count: [a]}]", "no a.y"),
        ("records: {a: [{name: x, length: 2}]}\nchecks: [{field: a.x}]", "no check"),
    ],
)
def test_a_layout_with_a_mistake_is_refused_with_its_place(layout: str, says: str) -> None:
    with pytest.raises(ProjectError) as refusal:
        read_layout(layout.encode(), "schemas/x.yaml")
    assert says in str(refusal.value) and "schemas/x.yaml" in str(refusal.value)
