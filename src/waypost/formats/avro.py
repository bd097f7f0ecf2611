"""Avro object container files: one document a block of records."""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from waypost.core.component import Framer
from waypost.core.errors import DataError, Fault, ProjectError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Option, ProjectPath, Size
from waypost.core.traits import FormatTraits
from waypost.formats.avro_block import SYNC_BYTES, AvroFramer, Short, read_header, varint
from waypost.formats.avro_places import AvroPlaces
from waypost.formats.avro_value import as_document, as_value, refuse_schema
from waypost.formats.library import library, project_file

_LIMIT = Size(64 << 20)
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, EOFError, AttributeError, UnicodeError, OverflowError,
               ArithmeticError, RecursionError, MemoryError, struct.error, zlib.error, Short)  # fmt: skip
Context = tuple[Any, str]
"""The parsed schema of a container and its codec."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AvroOptions:
    """The schema written by, and bounds."""

    schema: Annotated[
        ProjectPath | None,
        Option("The Avro schema (.avsc) of a record; only writing needs it.", example="schemas/o.avsc"),
    ] = None
    codec: Annotated[Literal["null", "deflate"], Option("How blocks are packed when written; both are read.")] = (
        "deflate"
    )
    unpacked_bytes: Annotated[Size, Option("Most bytes a block may unpack to.", maximum=1 << 32)] = _LIMIT


@registry.register(
    "format", "avro", options=AvroOptions, traits=FormatTraits(), example="{schema: schemas/order.avsc}", extra="avro"
)
class AvroFormat:
    """Avro object container files, one document a block; they are read by the schema they carry.

    A document holds `records`, in order; the `split` step makes messages of them. Bytes are Base64, dates and times
    ISO texts, numbers exact, what is not finite null. Files packed otherwise than by deflate are refused, as are
    schemas of records within themselves or of values that take no bytes. Written is one container a document.
    """

    content_type = "application/avro"

    def __init__(self, options: AvroOptions, grants: Grants) -> None:
        self._options = options
        self._avro = library("fastavro", "avro", "avro")
        self._schema = self._read_schema(options.schema, grants) if options.schema else None
        self._known: tuple[bytes, Context | DataError] | None = None

    def _read_schema(self, path: str, grants: Grants) -> Any:
        try:
            schema = json.loads(project_file(grants, path, "avro"))
            self._avro.parse_schema(schema)
            return schema
        except (*_UNREADABLE, self._avro.schema.SchemaParseException) as wrong:
            raise ProjectError([Fault(path, 0, "schema", f"{wrong}"[:200], "an Avro schema")]) from None

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Framer:
        return AvroFramer(limit_bytes, offset, context)

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        if self._known is None or self._known[0] != context:
            self._known = (context, self._context(context))
        known = self._known[1]
        return [known if isinstance(known, DataError) else self._decode(data, known) for data in batch]

    def _context(self, context: bytes) -> Context | DataError:
        try:
            metadata, _ = read_header(context)
            codec = metadata.get("avro.codec", b"null").decode("latin-1")
            if codec not in ("null", "deflate"):
                return DataError(f"codec {codec[:40]!r}", where="header", expected="null or deflate",
                                 remedy="have it packed by deflate", code="avro-codec")  # fmt: skip
            schema = json.loads(metadata["avro.schema"])
            refuse_schema(schema)
            return self._avro.parse_schema(schema), codec
        except DataError as refusal:
            return refusal
        except (*_UNREADABLE, self._avro.schema.SchemaParseException, self._avro.schema.UnknownType) as wrong:
            return DataError(f"{type(wrong).__name__}: {wrong}"[:200], where="header", expected="an Avro schema",
                             code="avro-schema")  # fmt: skip

    def _decode(self, data: bytes, context: Context) -> Any:
        schema, codec = context
        try:
            count, body, _ = self._body(data, codec)
            if not 0 <= count <= len(body):
                raise ValueError(f"{count} records in {len(body)} bytes")
            stream = io.BytesIO(body)
            records = [as_document(self._avro.schemaless_reader(stream, schema)) for _ in range(count)]
            if stream.tell() != len(body):
                raise ValueError(f"{len(body) - stream.tell()} bytes behind the last record")
            return {"records": records}
        except DataError as refusal:
            return refusal
        except _UNREADABLE as wrong:
            return DataError(f"{type(wrong).__name__}: {wrong}"[:200], where=f"block of {len(data)} bytes",
                             expected="records by the schema of the file", code="avro-syntax")  # fmt: skip

    def _body(self, data: bytes, codec: str) -> tuple[int, bytes, int]:
        """How many records a block has, their bytes, and where these begin in it."""
        count, at = varint(data, 0)
        size, at = varint(data, at)
        body = data[at : at + size]
        return count, self._inflated(body) if codec == "deflate" else body, at

    def locate(self, data: bytes, context: bytes, paths: Sequence[Sequence[str | int | None]]) -> Sequence[Any]:
        """Those of a block that is not packed."""
        ranges, start, packed = self._places(data, context, paths)
        if packed:
            return [None] * len(paths)
        return [(found[0] + start, found[1] + start) if found else None for found in ranges]

    def place_names(self, data: bytes, context: bytes, paths: Sequence[Sequence[str | int | None]]) -> Sequence[Any]:
        """Those of a packed block: the bytes in what it unpacks to."""
        ranges, _, packed = self._places(data, context, paths)
        return [f"bytes {f[0]}–{f[1]} of the unpacked block" if f and packed else None for f in ranges]

    def _places(
        self, data: bytes, context: bytes, paths: Sequence[Sequence[str | int | None]]
    ) -> tuple[list[tuple[int, int] | None], int, bool]:  # fmt: skip
        known = self._context(context)
        if isinstance(known, DataError):
            return [None] * len(paths), 0, False
        count, body, start = self._body(data, known[1])
        places = AvroPlaces(body, known[0], count)
        return [places.range_of(path) for path in paths], start, known[1] == "deflate"

    def _inflated(self, body: bytes) -> bytes:
        limit = self._options.unpacked_bytes
        unpacker = zlib.decompressobj(wbits=-15)
        made = unpacker.decompress(body, limit + 1)
        if len(made) > limit:
            raise DataError(f"more than {limit} bytes unpacked", where="block", expected=f"at most {limit}",
                            remedy="raise unpacked_bytes where the sender is to be trusted", code="avro-size",
                            )  # fmt: skip
        if not unpacker.eof:
            raise ValueError("a packed block that ends too early")
        return made

    def encode(self, documents: Sequence[Any]) -> Sequence[Any]:
        return [self._encode(document) for document in documents]

    def _encode(self, document: Any) -> bytes | DataError:
        if self._schema is None:
            return DataError(
                "no schema to write by", where="format avro", expected="schema: FILE.avsc", code="avro-schema"
            )
        records = document.get("records") if isinstance(document, Mapping) else None
        if not isinstance(records, list | tuple):
            return DataError("no records", where="document", expected="records, a list", code="avro-value")
        named: dict[str, Any] = {}
        made = io.BytesIO()
        try:
            parsed = self._avro.parse_schema(self._schema, named_schemas=named)
            values = [as_value(record, self._schema, named, f"records[{n}]") for n, record in enumerate(records)]
            sync = hashlib.sha256(json.dumps(self._schema, sort_keys=True).encode()).digest()[:SYNC_BYTES]
            self._avro.writer(made, parsed, values, codec=self._options.codec, sync_marker=sync, validator=True)
        except DataError as refusal:
            return refusal
        except (*_UNREADABLE, self._avro.validation.ValidationError) as wrong:
            return DataError(_said(wrong), where="document", expected="records by the schema",
                             remedy="convert it in a map", code="avro-value")  # fmt: skip
        return made.getvalue()


_VALUE = re.compile(r"(?:Field\()?([^() ]+)\)? is (?:<(.*)> of type <class '\w+'>|None) expected (.*)", re.DOTALL)


def _said(wrong: Exception) -> str:
    """What the library says of values that do not fit, all of them, in our form."""
    try:
        told = json.loads(str(wrong))
    except ValueError:
        told = None
    parts = told if isinstance(told, list) else [str(wrong)]
    words = []
    for part in map(str, parts):
        match = _VALUE.fullmatch(part)
        found = "missing" if match and match[2] is None else f"found {match[2][:40]!r}" if match else ""
        words.append(f"{match[1]}: {found}, expected {match[3][:80]}" if match else part)
    return "; ".join(words)[:400]
