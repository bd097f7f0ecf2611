"""Messages that lie in a shard no worker owns any more are sent again and replayed while the system runs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.flows.test_two_workers import SOURCE, stop, until
from waypost.core.key import ordering_hash, slot_of
from waypost.flow.process.client import Client
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import open_folds
from waypost.store.record import Accepted, Delivered

KEYS, PER_KEY = 12, 4
TOTAL = KEYS * PER_KEY
ORDERS = """
flow: orders
description: Orders of many customers, a file each.
owner: tests
source: {directory: {path: in/*.ndjson, poll_seconds: 0.1}}
format: {json: {lines: true}}
keys: {k: k}
targets:
  out: {directory: {path: out, name: '{keys.k}-{id}.json'}}
delivery: {order_by: k}
"""


@asynccontextmanager
async def running(root: Path, workers: int) -> AsyncIterator[Process]:
    system = await create_subprocess_exec(
        sys.executable, "-m", "waypost.testing.ledger.system", str(root), str(workers), str(os.getpid()),
        stdout=DEVNULL, stderr=DEVNULL, env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )  # fmt: skip
    try:
        await until(root, lambda status: True, "orders")
        yield system
    finally:
        await stop(system)


async def accepted_by(root: Path, workers: int) -> Path:
    """A project whose orders were delivered while it had so many workers."""
    for name in ("flows", "in"):
        (root / name).mkdir()
    (root / "waypost.yaml").write_text("name: left\n")
    (root / "flows/orders.yaml").write_text(ORDERS)
    lines = [json.dumps({"k": f"k{key}", "n": n}) for n in range(PER_KEY) for key in range(KEYS)]
    (root / "in/all.ndjson").write_text("".join(line + "\n" for line in lines))
    async with running(root, workers):
        await until(root, lambda status: delivered(status, TOTAL), "orders")
    return root


def delivered(status: dict[str, Any], count: int) -> bool:
    return bool(status["delivered"] >= count and not status["open"] and not status["behind"])


def files(root: Path) -> list[Path]:
    return list((root / "out").glob("*.json"))


async def appear(root: Path, count: int) -> bool:
    for _ in range(200):
        if len(files(root)) == count:
            return True
        await asyncio.sleep(0.05)
    return False


async def accepted_in(root: Path, shard: int) -> list[Any]:
    """Records of a shard of a system at rest."""
    opened = await EmbeddedStore(str(root / ".waypost"), folds=open_folds).look_at(shard)
    try:
        return [record for group in opened.journal.groups((0, 0), opened.index.applied) for _, record in group.records]
    finally:
        await opened.close()


async def test_all_that_was_delivered_is_sent_again_wherever_it_lies(tmp_path: Path) -> None:
    root = await accepted_by(tmp_path, 2)
    assert any(isinstance(record, Accepted) for record in await accepted_in(root, 1)), "nothing lies in shard 1"
    async with running(root, 1):
        for path in files(root):
            path.unlink()
        await Client(root).ask("pause", subject="target:orders/out")
        assert (await Client(root).ask("resend", flow="orders", target="out"))["count"] == TOTAL
        await asyncio.sleep(0.3)
        assert files(root) == []
        await Client(root).ask("resume", subject="target:orders/out")
        assert await appear(root, TOTAL)
        await until(root, lambda status: delivered(status, TOTAL), "orders")
    sent = [record for record in await accepted_in(root, 1) if isinstance(record, Delivered)]
    assert len(sent) > 1, "what lies in shard 1 was not told as sent again"


async def test_a_replay_goes_to_the_worker_that_owns_the_key_now(tmp_path: Path) -> None:
    root = await accepted_by(tmp_path, 3)
    async with running(root, 2):
        assert (await Client(root).ask("replay", flow="orders"))["count"] == TOTAL
        assert await appear(root, 2 * TOTAL)
        await until(root, lambda status: delivered(status, 2 * TOTAL), "orders")
    secret = (root / ".waypost/secret.key").read_bytes()
    for shard in (0, 1, 2):
        replayed = [r for r in await accepted_in(root, shard) if isinstance(r, Accepted) and r.origin == "replay"]
        owned = [key for r in replayed for _, keys in r.keys for (key,) in keys]
        assert {slot_of(ordering_hash(key.upper(), secret)) % 2 for key in owned} <= {shard}
        assert bool(owned) == (shard < 2)
