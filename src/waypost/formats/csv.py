"""CSV (RFC 4180 and its dialects): one document a record, columns named, types on request."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal

from waypost.core.component import Framer
from waypost.core.errors import DataError, near
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Option, OptionFault
from waypost.core.traits import FormatTraits
from waypost.formats.csv_framer import CsvFramer, has_more_fields

ColumnType = Literal["text", "integer", "decimal"]
MOST_COLUMNS = 16_384
"""More fields a record may not have: each costs many times its bytes once it is read."""
_NAMED = 1000
"""Columns looked through for a near name: a header from outside may have millions."""
csv.field_size_limit(1 << 40)  # a record is bounded by the framer, which says so better than the csv module


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvOptions:
    """The dialect, and what the columns are."""

    delimiter: Annotated[str, Option("The character between two fields.", example=";")] = ","
    quote: Annotated[str, Option("The character around fields that hold others.", advanced=True)] = '"'
    header: Annotated[bool, Option("Whether the first record of a content names the columns.")] = True
    columns: Annotated[
        tuple[str, ...],
        Option(
            "Names of the columns. When read, in place of the header's own names; when written, the fields and "
            "their order.",
            example=["sku", "price"],
        ),
    ] = ()
    types: Annotated[
        dict[str, ColumnType],
        Option("What columns hold; those not named are text. Empty is null.", example={"price": "decimal"}),
    ] = field(default_factory=dict)
    encoding: Annotated[
        Literal["utf-8", "utf-8-sig", "latin-1", "cp1252"],
        Option("Character encoding; a UTF-8 byte order mark is passed over, and written by utf-8-sig."),
    ] = "utf-8"
    write_header: Annotated[bool, Option("Whether each document written begins with a header line.")] = False
    line_ending: Annotated[Literal["crlf", "lf"], Option("What ends a record written.", advanced=True)] = "crlf"

    def faults(self) -> Iterable[OptionFault]:
        for name in ("delimiter", "quote"):
            value = getattr(self, name)
            if len(value) != 1 or not value.isascii() or value in "\r\n\0":
                yield OptionFault(name, f"found {value!r}", "one ASCII character")
        if self.delimiter == self.quote:
            yield OptionFault("quote", "the same character as the delimiter", "another character")
        for name in sorted({n for n in self.columns if self.columns.count(n) > 1}):
            yield OptionFault("columns", f"{name!r} is named twice", "each column once")
        for name in self.types:
            if self.columns and name not in self.columns:
                yield OptionFault("types", f"{name!r} is no column", "", near(name, self.columns))


@registry.register("format", "csv", options=CsvOptions, traits=FormatTraits(), example="{delimiter: ';', header: true}")
class CsvFormat:
    """Delimited records with quoted fields; a field may hold line ends.

    A record is read as a mapping of column to value: text as it stands, or by ``types`` a whole number, a decimal, or
    null where empty. Columns without a name are ``column_1``, ``column_2`` … Lines of no character are gaps. Written:
    a mapping is one record, a list of mappings several; null is empty, true and false are words; fields are those of
    ``columns``, else those of the document.
    """

    content_type = "text/csv"

    def __init__(self, options: CsvOptions, grants: Grants) -> None:
        self._options = options
        self._encoding = "utf-8" if options.encoding == "utf-8-sig" else options.encoding
        self._known_context: tuple[bytes, _Layout | DataError] | None = None
        self._needs_quotes = re.compile(f"[\r\n{re.escape(options.delimiter + options.quote)}]").search
        self._has_too_many = has_more_fields(options.delimiter.encode(), options.quote.encode(), MOST_COLUMNS)
        self._end = "\n" if options.line_ending == "lf" else "\r\n"

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Framer:
        return CsvFramer(self._options.delimiter.encode(), self._options.quote.encode(), self._options.header,
                         self._encoding == "utf-8", limit_bytes, offset, context)  # fmt: skip

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        layout = self._layout(context)
        if isinstance(layout, DataError):
            return [layout] * len(batch)
        rows = None if any(len(data) >= MOST_COLUMNS for data in batch) else self._rows_at_once(batch)
        return [self._document(row, layout) for row in (rows if rows is not None else map(self._row, batch))]

    def _rows_at_once(self, batch: Sequence[bytes]) -> list[list[str]] | None:
        """The rows of the batch in one run of the parser; None unless it gave each record one row of its own."""
        try:
            rows = list(self._reader([data.decode(self._encoding) for data in batch]))
        except (csv.Error, UnicodeDecodeError):
            return None
        return rows if len(rows) == len(batch) else None

    def _reader(self, texts: list[str]) -> Iterable[list[str]]:
        return csv.reader(texts, delimiter=self._options.delimiter, quotechar=self._options.quote, strict=True)

    def _row(self, data: bytes) -> list[str] | DataError:
        if len(data) >= MOST_COLUMNS and self._has_too_many(data):
            return DataError(f"more than {MOST_COLUMNS} fields", where=f"record of {len(data)} bytes",
                             expected="fewer fields", remedy="check the delimiter", code="csv-columns")  # fmt: skip
        try:
            text = data.decode(self._encoding)
            (row,) = self._reader([text])
        except UnicodeDecodeError as wrong:
            return DataError(f"byte 0x{data[wrong.start]:02x} is not {self._encoding} here",
                             where=f"byte {wrong.start} of the record", expected=self._encoding,
                             remedy="set encoding to what the sender writes", code="csv-encoding")  # fmt: skip
        except (csv.Error, ValueError) as cause:
            return DataError(f"{cause} in {text[:40]!r}", where=f"record of {len(data)} bytes",
                             expected="fields by RFC 4180, quotes in pairs",
                             remedy="check delimiter and quote", code="csv-syntax")  # fmt: skip
        return row

    def _document(self, row: list[str] | DataError, layout: _Layout) -> Any:
        if isinstance(row, DataError):
            return row
        names = layout.names or [f"column_{i}" for i in range(1, len(row) + 1)]
        if len(row) != len(names):
            return DataError(f"{len(row)} fields, the first {row[0][:40]!r}" if row else "no fields",
                             where=f"column {min(len(row), len(names)) + 1}", expected=f"{len(names)} fields",
                             remedy="check the delimiter and quotes of this record", code="csv-ragged")  # fmt: skip
        document: dict[str, Any] = dict(zip(names, row, strict=True))
        faults: list[str] = []
        for name, convert, words in layout.conversions:
            try:
                document[name] = convert(document.get(name, ""))
            except ValueError:
                faults.append(f"column {name!r}: found {document[name][:40]!r}; expected {words}")
        if faults:
            return DataError("; ".join(faults), where="record", code="csv-type")
        return document

    def _layout(self, context: bytes) -> _Layout | DataError:
        """The columns of a content whose header line is ``context``; worked out once for neighbouring batches."""
        if self._known_context is None or self._known_context[0] != context:
            self._known_context = (context, self._read_header(context))
        return self._known_context[1]

    def _read_header(self, context: bytes) -> _Layout | DataError:
        names = list(self._options.columns)
        if self._options.header and not names:
            row = self._row(context)
            if isinstance(row, DataError):
                return DataError(row.found, where=f"header, {row.where}", expected=row.expected, remedy=row.remedy,
                                 code="csv-header")  # fmt: skip
            names = [name.strip() or f"column_{i}" for i, name in enumerate(row, 1)]
        twice = sorted(name for name, times in Counter(names).items() if times > 1)
        if twice:
            return DataError(f"column {twice[0]!r} is named twice", where="header", expected="each column once",
                             remedy="give the names with columns: […]", code="csv-header")  # fmt: skip
        missing = [name for name in self._options.types if names and name not in names]
        if missing:
            return DataError(f"no column {missing[0]!r}", where="header",
                             expected=f"columns {', '.join(names[:_NAMED])[:200]}",
                             remedy=near(missing[0], names[:_NAMED]), code="csv-header")  # fmt: skip
        return _Layout(names, [(n, *_CONVERSIONS[t]) for n, t in self._options.types.items() if t != "text"])

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────

    def encode(self, documents: Sequence[Any]) -> Sequence[Any]:
        return [self._encode(document) for document in documents]

    def _encode(self, document: Any) -> bytes | DataError:
        records = document if isinstance(document, list | tuple) else [document]
        try:
            columns = self._columns(records)
            lines = [self._line(columns)] if self._options.write_header else []
            for number, record in enumerate(records, 1):
                lines.append(self._line(_fields(record, columns, number)))
            return "".join(lines).encode(self._options.encoding)
        except DataError as error:
            return error
        except UnicodeEncodeError as wrong:
            return DataError(f"{wrong.object[wrong.start]!r} has no form in {self._options.encoding}",
                             where=f"character {wrong.start}", expected=self._options.encoding,
                             remedy="write utf-8, or replace it in a map", code="csv-encoding")  # fmt: skip

    def _line(self, fields: Sequence[str]) -> str:
        """A record by RFC 4180, section 2; quotes only where they are needed."""
        needs_quotes, quote = self._needs_quotes, self._options.quote
        written = [quote + text.replace(quote, quote * 2) + quote if needs_quotes(text) else text for text in fields]
        line = self._options.delimiter.join(written)
        return (line or quote * 2) + self._end  # a record of one empty field is not an empty line

    def _columns(self, records: Sequence[Any]) -> list[str]:
        if self._options.columns:
            return list(self._options.columns)
        if not records or not isinstance(records[0], Mapping) or not records[0]:
            raise DataError("no fields", where="record 1", expected="a mapping of column to value",
                            remedy="name the columns with columns: […]", code="csv-record")  # fmt: skip
        return list(records[0])


@dataclass(frozen=True, slots=True)
class _Layout:
    names: list[str]
    conversions: list[tuple[str, Callable[[str], Any], str]]


_INTEGER = re.compile(r"\s*([-+]?[0-9]{1,4000})\s*")
_DECIMAL = re.compile(r"\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,6})?)\s*")


def _integer(text: str) -> int | None:
    if not text.strip():
        return None
    if match := _INTEGER.fullmatch(text):
        return int(match[1])
    raise ValueError(text)


def _decimal(text: str) -> Decimal | None:
    if not text.strip():
        return None
    if match := _DECIMAL.fullmatch(text):
        return Decimal(match[1])
    raise ValueError(text)


_CONVERSIONS: dict[str, tuple[Callable[[str], Any], str]] = {
    "integer": (_integer, "a whole number such as 42"),
    "decimal": (_decimal, "a decimal such as 12.50"),
}


def _fields(record: Any, columns: list[str], number: int) -> list[str]:
    if not isinstance(record, Mapping):
        raise DataError(f"a {type(record).__name__}", where=f"record {number}",
                        expected="a mapping of column to value", code="csv-record")  # fmt: skip
    known = set(columns)
    if extras := [name for name in record if name not in known]:
        extra = extras[0]
        raise DataError(f"field {extra!r} has no column", where=f"record {number}",
                        expected=f"columns {', '.join(columns[:_NAMED])[:200]}",
                        remedy=near(str(extra), columns[:_NAMED]) or "drop it in a map", code="csv-record")  # fmt: skip
    return [_field(record.get(name), name, number) for name in columns]


def _field(value: Any, name: str, number: int) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        if value.is_finite():
            return f"{value:f}" if abs(value.adjusted()) < 60 else str(value)
    elif isinstance(value, int) or (isinstance(value, float) and value == value and abs(value) != float("inf")):
        return repr(value)
    raise DataError(f"{str(value)[:40]!r} in field {name!r}", where=f"record {number}",
                    expected="text, a finite number, true, false or null", remedy="flatten it in a map",
                    code="csv-record")  # fmt: skip
