"""From arrival to delivered at a fifth of the own maximum, with rotations, seals and a backup inside."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from benchmarks.asking import free_port, listens, wait_for
from benchmarks.bench import Bench
from benchmarks.process import Running, module
from benchmarks.project import HTTP, make_project

CONNECTIONS = 64
FLOOR_MS, TIMES_RAW = 10.0, 5.0
SEGMENT_BYTES = 4 << 20
"""Small, so that even a short period has rotations."""


def run(bench: Bench) -> None:
    """HTTP in, file out; orders are due at fixed times, so that a stall counts for all that it holds up."""
    seconds = bench.plan.steady_seconds
    with bench.fresh() as folder:
        most = _most(folder, bench.plan.http_seconds)
        before = bench.raw(folder)
        found = _steady(folder, most / 5, seconds)
        after = bench.raw(folder)
    raw = 500 * (before["p99"] + after["p99"])
    limit = max(FLOOR_MS, TIMES_RAW * raw)
    bench.add(
        f"{most / 5:,.0f} msg/s for {seconds:g} s", {**found, "raw_p99_ms": raw},
        target=f"p99 ≤ {limit:.1f} ms", passed=found["p99_ms"] <= limit, note="rotations, seals and a backup inside",
    )  # fmt: skip


def _start(root: Path, port: int) -> Running:
    arguments = ["-m", "benchmarks.short_segments", str(SEGMENT_BYTES), "run", str(root), "--quiet"]
    running = Running(arguments, log=root.with_suffix(".log"))
    wait_for(running, lambda: listens(port))
    return running


def _most(folder: Path, seconds: float) -> float:
    port = free_port()
    root = make_project(folder / "most", source=HTTP, lines=False, port=port)
    with _start(root, port) as running:
        found = module("benchmarks.http_load", str(port), str(seconds), str(CONNECTIONS))
        running.stop()
    return float(found["rate"])


def _steady(folder: Path, rate: float, seconds: float) -> dict[str, float]:
    port = free_port()
    root = make_project(folder / "steady", source=HTTP, lines=False, port=port)
    with _start(root, port) as running:
        copying = threading.Thread(target=_copy_in_the_middle, args=(root, folder / "backup", seconds / 2))
        copying.start()
        loaded = module("benchmarks.http_load", str(port), str(seconds), str(CONNECTIONS), str(rate))
        copying.join()
        running.stop()
    found: dict[str, float] = module("benchmarks.told", str(root / ".waypost"))
    if not (folder / "backup").exists() or found["segments"] < 2:
        raise RuntimeError("the period had no backup or no rotation in it")
    if found["messages"] < loaded["answered"]:
        raise RuntimeError(f"{found['messages']} messages of {loaded['answered']} were delivered")
    return {**found, "answer_p99_ms": loaded["p99_ms"]}


def _copy_in_the_middle(root: Path, to: Path, after: float) -> None:
    time.sleep(after)
    module("benchmarks.copy_store", str(root / ".waypost"), str(to))
