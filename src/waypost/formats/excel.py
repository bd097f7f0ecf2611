"""Excel workbooks (.xlsx), read only: sheets as rows of named cells, whole or row by row."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, Annotated, Any, Literal

import msgspec

from waypost.core.component import Framer
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Option, Size
from waypost.core.traits import FormatTraits
from waypost.formats.excel_book import UNREADABLE, Cells, Row, cell_name, look_inside, rows_of, sheets_of, unreadable
from waypost.formats.excel_framer import ROW, RowFramer
from waypost.formats.library import library
from waypost.formats.line import WholeFramer

MOST_CELLS = 1_000_000
_LIMIT = Size(128 << 20)
_read_row = msgspec.json.Decoder(float_hook=Decimal).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcelOptions:
    """Which sheets are read, and where their columns get their names."""

    unit: Annotated[
        Literal["content", "row"], Option("Whether a workbook is one message, or each of its rows, of any number.")
    ] = "content"
    sheets: Annotated[
        tuple[str, ...], Option("Sheets to read, by name; all where none is named.", example="Prices")
    ] = ()
    header: Annotated[bool, Option("Whether the first row of a sheet names the columns.")] = True
    skip_rows: Annotated[int, Option("Rows passed over at the top of each sheet.", minimum=0, maximum=1000)] = 0
    unpacked_bytes: Annotated[Size, Option("Most bytes a workbook may unpack to.", maximum=1 << 36)] = _LIMIT


@registry.register(
    "format", "excel", options=ExcelOptions, traits=FormatTraits(writes=False, streams=False),
    example="{sheets: [Prices], header: true}", extra="excel",
)  # fmt: skip
class ExcelFormat:
    """Excel workbooks, read but not written; one document a workbook, or one a row.

    With `unit: content` a document holds `sheets`: each with its `name` and `rows`, mappings of column to value; the
    `split` step makes messages of them; at most 1,000,000 cells are read. With `unit: row` a document holds `sheet`,
    `row` (its number in Excel) and `cells`, that mapping, and memory does not grow with the number of rows: a workbook
    lies in a temporary file without a name until all of it is there, and the texts its cells share may take 16 MiB.

    A cell is text, a whole number, a decimal, true or false, an ISO date or time, or null where it is empty; of a
    formula it is the value Excel saved last. Rows without a value are left out. Columns without a name are `column_1`,
    `column_2` … A workbook that unpacks to more than `unpacked_bytes` or declares a document type is refused before it
    is opened; links to other files are not followed.
    """

    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def __init__(self, options: ExcelOptions, grants: Grants) -> None:
        self._options = options
        self._load = library("openpyxl", "excel", "excel").load_workbook

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Framer:
        if self._options.unit == "row":
            return RowFramer(self._all_rows, limit_bytes, self._options.unpacked_bytes, offset)
        return WholeFramer(limit_bytes, offset)

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        return [self._row(data, context) if self._options.unit == "row" else self._decode(data) for data in batch]

    def _row(self, data: bytes, context: bytes) -> Any:
        if context != ROW:
            return DataError("a workbook that is not cut into rows", where="record", expected="a file of a source",
                             remedy="unit: content, and the split step", code="excel-syntax")  # fmt: skip
        try:
            return _read_row(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, ArithmeticError, ValueError) as wrong:
            return unreadable(wrong)

    def _all_rows(self, file: IO[bytes]) -> Iterator[Row]:
        book = self._load(file, read_only=True, data_only=True, keep_links=False)
        try:
            for sheet in sheets_of(book, self._options.sheets):
                yield from self._rows(sheet, None)
        finally:
            book.close()

    def _rows(self, sheet: Any, cells: Cells | None) -> Iterator[Row]:
        return rows_of(sheet, header=self._options.header, skip_rows=self._options.skip_rows, cells=cells)

    def _decode(self, data: bytes) -> Any:
        try:
            return {
                "sheets": [
                    {"name": name, "rows": [row.cells for row in rows]} for name, rows in self._workbook(data).items()
                ]
            }
        except DataError as refusal:
            return refusal
        except UNREADABLE as wrong:
            return unreadable(wrong)

    def _workbook(self, data: bytes) -> dict[str, list[Row]]:
        """The rows of each sheet."""
        look_inside(io.BytesIO(data), self._options.unpacked_bytes)
        book = self._load(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        try:
            cells = Cells(MOST_CELLS)
            return {sheet.title: list(self._rows(sheet, cells)) for sheet in sheets_of(book, self._options.sheets)}
        finally:
            book.close()

    def place_names(self, data: bytes, context: bytes, paths: Sequence[Sequence[str | int | None]]) -> Sequence[Any]:
        if self._options.unit == "row":
            document = _read_row(data)
            row = Row(document["sheet"], document["row"], document["cells"])
            return [_cell(row, path[1]) if len(path) == 2 and path[0] == "cells" else None for path in paths]
        sheets = list(self._workbook(data).values())
        return [self._place(sheets, path) for path in paths]

    @staticmethod
    def _place(sheets: Sequence[Sequence[Row]], path: Sequence[str | int | None]) -> str | None:
        """The cell of ``sheets[i].rows[j].column``."""
        if len(path) != 5 or path[0] != "sheets" or path[2] != "rows":
            return None
        sheet, number = path[1], path[3]
        if not isinstance(sheet, int) or not isinstance(number, int) or not 0 <= sheet < len(sheets):
            return None
        return _cell(sheets[sheet][number], path[4]) if 0 <= number < len(sheets[sheet]) else None

    def encode(self, documents: Sequence[Any]) -> Sequence[Any]:
        refusal = DataError("a document to write", where="format excel", expected="one to read",
                            remedy="write csv, which Excel opens", code="excel-writes")  # fmt: skip
        return [refusal] * len(documents)


def _cell(row: Row, column: str | int | None) -> str | None:
    names = list(row.cells)
    return cell_name(row.sheet, row.number, names.index(column) + 1) if column in row.cells else None
