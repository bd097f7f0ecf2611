"""``kill -9`` at full load with many open messages, cold cache: how long until the system serves again."""

from __future__ import annotations

from pathlib import Path

from benchmarks.asking import status, wait_for
from benchmarks.bench import Bench, medians
from benchmarks.process import drop_cache, module, product
from benchmarks.project import DEAD, make_project, write_orders

TARGET_SECONDS = 3.0
TOLERANCE = 0.2


def run(bench: Bench) -> None:
    """At each number of stored messages; the largest against the smallest."""
    found = {}
    for stored in bench.plan.stored:
        found[stored] = _at(bench, stored)
        seconds = found[stored]["seconds"]
        bench.add(
            f"{stored:,} stored, {bench.plan.open:,} open", found[stored], target=f"≤ {TARGET_SECONDS:g} s",
            passed=seconds <= TARGET_SECONDS, note="from exec to the answer of the control socket and the next commit",
        )  # fmt: skip
    if len(found) > 1:
        first, *_, last = (figures["seconds"] for figures in found.values())
        change = 100 * (last / first - 1)
        bench.add("most against least stored", {"percent": change}, target="within 20 %", passed=abs(change) <= 20)


def _at(bench: Bench, stored: int) -> dict[str, float]:
    with bench.fresh() as folder:
        root = make_project(folder / "project", target=DEAD, max_open=10 * bench.plan.open + 1_000_000)
        with product(root, "--once") as running:
            running.wait()
        module("benchmarks.fill", str(root), str(stored), "1")
        samples = []
        for turn in range(bench.plan.repeats):
            if turn == 0:
                count = bench.plan.open + 20_000
                write_orders(root / "in/first.ndjson", count, first=stored)
                _die(root, stored + bench.plan.open)
            else:
                _die(root, 0)
            drop_cache(root / ".waypost")
            samples.append(_come_back(root, stored + count + turn))
        return medians(samples)


def _die(root: Path, accepted: int) -> None:
    """Kill a system that has accepted so many, while it works."""
    with product(root) as running:
        wait_for(running, lambda: status(root).get("accepted", -1) >= accepted, pause=0.005)
        running.kill()


def _come_back(root: Path, first: int) -> dict[str, float]:
    """Start; the time until it answers, and until it has taken what is new."""
    with product(root) as running:
        answers = wait_for(running, lambda: status(root), pause=0.005)
        before = status(root)["accepted"]
        write_orders(root / f"in/after-{first}.ndjson", 1, first=first)
        written = wait_for(running, lambda: status(root).get("accepted", 0) > before, pause=0.005)
        rss = running.memory()
        count = status(root)["open"]
        running.kill()
    return {"seconds": answers + written, "answers_s": answers, "open": count, "rss_mb": rss}
