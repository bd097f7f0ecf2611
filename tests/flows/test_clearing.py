"""What retention takes from a running system, and what it leaves because a source would read it again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.flows.system import COPY, System
from waypost.flow.process.clearing import Clearing
from waypost.store.commit import Limits
from waypost.store.disk import RealDisk
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import live_reader, open_folds
from waypost.store.record import ArrivalBegun, ArrivalEnded
from waypost.store.retention import Ages
from waypost.testing.store_records import accepted, delivered, id_of, produced

DAY = 86400
LEAVE = COPY.replace("{memory: in}", "{directory: {path: in/*.json, after: leave, poll_seconds: 600}}")


async def cleared(system: System) -> None:
    """Let a month pass, with a message now and then, and retention run after it."""
    clearing = Clearing(system.engine, RealDisk(), Ages(finished=10 * DAY, dead=20 * DAY))
    clearing.take(system.engine.shard, system.engine.trading)
    for number in range(6):
        await system.clock.advance(5 * DAY)
        await system.ask("send", flow="copy", body=f'{{"k": "later-{number}"}}')
        await system.settle()
        await system.clock.advance(10)
        await system.settle()
    shard = system.engine.shard
    for _ in range(3):
        while shard.watermark < shard.end:  # noqa: ASYNC110 - flushes are timed by the real clock
            await asyncio.sleep(0.05)
        await clearing.run()
        await system.settle()
    clearing.close()


async def test_a_file_that_still_lies_there_is_not_read_again_after_its_messages_went(tmp_path: Path) -> None:
    inbox = tmp_path / "in"
    inbox.mkdir()
    for name in ("stays", "goes"):
        (inbox / f"{name}.json").write_text(f'{{"k": "{name}"}}')
    system = await System(tmp_path, {"flows/copy.yaml": LEAVE}).start()
    await system.arrived(2)
    (inbox / "goes.json").unlink()
    await cleared(system)
    assert await system.messages(key="k=stays") == []
    assert [row["name"] for row in (await system.ask("files"))["files"]] == ["in/stays.json"]
    await system.stop()
    await system.start()
    await system.clock.advance(1200)
    await system.settle()
    assert len([body for body in system.out() if "stays" in body]) == 1
    await system.stop()


async def test_shards_left_over_from_more_workers_are_cleared_too(tmp_path: Path) -> None:
    system = await System(tmp_path).start()
    store = EmbeddedStore(
        str(tmp_path / ".waypost"), folds=open_folds, clock=system.clock, limits=Limits(index_seconds=1.0)
    )
    left = await store.open_shard(1, 2)
    now = system.clock.now()
    await left.append([ArrivalBegun(1, "copy", "a#1", "a", "1", 9, now), ArrivalEnded(1, now, 3, 9, "")])
    await left.append([accepted(1, at=now, arrival=1), produced(1), delivered(1)])
    for seq in (2, 3, 4):
        await system.clock.advance(11 * DAY)
        await left.append([accepted(seq, at=system.clock.now()), produced(seq), delivered(seq)])
    while left.watermark < left.end:  # noqa: ASYNC110 - flushes are timed by the real clock
        await asyncio.sleep(0.05)
    clearing = Clearing(system.engine, RealDisk(), Ages(finished=10 * DAY, dead=20 * DAY))
    clearing.take(left, system.engine.trading, leftover=True)
    await clearing.run()
    assert live_reader([left]).history(id_of(1)) is None
    assert live_reader([left]).history(id_of(4)) is not None
    assert live_reader([left]).arrivals() == []
    clearing.close()
    await left.close()
    await system.stop()
