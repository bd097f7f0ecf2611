"""The shard: appends, reads, stopping and opening again."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.store.memory import MemoryFolds, accepted, delivered, limits, produced, store
from waypost.core.errors import StoreError, StoreLocked
from waypost.store.chunk import unpack
from waypost.store.record import Accepted, Closed, Delivered, Opened


async def test_what_was_appended_is_there_after_opening_again(tmp_path):
    folds = MemoryFolds()
    shard = await store(tmp_path, folds=folds).open_shard(0, 1)
    await shard.append([accepted(shard.next_seq(), [b"a", b"b"]), produced(1, 2)])
    await shard.append([delivered(1)])
    await shard.close()

    shard = await store(tmp_path, folds=MemoryFolds()).open_shard(0, 1)
    kinds = [type(record) for _, record in shard.state.records]
    assert kinds == [Opened, Accepted, type(produced(1)), Delivered, Closed, Opened]
    batch = await shard.read_batch(shard.state.batch(1))
    assert unpack(batch.accepted.bodies) == [b"a", b"b"]
    assert batch.produced == [produced(1, 2)]
    assert shard.next_seq() == 2
    await shard.close()


async def test_a_folds_watermark_spares_it_what_it_has(tmp_path):
    folds = MemoryFolds()
    shard = await store(tmp_path, folds=folds).open_shard(0, 1)
    await shard.append([accepted(shard.next_seq())])
    await shard.close()
    shard = await store(tmp_path, folds=folds).open_shard(0, 1)
    assert len(shard.state.of(Accepted)) == 1
    assert [record.incarnation for record in shard.state.of(Opened)] == [1, 2]
    await shard.close()


async def test_an_unclean_stop_is_told_to_the_next_incarnation(tmp_path):
    shard = await store(tmp_path).open_shard(0, 1)
    await shard.append([accepted(shard.next_seq())])
    await abandon(shard)
    shard = await store(tmp_path).open_shard(0, 1)
    assert [record.unclean for record in shard.state.of(Opened)] == [False, True]
    await shard.close()
    shard = await store(tmp_path).open_shard(0, 1)
    assert [record.unclean for record in shard.state.of(Opened)] == [False, True, False]
    await shard.close()


async def test_a_second_owner_is_refused_and_told_who_has_it(tmp_path):
    import os

    first = store(tmp_path)
    shard = await first.open_shard(0, 1)
    with pytest.raises(StoreLocked, match=f"in use by process {os.getpid()}"):
        await first.open_shard(0, 1)
    await shard.close()
    await (await first.open_shard(0, 1)).close()


async def test_appends_made_while_a_commit_runs_share_the_next(tmp_path):
    shard = await store(tmp_path).open_shard(0, 1)
    await asyncio.gather(*(shard.append([accepted(shard.next_seq())]) for _ in range(200)))
    frames = {(at.segment, at.offset) for at, record in shard.state.records if isinstance(record, Accepted)}
    assert len(shard.state.of(Accepted)) == 200
    assert len(frames) < 100
    await shard.close()


async def test_later_records_ride_with_the_next_append(tmp_path):
    shard = await store(tmp_path).open_shard(0, 1)
    await shard.append([accepted(shard.next_seq())])
    shard.append_later([delivered(1)])
    await shard.append([])
    assert len(shard.state.of(Delivered)) == 1
    await shard.close()


async def test_later_records_are_committed_by_themselves_soon(tmp_path):
    shard = await store(tmp_path).open_shard(0, 1)
    shard.append_later([delivered(1)])
    committed, apply = asyncio.Event(), shard.state.apply
    shard.state.apply = lambda group: (apply(group), committed.set())
    await asyncio.wait_for(committed.wait(), 5)
    assert len(shard.state.of(Delivered)) == 1
    await shard.close()


async def test_later_records_are_committed_when_the_shard_closes(tmp_path):
    shard = await store(tmp_path).open_shard(0, 1)
    shard.append_later([delivered(1)])
    await shard.close()
    assert len(shard.state.of(Delivered)) == 1


async def test_a_batch_out_of_turn_is_refused(tmp_path):
    shard = await store(tmp_path).open_shard(0, 1)
    shard.next_seq()
    with pytest.raises(StoreError, match="expected batch 1 next"):
        await shard.append([accepted(2)])
    await shard.append([accepted(1)])
    await shard.close()


async def test_a_closed_shard_takes_nothing(tmp_path):
    shard = await store(tmp_path).open_shard(0, 1)
    await shard.close()
    await shard.close()
    with pytest.raises(StoreError, match="closed"):
        await shard.append([accepted(1)])


@pytest.mark.parametrize("cache_bytes", [0, 32 << 20])
async def test_a_large_body_is_whole_again_when_read(tmp_path, cache_bytes):
    shard = await store(tmp_path, limits=limits(cache_bytes=cache_bytes)).open_shard(0, 1)
    bodies = [b"small", b"L" * 300_000, b"", b"M" * 262_145]
    await shard.append([accepted(shard.next_seq(), bodies)])
    await shard.append([accepted(shard.next_seq())])
    stored = shard.state.of(Accepted)[0].bodies
    assert stored.data == b"small"
    assert [length for _, length in stored.chunks] == [0, 300_000, 0, 262_145]
    assert unpack((await shard.read_batch(shard.state.batch(1))).accepted.bodies) == bodies
    await shard.close()


async def test_a_batch_no_longer_in_memory_is_read_from_the_journal(tmp_path):
    shard = await store(tmp_path, limits=limits(cache_bytes=0, segment_bytes=4000)).open_shard(0, 1)
    for seq in range(1, 30):
        await shard.append([accepted(shard.next_seq(), [b"x" * 500]), produced(seq)])
    assert len(shard.journal.segments()) > 3
    for seq in range(1, 30):
        found = await shard.read_batch(shard.state.batch(seq))
        assert (found.accepted, found.produced) == (accepted(seq, [b"x" * 500]), [produced(seq)])
    await shard.close()


async def abandon(shard):
    """Let go of the files as a killed process would: nothing more is written."""
    shard._committer.fail(OSError("killed"))
    shard.state.flush = shard.index.flush = lambda: None
    await shard.close()
