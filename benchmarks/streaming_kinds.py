"""Contents of any length of each kind that is read record by record, made while they are read."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

PIECE = 1 << 18
TEXT = b"a note of some length " * 20
_LAYOUT = b"""
records:
  order:
    - {name: id, length: 10, type: integer}
    - {name: sku, length: 20}
    - {name: price, length: 12, type: decimal, places: 2}
    - {name: on, length: 8, type: date}
    - {name: note, length: 450}
structure: [order*]
"""
_LAYOUT_OF_MANY = b"""
records:
  header:
    - {name: type, length: 1, value: H}
    - {name: created, length: 8, type: date}
  payment:
    - {name: type, length: 1, value: P}
    - {name: amount, length: 10, type: decimal, places: 2}
    - {name: note, length: 450}
  trailer:
    - {name: type, length: 1, value: T}
    - {name: count, length: 6, type: integer}
structure:
  - {group: batches*, body: [header, payment*, trailer]}
"""
_AVRO = {
    "type": "record", "name": "Order", "fields": [
        {"name": "id", "type": "long"}, {"name": "price", "type": "double"}, {"name": "note", "type": "string"},
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """How a content is read, and how one is made: what it begins with, what is repeated, what it ends with."""

    format: str
    options: str
    make: Callable[[int], Iterator[bytes]]
    """Pieces of at least so many bytes of sound records."""
    files: Mapping[str, bytes] = field(default_factory=dict)


def repeated(record: bytes, head: bytes = b"", tail: bytes = b"") -> Callable[[int], Iterator[bytes]]:
    def make(size: int) -> Iterator[bytes]:
        yield head
        piece = record * max(PIECE // len(record), 1)
        for _ in range(size // len(piece) + 1):
            yield piece
        yield tail

    return make


def _avro(codec: str) -> Callable[[int], Iterator[bytes]]:
    """Blocks of about 16 KB, as they are usual."""

    def make(size: int) -> Iterator[bytes]:
        import fastavro

        note, made = TEXT.decode(), [io.BytesIO(), io.BytesIO()]
        for stream, count in zip(made, (0, 32), strict=True):
            rows = [{"id": n, "price": 12.5, "note": note} for n in range(count)]
            fastavro.writer(stream, _AVRO, rows, codec=codec, sync_marker=b"s" * 16, sync_interval=1 << 20)
        head = made[0].getvalue()
        # A packed block becomes some thirty times as large: the size meant is the one that is read.
        block, unpacked = made[1].getvalue()[len(head) :], 32 * (len(note) + 12)
        yield from repeated(block, head)(size * len(block) // unpacked)

    return make


def _described() -> bytes:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as F
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

    made = FileDescriptorSet()
    message = made.file.add(name="o.proto", package="shop", syntax="proto3").message_type.add(name="Order")
    for number, (name, kind) in enumerate((("id", F.TYPE_INT64), ("price", F.TYPE_DOUBLE), ("note", F.TYPE_STRING)), 1):
        message.field.add(name=name, number=number, type=kind, label=F.LABEL_OPTIONAL)
    return made.SerializeToString()


def _protobuf(size: int) -> Iterator[bytes]:
    body = b"\x08\x07\x11" + struct.pack("<d", 12.5) + b"\x1a" + _varint(len(TEXT)) + TEXT
    yield from repeated(_varint(len(body)) + body)(size)


def _varint(number: int) -> bytes:
    return bytes([number & 0x7F | 0x80, number >> 7]) if number > 0x7F else bytes([number])


_ITEM = json.dumps({"id": 1, "sku": "A-1", "price": 12.5, "note": TEXT.decode()}).encode()
_HL7 = b"MSH|^~\\&|LAB|H|EHR|C|20260102||ORU^R01|1|P|2.5\rPID|1||7^^^H||Doe^John\rOBX|1|ST|A^B||%b\r" % TEXT
_PAYMENT = b"P0000001250" + TEXT.ljust(450) + b"\n"
_CSV = Kind(
    "csv", "{types: {price: decimal}}", repeated(b'1,A-1,12.50,"%b"\r\n' % TEXT, b"id,sku,price,note\r\n")
)  # fmt: skip


_SHEET = "xl/worksheets/sheet1.xml"


class _Pipe(io.RawIOBase):
    """Takes what is written until somebody takes it away; nobody can go back in it."""

    def __init__(self) -> None:
        self._made: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._made.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        made, self._made = b"".join(self._made), []
        return made


def _zipped(pieces: Iterator[bytes], name: str = "content", others: Mapping[str, bytes] = {}) -> Iterator[bytes]:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:  # type: ignore[type-var]
        for other, content in others.items():
            archive.writestr(other, content)
        with archive.open(name, "w", force_zip64=True) as file:
            for piece in pieces:
                file.write(piece)
                yield pipe.taken()
    yield pipe.taken()


def _workbook(size: int) -> Iterator[bytes]:
    """A workbook of one sheet, whose own XML is of that size."""
    import openpyxl

    made = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["id", "sku", "price", "a", "b", "c"])
    book.save(made)
    with zipfile.ZipFile(made) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    head, _, tail = files.pop(_SHEET).partition(b"<sheetData>")
    row = b"<row><c><v>1</v></c><c t='inlineStr'><is><t>A-1</t></is></c><c><v>12.5</v></c>"
    row += b"<c t='inlineStr'><is><t>%b</t></is></c>" % TEXT * 3 + b"</row>"  # a sheet has a million rows at most
    yield from _zipped(repeated(row, head + b"<sheetData>", tail)(size), _SHEET, files)


def _gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def _packed(kind: str, how: Callable[[Iterator[bytes]], Iterator[bytes]]) -> Kind:
    inner = KINDS[kind]()
    options = f"{{format: {inner.format}, options: {inner.options}, unit: record, unpacked_bytes: 2GiB}}"
    return Kind("archive", options, lambda size: how(inner.make(size)), inner.files)


KINDS: dict[str, Callable[[], Kind]] = {
    "json": lambda: Kind("json", "{lines: true}", repeated(_ITEM + b"\n")),
    "json long lines": lambda: Kind("json", "{lines: true}", repeated(b"[" + b",".join([_ITEM] * 2000) + b"]\n")),
    "json list": lambda: Kind(
        "json", "{records: data.orders}", repeated(_ITEM + b",\n", b'{"data": {"orders": [', _ITEM + b"]}}")
    ),
    "csv": lambda: _CSV,
    "xml": lambda: Kind(
        "xml", "{records: orders/order}",
        repeated(b"<order id='1'><sku>A-1</sku><price>12.50</price><note>%b</note></order>\n" % TEXT,
                 b"<?xml version='1.0'?><orders>", b"</orders>"),
    ),
    "fixed": lambda: Kind(
        "fixed", "{layout: l.yaml}",
        repeated(b"0000000001" + b"A-1".ljust(20) + b"00000000125020260102" + TEXT + b"\n"), {"l.yaml": _LAYOUT},
    ),
    "fixed, several records": lambda: Kind(
        "fixed", "{layout: l.yaml}", repeated(b"H20260102\n" + _PAYMENT * 98 + b"T000098\n"),
        {"l.yaml": _LAYOUT_OF_MANY},
    ),
    "hl7": lambda: Kind("hl7", "{}", repeated(_HL7)),
    "avro": lambda: Kind("avro", "{}", _avro("null")),
    "avro packed": lambda: Kind("avro", "{}", _avro("deflate")),
    "protobuf": lambda: Kind(
        "protobuf", "{descriptors: o.protoset, message: shop.Order, unit: delimited}", _protobuf,
        {"o.protoset": _described()},
    ),
    "excel": lambda: Kind("excel", "{unit: row, header: false, unpacked_bytes: 2GiB}", _workbook),
    "gzip of csv": lambda: _packed("csv", _gzipped),
    "gzip of json long lines": lambda: _packed("json long lines", _gzipped),
    "gzip of fixed, several records": lambda: _packed("fixed, several records", _gzipped),
    "zip of csv": lambda: _packed("csv", _zipped),
    "zip of json long lines": lambda: _packed("json long lines", _zipped),
    "zip of fixed, several records": lambda: _packed("fixed, several records", _zipped),
}  # fmt: skip
"""Records are of about 500 bytes, long lines of 1 MB. The size of what is packed is that of what it unpacks to."""


def content(kind: Kind, size: int) -> Iterator[bytes]:
    """The pieces of a content that are not empty."""
    return (piece for piece in kind.make(size) if piece)
