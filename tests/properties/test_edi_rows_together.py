"""Rows written at once are written as they are one by one, and refused where they are refused one by one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from waypost.core.errors import DataError
from waypost.formats.edi.row_write import RowWriter

_TEXT = st.text(alphabet="AB5 +:'?*~>^é\n\x1c\x1d\x1e\x1f\u2028", max_size=4)
_PLAIN = st.one_of(st.sampled_from(["", "A", "X9", "12.5"]), st.sampled_from(["", "B"]))
_VALUE = st.one_of(
    _PLAIN, _PLAIN, _PLAIN, _TEXT, st.none(), st.integers(-99, 999), st.booleans(),
    st.sampled_from([Decimal("1.50"), Decimal("1E+3"), Decimal("NaN"), Decimal("1e-70")]),
)  # fmt: skip
_ELEMENT = st.one_of(_VALUE, st.lists(_VALUE, max_size=3), st.lists(st.lists(_VALUE, max_size=2), max_size=2))
_ROW = st.tuples(st.sampled_from(["LIN", "NAD", "BIN", "no"]), st.lists(_ELEMENT, max_size=4)).map(
    lambda r: [r[0], *r[1]]
)
_WRITERS = st.sampled_from([
    {"element": "+", "component": ":", "repetition": "", "segment": "'", "release": "?", "encoding": "latin-1"},
    {"element": "+", "component": ":", "repetition": "*", "segment": "'", "release": "?", "line_end": "\r\n"},
    {"element": "*", "component": ">", "repetition": "^", "segment": "~", "binary": {"BIN": 1}},
    {"element": "*", "component": ">", "repetition": "", "segment": "~", "replacement": " ", "encoding": "ascii"},
])  # fmt: skip


def _one_by_one(writer: RowWriter, rows: list[Any]) -> bytes | str:
    try:
        return writer.joint().join([writer.row(row, position) for position, row in enumerate(rows, 2)])
    except DataError as wrong:
        return str(wrong)


def _at_once(writer: RowWriter, rows: list[Any]) -> bytes | str:
    try:
        return writer.joint().join(writer.rows(rows, 2))
    except DataError as wrong:
        return str(wrong)


@settings(deadline=None)
@given(_WRITERS, st.lists(_ROW, max_size=5))
@example({"element": "+", "component": ":", "repetition": "", "segment": "'", "release": "?"}, [["LIN", "5'4+?:"]])
@example({"element": "*", "component": ">", "repetition": "^", "segment": "~"}, [["LIN", ["A", ""], ["", ""], ""]])
@example(
    {"element": "*", "component": ">", "repetition": "^", "segment": "~"}, [["LIN", "A\x1dB"], ["NAD", ["A", "B"]]]
)
@example({"element": "*", "component": ">", "repetition": "^", "segment": "~"}, [["LIN", [["A"], ["B", ""]]]])
def test_rows_are_written_at_once_as_one_by_one(marks: dict[str, Any], rows: list[Any]) -> None:
    expected = _one_by_one(RowWriter(name="edi", **marks), rows)
    writer = RowWriter(name="edi", **marks)
    for tag in ("LIN", "NAD"):  # written before, so that the quick way is taken
        writer.row([tag, "X"], 2)
    assert _at_once(writer, rows) == expected
    assert _at_once(writer, rows) == expected  # what it learned changes nothing


def test_rows_that_are_as_most_are_come_in_one_piece() -> None:
    writer = RowWriter(name="edi", element="+", component=":", repetition="", segment="'", release="?")
    rows = [["LIN", "1", "", ["5?5", "EN"]], ["QTY", ["21", Decimal("5.0")]], ["FTX", "it's", None, ""]]
    first = writer.rows(rows, 2)
    assert (len(first), len(writer.rows(rows, 2))) == (3, 1)
    assert writer.rows(rows, 2) == [b"LIN+1++5??5:EN'QTY+21:5.0'FTX+it?'s"]
