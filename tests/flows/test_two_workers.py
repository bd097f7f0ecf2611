"""Two real worker processes share a flow's keys: what is handed from one to the other keeps every promise, also when
one of them is killed in the middle."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from waypost.core.errors import EndpointUnavailable
from waypost.flow.process.client import Client
from waypost.testing.ledger.judge import sink_faults

KEYS, PER_KEY = 40, 250
TOTAL = KEYS * PER_KEY
SOURCE = Path(__file__).parents[2] / "src"

ORDERS = """
flow: orders
description: Orders of many customers, by customer.
owner: tests
source: {directory: {path: in/*.ndjson, poll_seconds: 0.1}}
format: {json: {lines: true}}
keys: {k: k}
targets:
  out: {directory: {path: out, append: true}}
delivery: {order_by: k}
"""
HOPS = ORDERS.replace("out: {directory: {path: out, append: true}}", "next: {channel: parcels}")
PARCELS = """
flow: parcels
description: What the orders become, by parcel service.
owner: tests
source: {channel: parcels}
format: json
keys: {s: s}
targets:
  out: {directory: {path: out, append: true}}
delivery: {order_by: s}
"""


def project(root: Path, **flows: str) -> Path:
    (root / "flows").mkdir()
    (root / "in").mkdir()
    (root / "waypost.yaml").write_text("name: two\n")
    for name, text in flows.items():
        (root / "flows" / f"{name}.yaml").write_text(text)
    return root


def fill(root: Path, files: int = 4) -> None:
    """Messages ``n`` of every key in order, over some files; ``s`` is another key that cuts across."""
    lines = [{"k": f"k{key}", "n": n, "s": f"s{(key + n) % 7}"} for n in range(PER_KEY) for key in range(KEYS)]
    size = len(lines) // files
    for number in range(files):
        part = root / "in" / f"{number}.part"
        part.write_text("".join(json.dumps(line) + "\n" for line in lines[number * size : (number + 1) * size]))
        part.rename(part.with_suffix(".ndjson"))


async def start(root: Path) -> Process:
    return await create_subprocess_exec(
        sys.executable, "-m", "waypost.testing.ledger.system", str(root), "2", str(os.getpid()),
        stdout=DEVNULL, stderr=DEVNULL, env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )  # fmt: skip


async def until(root: Path, true: Callable[[dict[str, Any]], bool], flow: str) -> dict[str, Any]:
    """The flow's status, once it is as wanted."""
    status: dict[str, Any] = {}
    for _ in range(600):
        await asyncio.sleep(0.05)
        if not Client(root).running:
            continue
        try:
            flows = (await Client(root).ask("status"))["flows"]
        except EndpointUnavailable:
            continue
        told = next((told for told in flows if told["flow"] == flow), None)
        status = {**told, **told["messages"], **told["deliveries"]} if told else {}
        if status and true(status):
            return status
    raise AssertionError(f"it did not happen: {status}")


def workers_of(system: Process) -> list[int]:
    """The two workers, children of the nursery."""
    (nursery,) = children(system.pid)
    return children(nursery)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def kill_one(system: Process, which: int) -> None:
    for _ in range(100):
        if len(workers := workers_of(system)) == 2:
            os.kill(workers[which], signal.SIGKILL)
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the workers are not there")


def arrived(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in (root / "out").glob("*.ndjson") for line in path.read_text().splitlines()]


async def stop(system: Process) -> None:
    system.terminate()
    assert await asyncio.wait_for(system.wait(), 40) == 0


def in_the_middle(status: dict[str, Any]) -> bool:
    assert status["delivered"] < TOTAL, "a kill now would come too late to mean anything"
    return bool(status["accepted"])


def at_the_end(status: dict[str, Any]) -> bool:
    return bool(status["delivered"] >= TOTAL and not status["open"] and not status["behind"])


@pytest.mark.parametrize("which", [0, 1])
async def test_a_killed_worker_costs_neither_order_nor_a_message(tmp_path: Path, which: int) -> None:
    root = project(tmp_path, orders=ORDERS)
    system = await start(root)
    try:
        await until(root, lambda status: True, "orders")
        fill(root)
        await until(root, in_the_middle, "orders")
        await kill_one(system, which)
        status = await until(root, at_the_end, "orders")
    finally:
        await stop(system)
    assert status["accepted"] == TOTAL
    came = [(line["k"], line["n"]) for line in arrived(root)]
    assert sink_faults("out", came, {f"k{key}": range(PER_KEY) for key in range(KEYS)}) == []


async def test_both_workers_have_a_part_of_the_work(tmp_path: Path) -> None:
    """Without it the other tests would prove nothing of handing over."""
    root = project(tmp_path, orders=ORDERS)
    fill(root)
    system = await start(root)
    try:
        await until(root, at_the_end, "orders")
    finally:
        await stop(system)
    sizes = [sum(path.stat().st_size for path in (root / f".waypost/shard-0{n}/journal").glob("*")) for n in (0, 1)]
    assert min(sizes) > 20_000, sizes


async def test_a_file_half_read_when_both_workers_died_is_taken_on_once(tmp_path: Path) -> None:
    """Every worker keeps how far it has a file; what is handed over again is known there."""
    root = project(tmp_path, orders=ORDERS)
    system = await start(root)
    try:
        await until(root, lambda status: True, "orders")
        fill(root, files=1)
        await until(root, in_the_middle, "orders")
        (nursery,) = children(system.pid)
        os.kill(nursery, signal.SIGKILL)
        status = await until(root, at_the_end, "orders")
    finally:
        await stop(system)
    assert (status["accepted"], status["delivered"]) == (TOTAL, TOTAL)
    assert len(arrived(root)) == TOTAL


async def test_a_hop_between_flows_and_workers_happens_once_and_in_order(tmp_path: Path) -> None:
    """The two flows have different keys, so about half of what a worker sends belongs to the other."""
    root = project(tmp_path, orders=HOPS, parcels=PARCELS)
    system = await start(root)
    try:
        await until(root, lambda status: True, "parcels")
        fill(root)
        await until(root, in_the_middle, "parcels")
        await kill_one(system, 0)
        await kill_one(system, 1)
        status = await until(root, at_the_end, "parcels")
    finally:
        await stop(system)
    assert (status["accepted"], status["delivered"]) == (TOTAL, TOTAL)
    came = arrived(root)
    assert len({(line["k"], line["n"]) for line in came}) == len(came) == TOTAL
    for key in range(KEYS):
        for service in range(7):
            numbers = [line["n"] for line in came if (line["k"], line["s"]) == (f"k{key}", f"s{service}")]
            assert numbers == sorted(numbers)
