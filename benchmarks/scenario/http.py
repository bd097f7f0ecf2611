"""HTTP → durable → file: 64 keep-alive connections, answered after the commit, beside the listener alone."""

from __future__ import annotations

from pathlib import Path

from benchmarks.asking import free_port, listens, wait_for
from benchmarks.bench import Bench, medians
from benchmarks.process import Running, module, product
from benchmarks.project import HTTP, delivered, make_project

CONNECTIONS = 64


def run(bench: Bench) -> None:
    """Requests a second and how long they take."""
    samples = []
    for _ in range(bench.plan.repeats):
        with bench.fresh() as folder:
            bare = _bare(bench)
            found = _whole(bench, folder)
        samples.append({
            **found, "bare_rate": bare["rate"], "bare_p99_ms": bare["p99_ms"], "of_bare": found["rate"] / bare["rate"],
        })  # fmt: skip
    bench.add(f"{CONNECTIONS} connections, one worker", medians(samples))


def _bare(bench: Bench) -> dict[str, float]:
    port = free_port()
    with Running(["-m", "benchmarks.bare_listener", str(port)]) as running:
        wait_for(running, lambda: listens(port))
        return _load(bench, port)


def _whole(bench: Bench, folder: Path) -> dict[str, float]:
    port = free_port()
    root = make_project(folder / "project", source=HTTP, lines=False, port=port)
    with product(root) as running:
        wait_for(running, lambda: listens(port))
        before = running.cpu()
        found = _load(bench, port)
        found["cpu_us"] = (running.cpu() - before) / found["answered"] * 1e6
        wait_for(running, lambda: delivered(root) >= found["answered"], 60, 0.1)
        running.stop()
    return {name: found[name] for name in ("rate", "p50_ms", "p99_ms", "cpu_us")}


def _load(bench: Bench, port: int) -> dict[str, float]:
    found: dict[str, float] = module("benchmarks.http_load", str(port), str(bench.plan.http_seconds), str(CONNECTIONS))
    if found["refused"]:
        raise RuntimeError(f"{found['refused']:g} of {found['answered']:g} requests were refused")
    return found
