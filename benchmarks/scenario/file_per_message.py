"""The same flow with a file per message, beside a bare loop that creates, writes, syncs and renames one."""

from __future__ import annotations

from benchmarks.bench import Bench, medians
from benchmarks.flowing import run_over
from benchmarks.project import SINGLE, make_project, write_orders


def run(bench: Bench) -> None:
    """One worker; the ratio is to the bare loop."""
    samples = []
    for _ in range(bench.plan.repeats):
        with bench.fresh() as folder:
            write_orders(folder / "orders.ndjson", bench.plan.files)
            root = make_project(folder / "project", target=SINGLE)
            cell = lambda r=root, f=folder: run_over(r, f / "orders.ndjson", bench.plan.files)  # noqa: E731
            samples.append(bench.beside(folder, cell, "rename"))
    bench.add("one worker", medians(samples), note="R = create, write, fsync, rename, sync folder")
