"""Journal only, with rotation: at least half of R."""

from __future__ import annotations

from benchmarks.bench import Bench, medians
from benchmarks.process import module, slow_sync

TARGET = 0.5


def run(bench: Bench) -> None:
    """At the disk's own speed, and with slower syncs."""
    for added in bench.plan.sync_ms:
        extra = slow_sync(bench.folder, added) if added else {}
        if extra is None:
            bench.add(f"{added:g} ms added to each sync", {}, note="left out: no C compiler for the shim")
            continue
        seconds = bench.plan.journal_seconds if not added else bench.plan.journal_seconds / 6
        samples = []
        for _ in range(bench.plan.repeats):
            with bench.fresh() as folder:
                arguments = (str(folder / "store"), str(seconds))
                cell = lambda a=arguments, e=extra: module("benchmarks.journal_loop", *a, extra=e)  # noqa: E731
                samples.append(bench.beside(folder, cell, extra=extra))
        found = medians(samples)
        if added:
            bench.add(f"{added:g} ms added to each sync", found)
        else:
            bench.add(f"batches of 100, {seconds:g} s", found, target=f"≥ {TARGET} R", passed=found["ratio"] >= TARGET)
