"""Excel workbooks (.xlsx), read only: sheets as rows of named cells."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any

from waypost.core.component import Framer
from waypost.core.errors import DataError, near
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Option, Size
from waypost.core.traits import FormatTraits
from waypost.formats.archive_unpack import Budget, unzip
from waypost.formats.library import library
from waypost.formats.line import WholeFramer

MOST_CELLS = 1_000_000
_LIMIT = Size(128 << 20)
_DOCTYPES = (b"<!DOCTYPE", "<!DOCTYPE".encode("utf-16-le"), "<!DOCTYPE".encode("utf-16-be"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcelOptions:
    """Which sheets are read, and where their columns get their names."""

    sheets: Annotated[
        tuple[str, ...], Option("Sheets to read, by name; all where none is named.", example="Prices")
    ] = ()
    header: Annotated[bool, Option("Whether the first row of a sheet names the columns.")] = True
    skip_rows: Annotated[int, Option("Rows passed over at the top of each sheet.", minimum=0, maximum=1000)] = 0
    unpacked_bytes: Annotated[Size, Option("Most bytes a workbook may unpack to.", maximum=1 << 32)] = _LIMIT


@registry.register(
    "format", "excel", options=ExcelOptions, traits=FormatTraits(writes=False, streams=False),
    example="{sheets: [Prices], header: true}", extra="excel",
)  # fmt: skip
class ExcelFormat:
    """Excel workbooks, one document each, read but not written.

    A document holds `sheets`: each with its `name` and `rows`, mappings of column to value; the `split` step makes
    messages of them. A cell is text, a whole number, a decimal, true or false, an ISO date or time, or null where it is
    empty; of a formula it is the value Excel saved last. Rows without a value are left out. Columns without a name are
    `column_1`, `column_2` … At most 1,000,000 cells are read; a workbook that unpacks to more than `unpacked_bytes`
    or declares a document type is refused before it is opened.
    """

    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def __init__(self, options: ExcelOptions, grants: Grants) -> None:
        self._options = options
        self._load = library("openpyxl", "excel", "excel").load_workbook

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Framer:
        return WholeFramer(limit_bytes, offset)

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        return [self._decode(data) for data in batch]

    def _decode(self, data: bytes) -> Any:
        try:
            self._look_inside(data)
            return self._workbook(data)
        except DataError as refusal:
            return refusal
        except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, AttributeError, IndexError, OSError,
                EOFError, SyntaxError, OverflowError, RecursionError) as wrong:  # fmt: skip
            return DataError(f"{type(wrong).__name__}: {wrong}"[:200], where="workbook",
                             expected="a workbook as Excel writes it (.xlsx)",
                             remedy="open it in Excel and save it again", code="excel-syntax")  # fmt: skip

    def _look_inside(self, data: bytes) -> None:
        """Refuse what would cost memory or reach outside, before any parser sees it."""
        if not data.startswith(b"PK"):
            raise DataError(f"bytes {data[:4].hex()}", where="byte 0", expected="a workbook of kind .xlsx",
                            remedy="have it saved as .xlsx", code="excel-syntax")  # fmt: skip
        for name, content in unzip(data, Budget(self._options.unpacked_bytes)):
            if any(doctype in content for doctype in _DOCTYPES):
                raise DataError("a document type declaration", where=f"workbook, {name[:80]}", expected="none",
                                code="excel-doctype")  # fmt: skip

    def _workbook(self, data: bytes) -> dict[str, Any]:
        book = self._load(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        try:
            known = list(book.sheetnames)
            for name in self._options.sheets:
                if name not in known:
                    raise DataError(f"no sheet {name!r}", where="workbook", expected=f"{', '.join(known)[:200]}",
                                    remedy=near(name, known), code="excel-sheet")  # fmt: skip
            left = [MOST_CELLS]
            sheets = [book[name] for name in self._options.sheets or known]
            return {
                "sheets": [
                    {"name": sheet.title, "rows": list(self._rows(sheet, left))}
                    for sheet in sheets
                    if hasattr(sheet, "iter_rows")
                ]
            }
        finally:
            book.close()

    def _rows(self, sheet: Any, left: list[int]) -> Iterator[dict[str, Any]]:
        names: list[str] | None = None
        for row in sheet.iter_rows(min_row=1 + self._options.skip_rows, values_only=True):
            left[0] -= len(row)
            if left[0] < 0:
                raise DataError(f"more than {MOST_CELLS} cells", where=f"sheet {sheet.title!r}", expected="fewer",
                                remedy="name the sheets to read, or have it sent as CSV", code="excel-size",
                                )  # fmt: skip
            if names is None:
                names = self._names(row, sheet.title)
                if self._options.header:
                    continue
            values = [_value(cell) for cell in row]
            if any(value is not None for value in values):
                names.extend(f"column_{n}" for n in range(len(names) + 1, len(values) + 1))
                yield dict(zip(names, values, strict=False))

    def _names(self, row: Sequence[Any], sheet: str) -> list[str]:
        texts = [str(_value(cell)).strip() if self._options.header and cell is not None else "" for cell in row]
        names = [text or f"column_{n}" for n, text in enumerate(texts, 1)]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"column {twice[:80]!r} is named twice", where=f"sheet {sheet!r}, header",
                            expected="each column once", code="excel-header")  # fmt: skip
        return names

    def encode(self, documents: Sequence[Any]) -> Sequence[Any]:
        refusal = DataError("a document to write", where="format excel", expected="one to read",
                            remedy="write csv, which Excel opens", code="excel-writes")  # fmt: skip
        return [refusal] * len(documents)


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
