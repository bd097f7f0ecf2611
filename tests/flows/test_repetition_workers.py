"""Repetitions of interchanges that two worker processes share, also when one of them is killed in the middle."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from tests.flows.test_repetition import agreed, many
from tests.flows.test_two_workers import project, start
from waypost.core.errors import EndpointUnavailable
from waypost.flow.process.client import Client
from waypost.testing.ledger.trial import family_of

ORDERS_PER_FILE, FILES = 120, 4
FLOW = """
flow: orders
description: Orders of partners.
owner: tests
source: {directory: {path: in/*.edi, poll_seconds: 0.1}}
format: {x12: {partner: acme}}
targets:
  out: {directory: {path: out, append: true}}
"""


async def listed(root: Path) -> list[str]:
    """The states of all messages, once nothing moves any more."""
    states: list[str] = []
    for _ in range(400):
        try:
            found = (await Client(root).ask("messages", flow="orders", limit=10_000))["messages"]
        except (EndpointUnavailable, OSError):
            found = []
        states = sorted(message["state"] for message in found)
        if len(states) == ORDERS_PER_FILE * FILES * 2 and not {"received", "processing", "open"} & set(states):
            break
        await asyncio.sleep(0.1)
    return states


async def test_each_interchange_counts_once_whoever_dies(tmp_path: Path) -> None:
    root = project(tmp_path, orders=FLOW)
    (root / "partners").mkdir()
    duplicates = "{interchange: 30d, group: 30d}"
    (root / "partners/acme.yaml").write_text(agreed(duplicates).replace("usage: production", "usage: any"))
    for number in range(FILES):
        text = many(ORDERS_PER_FILE, 500 + number).replace("*311", f"*{600 + number}")
        for name in (f"{number}a.edi", f"{number}b.edi"):
            (root / "in" / name).write_text(text)
    system = await start(root)
    try:
        for _ in range(2):
            await asyncio.sleep(0.8)
            for worker in workers_of(system.pid):
                os.kill(worker, signal.SIGKILL)
                break
        states = await listed(root)
    finally:
        os.kill(system.pid, signal.SIGTERM)
        await system.wait()
    assert states == ["delivered"] * (ORDERS_PER_FILE * FILES) + ["parked"] * (ORDERS_PER_FILE * FILES)


def workers_of(pid: int) -> list[int]:
    """The worker processes of a system."""
    return family_of(pid)[2:]
