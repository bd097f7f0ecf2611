"""Cuts and reads one content of many records, as a flow does with a file, and tells time and memory.

``python -m benchmarks.streaming_loop KIND MB`` prints JSON. The content is made while it is read, in pieces of 256 KiB.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.streaming_kinds import KINDS, content
from waypost.core.cutting import cut, cut_end
from waypost.core.errors import DataError
from waypost.testing.format_kit import build_format

BATCH = 200
LIMIT = 64 << 20


def memory_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def measure(name: str, megabytes: int) -> dict[str, float]:
    kind = KINDS[name]()
    format_ = build_format(kind.format, kind.options, kind.files)
    framer, count = format_.framer(LIMIT), 0
    begun = time.perf_counter()
    for piece in content(kind, megabytes * 1_000_000):
        for slices in cut(framer, piece):
            count += _read(format_, slices)
    for slices in cut_end(framer):
        count += _read(format_, slices)
    seconds = time.perf_counter() - begun
    return {
        "rate": count / seconds, "mb_s": megabytes / seconds, "rss_mb": memory_mb("VmHWM"), "seconds": seconds,
        "cpu_seconds": time.process_time(),
    }  # fmt: skip


def _read(format_: Any, slices: Any) -> int:
    for at in range(0, len(slices), BATCH):
        batch = slices[at : at + BATCH]
        for document in format_.decode([item.data for item in batch], batch[0].context):
            if isinstance(document, DataError):
                raise document
    return len(slices)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
