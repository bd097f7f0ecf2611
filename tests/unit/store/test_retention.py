"""Old segments go; what someone may still need does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest

from waypost.core.clock import ManualClock, SeededRandom
from waypost.store import posting
from waypost.store.chunk import pack, unpack
from waypost.store.commit import Limits
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import live_reader
from waypost.store.index import SearchIndex
from waypost.store.layout import ShardFolder
from waypost.store.protocol import Query
from waypost.store.record import (
    ArrivalBegun,
    ArrivalDisposed,
    ArrivalEnded,
    Claimed,
    Decided,
    Delivered,
    LegalHold,
    OutboundBody,
    Positioned,
    State,
    pack_refs,
    ref_of,
)
from waypost.store.restore import restore
from waypost.store.retention import Ages, Removed, Retention
from waypost.store.shard import EmbeddedShard
from waypost.store.state import StateFold
from waypost.store.verify import verify
from waypost.testing.store_records import accepted, delivered, failed, id_of, produced

DAY = 86400
AGES = Ages(finished=30 * DAY, dead=90 * DAY)


class Shop:
    """A store whose shard can be filled, aged and cleared."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.folder, self.shard = ManualClock(), folder, None

    def store(self) -> EmbeddedStore:
        limits = Limits(
            reserve_bytes=1 << 16,
            free_bytes=0,
            segment_bytes=300_000,
            segment_seconds=DAY,
            flush_bytes=1,
            flush_seconds=0.01,
            index_seconds=0.005,
        )

        def folds(folder: ShardFolder, secret: bytes) -> tuple[StateFold, SearchIndex]:
            path = Path(folder.path)
            return StateFold(path / "state.db", self.clock.now), SearchIndex(path / "index.db", secret)

        return EmbeddedStore(str(self.folder), folds=folds, clock=self.clock, random=SeededRandom(1), limits=limits)

    async def open(self, sources: Gone | None = None) -> EmbeddedShard:
        store = self.store()
        store.create()
        self.shard, self.sources = await store.open_shard(0, 1), sources
        self.retention = Retention(self.shard, store.disk, self.clock, AGES, sources)
        return self.shard

    async def open_again(self, sources: Gone) -> None:
        if not self.shard._closed:
            await self.close()
        await self.open(sources)

    async def close(self) -> None:
        self.retention.close()
        await self.shard.close()

    async def day(self, batches: int, dead: tuple[int, ...] = (), parked: tuple[int, ...] = ()) -> None:
        """Batches of three; of those named by their place, message 1 does not arrive."""
        for place in range(batches):
            seq = self.shard.next_seq()
            body = b"x" * 300_000 if place == 0 else b"y" * 6000
            await self.shard.append([accepted(seq, [body] * 3, at=self.clock.now()), produced(seq)])
            if place in dead or place in parked:
                state = State.DEAD if place in dead else State.PARKED
                out = OutboundBody(ref_of(seq, 1), "t", pack([b"outbound"]))
                await self.shard.append([failed(seq, 1, state), out])
                await self.shard.append([delivered(seq, 0, 2)])
            else:
                await self.shard.append([delivered(seq)])

    async def later(self, days: int) -> None:
        await self.clock.advance(days * DAY)
        await self.settled()

    async def settled(self) -> None:
        for _ in range(200_000):
            if self.shard.watermark >= self.shard.end:
                return
            await asyncio.sleep(0.0005)  # other threads write; nobody tells when they have
        raise AssertionError(f"{self.shard.watermark} is not {self.shard.end}")

    def faults(self) -> list[str]:
        return [fault for _, _, fault in verify(self.store().setting()) if fault]


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    shop = Shop(tmp_path)
    await shop.open()
    yield shop
    await shop.close()


