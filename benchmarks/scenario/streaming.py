"""One long content of each streaming format, cut and read: at most 100 MB are resident, whatever its length."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.process import module
from benchmarks.streaming_loop import KINDS

TARGET_MB = 100.0


def run(bench: Bench) -> None:
    """A process for each format, so that each has its own memory."""
    for kind in KINDS:
        figures: dict[str, float] = module("benchmarks.streaming_loop", kind, str(bench.plan.stream_mb))
        case = f"{kind}, {bench.plan.stream_mb:,} MB"
        bench.add(case, figures, target=f"≤ {TARGET_MB:g} MB", passed=figures["rss_mb"] <= TARGET_MB)
