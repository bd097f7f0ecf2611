"""Channels: what one flow sends, the flows that read it get, once each and in order, across a restart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from waypost.core.errors import BugError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.flow.process.worker import RunOptions, Worker

COVERS = {("source", "channel"), ("target", "channel")}

FEED = """
flow: feed
description: Puts orders into a channel.
owner: ops
source: {directory: {path: in/*.ndjson}}
format: {json: {lines: true}}
keys: {k: k}
targets:
  orders: {channel: orders}
delivery: {order_by: k}
"""
READER = """
flow: NAME
description: Reads orders from a channel.
owner: ops
source: {channel: orders}
keys: {k: k}
targets:
  out: {directory: {path: out, name: NAME.ndjson, append: true}}
delivery: {order_by: k}
"""


def project(root: Path, *readers: str) -> Path:
    (root / "flows").mkdir()
    (root / "in").mkdir()
    (root / "waypost.yaml").write_text("name: channels\n")
    (root / "flows" / "feed.yaml").write_text(FEED)
    for name in readers:
        (root / "flows" / f"{name}.yaml").write_text(READER.replace("NAME", name))
    return root


def drop(root: Path, name: str, first: int, count: int) -> None:
    lines = [json.dumps({"k": f"k{n % 7}", "n": n}) for n in range(first, first + count)]
    (root / "in" / f"{name}.ndjson").write_text("\n".join(lines) + "\n")


async def run(root: Path) -> Worker:
    worker = Worker(root, "dev", 0, RunOptions(once=True))
    await worker.start()
    assert await worker.run() == 0
    return worker


def got(root: Path, reader: str) -> list[int]:
    return [json.loads(line)["n"] for line in (root / "out" / f"{reader}.ndjson").read_text().splitlines()]


@pytest.mark.parametrize("readers", [("one",), ("one", "two")], ids=["queue", "publish/subscribe"])
async def test_every_reader_gets_every_message_once_and_in_order(tmp_path: Path, readers: tuple[str, ...]) -> None:
    root = project(tmp_path, *readers)
    drop(root, "a", 0, 500)
    await run(root)
    drop(root, "b", 500, 300)
    await run(root)
    for reader in readers:
        assert got(root, reader) == list(range(800))


async def test_a_message_knows_the_one_it_came_from(tmp_path: Path) -> None:
    root = project(tmp_path, "one")
    drop(root, "a", 0, 1)
    worker = Worker(root, "dev", 0, RunOptions())
    await worker.start()
    try:
        while not (root / "out" / "one.ndjson").exists() or worker.engine.busy:
            await worker.engine.clock.sleep(0.01)
        listed: Any = await worker.control.perform("messages", {"key": "k=k0"})
        rows = {row["flow"]: row["id"] for row in listed["messages"]}
        shown: Any = await worker.control.perform("show", {"id": rows["one"]})
        assert shown["relatives"] == [{"id": rows["feed"], "relation": "channel-from"}]
        assert shown["verdict"] == "proved"
    finally:
        await worker.stop()


def test_the_engine_alone_moves_messages_through_a_channel(tmp_path: Path) -> None:
    for kind in ("source", "target"):
        component = registry.find(kind, "channel")  # type: ignore[arg-type]
        assert component is not None
        options = component.spec.options(channel="orders")
        built = component.build(options, Grants(root=tmp_path))
        call = built.receive() if kind == "source" else built.send([])
        with pytest.raises(BugError, match="by the engine"):
            call.send(None)
