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
from waypost.formats.csv_places import field_ranges

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
    quote: Annotated[
        str, Option("The character around fields that hold others; empty where none is quoted, as in many TSV files.")
    ] = '"'
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
        Literal["utf-8", "utf-8-sig", "latin-1", "iso-8859-15", "cp1250", "cp1252"],
        Option("Character encoding; a UTF-8 byte order mark is passed over, and written by utf-8-sig."),
    ] = "utf-8"
    ragged: Annotated[
        Literal["refuse", "fill"],
        Option(
            "A record of another number of fields than columns: refused, or read with empty texts for those missing "
            "and with those beyond as a list under `beyond`."
        ),
    ] = "refuse"
    quoting: Annotated[
        Literal["needed", "texts", "all"], Option("Which fields are quoted when written.", advanced=True)
    ] = "needed"
    write_header: Annotated[bool, Option("Whether each document written begins with a header line.")] = False
    line_ending: Annotated[Literal["crlf", "lf"], Option("What ends a record written.", advanced=True)] = "crlf"

    def faults(self) -> Iterable[OptionFault]:
        for name in ("delimiter", "quote"):
            value = getattr(self, name)
            if name == "quote" and not value:
                continue
            if len(value) != 1 or not value.isascii() or value in "\r\n\0":
                yield OptionFault(name, f"found {value!r}", "one ASCII character")
        if not self.quote and self.quoting != "needed":
            yield OptionFault("quoting", f"found {self.quoting!r} and no quote", "a quote")
        if self.ragged == "fill" and "beyond" in self.columns:
            yield OptionFault("columns", "'beyond' is a column", "another name, since `ragged: fill` uses it")
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
    null where empty. With `delimiter: "\\t"` it reads and writes TSV. Columns without a name are ``column_1``,
    ``column_2`` … Lines of no character are gaps. Written: a mapping is one record, a list of mappings several; null is
    empty, true and false are words; fields are those of
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
        options = self._options
        if not options.quote:
            return csv.reader(texts, delimiter=options.delimiter, quoting=csv.QUOTE_NONE, strict=True)
        return csv.reader(texts, delimiter=options.delimiter, quotechar=options.quote, strict=True)

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
            said = "a CR that ends no line" if "new-line character" in str(cause) else str(cause)
            return DataError(f"{said} in {text[:40]!r}", where=f"record of {len(data)} bytes",
                             expected="fields by RFC 4180, quotes in pairs",
                             remedy="check delimiter and quote", code="csv-syntax")  # fmt: skip
        return row

    def _document(self, row: list[str] | DataError, layout: _Layout) -> Any:
        if isinstance(row, DataError):
            return row
        names = layout.names or [f"column_{i}" for i in range(1, len(row) + 1)]
        beyond: list[str] | None = None
        if len(row) != len(names) and self._options.ragged == "fill":
            beyond = row[len(names) :]
            row = [*row[: len(names)], *[""] * (len(names) - len(row))]
        if len(row) != len(names):
            return DataError(f"{len(row)} fields, the first {row[0][:40]!r}" if row else "no fields",
                             where=f"column {min(len(row), len(names)) + 1}", expected=f"{len(names)} fields",
                             remedy="check the delimiter and quotes of this record", code="csv-ragged")  # fmt: skip
        document: dict[str, Any] = dict(zip(names, row, strict=True))
        if beyond:
            document["beyond"] = beyond
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

    def locate(self, data: bytes, context: bytes, paths: Sequence[Sequence[str | int | None]]) -> Sequence[Any]:
        layout = self._layout(context)
        options = self._options
        fields = field_ranges(data, ord(options.delimiter), ord(options.quote) if options.quote else None)
        names = [] if isinstance(layout, DataError) else layout.names or [f"column_{i + 1}" for i in range(len(fields))]
        known: dict[Any, Any] = {(name,): found for name, found in zip(names, fields, strict=False)}
        known |= {("beyond", at): found for at, found in enumerate(fields[len(names) :])}
        return [(0, len(data.rstrip(b"\r\n"))) if not path else known.get(tuple(path)) for path in paths]

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────

    def encode(self, documents: Sequence[Any]) -> Sequence[Any]:
        return [self._encode(document) for document in documents]

    def _encode(self, document: Any) -> bytes | DataError:
        records = document if isinstance(document, list | tuple) else [document]
        try:
            columns = self._columns(records)
            lines = [self._line(columns)] if self._options.write_header else []
            for number, record in enumerate(records, 1):
                lines.append(self._record(record, columns, number))
            return "".join(lines).encode(self._options.encoding)
        except DataError as error:
            return error
        except UnicodeEncodeError as wrong:
            return DataError(f"{wrong.object[wrong.start]!r} has no form in {self._options.encoding}",
                             where=f"character {wrong.start}", expected=self._options.encoding,
                             remedy="write utf-8, or replace it in a map", code="csv-encoding")  # fmt: skip

    def _record(self, record: Any, columns: list[str], number: int) -> str:
        fields = _fields(record, columns, number)
        if self._options.quote:
            texts = {n for n in columns if isinstance(record.get(n), str)} if self._options.quoting == "texts" else None
            return self._line(fields, [name in texts for name in columns] if texts is not None else ())
        for name, text in zip(columns, fields, strict=True):
            if self._needs_quotes(text):
                raise DataError(f"{text[:40]!r} in field {name!r}", where=f"record {number}",
                                expected="no delimiter or line end, since nothing is quoted",
                                remedy="replace it in a map, or set quote", code="csv-record")  # fmt: skip
        if len(fields) == 1 and not fields[0]:
            raise DataError("an empty field alone", where=f"record {number}", expected="a value",
                            remedy="set quote", code="csv-record")  # fmt: skip
        return self._options.delimiter.join(fields) + self._end

    def _line(self, fields: Sequence[str], quoted: Sequence[bool] = ()) -> str:
        """A record by RFC 4180, section 2; quotes where ``quoting`` says so and where they are needed."""
        needs_quotes, quote, every = self._needs_quotes, self._options.quote, self._options.quoting == "all"
        marks = quoted or [every] * len(fields)
        written = [
            quote + text.replace(quote, quote * 2) + quote if mark or needs_quotes(text) else text
            for text, mark in zip(fields, marks, strict=True)
        ]
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
