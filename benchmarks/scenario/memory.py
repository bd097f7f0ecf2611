"""Resident memory with many open messages of 100,000 keys behind a dead target."""

from __future__ import annotations

from typing import Any

from benchmarks.asking import status, wait_for
from benchmarks.bench import Bench
from benchmarks.process import product
from benchmarks.project import DEAD, make_project, write_orders

TARGET_MB = 150.0
KEYS = 100_000


def run(bench: Bench) -> None:
    """One worker; the most it ever had, and what it has once all are in."""
    held = bench.plan.held
    with bench.fresh() as folder:
        root = make_project(folder / "project", target=DEAD, max_open=2 * held)
        write_orders(root / "in/orders.ndjson", held, customers=KEYS)
        with product(root) as running:
            seconds = wait_for(running, lambda: _waiting(status(root)) >= held, 120 + held / 1000, 0.25)
            most, now = running.memory(), running.memory("VmRSS")
            running.kill()
    figures = {"rss_mb": most, "now_mb": now, "rate": held / seconds}
    bench.add(f"{held:,} open", figures, target=f"≤ {TARGET_MB:g} MB", passed=most <= TARGET_MB)


def _waiting(flow: dict[str, Any]) -> int:
    return int(flow.get("open", 0)) + int(flow.get("retrying", 0))
