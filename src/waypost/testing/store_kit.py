"""What every Message Store promises, whatever holds it: subclass ``StoreSuite`` and give it a ``harness``.

The suite sees a store through ``Shard`` and ``Reader`` alone, so that another store can be judged by it unchanged.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import pytest

from waypost.core.clock import ManualClock
from waypost.core.errors import StoreError, StoreLocked
from waypost.store.chunk import pack, unpack
from waypost.store.protocol import Query, Reader, Shard
from waypost.store.record import (
    Activated,
    AnyRecord,
    ArrivalBegun,
    ArrivalDisposed,
    ArrivalEnded,
    Claimed,
    Commanded,
    Decided,
    Effects,
    MovedAway,
    Numbered,
    OutboundBody,
    Positioned,
    State,
    StepState,
    TimerDone,
    TimerSet,
    pack_refs,
    ref_of,
)
from waypost.testing.store_records import accepted, delivered, failed, id_of, produced


class StoreHarness(Protocol):
    """A store that is there for one test."""

    clock: ManualClock

    async def open(self, number: int = 0, workers: int = 1) -> Shard:
        """Open a shard; the store is made when it is not there."""
        ...

    async def crash(self, shard: Shard) -> None:
        """End the shard as a killed process would."""
        ...

    async def settle(self, shard: Shard) -> None:
        """Wait until everything committed so far is in what is derived, and written."""
        ...

    def reader(self, *shards: Shard) -> Reader:
        """A reader over open shards."""
        ...


class StoreSuite:
    """Subclass it and give it a ``harness`` fixture."""

    @pytest.fixture
    def harness(self) -> StoreHarness:
        raise NotImplementedError

    # appending

    async def test_what_was_appended_is_there_byte_for_byte_after_a_crash(self, harness: StoreHarness) -> None:
        bodies = [b"", b"\x00\xff", "ü€".encode(), b"x" * 10_000, bytes(range(256))]
        shard = await harness.open()
        written = accepted(shard.next_seq(), bodies, headers=b"h", context=b"c", position="9", partition="p")
        effects, outputs = Effects(1, ((0, "enrich", 0, b"q", b"a"),)), produced(1, 5)
        await shard.append([written, effects, outputs])
        await harness.crash(shard)
        shard = await harness.open()
        batch = shard.state.batch(1)
        assert batch is not None
        stored = await shard.read_batch(batch)
        assert stored.accepted == written
        assert unpack(stored.accepted.bodies) == bodies
        assert list(stored.effects) == [effects]
        assert list(stored.produced) == [outputs]
        await shard.close()

    async def test_large_bodies_come_back_whole(self, harness: StoreHarness) -> None:
        shard = await harness.open()
        bodies = [b"a" * 3_000_000, b"small", b"b" * 300_000]
        await shard.append([accepted(shard.next_seq(), bodies), produced(1)])
        await shard.append([failed(1, 0, State.RETRYING), OutboundBody(ref_of(1, 0), "text/x", pack([b"c" * 400_000]))])
        await harness.crash(shard)
        shard = await harness.open()
        batch, retry = shard.state.batch(1), shard.state.retry(ref_of(1, 0))
        assert batch is not None
        assert retry is not None
        assert retry.body is not None
        assert unpack((await shard.read_batch(batch)).accepted.bodies) == bodies
        assert await shard.read_outbound(retry.body) == (b"c" * 400_000, "text/x")
        await shard.close()

    async def test_state_says_what_is_committed_as_soon_as_append_returns(self, harness: StoreHarness) -> None:
        shard = await harness.open()
        await shard.append([accepted(shard.next_seq()), Numbered("isa", 1)])
        assert shard.state.batch(1) is not None
        assert shard.state.number("isa") == 1
        await shard.close()

    async def test_appends_made_together_keep_their_order(self, harness: StoreHarness) -> None:
        shard = await harness.open()
        seqs = [shard.next_seq() for _ in range(50)]
        await asyncio.gather(*(shard.append([accepted(seq, 1, partition="p", position=f"{seq:04}")]) for seq in seqs))
        assert [batch.seq for batch in shard.state.open_batches()] == seqs
        assert shard.state.position("orders", "p") == "0050"
        await harness.crash(shard)
        shard = await harness.open()
        assert [batch.seq for batch in shard.state.open_batches()] == seqs
        await shard.close()

    async def test_a_refused_append_leaves_nothing_of_itself(self, harness: StoreHarness) -> None:
        shard = await harness.open()
        with pytest.raises(StoreError):
            await shard.append([Numbered("isa", 7), accepted(9)])
        assert shard.state.number("isa") == 0
        await shard.append([accepted(shard.next_seq())])
        await harness.crash(shard)
        shard = await harness.open()
        assert shard.state.number("isa") == 0
        assert [batch.seq for batch in shard.state.open_batches()] == [1]
        await shard.close()

    async def test_what_is_appended_later_rides_with_the_next_commit(self, harness: StoreHarness) -> None:
        shard = await harness.open()
        await shard.append([accepted(shard.next_seq()), produced(1)])
        shard.append_later([delivered(1)])
        await shard.append([accepted(shard.next_seq(), 1)])
        assert shard.state.counts()["orders"]["delivered"] == 3
        await shard.close()

    async def test_numbers_go_on_where_they_stopped(self, harness: StoreHarness) -> None:
        shard = await harness.open()
        begun = ArrivalBegun(shard.next_arrival(), "orders", "", "f", "i", 1, 1)
        await shard.append([accepted(shard.next_seq()), begun])
        await shard.close()
        shard = await harness.open()
        assert (shard.next_seq(), shard.next_arrival()) == (2, 2)
        await shard.close()

    # owners

    async def test_a_shard_has_one_owner_at_a_time(self, harness: StoreHarness) -> None:
        opened = await asyncio.gather(*(harness.open() for _ in range(5)), return_exceptions=True)
        winners = [one for one in opened if not isinstance(one, BaseException)]
        assert len(winners) == 1
        assert all(isinstance(one, StoreLocked) for one in opened if isinstance(one, BaseException))
        await winners[0].close()
        again = await harness.open()
        await again.close()

    async def test_shards_do_not_know_each_other(self, harness: StoreHarness) -> None:
        zero, one = await harness.open(0, 2), await harness.open(1, 2)
        await zero.append([accepted(zero.next_seq()), Numbered("isa", 3)])
        assert one.next_seq() == 1
        assert one.state.number("isa") == 0
        assert zero.secret == one.secret
        await zero.close()
        await one.close()

    async def test_an_unclean_stop_is_known_to_the_next_owner(self, harness: StoreHarness) -> None:
        shard = await harness.open()
        assert not shard.unclean
        await shard.append([accepted(shard.next_seq()), accepted(shard.next_seq()), produced(2)])
        for _ in range(2):
            await harness.crash(shard)
            shard = await harness.open()
            assert shard.unclean
            assert [batch.left for batch in shard.state.open_batches()] == [3, 0]
        await shard.close()
        shard = await harness.open()
        assert not shard.unclean
        await shard.close()

    # state

    @pytest.mark.parametrize("settled", [False, True])
    async def test_everything_a_shard_knows_outlives_it(self, harness: StoreHarness, settled: bool) -> None:
        shard = await harness.open()
        await shard.append([Positioned("orders", "p", "05"), Positioned("orders", "p", "07", 3)])
        await shard.append([Positioned("orders", "p", "04"), Claimed((("orders", b"k", b"m", 0),))])
        await shard.append([Numbered("isa", 5), Numbered("isa", 4, True), StepState("orders", "agg", "k", b"v")])
        await shard.append([TimerSet("t", 9, b"x"), TimerSet("gone", 9), TimerDone("gone")])
        await shard.append([Commanded(f"flow:{flow}", "held", 1, "me", "") for flow in ("orders", "other")])
        await shard.append([Commanded("flow:other", "", 2, "me", ""), Activated("v1", 1, "me", {"flows": ["orders"]})])
        if settled:
            await harness.settle(shard)
        await harness.crash(shard)
        state = (shard := await harness.open()).state
        assert [state.position("orders", "p", slot) for slot in (-1, 2, 3)] == ["05", "05", "07"]
        assert state.claim("orders", b"k") == b"m"
        assert state.number("isa") == 5
        assert list(state.timers()) == [("t", 9, b"x")]
        assert state.step_state("orders", "agg", "k") == b"v"
        assert state.commands() == {"flow:orders": "held"}
        assert list(state.activations()) == [("v1", 1, "me", {"flows": ["orders"]})]
        await shard.close()

    async def test_a_claim_ends_with_its_time(self, harness: StoreHarness) -> None:
        shard = await harness.open()
        soon = harness.clock.now() + 1_000_000
        await shard.append([Claimed((("orders", b"k", b"m", soon),))])
        assert shard.state.claim("orders", b"k") == b"m"
        await harness.clock.advance(2)
        assert shard.state.claim("orders", b"k") is None
        await shard.close()

    @pytest.mark.parametrize("settled", [False, True])
    async def test_each_output_keeps_its_state_and_its_retry(self, harness: StoreHarness, settled: bool) -> None:
        shard = await harness.open()
        await shard.append([accepted(shard.next_seq(), 4), produced(1, 4)])
        await shard.append([delivered(1, 0), failed(1, 1, State.RETRYING, 2), failed(1, 2, State.DEAD)])
        if settled:
            await harness.settle(shard)
        await harness.crash(shard)
        state = (shard := await harness.open()).state
        [batch] = state.open_batches()
        assert list(batch.states) == [State.DELIVERED, State.RETRYING, State.DEAD, State.OPEN]
        assert [(retry.ref, retry.attempt, retry.code) for retry in state.retries()] == [(ref_of(1, 1), 2, "http-503")]
        counts = {name: count for name, count in state.counts()["orders"].items() if count}
        assert counts == {"accepted": 4, "open": 1, "retrying": 1, "delivered": 1, "dead": 1}
        await shard.close()

    async def test_a_finished_batch_is_gone_and_a_dead_one_waits(self, harness: StoreHarness) -> None:
        shard = await harness.open()
        await shard.append([accepted(shard.next_seq()), produced(1), accepted(shard.next_seq()), produced(2)])
        await shard.append([delivered(1), delivered(2, 0, 1), failed(2, 2, State.DEAD)])
        await harness.settle(shard)
        assert list(shard.state.open_batches()) == []
        assert shard.state.batch(1) is None
        assert shard.state.batch(2) is not None
        await shard.append([Decided(pack_refs([ref_of(2, 2)]), State.OPEN, 1, "me", "", "retry")])
        assert [batch.seq for batch in shard.state.open_batches()] == [2]
        await shard.close()

    async def test_moved_outputs_are_no_more_of_this_shard(self, harness: StoreHarness) -> None:
        shard = await harness.open()
        await shard.append([accepted(shard.next_seq()), produced(1), accepted(shard.next_seq())])
        await shard.append([MovedAway(delivered(1).refs, (2,), 1, 9)])
        assert list(shard.state.open_batches()) == []
        await harness.crash(shard)
        shard = await harness.open()
        assert list(shard.state.open_batches()) == []
        assert shard.state.counts()["orders"]["moved"] == 6
        await shard.close()

    # finding

    async def found(self, harness: StoreHarness, *shards: Shard, query: Query, count: int) -> list[bytes]:
        """The messages found, waiting until there are as many."""
        reader = harness.reader(*shards)
        for shard in shards:
            await shard.findable()
        for _ in range(2_000):
            if len(found := reader.find(query)) == count:
                return [one.message for one in found]
            await asyncio.sleep(0.001)
        return [one.message for one in reader.find(query)]

    @pytest.mark.parametrize("condition", ["at once", "settled", "crashed"])
    async def test_a_message_is_found_by_any_of_its_keys(self, harness: StoreHarness, condition: str) -> None:
        shard = await harness.open()
        await shard.append([accepted(shard.next_seq()), produced(1, keys=(("so", 1, "88"),))])
        await shard.append([delivered(1, keys=(("erp-id", 2, "E-9"),))])
        shard = await _in_condition(harness, shard, condition)
        for key, index in [(("po", "s1-0"), 0), (("", "S1-2"), 2), (("so", "0088"), 1), (("erp-id", "e-9"), 2)]:
            found = await self.found(harness, shard, query=Query(key=key), count=1)
            assert found == [id_of(1, index)], key
        assert harness.reader(shard).find(Query(key=("so", "S1-0"))) == []
        await shard.close()

    @pytest.mark.parametrize("condition", ["at once", "settled", "crashed"])
    async def test_a_listing_is_newest_first_over_all_shards_and_goes_on(
        self, harness: StoreHarness, condition: str
    ) -> None:
        shards = [await harness.open(number, 2) for number in range(2)]
        for shard in shards:
            for _ in range(4):
                seq = shard.next_seq()
                await shard.append([accepted(seq, 2, shard=shard.number), produced(seq, 2)])
        shards = [await _in_condition(harness, shard, condition) for shard in shards]
        expected = [id_of(seq, i, shard) for seq in (4, 3, 2, 1) for shard in (1, 0) for i in (1, 0)]
        assert await self.found(harness, *shards, query=Query(flow="orders"), count=16) == expected
        listed: list[bytes] = []
        while page := harness.reader(*shards).find(Query(before=listed[-1] if listed else b"", limit=5)):
            listed += [one.message for one in page]
        assert listed == expected
        for shard in shards:
            await shard.close()

    @pytest.mark.parametrize("condition", ["at once", "settled", "crashed"])
    async def test_states_failures_and_groups_are_found(self, harness: StoreHarness, condition: str) -> None:
        shard = await harness.open()
        await shard.append([accepted(shard.next_seq(), 4), produced(1, [State.OPEN] * 3 + [State.FILTERED])])
        await shard.append([delivered(1, 0), failed(1, 1, State.RETRYING), failed(1, 2, State.DEAD)])
        shard = await _in_condition(harness, shard, condition)
        for state, index in [("delivered", 0), ("retrying", 1), ("dead", 2), ("filtered", 3)]:
            found = await self.found(harness, shard, query=Query(state=state), count=1)
            assert found == [id_of(1, index)], state
        reader = harness.reader(shard)
        assert reader.groups(Query()) == [("orders", "erp", "http-503: no answer", 2, 6000, 6000)]
        [dead] = reader.find(Query(error="http-503", state="dead"))
        assert [(f.place, f.error_class, f.text) for f in dead.failures] == [("erp", "transient", "no answer")]
        await shard.close()

    @pytest.mark.parametrize("condition", ["at once", "settled", "crashed"])
    async def test_a_history_holds_every_record_of_a_message(self, harness: StoreHarness, condition: str) -> None:
        shard = await harness.open()
        written = accepted(shard.next_seq(), [b"one", b"two"])
        records: list[AnyRecord] = [failed(1, 0, State.RETRYING), delivered(1, 0), delivered(1, 1)]
        await shard.append([written, produced(1, 2)])
        for record in records:
            await shard.append([record])
        shard = await _in_condition(harness, shard, condition)
        await self.found(harness, shard, query=Query(state="delivered"), count=2)
        history = harness.reader(shard).history(id_of(1, 0))
        assert history is not None
        assert unpack(history.batch.accepted.bodies) == [b"one", b"two"]
        assert list(history.records) == records[:2]
        assert harness.reader(shard).history(id_of(5)) is None
        await shard.close()

    @pytest.mark.parametrize("condition", ["at once", "settled", "crashed"])
    async def test_an_arrival_counts_what_became_of_it(self, harness: StoreHarness, condition: str) -> None:
        shard = await harness.open()
        await shard.append([ArrivalBegun(shard.next_arrival(), "orders", "p", "1.edi", "i", 10, 1000)])
        await shard.append([accepted(shard.next_seq(), 5, arrival=1), produced(1, [State.OPEN] * 4 + [State.FILTERED])])
        await shard.append([delivered(1, 0, 1), failed(1, 2, State.DEAD), failed(1, 3, State.PARKED)])
        await shard.append([accepted(shard.next_seq(), 1, arrival=1), ArrivalEnded(1, 1001, 6, 12, "ab")])
        await shard.append([ArrivalDisposed(1, 1002)])
        shard = await _in_condition(harness, shard, condition)
        assert len(await self.found(harness, shard, query=Query(arrival="1.edi"), count=6)) == 6
        [row] = harness.reader(shard).arrivals(flow="orders")
        assert (row.name, row.size, row.sha256, row.records) == ("1.edi", 12, "ab", 6)
        assert (row.delivered, row.filtered, row.dead, row.parked, row.open) == (2, 1, 1, 1, 1)
        assert (row.begun_at, row.ended_at, row.disposed_at) == (1000, 1001, 1002)
        assert shard.state.arrival("orders", "1.edi", "i") == (1, True, True)
        assert shard.state.arrival("orders", "1.edi", "other") is None
        await shard.close()


async def _in_condition(harness: StoreHarness, shard: Shard, condition: str) -> Shard:
    if condition == "settled":
        await harness.settle(shard)
    if condition == "crashed":
        await harness.crash(shard)
        shard = await harness.open(shard.number, 1)
    return shard
