"""Reference data as an Excel workbook, and back. Needs the package openpyxl (``waypost[excel]``)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from waypost.core.errors import Fault
from waypost.mapping.excel import opened_workbook, workbook_library
from waypost.mapping.reference import Change, Declaration, TableVersion
from waypost.mapping.reference_file import file_rows, read_rows

MAX_ROWS = 200_000


def to_workbook(table: Declaration, version: TableVersion) -> bytes:
    """The rows of a version, headings first. Every cell is text; nothing is a formula."""
    library = workbook_library()
    book = library.Workbook()
    sheet = book.active
    sheet.title = table.name[:31]
    for number, row in enumerate(file_rows(table, version), 1):
        for column, text in enumerate(row, 1):
            cell = sheet.cell(number, column)
            cell.value = text or None
            if text:
                cell.data_type, cell.number_format = "s", "@"
            if number == 1:
                cell.font = library.styles.Font(bold=True)
    sheet.freeze_panes = "B2"
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def read_workbook(table: Declaration, name: str, content: bytes, faults: list[Fault]) -> list[Change]:
    """The rows of the first sheet; every fault names its row and column as Excel does."""
    library = workbook_library()
    book = opened_workbook(content, name, faults)
    if book is None:
        return []
    letter = library.utils.get_column_letter
    rows: list[Sequence[Any]] = []
    sheet = book.worksheets[0]
    for number, cells in enumerate(sheet.iter_rows(max_col=len(table.columns) + 30, values_only=True), 1):
        if number > MAX_ROWS:
            faults.append(Fault(name, 0, "reference", f"more than {MAX_ROWS} rows", "fewer, or a CSV file"))
            return []
        for column, cell in enumerate(cells, 1):
            if isinstance(cell, str) and cell.startswith("=") and len(faults) < 1000:
                where = f"{name}, row {number}, column {letter(column)}"
                faults.append(Fault(where, 0, "reference", f"a formula {cell[:40]!r}", "a value", "paste values only"))
        rows.append(cells)
    if faults:
        return []
    return read_rows(table, name, rows, faults, lambda row, column: f"row {row}, column {letter(column)}")