async def test_segments_go_when_their_messages_are_old_enough(shop: Shop) -> None:
    await shop.day(40)
    await shop.later(20)
    await shop.day(40)
    before = shop.shard.journal.segments()
    assert await shop.retention.run() == Removed()
    await shop.later(11)
    removed = await shop.retention.run()
    assert 0 < removed.segments < len(before)
    assert removed.bytes > 100_000
    assert shop.shard.journal.segments() == before[removed.segments :]
    reader = live_reader([shop.shard])
    assert reader.history(id_of(1)) is None
    assert reader.find(Query(key=("po", "S1-0"))) == []
    assert [one.message for one in reader.find(Query(key=("po", "S60-0")))] == [id_of(60)]
    assert not [name for name in (shop.folder / "shard-00/chunks").iterdir() if name.name.startswith("00000001-")]
    assert shop.faults() == []
    assert shop.shard.state.counts()["orders"]["delivered"] == 240


async def test_what_is_removed_leaves_no_row_in_the_index(shop: Shop) -> None:
    await shop.day(40)
    await shop.later(31)
    await shop.day(1)
    await shop.settled()
    while (await shop.retention.run()).segments:
        await shop.settled()
    database = shop.shard.index.database
    assert len(shop.shard.journal.segments()) <= 4
    left = database.asker.execute("SELECT count(*) FROM batch").fetchall()[0][0]
    assert left < 10
    assert len(posting.everything(database.asker)) <= 3 * left + 60
    assert database.asker.execute("SELECT count(*) FROM chunk WHERE stage = 2").fetchall() == [(0,)]


async def test_a_few_kept_batches_are_carried_and_then_their_segment_goes(shop: Shop) -> None:
    await shop.day(60, dead=(1,), parked=(2,))
    await shop.later(31)
    await shop.day(5)
    await shop.settled()
    old = shop.shard.state.batch(2).accepted.segment
    first = await shop.retention.run()
    assert first.carried == 2
    assert old in shop.shard.journal.segments()
    await shop.settled()
    second = await shop.retention.run()
    assert old not in shop.shard.journal.segments()
    assert second.carried == 0

    for _ in range(2):
        batch = shop.shard.state.batch(2)
        assert batch is not None
        assert batch.accepted.segment > old
        assert unpack((await shop.shard.read_batch(batch)).accepted.bodies) == [b"y" * 6000] * 3
        retry = shop.shard.state.retry(ref_of(2, 1))
        assert retry is not None
        assert retry.body is not None
        assert await shop.shard.read_outbound(retry.body) == (b"outbound", "t")
        [found] = live_reader([shop.shard]).find(Query(key=("po", "S2-1"), state="dead"))
        assert [failure.text for failure in found.failures] == ["no answer"]
        history = live_reader([shop.shard]).history(id_of(2, 1))
        assert history is not None
        assert [record.ref for record in history.records] == [ref_of(2, 1)] * 2  # type: ignore[union-attr]
        counts = shop.shard.state.counts()["orders"]
        assert (counts["accepted"], counts["dead"], counts["parked"]) == (195, 1, 1)
        assert shop.faults() == []
        await shop.close()
        await shop.open()
        await shop.settled()


async def test_a_segment_with_many_kept_batches_stays(shop: Shop) -> None:
    await shop.day(60, dead=tuple(range(1, 10)))
    await shop.later(31)
    await shop.day(5)
    await shop.settled()
    held = {shop.shard.state.batch(seq).accepted.segment for seq in range(2, 11)}
    removed = await shop.retention.run()
    assert removed.carried == 0
    assert removed.segments > 0
    assert held <= set(shop.shard.journal.segments())


async def test_an_open_message_holds_its_segment(shop: Shop) -> None:
    await shop.shard.append([accepted(shop.shard.next_seq(), at=shop.clock.now()), produced(1)])
    await shop.day(20)
    await shop.later(31)
    await shop.day(5)
    await shop.settled()
    for _ in range(3):
        await shop.retention.run()
        await shop.settled()
    assert shop.shard.journal.segments()[0] == 1
    assert shop.shard.state.batch(1) is not None


