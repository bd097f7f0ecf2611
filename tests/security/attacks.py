"""The attacks on formats, and a program that runs each and tells what came of it, how long it took and what it held.

Run as ``python -m tests.security.attacks`` it writes a line of JSON for each attack: its index, ``outcome`` (the codes
of refusals, ``read`` where a document was read), ``seconds`` and ``peak_mb`` above what the process held before.
"""

from __future__ import annotations

import gc
import gzip
import io
import json
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.test_avro import NULLS, TREE, bomb, container
from tests.conformance.test_protobuf import FILES
from tests.security.attacks_packed import MORE
from waypost.core.errors import DataError
from waypost.testing.format_kit import build_format, decode_all, frame

LIMIT = 64 << 20
MSH = b"MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5\r"
LAYOUT = b"records: {a: [{name: n, length: 12, type: decimal}]}\nstructure: [a*]"
LAUGHS = (
    b"<!DOCTYPE a [<!ENTITY l0 'ha'>"
    + b"".join(b"<!ENTITY l%d '%b'>" % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    + b"]><a>&l9;</a>"
)
XXE = b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>"
REMOTE = b"<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/a.dtd'><a/>"
UTF16 = '{"a": 1}'.encode("utf-16")


@dataclass(frozen=True)
class Attack:
    """``expected``: the codes of refusals that are right, or ``read``."""

    name: str
    format: str
    options: str
    make: Callable[[], bytes]
    expected: str

    def __str__(self) -> str:
        return f"{self.name} on {self.format} {self.options}".replace("{}", "").strip()


def zip_of(content: bytes, name: str = "a.json") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return made.getvalue()


def _numbered(template: bytes, count: int, between: bytes) -> bytes:
    return between.join(template % n for n in range(count))


def _each(name: str, make: Callable[[], bytes], *cases: tuple[str, str, str]) -> list[Attack]:
    return [Attack(name, format_, options, make, expected) for format_, options, expected in cases]


JSON, LINES, STRICT = ("json", "{}"), ("json", "{lines: true}"), ("json", "{duplicate_keys: refuse}")
XML, RECORDS = ("xml", "{}"), ("xml", "{records: a}")
CSV, HL7, X12 = ("csv", "{}"), ("hl7", "{}"), ("x12", "{}")
FIXED = ("fixed", "{layout: a.yaml}")
PROTOBUF = ("protobuf", "{descriptors: o.protoset, message: shop.Order}")
AVRO = ("avro", "{unpacked_bytes: 1MiB}")
PACKED = ("archive", "{format: json}")
MILLION = 1_000_000

ATTACKS: list[Attack] = [
    *_each("billion laughs", lambda: LAUGHS, (*XML, "xml-doctype"), (*RECORDS, "xml-doctype")),
    *_each("external entity", lambda: XXE, (*XML, "xml-doctype"), (*RECORDS, "xml-doctype")),
    *_each("remote document type", lambda: REMOTE, (*XML, "xml-doctype"), (*RECORDS, "xml-doctype")),
    *_each(
        "external entity in UTF-16",
        lambda: XXE.decode().encode("utf-16"),
        (*XML, "xml-doctype"),
        (*RECORDS, "xml-encoding"),
    ),
    *_each("external entity, packed", lambda: gzip.compress(XXE), ("archive", "{format: xml}", "archive-content")),
    *_each(
        "zip bomb",
        lambda: zip_of(bytes(1 << 30)),
        (*PACKED, "archive-size"),
        ("excel", "{}", "excel-syntax archive-size"),
    ),
    *_each("gzip bomb", lambda: gzip.compress(bytes(1 << 30)), (*PACKED, "archive-size")),
    *_each("bomb in a bomb", lambda: gzip.compress(gzip.compress(bytes(1 << 28))), (*PACKED, "archive-content")),
    *_each(
        "100,000 levels",
        lambda: b"[" * 100_000 + b"]" * 100_000,
        (*JSON, "json-depth"),
        (*LINES, "json-depth"),
        (*STRICT, "json-depth"),
    ),
    *_each("100,000 levels of objects", lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000, (*JSON, "json-depth")),
    *_each(
        "100,000 elements deep",
        lambda: b"<a>" * 100_000 + b"</a>" * 100_000,
        (*XML, "xml-depth"),
        (*RECORDS, "xml-depth"),
        ("xml", "{records: b}", "xml-depth"),
    ),
    *_each(
        "a million attributes",
        lambda: b"<a " + _numbered(b"a%d=''", MILLION, b" ") + b"/>",
        (*XML, "xml-attributes"),
        (*RECORDS, "xml-attributes"),
    ),
    *_each(
        "a million attributes with >",
        lambda: b"<a " + _numbered(b"a%d='>'", MILLION, b"\n") + b"/>",
        (*XML, "xml-attributes"),
    ),
    *_each(
        "a million elements", lambda: b"<a>" + b"<b/>" * MILLION + b"</a>", (*XML, "xml-size"), (*RECORDS, "xml-size")
    ),
    *_each(
        "200,000 namespaces", lambda: b"<a>" + _numbered(b"<b xmlns='u%d'/>", 200_000, b"") + b"</a>", (*XML, "read")
    ),
    *_each("a million keys", lambda: b"{" + _numbered(b'"k%d":1', MILLION, b",") + b"}", (*JSON, "read")),
    *_each(
        "a million columns",
        lambda: b"a" + b",a" * MILLION + b"\n" + b"," * MILLION + b"\n",
        (*CSV, "csv-header csv-columns"),
    ),
    *_each("a million fields", lambda: MSH + b"PID" + b"|" * MILLION, (*HL7, "hl7-size")),
    *_each("a million segments", lambda: MSH + b"NTE|1\r" * MILLION, (*HL7, "hl7-size")),
    *_each(
        "quotes for the patterns",
        lambda: b"<a " + b"b='\"" * 500_000,
        (*XML, "xml-attributes xml-syntax"),
        (*RECORDS, "xml-attributes"),
    ),
    *_each(
        "tags for the patterns",
        lambda: b"<a" + b" a" * 2_000_000,
        (*XML, "xml-attributes xml-syntax"),
        (*RECORDS, "xml-attributes"),
    ),
    *_each(
        "comments for the patterns",
        lambda: b"<!--" * 2_000_000,
        (*XML, "xml-syntax xml-size"),
        (*RECORDS, "xml-syntax"),
    ),
    *_each(
        "instructions for the patterns",
        lambda: b"<?a ?>" * MILLION + b"<a",
        (*XML, "xml-syntax xml-size"),
        (*RECORDS, "xml-syntax"),
    ),
    *_each("open records for the patterns", lambda: b"<a>" + b"<a b" * MILLION, (*RECORDS, "fault")),
    *_each("quotes for the patterns", lambda: b'a\n"' + b'""' * 4_000_000, (*CSV, "csv-syntax")),
    *_each("quotes and delimiters", lambda: b"a\n" + b'","' * 3_000_000, (*CSV, "read")),
    *_each("escapes for the patterns", lambda: MSH + b"NTE|" + b"\\.br" * 2_000_000, (*HL7, "read")),
    *_each(
        "backslashes for the patterns",
        lambda: b'["' + b"\\\\" * 4_000_000 + b"\\ud800",
        (*JSON, "json-text json-syntax"),
    ),
    *_each(
        "a number of ten million digits",
        lambda: b"[" + b"9" * 10_000_000 + b"]",
        (*JSON, "read json-number json-syntax"),
    ),
    *_each("a huge exponent", lambda: b"n\n1e999999\n", ("csv", "{types: {n: decimal}}", "read")),
    *_each("a huge exponent", lambda: b"[1e99999999999999999999]", (*JSON, "json-number")),
    *_each("half a million empty messages", lambda: b"\x1a\x00" * (1 << 19), (*PROTOBUF, "read")),
    *_each("messages beyond the limit", lambda: b"\x1a\x00" * (1 << 20), (*PROTOBUF, "record-too-large")),
    *_each("a packed block", bomb, (*AVRO, "avro-size")),
    *_each("a list of nothings", lambda: container(NULLS, [{"l": [None] * 9}]), (*AVRO, "avro-schema")),
    *_each("records within themselves", lambda: container(TREE, [{"l": None}]), (*AVRO, "avro-schema")),
    *_each("NaN", lambda: b"[NaN]", (*JSON, "json-syntax"), (*LINES, "json-syntax"), (*STRICT, "json-syntax")),
    *_each("Infinity", lambda: b"[-Infinity]", (*JSON, "json-syntax")),
    *_each("NaN", lambda: b"n\nNaN\n", ("csv", "{types: {n: decimal}}", "csv-type")),
    *_each("NaN", lambda: b"NaN\n", (*FIXED, "fixed-line")),
    *_each("duplicate keys", lambda: b'{"a": 1, "a": 2}', (*JSON, "read"), (*STRICT, "json-duplicate-key")),
    *_each("duplicate attributes", lambda: b"<a b='1' b='2'/>", (*XML, "xml-syntax"), (*RECORDS, "xml-syntax")),
    *_each("duplicate columns", lambda: b"a,a\n1,2\n", (*CSV, "csv-header")),
    *_each("a UTF-8 mark", lambda: b'\xef\xbb\xbf{"a": 1}', (*JSON, "read"), (*LINES, "read")),
    *_each("a UTF-8 mark", lambda: b"\xef\xbb\xbf<a>1</a>", (*XML, "read"), (*RECORDS, "read")),
    *_each("a UTF-8 mark", lambda: b"\xef\xbb\xbfn\n1\n", ("csv", "{types: {n: integer}}", "read")),
    *_each("a UTF-8 mark", lambda: b"\xef\xbb\xbf" + MSH, (*HL7, "read")),
    *_each("a UTF-8 mark", lambda: b"\xef\xbb\xbf000000000150\n", (*FIXED, "read")),
    *_each(
        "UTF-16",
        lambda: UTF16,
        (*JSON, "json-encoding"),
        (*RECORDS, "xml-encoding"),
        (*HL7, "fault"),
        (*FIXED, "fixed-encoding"),
    ),
    *_each("UTF-16", lambda: "a,b\n1,2\n".encode("utf-16"), (*CSV, "csv-header csv-encoding")),
    *_each("Latin-1 said to be UTF-8", lambda: b'["\xe4"]', (*JSON, "json-encoding")),
    *_each("Latin-1 said to be UTF-8", lambda: b"<a>\xe4</a>", (*XML, "xml-encoding"), (*RECORDS, "xml-encoding")),
    *_each("Latin-1 said to be UTF-8", lambda: b"a\n\xe4\n", (*CSV, "csv-encoding")),
    *_each("Latin-1 said to be UTF-8", lambda: MSH + b"NTE|\xe4", (*HL7, "hl7-encoding")),
    *_each("Latin-1 said to be UTF-8", lambda: b"\xe4\n", (*FIXED, "fixed-encoding")),
    *_each(
        "an encoding nobody has",
        lambda: b"<?xml version='1.0' encoding='UTF-7'?><a/>",
        (*XML, "xml-encoding"),
        (*RECORDS, "xml-encoding"),
    ),
    *_each(
        "bytes of nothing",
        lambda: bytes(1 << 20),
        (*JSON, "json-syntax"),
        (*XML, "xml-syntax"),
        (*RECORDS, "xml-syntax"),
        (*CSV, "nothing csv-header"),
        (*HL7, "fault"),
        (*FIXED, "fixed-line"),
        (*PACKED, "archive-syntax"),
        (*X12, "nothing"),
    ),
]

ATTACKS += [
    Attack(name, *case.split(" ", 1), make, expected) for name, make, cases in MORE for case, expected in cases.items()
]


def outcome(attack: Attack, data: bytes) -> list[str]:
    """What comes of it: codes of refusals, ``fault`` of the framer, ``read``, or ``nothing``."""
    format_ = build_format(attack.format, attack.options, {"a.yaml": LAYOUT, **FILES})
    pieces = [data[at : at + (1 << 18)] for at in range(0, len(data), 1 << 18)]
    slices, refusal = frame(format_, pieces, limit=LIMIT)
    made = set()
    for item, result in zip(slices, decode_all(format_, slices), strict=True):
        made.add("fault" if item.fault else result.code if isinstance(result, DataError) else "read")
    return sorted(made | ({refusal.partition(":")[0]} if refusal else set())) or ["nothing"]


def memory_kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def main() -> None:
    for index, attack in enumerate(ATTACKS):
        data = attack.make()
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the peak of memory begins anew
        before, start = memory_kb("VmRSS"), time.perf_counter()
        said = outcome(attack, data)
        seconds = time.perf_counter() - start
        peak_mb = (memory_kb("VmHWM") - before) / 1024
        told = {"index": index, "outcome": said, "seconds": seconds, "peak_mb": peak_mb, "bytes": len(data)}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
