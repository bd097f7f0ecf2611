"""Excel workbooks (.xlsx) looked through before any parser sees them, and read row by row."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import IO, Any
from xml.etree import ElementTree

from waypost.core.errors import DataError, near
from waypost.formats.archive_unpack import Budget, unzip_pieces
from waypost.formats.library import library

UNREADABLE = (zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, AttributeError, IndexError, OSError,
              EOFError, SyntaxError, OverflowError, RecursionError)  # fmt: skip
MOST_ROWS, MOST_COLUMNS = 1 << 20, 1 << 14
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_DOCTYPES = (b"<!DOCTYPE", "<!DOCTYPE".encode("utf-16-le"), "<!DOCTYPE".encode("utf-16-be"))
_LONGEST = max(map(len, _DOCTYPES))


@dataclass(frozen=True, slots=True)
class Row:
    """A row with a value: its sheet, its number there as Excel counts, and its cells by the names of their columns."""

    sheet: str
    number: int
    cells: dict[str, Any]


def look_inside(file: IO[bytes], unpacked_bytes: int, shared_bytes: int = 0) -> None:
    """``DataError`` for what would cost memory or reach outside; ``shared_bytes`` is the most that the texts which
    cells share may take, 0 as much as the rest."""
    begins = file.read(4)
    if not begins.startswith(b"PK"):
        raise DataError(f"bytes {begins.hex()}", where="byte 0", expected="a workbook of kind .xlsx",
                        remedy="have it saved as .xlsx", code="excel-syntax")  # fmt: skip
    last, tail, shared = -1, b"", 0
    for number, name, piece in unzip_pieces(file, Budget(unpacked_bytes)):
        window = (tail if number == last else b"") + piece
        if any(doctype in window for doctype in _DOCTYPES):
            raise DataError("a document type declaration", where=f"workbook, {name[:80]}", expected="none",
                            code="excel-doctype")  # fmt: skip
        last, tail = number, window[1 - _LONGEST :]
        shared += len(piece) if name.lower().endswith("sharedstrings.xml") else 0
        if shared_bytes and shared > shared_bytes:
            raise DataError(f"more than {shared_bytes} bytes of shared texts", where=f"workbook, {name[:80]}",
                            expected="fewer different texts", remedy="have it sent as CSV, or read it by unit: content",
                            code="excel-size")  # fmt: skip


def unreadable(wrong: BaseException) -> DataError:
    """The refusal of what no workbook is."""
    return DataError(f"{type(wrong).__name__}: {wrong}"[:200], where="workbook",
                     expected="a workbook as Excel writes it (.xlsx)", remedy="open it in Excel and save it again",
                     code="excel-syntax")  # fmt: skip


def sheets_of(book: Any, wanted: Sequence[str]) -> list[Any]:
    """The sheets to read; ``DataError`` where one is not there."""
    known = list(book.sheetnames)
    for name in wanted:
        if name not in known:
            raise DataError(f"no sheet {name!r}", where="workbook", expected=f"{', '.join(known)[:200]}",
                            remedy=near(name, known), code="excel-sheet")  # fmt: skip
    return [sheet for sheet in (book[name] for name in wanted or known) if hasattr(sheet, "iter_rows")]


class Cells:
    """How many cells may still be read of a workbook."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most

    def spend(self, count: int, sheet: str) -> None:
        """``DataError`` beyond the most."""
        self._left -= count
        if self._left < 0:
            raise DataError(f"more than {self._most} cells", where=f"sheet {sheet!r}", expected="fewer",
                            remedy="unit: row, name the sheets to read, or have it sent as CSV", code="excel-size",
                            )  # fmt: skip


def rows_of(sheet: Any, *, header: bool, skip_rows: int, cells: Cells | None = None) -> Iterator[Row]:
    """The rows of a sheet that have a value."""
    names: list[str] | None = None
    for number, row in _values_of(sheet):
        if number <= skip_rows:
            continue
        if number > MOST_ROWS or len(row) > MOST_COLUMNS:
            raise DataError(f"a cell beyond row {MOST_ROWS} or column {MOST_COLUMNS}", where=f"sheet {sheet.title!r}",
                            expected="as many as Excel has", code="excel-size")  # fmt: skip
        if cells is not None:
            cells.spend(len(row), sheet.title)
        if names is None:
            names = _names(row, sheet.title, header=header)
            if header:
                continue
        values = [_value(cell) for cell in row]
        if any(value is not None for value in values):
            names.extend(f"column_{n}" for n in range(len(names) + 1, len(values) + 1))
            values += [None] * (len(names) - len(values))
            yield Row(sheet.title, number, dict(zip(names, values, strict=False)))


def _values_of(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    """Number and values of each row that a sheet has, in order. What the sheet says of its size does not count, for it
    is often wrong; and what was read is forgotten, where the library's own reader keeps a trace of each row."""
    reader, book = library("openpyxl.worksheet._reader", "excel", "excel"), sheet.parent
    with sheet._get_source() as source:
        parser = reader.WorkSheetParser(
            source, sheet._shared_strings, data_only=True, epoch=book.epoch, date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )  # fmt: skip
        around: Any = None
        for event, element in ElementTree.iterparse(source, ("start", "end")):
            if event == "start":
                around = element if element.tag == f"{_MAIN}sheetData" else around
            elif element.tag == f"{_MAIN}row":
                number, cells = parser.parse_row(element)
                width = min(max((cell["column"] for cell in cells), default=0), MOST_COLUMNS + 1)
                values = [None] * width
                for cell in cells:
                    values[min(cell["column"], width) - 1] = cell["value"]
                if around is not None:
                    around.clear()
                parser.row_dimensions.clear()
                yield number, values


def cell_name(sheet: str, row: int, column: int) -> str:
    """A cell as Excel writes it; columns count from 1.

    >>> cell_name("Price list", 7, 28)
    "'Price list'!AB7"
    """
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    plain = sheet.isidentifier() and sheet.isascii()
    return f"{sheet if plain else chr(39) + sheet.replace(chr(39), chr(39) * 2) + chr(39)}!{letters}{row}"


def _names(row: Sequence[Any], sheet: str, *, header: bool) -> list[str]:
    texts = [str(_value(cell)).strip() if header and cell is not None else "" for cell in row]
    names = [text or f"column_{n}" for n, text in enumerate(texts, 1)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"column {twice[:80]!r} is named twice", where=f"sheet {sheet!r}, header",
                        expected="each column once", code="excel-header")  # fmt: skip
    return names


def _value(cell: Any) -> Any:
    if isinstance(cell, float):
        if not math.isfinite(cell):
            return None
        return int(cell) if cell.is_integer() and abs(cell) < 1 << 53 else Decimal(repr(cell))
    if isinstance(cell, datetime):
        plain = not (cell.hour or cell.minute or cell.second or cell.microsecond)
        return cell.date().isoformat() if plain else cell.isoformat()
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return Decimal(repr(cell.total_seconds()))
    return cell if cell is None or isinstance(cell, str | bool | int) else str(cell)