async def test_dead_messages_are_cancelled_when_too_old_and_parked_ones_never(shop: Shop) -> None:
    await shop.day(3, dead=(1,), parked=(2,))
    await shop.later(91)
    await shop.settled()
    removed = await shop.retention.run()
    assert removed.expired == 1
    assert shop.shard.state.batch(2) is None
    assert shop.shard.state.batch(3) is not None
    counts = shop.shard.state.counts()["orders"]
    assert (counts["dead"], counts["cancelled"], counts["parked"]) == (0, 1, 1)


async def test_a_decision_on_a_batch_that_was_carried_holds(shop: Shop) -> None:
    await shop.day(60, dead=(1,))
    await shop.later(31)
    await shop.day(5)
    await shop.settled()
    carried = asyncio.ensure_future(shop.retention.run())
    await asyncio.sleep(0)
    await shop.shard.append([Decided(pack_refs([ref_of(2, 1)]), State.OPEN, 9, "ann", "", "retry")])
    await carried
    batch = shop.shard.state.batch(2)
    assert batch is not None
    assert batch.states[1] == State.OPEN
    assert [open_.seq for open_ in shop.shard.state.open_batches()] == [2]


async def test_claims_are_forgotten_when_their_time_is_over(shop: Shop) -> None:
    soon = shop.clock.now() + DAY * 1_000_000
    await shop.shard.append([Claimed((("s", b"a", b"m", soon), ("s", b"b", b"m", 0)))])
    await shop.settled()
    await shop.later(2)
    assert (await shop.retention.run()).claims == 1
    assert shop.shard.state.claim("s", b"b") == b"m"


async def test_what_is_on_legal_hold_outlives_its_age_with_its_whole_history(shop: Shop) -> None:
    await shop.day(40)
    held = (id_of(1), id_of(30, 2))
    await shop.shard.append([LegalHold(held, True, shop.clock.now(), "ann", "case 12")])
    await shop.shard.findable()
    shown = live_reader([shop.shard]).history(id_of(30, 2))
    for _ in range(4):
        await shop.later(31)
        await shop.day(40)
        await shop.settled()
        await shop.retention.run()
    await shop.settled()
    assert min(shop.shard.journal.segments()) > 2
    reader = live_reader([shop.shard])
    again = reader.history(id_of(30, 2))
    assert again is not None and shown is not None
    assert unpack(again.batch.accepted.bodies) == unpack(shown.batch.accepted.bodies)
    assert again.found.state == "delivered"
    assert {type(record) for record in again.records} == {Delivered, LegalHold}
    assert reader.history(id_of(1)) is not None
    assert reader.history(id_of(2)) is None
    assert len(unpack(reader.history(id_of(1)).batch.accepted.bodies)[0]) == 300_000
    assert [one.message for one in reader.find(Query(key=("po", "S30-2")))] == [id_of(30, 2)]
    assert shop.faults() == []
    await shop.shard.append([LegalHold(held, False, shop.clock.now(), "ann", "case closed")])
    for _ in range(2):
        await shop.later(31)
        await shop.day(40)
        await shop.settled()
        await shop.retention.run()
    assert live_reader([shop.shard]).history(id_of(30, 2)) is None
    assert shop.shard.state.legal_holds() == {}


async def test_a_dead_message_on_legal_hold_does_not_expire(shop: Shop) -> None:
    await shop.day(4, dead=(1, 2))
    await shop.shard.append([LegalHold((id_of(2, 1),), True, shop.clock.now(), "ann", "case 12")])
    await shop.later(91)
    assert (await shop.retention.run()).expired == 1
    assert live_reader([shop.shard]).history(id_of(2, 1)).found.state == "dead"


