"""The parts of a message's way by themselves: what the whole cannot fall below with this Python on this machine."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.process import module


def run(bench: Bench) -> None:
    """Each part, and their sum."""
    with bench.fresh() as folder:
        found: dict[str, float] = module("benchmarks.parts_loop", str(folder))
        raw = bench.raw(folder)
    for name, took in found.items():
        bench.add(name, {"cpu_us": took})
    total = sum(found.values())
    note = "of which the disk's own loop, R, would make so many"
    bench.add("all of it", {"cpu_us": total, "rate": 1e6 / total, "ratio": 1e6 / total / raw["rate"]}, note=note)
