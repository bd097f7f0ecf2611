"""The ledger of what was exchanged with partners follows the journal, comes back when lost, and outlives the bodies."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.system import System
from tests.flows.test_acknowledgement_ledger import ACK, FILES, received
from tests.flows.trading import CONFIRMATION
from waypost.flow.process.clearing import Clearing
from waypost.store.backup import snapshot
from waypost.store.disk import RealDisk
from waypost.store.exchange_db import FILE, read
from waypost.store.exchange_feed import seen
from waypost.store.retention import Ages, Retention

DAY = 86400


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    system = System(tmp_path, FILES)
    await system.start()
    yield system
    await system.stop()


async def rows(system: System, **params: Any) -> list[dict[str, Any]]:
    await system.settle()
    found: list[dict[str, Any]] = (await system.ask("exchanges", **params))["exchanges"]
    return found


async def traded(system: System) -> list[dict[str, Any]]:
    """An 855 sent, and the 997 for it."""
    system.put(CONFIRMATION % 1)
    await system.arrived(1)
    await received(system, "ack.edi", ACK.format(group="7", code="A"))
    return await rows(system)


def ledger(system: System) -> Path:
    return system.root / ".waypost/shard-00" / FILE


def forget(database: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{database}{ending}").unlink(missing_ok=True)


async def test_what_was_sent_and_received_is_in_the_ledger(system: System) -> None:
    sent, acknowledged = sorted(await traded(system), key=lambda row: str(row["direction"]), reverse=True)
    assert (sent["direction"], sent["partner"], sent["interchange"], sent["groups"]) == (
        "sent",
        "acme",
        "000000041",
        ["7"],
    )
    assert (sent["times_sent"], sent["state"], sent["target"]) == (1, "delivered", "out")
    assert [one["number"] for one in acknowledged["acknowledges"]] == ["0001", "7"] and acknowledged["kind"] == "997"
    assert [row["message"] for row in await rows(system, message=sent["message"])] == [sent["message"]]
    named = await rows(system, partner="acme", items=[["group", "0007"]], near=sent["at"])
    assert {row["direction"] for row in named} == {"sent", "received"}


async def test_a_lost_ledger_is_made_again_from_the_journal(system: System) -> None:
    before = await traded(system)
    await system.stop()
    ledger(system).unlink()
    await system.start()
    assert await rows(system) == before


async def test_a_ledger_of_another_layout_is_made_again(system: System) -> None:
    before = await traded(system)
    await system.stop()
    other = read(ledger(system))
    assert other is not None
    birth = other.birth
    other.close()
    import apsw

    with apsw.Connection(str(ledger(system))) as connection:
        connection.pragma("user_version", 999)
        connection.execute("DELETE FROM exchange")
    assert read(ledger(system)) is None
    await system.start()
    assert await rows(system) == before
    again = read(ledger(system))
    assert again is not None and again.birth != birth
    again.close()


@pytest.mark.parametrize("lost", [False, True])
async def test_after_a_death_nothing_is_missing_and_nothing_twice(system: System, lost: bool) -> None:
    before = await traded(system)
    copy = system.root / "old.db"
    await asyncio.to_thread(snapshot, str(ledger(system)), str(copy))
    system.put(CONFIRMATION % 2)
    await system.arrived(2)
    after = await rows(system)
    await system.kill()
    forget(ledger(system))
    if not lost:  # as it was a while before
        shutil.copy(copy, ledger(system))
    await system.start()
    assert await rows(system) == after and len(after) == len(before) + 1


async def test_at_rest_the_ledger_is_read_in_place_or_brought_up_to_date(system: System) -> None:
    from waypost.flow.process.offline import perform_offline

    before = await traded(system)
    await system.stop()
    told = await perform_offline(system.root, "dev", "exchanges", {})
    assert told["exchanges"] == before
    ledger(system).unlink()
    assert (await perform_offline(system.root, "dev", "exchanges", {}))["exchanges"] == before
    assert not ledger(system).exists()
    await system.start()


async def test_pages_follow_each_other_in_the_order_of_time(system: System) -> None:
    everything = await traded(system)
    first = await system.ask("exchanges", limit=1)
    second = await system.ask("exchanges", limit=1, after=first["next"])
    assert [*first["exchanges"], *second["exchanges"]] == everything
    last = await system.ask("exchanges", limit=1, after=second["next"])
    assert last == {"exchanges": [], "next": None}


async def test_the_ledger_keeps_what_retention_took_and_lets_it_go_in_its_own_time(system: System) -> None:
    [sent, _] = sorted(await traded(system), key=lambda row: str(row["direction"]), reverse=True)
    clearing = Clearing(system.engine, RealDisk(), Ages(finished=10 * DAY, dead=20 * DAY))
    clearing.take(system.engine.shard, system.engine.trading)
    for number in range(4):
        await system.clock.advance(6 * DAY)
        system.put(CONFIRMATION % (number + 2))
        await system.arrived(number + 2)
    shard = system.engine.shard
    for _ in range(3):
        while shard.watermark < shard.end:  # noqa: ASYNC110 - flushes are timed by the real clock
            await asyncio.sleep(0.05)
        await rows(system)
        await clearing.run()
    clearing.close()
    assert await system.ask("show", id=sent["message"]) is None
    [kept] = await rows(system, message=sent["message"], content=True)
    assert (kept["interchange"], kept["state"]) == (sent["interchange"], "") and "raw" not in kept
    await system.stop()
    database = read(ledger(system))
    assert database is not None
    database.close()
    system.write({"waypost.yaml": "name: test\nretention: {exchanges: 15d}\n"})
    await system.start()
    await system.clock.advance(100)
    await system.until(lambda: not _of(system, sent["message"]))
    assert len(await rows(system)) == 3


def _of(system: System, message: str) -> list[Any]:
    with system.engine.trading.asked() as database:
        assert database is not None
        return database.of_message(message)


async def test_retention_does_not_pass_the_ledger(system: System) -> None:
    await traded(system)
    for behind, kept in ((True, True), (False, False)):
        await system.clock.advance(30 * DAY)
        system.put(CONFIRMATION % (2 + kept))
        await system.arrived(2 + (not kept))
        await rows(system)
        shard = system.engine.shard
        while shard.watermark < shard.end:  # noqa: ASYNC110 - flushes are timed by the real clock
            await asyncio.sleep(0.05)
        ages = Ages(finished=10 * DAY, dead=20 * DAY)
        followed = (lambda: (1, 0)) if behind else (lambda: None)
        retention = Retention(shard, RealDisk(), system.clock, ages, followed=followed)
        removed = await retention.run()
        retention.close()
        assert bool(removed.segments) is not kept


async def test_a_backup_has_the_ledger(system: System) -> None:
    from waypost.store.embedded import EmbeddedStore
    from waypost.store.folds import open_folds

    before = await traded(system)
    store = EmbeddedStore(str(system.root / ".waypost"), folds=open_folds)
    async for _ in store.backup(str(system.root / "saved")):
        pass
    saved = read(system.root / "saved/shard-00" / FILE)
    assert saved is not None
    assert [row.message for row in saved.page(0, (0, 0), "", 9)] == [row["message"] for row in before]
    saved.close()
    assert "shard-00/exchanges.db" in (system.root / "saved/backup.json").read_text()


async def test_how_far_it_came_is_told_beside_the_ledger(system: System) -> None:
    await traded(system)
    moment = system.clock.now()
    await system.until(lambda: seen(ledger(system).parent) >= moment)
    assert seen(system.root) == 0


async def test_a_ledger_that_fails_is_told_in_the_status_and_stops_nothing(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(flow: str, target: str, content: bytes) -> None:
        raise ValueError("a bug in a format")

    await traded(system)
    monkeypatch.setattr(system.engine.trading, "sent", broken)
    system.put(CONFIRMATION % 2)
    await system.arrived(2)
    await system.until(lambda: system.engine.trouble)
    assert "a bug in a format" in (await system.ask("status"))["trouble"][0]
