"""The excel format keeps what every format must."""

from __future__ import annotations

import datetime
import io
import zipfile
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from hypothesis import strategies as st

from waypost.core.errors import DataError
from waypost.testing.format_kit import FormatConformance, build_format

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
