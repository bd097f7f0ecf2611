"""Cuts and reads one content of many records, as a flow does with a file, and tells time and memory.

``python -m benchmarks.streaming_loop KIND MB`` prints JSON. The content is made while it is read, in pieces of 256 KiB.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from waypost.core.errors import DataError
from waypost.testing.format_kit import build_format

PIECE = 1 << 18
BATCH = 200
LIMIT = 64 << 20
LAYOUT = b"""
records:
  order:
    - {name: id, length: 10, type: integer}
    - {name: sku, length: 20}
    - {name: price, length: 12, type: decimal, places: 2}
    - {name: on, length: 8, type: date}
    - {name: note, length: 450}
structure: [order*]
"""
TEXT = b"a note of some length " * 20
KINDS: dict[str, tuple[str, str, bytes, bytes]] = {
    "json": ("json", "{lines: true}", b"", b'{"id": 1, "sku": "A-1", "price": 12.50, "note": "%b"}\n' % TEXT),
    "csv": ("csv", "{types: {price: decimal}}", b"id,sku,price,note\r\n", b'1,A-1,12.50,"%b"\r\n' % TEXT),
    "xml": (
        "xml", "{records: orders/order}", b"<?xml version='1.0'?><orders>",
        b"<order id='1'><sku>A-1</sku><price>12.50</price><note>%b</note></order>\n" % TEXT,
    ),
    "fixed": (
        "fixed", "{layout: l.yaml}", b"", b"0000000001" + b"A-1".ljust(20) + b"00000000125020260102" + TEXT + b"\n",
    ),
    "hl7": (
        "hl7", "{}", b"",
        b"MSH|^~\\&|LAB|H|EHR|C|20260102||ORU^R01|1|P|2.5\rPID|1||7^^^H||Doe^John\rOBX|1|ST|A^B||%b\r" % TEXT,
    ),
}  # fmt: skip
"""Format, options, what the content begins with, and a record of about 500 bytes."""


def content(kind: str, size: int) -> Iterator[bytes]:
    """At least ``size`` bytes of sound records."""
    _, _, head, record = KINDS[kind]
    yield head
    piece = record * (PIECE // len(record))
    for _ in range(size // len(piece) + 1):
        yield piece
    if kind == "xml":
        yield b"</orders>"


def memory_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def measure(kind: str, megabytes: int) -> dict[str, float]:
    name, options, _, _ = KINDS[kind]
    format_ = build_format(name, options, {"l.yaml": LAYOUT})
    framer, count, size = format_.framer(LIMIT), 0, 0
    begun = time.perf_counter()
    for piece in content(kind, megabytes * 1_000_000):
        size += len(piece)
        count += _read(format_, framer.feed(piece))
    count += _read(format_, framer.finish())
    seconds = time.perf_counter() - begun
    return {"rate": count / seconds, "mb_s": size / 1e6 / seconds, "rss_mb": memory_mb("VmHWM"), "seconds": seconds}


def _read(format_: Any, slices: Any) -> int:
    for at in range(0, len(slices), BATCH):
        batch = slices[at : at + BATCH]
        for document in format_.decode([item.data for item in batch], batch[0].context):
            if isinstance(document, DataError):
                raise document
    return len(slices)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
