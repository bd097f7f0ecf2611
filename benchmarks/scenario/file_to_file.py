"""File → validate → map → route → file (``append``), traced and indexed, by one worker and by two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import Bench, medians
from benchmarks.flowing import run_over
from benchmarks.process import slow_sync
from benchmarks.project import make_project, write_orders

CPU_US = 32
SLOW_RATE = 30_000


@dataclass(frozen=True)
class Goal:
    """The ratio that must be reached and the one aimed at."""

    least: float
    aim: float


GOALS = {1: Goal(0.09, 0.13), 2: Goal(0.15, 0.20)}


def run(bench: Bench) -> None:
    """One and two workers; the slower syncs with both."""
    plan = bench.plan
    with bench.fresh() as folder:
        write_orders(folder / "orders.ndjson", plan.messages)
        for added in plan.sync_ms:
            extra = slow_sync(bench.folder, added) if added else {}
            if extra is None:
                bench.add(f"{added:g} ms added to each sync", {}, note="left out: no C compiler for the shim")
                continue
            for workers, goal in GOALS.items():
                if workers > 1 and added and plan.repeats == 1:
                    continue
                samples = [
                    _sample(bench, folder / "orders.ndjson", workers, extra)
                    for _ in range(plan.repeats if not added else (plan.repeats + 1) // 2)
                ]
                _report(bench, workers, goal, added, medians(samples))


def _sample(bench: Bench, orders: Path, workers: int, extra: Mapping[str, str]) -> dict[str, float]:
    with bench.fresh() as folder:
        root = make_project(folder / "project")
        cell = lambda: run_over(root, orders, bench.plan.messages, workers=workers, extra=extra)  # noqa: E731
        return bench.beside(folder, cell, extra=extra)


def _report(bench: Bench, workers: int, goal: Goal, added: float, found: dict[str, float]) -> None:
    name = "one worker" if workers == 1 else "two workers"
    if added >= 5:
        passed = found["rate"] >= SLOW_RATE
        bench.add(f"{name}, +{added:g} ms a sync", found, target=f"≥ {SLOW_RATE:,} msg/s", passed=passed)
    elif added:
        bench.add(f"{name}, +{added:g} ms a sync", found)
    else:
        target = f"≥ {goal.least} R (aim {goal.aim}), ≤ {CPU_US} µs CPU (aim 26)"
        bench.add(name, found, target=target, passed=found["ratio"] >= goal.least and found["cpu_us"] <= CPU_US)
