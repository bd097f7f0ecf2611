"""Loops without a product: what the disk does when nothing but the disk is in the way. Run as a process of its own.

``python -m benchmarks.raw append FOLDER SECONDS`` is R, "write 100 KB + fdatasync", counted as 100 messages of 1 KB;
``rename`` is "create, write 1 KB, fsync, rename, sync the folder", one message each. Prints JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

BATCH, BODY = 100, 1024


def append(folder: str, seconds: float) -> tuple[int, list[float]]:
    """Messages written and the seconds each write and sync took."""
    data, at, times = os.urandom(BATCH * BODY), 0, []
    path = f"{folder}/raw"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    end = time.perf_counter() + seconds
    while (begun := time.perf_counter()) < end:
        at += os.pwrite(fd, data, at)
        os.fdatasync(fd)
        times.append(time.perf_counter() - begun)
    os.close(fd)
    os.unlink(path)
    return len(times) * BATCH, times


def rename(folder: str, seconds: float) -> tuple[int, list[float]]:
    """Messages written, a file each, and the seconds each took."""
    data, times, made = os.urandom(BODY), [], []
    parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    end = time.perf_counter() + seconds
    while (begun := time.perf_counter()) < end:
        name = f"{folder}/raw-{len(times):08d}"
        fd = os.open(name + ".new", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(fd, data)
        os.fsync(fd)
        os.close(fd)
        os.rename(name + ".new", name)
        os.fsync(parent)
        made.append(name)
        times.append(time.perf_counter() - begun)
    os.close(parent)
    for name in made:
        os.unlink(name)
    return len(times), times


LOOPS: dict[str, Callable[[str, float], tuple[int, list[float]]]] = {"append": append, "rename": rename}


def main() -> None:
    loop, folder, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    begun = time.perf_counter()
    messages, times = LOOPS[loop](folder, seconds)
    times.sort()
    took = sum(times) or time.perf_counter() - begun
    print(json.dumps({
        "rate": messages / took, "p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100],
    }))  # fmt: skip


if __name__ == "__main__":
    main()
