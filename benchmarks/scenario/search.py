"""Any business key while two workers write at full speed, messages of a moment ago included."""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path

from benchmarks.asking import ask, status, wait_for
from benchmarks.bench import Bench, percentile
from benchmarks.process import Running, module, product
from benchmarks.project import make_project, order_id, write_orders

TARGET_MS = 20.0
MOST_SECONDS = 30.0
LOAD = 100_000
"""Messages in each file that is fed while searches go on."""


def run(bench: Bench) -> None:
    """At each number of stored messages."""
    for stored in bench.plan.stored:
        with bench.fresh() as folder:
            root = make_project(folder / "project")
            with product(root, "--once", "--workers", "2") as running:
                running.wait()
            module("benchmarks.fill", str(root), str(stored), "2")
            found = _search(bench, root, stored)
        for case, times in found.items():
            figures = {
                "p50_ms": 1000 * percentile(times, 50), "p99_ms": 1000 * percentile(times, 99), "searches": len(times)
            }  # fmt: skip
            passed = figures["p99_ms"] <= TARGET_MS
            bench.add(f"{stored:,} stored: {case}", figures, target=f"p99 ≤ {TARGET_MS:g} ms", passed=passed)


def _search(bench: Bench, root: Path, stored: int) -> dict[str, list[float]]:
    """Seconds of each search, for old messages and for those delivered last; and until those were found, which may
    take several searches."""
    files = 0
    found: dict[str, list[float]] = {"any key": [], "of a moment ago": [], "until found": []}
    count = min(LOAD, 4 * bench.plan.messages)
    with product(root, "--workers", "2") as running:
        wait_for(running, lambda: status(root))
        while len(found["any key"]) < bench.plan.searches:
            write_orders(root / f"in/more-{files}.ndjson", count, first=stored + files * count)
            _while_writing(running, root, found, stored, stored + (files + 1) * count - 1, bench.plan.searches)
            files += 1
    return found


def _while_writing(
    running: Running, root: Path, found: dict[str, list[float]], stored: int, last: int, most: int
) -> None:
    chance = random.Random(last)

    async def one(kind: str, number: int) -> int:
        begun = time.perf_counter()
        answer = await ask(root, "messages", key=f"order={order_id(number)}", limit=5)
        found[kind].append(time.perf_counter() - begun)
        return len(answer["messages"])

    async def both() -> None:
        while len(found["any key"]) < most:
            number = chance.randrange(stored)
            if await one("any key", number) != 1:
                raise RuntimeError(f"{order_id(number)} was not found")
            newest = _newest(root)
            if newest >= stored:
                begun = time.perf_counter()
                while await one("of a moment ago", newest) != 1:
                    if time.perf_counter() - begun > MOST_SECONDS:
                        raise RuntimeError(f"{order_id(newest)} was not found {MOST_SECONDS:g} s after its delivery")
                found["until found"].append(time.perf_counter() - begun)
            if newest >= last - 2000:
                return
            await asyncio.sleep(0.01)

    wait_for(running, lambda: _newest(root) >= stored)
    asyncio.run(both())


def _newest(root: Path) -> int:
    """The number of the order that stands last in an output file."""
    path = root / "out/large.ndjson"
    if not path.exists():
        return -1
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        lines = file.read().split(b"\n")
    return int(json.loads(lines[-2])["number"][2:]) if len(lines) > 2 else -1
