"""A file of many records goes through in memory that does not grow with it."""

from __future__ import annotations

from benchmarks.asking import status, wait_for
from benchmarks.bench import Bench
from benchmarks.process import product
from benchmarks.project import delivered, make_project, write_orders

TARGET_MB = 150.0


def run(bench: Bench) -> None:
    """One worker, records of 1 KB; a standard run has 1 GB of them."""
    count = bench.plan.volume
    with bench.fresh() as folder:
        root = make_project(folder / "project")
        write_orders(root / "in/orders.ndjson", count)
        with product(root) as running:
            seconds = wait_for(running, lambda: status(root).get("delivered", 0) >= count, 120 + count / 1000, 0.1)
            most = running.memory()
            running.stop()
        if (came := delivered(root)) != count:
            raise RuntimeError(f"{came} messages of {count} came out")
    passed = most <= TARGET_MB
    bench.add(
        f"{count / 1000:,.0f} MB of records", {"rss_mb": most, "rate": count / seconds},
        target=f"≤ {TARGET_MB:g} MB", passed=passed,
    )  # fmt: skip
