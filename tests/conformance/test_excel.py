"""The excel format keeps what every format must."""

from __future__ import annotations

import datetime
import gc
import io
import tracemalloc
import zipfile
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from hypothesis import strategies as st

from waypost.core.cutting import cut, cut_end
from waypost.core.errors import DataError
from waypost.core.place_name import NamingFormat
from waypost.mapping.lineage_path import parse_path
from waypost.testing.format_kit import FormatConformance, build_format, frame

COVERS = {("format", "excel")}


def workbook(sheets: dict[str, list[list[Any]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def changed(data: bytes, name: str, old: bytes, new: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as after:
        for entry in before.namelist():
            content = before.read(entry)
            after.writestr(entry, content.replace(old, new) if entry == name else content)
    return made.getvalue()


PRICES = workbook(
    {"Prices": [["sku", "price", None], ["A", 1.5, True], [], ["B", 2, datetime.date(2026, 1, 2)]], "X": []}
)
SHEET = "xl/worksheets/sheet1.xml"
BOMB = b"<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>]><worksheet"


class TestExcel(FormatConformance):
    name, options = "excel", "{unpacked_bytes: 1MiB}"
    documents = st.nothing()
    contents = (PRICES,)
    broken = (
        b"PK\x03\x04 no workbook",
        b"\xd0\xcf\x11\xe0 old",
        PRICES[:-30],
        changed(PRICES, SHEET, b"<worksheet", BOMB),
        changed(PRICES, SHEET, b"</sheetData>", b" " * (1 << 20) + b"</sheetData>"),
        changed(PRICES, "xl/workbook.xml", b"<sheets>", b"<sheet>"),
        workbook({"Twice": [["a", "a"], [1, 2]]}),
    )


class TestExcelRows(FormatConformance):
    name, options = "excel", "{unit: row, unpacked_bytes: 1MiB}"
    documents = st.nothing()
    contents = (PRICES,)
    broken = TestExcel.broken


def test_rows_are_cut_some_at_a_time_and_read_on_anywhere() -> None:
    book = workbook({"A": [["k"], *([n] for n in range(450))], "B": [["k"], ["x"]]})
    format_ = build_format("excel", "{unit: row}")
    framer = format_.framer(1 << 20)
    assert list(cut(framer, book)) == [()]
    turns = list(cut_end(framer))
    assert [len(slices) for slices in turns] == [200, 200, 51, 0]
    rest, _ = frame(format_, [book], offset=449)
    assert rest == list(turns[2])[49:]


def test_each_row_is_a_message_with_its_sheet_and_number() -> None:
    format_ = build_format("excel", "{unit: row}")
    slices, refusal = frame(format_, [PRICES])
    assert not refusal
    assert format_.decode([s.data for s in slices], slices[0].context) == [
        {"sheet": "Prices", "row": 2, "cells": {"sku": "A", "price": Decimal("1.5"), "column_3": True}},
        {"sheet": "Prices", "row": 4, "cells": {"sku": "B", "price": 2, "column_3": "2026-01-02"}},
    ]


def test_texts_shared_by_cells_are_bounded_where_rows_are_read_one_by_one() -> None:
    made = io.BytesIO(PRICES)
    with zipfile.ZipFile(made, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", b"<sst>" + b"<si><t>text</t></si>" * 900_000 + b"</sst>")
    _, refusal = frame(build_format("excel", "{unit: row}"), [made.getvalue()])
    assert refusal.startswith("excel-size") and "shared texts" in refusal
    (document,) = build_format("excel").decode([made.getvalue()], b"")
    assert len(document["sheets"][0]["rows"]) == 2


def test_what_a_sheet_says_of_its_size_does_not_hide_cells() -> None:
    book = changed(PRICES, SHEET, b'<dimension ref="A1:C4"', b'<dimension ref="A1"')
    assert book != PRICES and build_format("excel").decode([book], b"") == build_format("excel").decode([PRICES], b"")


def test_a_row_far_beyond_those_of_excel_is_refused() -> None:
    far = b"<sheetData><row r='9999999999999'><c r='A9999999999999'><v>1</v></c></row>"
    (error,) = build_format("excel").decode([changed(PRICES, SHEET, b"<sheetData>", far)], b"")
    assert isinstance(error, DataError) and error.code == "excel-size", error


def test_more_cells_than_fit_in_one_message_are_read_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waypost.formats.excel.MOST_CELLS", 5_000)
    wide = "".join(f"<row>{'<c><v>1</v></c>' * 1000}</row>" for _ in range(6)).encode()
    book = changed(PRICES, SHEET, b"<sheetData>", b"<sheetData>" + wide)
    (error,) = build_format("excel", "{header: false}").decode([book], b"")
    assert isinstance(error, DataError) and error.code == "excel-size" and "unit: row" in str(error)
    slices, refusal = frame(build_format("excel", "{unit: row, header: false}"), [book])
    assert len(slices) == 6 + 3 and not refusal


def test_reading_rows_leaves_nothing_of_them_behind() -> None:
    book = changed(PRICES, SHEET, b"<sheetData>", b"<sheetData>" + b"<row ht='9'><c><v>1</v></c></row>" * 6_000)
    framer = build_format("excel", "{unit: row, header: false}").framer(1 << 20)
    list(cut(framer, book))
    held = []
    tracemalloc.start()
    try:
        for number, _ in enumerate(cut_end(framer)):
            if number in (5, 25):
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[1] - held[0] < 100_000, held


def test_cells_are_named_as_excel_does() -> None:
    book = workbook({"X": [], "Price list": [[], ["sku", "price"], [], ["A", 1], ["B", None]]})
    format_ = build_format("excel", "{skip_rows: 1}")
    assert isinstance(format_, NamingFormat)
    paths = ["sheets[1].rows[0].sku", "sheets[1].rows[1].price", "sheets[1].rows[2].sku", "sheets[1].rows[0].x", "x"]
    assert format_.place_names(book, b"", [parse_path(path) for path in paths]) == [
        "'Price list'!A4", "'Price list'!B5", None, None, None
    ]  # fmt: skip
    rows = build_format("excel", "{unit: row}")
    slices, _ = frame(rows, [PRICES])
    assert isinstance(rows, NamingFormat)
    assert rows.place_names(slices[1].data, slices[1].context, [("cells", "price"), ("row",)]) == ["Prices!B4", None]


def test_cells_have_the_types_people_gave_them() -> None:
    assert build_format("excel").decode([PRICES], b"") == [{
        "sheets": [
            {"name": "Prices", "rows": [
                {"sku": "A", "price": Decimal("1.5"), "column_3": True},
                {"sku": "B", "price": 2, "column_3": "2026-01-02"},
            ]},
            {"name": "X", "rows": []},
        ]
    }]  # fmt: skip


def test_a_sheet_that_is_not_there_is_told_with_a_near_name() -> None:
    (error,) = build_format("excel", "{sheets: [Price]}").decode([PRICES], b"")
    assert isinstance(error, DataError) and "did you mean 'Prices'?" in str(error)


@pytest.mark.parametrize(("options", "rows"), [("{header: false, skip_rows: 3}", 1), ("{sheets: [X]}", 0)])
def test_rows_and_sheets_can_be_chosen(options: str, rows: int) -> None:
    (document,) = build_format("excel", options).decode([PRICES], b"")
    assert len(document["sheets"][0]["rows"]) == rows
