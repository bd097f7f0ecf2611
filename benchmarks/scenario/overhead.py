"""Digests, timings and the index, on against off: what being able to find and to prove costs."""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench import Bench, medians
from benchmarks.process import Running, Usage
from benchmarks.project import delivered, make_project, write_orders

TARGET_PERCENT = 8.0
CASES = {"on": "", "all off": "digests,timings,index"}
EACH = {"without digests": "digests", "without index": "index"}
"""Also told in a run of several repeats."""


def run(bench: Bench) -> None:
    """One worker, all cases in turns; the difference is of processor time, which the neighbours disturb least."""
    cases = CASES if bench.plan.repeats == 1 else {**CASES, **EACH}
    samples: dict[str, list[dict[str, float]]] = {case: [] for case in cases}
    with bench.fresh() as folder:
        write_orders(folder / "orders.ndjson", bench.plan.messages)
        for _ in range(bench.plan.repeats):
            for case, parts in cases.items():
                samples[case].append(_once(bench, folder / "orders.ndjson", parts))
    found = {case: medians(each) for case, each in samples.items()}
    for case, figures in found.items():
        bench.add(case, figures)
    cost = 100 * (found["on"]["cpu_us"] / found["all off"]["cpu_us"] - 1)
    bench.add("on against off, CPU", {"percent": cost}, target=f"≤ {TARGET_PERCENT:g} %", passed=cost <= TARGET_PERCENT)


def _once(bench: Bench, orders: Path, parts: str) -> dict[str, float]:
    count = bench.plan.messages
    with bench.fresh() as folder:
        root = make_project(folder / "project")
        _run(root, parts)
        empty = _run(root, parts)
        (root / "in/orders.ndjson").hardlink_to(orders)
        whole = _run(root, parts)
        if delivered(root) != count:
            raise RuntimeError(f"{delivered(root)} messages of {count} came out")
    return {
        "rate": count / max(whole.wall - empty.wall, whole.wall / 10),
        "cpu_us": (whole.cpu - empty.cpu) / count * 1e6,
    }


def _run(root: Path, parts: str) -> Usage:
    arguments = ["-m", "benchmarks.engine_without", parts, "run", str(root), "--once", "--quiet"]
    with Running(arguments, log=root.with_suffix(".log")) as running:
        return running.wait()[0]