async def test_a_legal_hold_is_in_the_backup_and_in_what_is_restored(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    await shop.day(12)
    await shop.shard.append([LegalHold((id_of(2),), True, shop.clock.now(), "ann", "case 12")])
    async for _ in shop.store().backup(str(other / "copy")):
        pass
    restored = Shop(other / "restored")
    async for _ in restore(
        restored.store().disk, str(other / "copy"), str(restored.folder), lambda _: restored.store(),
        who="ann", why="", now=1,
    ):  # fmt: skip
        pass
    await restored.open()
    assert {at: (hold.who, hold.why) for at, hold in restored.shard.state.legal_holds().items()} == {
        id_of(2): ("ann", "case 12")
    }
    await restored.later(31)
    await restored.day(40)
    await restored.later(31)
    await restored.day(40)
    await restored.settled()
    for _ in range(2):  # what is on hold is carried away first
        await restored.retention.run()
        await restored.settled()
    reader = live_reader([restored.shard])
    assert (reader.history(id_of(1)), reader.history(id_of(2)).found.state) == (None, "delivered")
    await restored.close()


class Gone:
    """Sources of which nothing lies anywhere but ``lying``; ``told`` is what other shards were to forget."""

    def __init__(self, *lying: str) -> None:
        self.lying, self.told = lying, []

    def left(self, flow: str, name: str) -> bool:
        return name not in self.lying

    async def forget(self, partitions: Collection[tuple[str, str]]) -> None:
        self.told += sorted(partitions)


async def _arrivals(shop: Shop, *names: str) -> None:
    for number, name in enumerate(names, shop.shard.next_arrival()):
        seq, now = shop.shard.next_seq(), shop.clock.now()
        batch = accepted(seq, at=now, arrival=number, partition=f"{name}#1", position="09")
        begun = ArrivalBegun(number, "orders", f"{name}#1", name, "1", 9, now)
        await shop.shard.append([begun, batch, produced(seq), ArrivalEnded(number, now, 3, 9, "")])
        await shop.shard.append([delivered(seq), ArrivalDisposed(number, now)])
        await shop.shard.append([Positioned("orders", f"{name}#1", "11", 4)])


async def test_rows_of_arrivals_and_of_positions_go_with_their_messages(shop: Shop) -> None:
    await shop.open_again(Gone("lies"))
    await _arrivals(shop, "gone", "lies")
    state = shop.shard.state
    await shop.day(80)
    await shop.later(29)
    assert (await shop.retention.run()).arrivals == 0
    await shop.later(2)
    await shop.day(80)
    await shop.settled()
    removed = await shop.retention.run()
    assert (removed.segments > 0, removed.arrivals) == (True, 1)
    assert [row.name for row in live_reader([shop.shard]).arrivals()] == ["lies"]
    assert state.arrival("orders", "gone", "1") is None
    assert state.arrival("orders", "lies", "1") == (2, True, True)
    assert [state.position("orders", "gone#1", slot) for slot in (-1, 4)] == ["", ""]
    assert [state.position("orders", "lies#1", slot) for slot in (-1, 4)] == ["09", "11"]
    assert shop.sources.told == [("orders", "gone#1")]
    assert shop.faults() == []
    await shop.close()
    await shop.open_again(Gone())
    assert [row.name for row in live_reader([shop.shard]).arrivals()] == ["lies"]


async def test_an_arrival_stays_as_long_as_one_of_its_messages(shop: Shop) -> None:
    await shop.open_again(Gone())
    await shop.day(10)
    await _arrivals(shop, "held", "gone")
    await shop.shard.append([LegalHold((id_of(11),), True, shop.clock.now(), "ann", "case 12")])
    await shop.day(80)
    await shop.later(31)
    await shop.day(80)
    await shop.later(31)
    await shop.day(80)
    for _ in range(2):  # what is on hold is carried away first
        await shop.settled()
        await shop.retention.run()
    assert [row.name for row in live_reader([shop.shard]).arrivals()] == ["held"]


async def test_without_knowledge_of_the_sources_no_arrival_is_forgotten(shop: Shop) -> None:
    await _arrivals(shop, "gone")
    await shop.day(80)
    await shop.later(62)
    await shop.day(80)
    await shop.settled()
    assert (await shop.retention.run()).segments > 0
    assert [row.name for row in live_reader([shop.shard]).arrivals()] == ["gone"]
