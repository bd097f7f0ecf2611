"""More attacks: on packed files and workbooks read record by record, on depth, marks of encodings, odd characters."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile

from tests.conformance.test_excel import PRICES, SHEET, changed

RECORD = "{format: json, options: {lines: true}, unit: record, unpacked_bytes: 64MiB}"
MSH = b"MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5\r"
ROWS = b"<row><c><v>1</v></c></row>" * 40_000


def zip_of(*files: tuple[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return made.getvalue()


def overlapping() -> bytes:
    """A directory that names the one file a thousand times, as bombs without nesting do."""
    one = zip_of(("a", bytes(1 << 20)))
    at, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    entry = one[at:end]
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1000, 1000, len(entry) * 1000, at, 0)
    return one[:at] + entry * 1000 + tail


def deep_protobuf(levels: int) -> bytes:
    """Orders within orders (field 4)."""
    made = b"\x08\x01"
    for _ in range(levels):
        size, length = len(made), b""
        while size > 0x7F:
            length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
        made = b"\x22" + length + bytes([size]) + made
    return made


def linked() -> bytes:
    """A workbook that wants another file."""
    made = io.BytesIO(PRICES)
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("xl/externalLinks/externalLink1.xml", b"<externalLink/>")
        archive.writestr(
            "xl/externalLinks/_rels/externalLink1.xml.rels",
            b"<Relationships><Relationship Target='http://127.0.0.1:9/x.xlsx' TargetMode='External'/></Relationships>",
        )
    return made.getvalue()


def big_sheet() -> bytes:
    return changed(PRICES, SHEET, b"<sheetData>", b"<sheetData>" + ROWS)


JSON, XML, XML_RECORDS, HL7, CSV = "json {}", "xml {}", "xml {records: a/b}", "hl7 {}", "csv {}"
PROTOBUF = "protobuf {descriptors: o.protoset, message: shop.Order}"
ROW = "excel {unit: row, header: false}"
MORE = [
    (
        "zip bomb of records",
        lambda: zip_of(("a", bytes(1 << 30))),
        {f"archive {RECORD}": "record-too-large archive-size"},
    ),
    (
        "gzip bomb of records",
        lambda: gzip.compress(b"{}\n" * 60_000_000, 1),
        {f"archive {RECORD.replace('64', '1')}": "read archive-size"},
    ),
    (
        "bomb in a bomb of records",
        lambda: gzip.compress(gzip.compress(bytes(1 << 28))),
        {f"archive {RECORD}": "json-syntax json-encoding"},
    ),
    (
        "overlapping files",
        overlapping,
        {
            f"archive {RECORD}": "json-syntax archive-syntax",
            "archive {format: json}": "archive-size archive-content archive-syntax",
        },
    ),
    (
        "20,000 files",
        lambda: zip_of(*((f"{n}", b"{}\n") for n in range(20_000))),
        {f"archive {RECORD}": "read archive-size"},
    ),
    ("a sheet of 40,000 rows", big_sheet, {ROW: "read", "excel {header: false}": "read"}),
    (
        "a sheet that unpacks to 1 GB",
        lambda: changed(PRICES, SHEET, b"<sheetData>", b"<sheetData>" + b" " * (1 << 28)),
        {ROW: "archive-size", "excel {}": "archive-size"},
    ),
    (
        "a workbook with entities",
        lambda: changed(
            PRICES, SHEET, b"<worksheet", b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><worksheet"
        ),
        {ROW: "excel-doctype", "excel {}": "excel-doctype"},
    ),
    ("a workbook with links", linked, {ROW: "read", "excel {}": "read"}),
    ("100,000 messages deep", lambda: deep_protobuf(100_000), {PROTOBUF: "protobuf-syntax"}),
    ("100,000 subcomponents", lambda: MSH + b"NTE|1||" + b"a&" * 100_000 + b"\r", {HL7: "read"}),
    (
        "a million attributes on a parent",
        lambda: b"<a " + b" ".join(b"a%d=''" % n for n in range(1_000_000)) + b"><b/></a>",
        {XML_RECORDS: "xml-attributes"},
    ),
    (
        "a UTF-32 mark",
        lambda: '{"a": 1}'.encode("utf-32"),
        {JSON: "json-encoding", HL7: "fault hl7-encoding", CSV: "csv-header csv-encoding nothing"},
    ),
    (
        "a UTF-32 mark",
        lambda: "<a/>".encode("utf-32"),
        {XML: "xml-encoding xml-syntax read", XML_RECORDS: "xml-encoding"},
    ),
    ("half a surrogate pair", lambda: b'{"a": "\\ud800"}', {JSON: "json-text"}),
    ("half a surrogate pair in UTF-8", lambda: b'{"a": "\xed\xa0\x80"}', {JSON: "json-encoding"}),
    ("half a surrogate pair in UTF-8", lambda: b"<a>\xed\xa0\x80</a>", {XML: "xml-encoding xml-syntax"}),
    ("half a surrogate pair by number", lambda: b"<a>&#xD800;</a>", {XML: "xml-syntax"}),
    ("bytes of nothing in texts", lambda: b'{"a": "x\x00y"}', {JSON: "json-syntax"}),
    ("bytes of nothing in texts", lambda: b"<a>x\x00y</a>", {XML: "xml-syntax"}),
    ("bytes of nothing in texts", lambda: MSH + b"NTE|1||x\x00y\r", {HL7: "read"}),
    ("bytes of nothing in texts", lambda: b"a,b\nx\x00y,2\n", {CSV: "read"}),
    ("numbers that are none", lambda: b"\x1a\x09\x11" + struct.pack("<d", float("nan")), {PROTOBUF: "read"}),
]
"""Name, content, and by format with its options the codes of refusals that are right, or ``read``."""
