"""A map document as an Excel workbook for reviewers, and back. Needs the package openpyxl (``waypost[excel]``)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from waypost.core.errors import ConfigurationRefused, Fault
from waypost.mapping.sheet import COLUMNS, Row, data_of, head_of, rows_of

MAX_BYTES = 16 << 20
MAX_UNPACKED_BYTES = 128 << 20
MAX_ROWS = 20_000
_RULES, _HEAD = "rules", "map"
_WIDTHS = {"target": 32, "from": 48, "note": 40, "value": 16, "each": 32, "with": 32, "tests": 32}


def workbook_library() -> Any:
    """The package that reads and writes workbooks; an error says what to install."""
    try:
        import openpyxl
    except ImportError as error:
        raise ConfigurationRefused(
            "the package openpyxl is not installed", where="Excel", remedy="pip install 'waypost[excel]'"
        ) from error
    return openpyxl


def to_excel(data: Mapping[str, Any]) -> bytes:
    """The workbook of a map document's plain data: a sheet of rules and a sheet of what stands at its head. Every cell
    is text; nothing is a formula."""
    openpyxl = workbook_library()
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = _RULES
    for column, word in enumerate(COLUMNS, 1):
        _put(sheet, 1, column, word)
        sheet.cell(1, column).font = openpyxl.styles.Font(bold=True)
        sheet.column_dimensions[sheet.cell(1, column).column_letter].width = _WIDTHS.get(word, 12)
    for number, row in enumerate(rows_of(data), 2):
        for word, text in row.items():
            if word in COLUMNS:
                _put(sheet, number, COLUMNS.index(word) + 1, text)
    sheet.freeze_panes = "B2"
    head = book.create_sheet(_HEAD)
    for number, (word, text) in enumerate(head_of(data).items(), 1):
        _put(head, number, 1, word)
        _put(head, number, 2, text)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def _put(sheet: Any, row: int, column: int, text: str) -> None:
    cell = sheet.cell(row, column)
    if len(text) > 32_767 or any(c < " " and c not in "\t\n\r" for c in text):
        place = f"row {row} {COLUMNS[column - 1]}"
        raise ConfigurationRefused(
            "the text does not fit into a cell", where=f"Excel {place}", expected="at most 32767 printable characters"
        )
    cell.value = text
    cell.data_type = "s"


def from_excel(content: bytes, name: str, faults: list[Fault]) -> dict[str, Any] | None:
    """The plain data of a map document out of a workbook; None, with the reasons in ``faults``, for none. Columns may
    stand in any order; an unknown one is a fault."""
    before = len(faults)
    book = opened_workbook(content, name, faults)
    if book is None:
        return None
    if _RULES not in book.sheetnames:
        faults.append(Fault(name, 0, "sheet", f"there is no sheet {_RULES!r}", "a workbook of waypost map show --xlsx"))
        return None
    head: dict[str, str] = {}
    if _HEAD in book.sheetnames:
        for cells in book[_HEAD].iter_rows(max_row=100, max_col=2, values_only=True):
            if cells and cells[0] is not None:
                head[_cell(cells[0])] = _cell(cells[1] if len(cells) > 1 else None)
    rows: list[tuple[int, Row]] = []
    words: list[str] = []
    for number, cells in enumerate(book[_RULES].iter_rows(max_col=len(COLUMNS) + 10, values_only=True), 1):
        if number > MAX_ROWS:
            faults.append(Fault(name, number, "sheet", "there are too many rows", f"at most {MAX_ROWS}"))
            break
        texts = [_cell(value) for value in cells]
        if number == 1:
            words = texts
            faults += [
                Fault(name, 1, "sheet", f"unknown column {word!r}", "one of " + ", ".join(COLUMNS))
                for word in words
                if word and word not in COLUMNS
            ]
        elif any(texts):
            rows.append((number, {word: text for word, text in zip(words, texts, strict=False) if word and text}))
    data = data_of(head, rows, name, faults)
    return data if len(faults) == before else None


def opened_workbook(content: bytes, name: str, faults: list[Fault]) -> Any:
    """A workbook of bounded size, to be read; None, with the reason in ``faults``, for what is none."""
    openpyxl = workbook_library()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            unpacked = sum(each.file_size for each in packed.infolist())
        if len(content) > MAX_BYTES or unpacked > MAX_UNPACKED_BYTES:
            found = f"found {len(content)} bytes, {unpacked} unpacked"
            faults.append(Fault(name, 0, "sheet", found, f"at most {MAX_BYTES}, {MAX_UNPACKED_BYTES} unpacked"))
            return None
        return openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
    except Exception as error:  # noqa: BLE001 - the library raises whatever its parsers do
        faults.append(Fault(name, 0, "sheet", f"no workbook: {str(error)[:200]}", "an Excel file (.xlsx)"))
        return None


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
