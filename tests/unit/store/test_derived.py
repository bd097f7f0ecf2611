"""What is derived from the journal keeps up with it, never passes it, and stops the shard when it fails."""

from __future__ import annotations

import asyncio
import threading

import apsw
import pytest

from tests.unit.store.memory import MemoryFold, MemoryFolds, accepted, delivered, limits, store
from waypost.core.errors import CommitFailed, StoreDamaged
from waypost.store.record import Accepted


class Slow(MemoryFold):
    """Takes nothing in until told."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def apply(self, group) -> None:
        self.go.wait(10)
        super().apply(group)


class Broken(MemoryFold):
    """Its database fails with ``fault``."""

    fault: BaseException | None = None

    def stage(self):
        write = super().stage()

        def failing() -> None:
            if self.fault is not None:
                raise self.fault
            write()

        return failing


def with_index(index):
    return lambda folder, secret: (MemoryFold(), index)


async def test_appends_wait_for_an_index_that_is_far_behind(tmp_path):
    index = Slow()
    shard = await store(tmp_path, folds=with_index(index), limits=limits(lag_messages=10)).open_shard(0, 1)
    waiting = [shard.submit([accepted(shard.next_seq(), [b""] * 4)]) for _ in range(5)]
    await shard_idle(shard)
    assert len(shard.state.of(Accepted)) == 5
    assert not waiting[-1].done()
    index.go.set()
    await asyncio.wait_for(asyncio.gather(*waiting), 10)
    await shard.close()
    assert len(index.of(Accepted)) == 5


async def test_an_index_that_fails_stops_the_shard_and_whoever_waits_for_it(tmp_path):
    index = Slow()
    shard = await store(tmp_path, folds=with_index(index), limits=limits(lag_messages=0)).open_shard(0, 1)
    waiting = shard.submit([accepted(shard.next_seq())])
    await shard_idle(shard)
    index.records = None
    index.go.set()
    with pytest.raises(CommitFailed):
        await asyncio.wait_for(waiting, 10)
    with pytest.raises(CommitFailed):
        await shard.append([delivered(1)])
    index.flush = lambda: None
    await shard.close()


async def test_the_state_is_flushed_after_so_many_bytes(tmp_path):
    shard = await store(tmp_path, limits=limits(flush_bytes=1000)).open_shard(0, 1)
    await shard.append([accepted(shard.next_seq(), [b"x" * 2000])])
    await shard_idle(shard)
    assert shard.state.watermark == shard.end
    await shard.close()


async def test_the_state_is_flushed_after_a_while(tmp_path):
    shard = await store(tmp_path, limits=limits(flush_seconds=0.01)).open_shard(0, 1)
    flushed, flushed_at = asyncio.Event(), shard._flushed
    shard._flushed = lambda future: (flushed_at(future), flushed.set())
    await shard.append([accepted(shard.next_seq())])
    await asyncio.wait_for(flushed.wait(), 10)
    assert shard.state.watermark == shard.end
    await shard.close()


@pytest.mark.parametrize(("fault", "stops"), [(apsw.IOError("disk I/O error"), True), (apsw.FullError("full"), False)])
async def test_a_state_that_cannot_be_written_stops_the_shard_unless_the_disk_is_full(tmp_path, fault, stops):
    state = Broken()
    shard = await store(tmp_path, folds=lambda *_: (state, MemoryFold()), limits=limits(flush_bytes=1)).open_shard(0, 1)
    await shard_idle(shard)
    state.fault = fault
    await shard.append([accepted(shard.next_seq())])
    await shard_idle(shard)
    if stops:
        with pytest.raises(CommitFailed, match="disk I/O error"):
            await shard.append([delivered(1)])
    else:
        await shard.append([delivered(1)])
    state.fault = None
    await shard.close()


async def test_a_flush_that_falls_due_while_the_shard_closes_is_left_to_the_closing(tmp_path):
    shard = await store(tmp_path).open_shard(0, 1)
    loop, stop, outcome = asyncio.get_running_loop(), shard._stop_threads, []

    def falls_due() -> None:
        try:
            shard._flush_state()
            shard._tidy_soon()
        except RuntimeError as fault:
            outcome.append(fault)
        due.set()

    def stop_and_wait() -> None:
        stop()
        loop.call_soon_threadsafe(falls_due)
        assert due.wait(10)

    due, shard._stop_threads = threading.Event(), stop_and_wait
    await shard.append([accepted(shard.next_seq())])
    await shard.close()
    assert due.is_set()
    assert outcome == []
    assert shard.state.saved["watermark"] == shard.end


async def test_a_state_ahead_of_the_journal_is_damage(tmp_path):
    folds = MemoryFolds()
    shard = await store(tmp_path, folds=folds).open_shard(0, 1)
    await shard.append([accepted(shard.next_seq())])
    await shard.close()
    for path in (tmp_path / "shard-00" / "journal").iterdir():
        path.unlink()
    with pytest.raises(
        StoreDamaged, match=r"the journal ends at segment 1 offset 64; expected .* where the state stands"
    ):
        await store(tmp_path, folds=folds).open_shard(0, 1)


async def test_a_lost_state_is_damage_when_the_journal_no_longer_goes_back_so_far(tmp_path):
    folds = MemoryFolds()
    shard = await store(tmp_path, folds=folds, limits=limits(segment_bytes=2000)).open_shard(0, 1)
    for _ in range(20):
        await shard.append([accepted(shard.next_seq(), [b"x" * 500])])
    await shard.close()
    (tmp_path / "shard-00" / "journal" / "00000001.seg").unlink()
    await (await store(tmp_path, folds=folds).open_shard(0, 1)).close()
    with pytest.raises(StoreDamaged, match="no segment 1"):
        await store(tmp_path, folds=MemoryFolds()).open_shard(0, 1)


async def test_a_lost_index_is_made_again_from_the_segments_there_are(tmp_path):
    folds = MemoryFolds()
    shard = await store(tmp_path, folds=folds, limits=limits(segment_bytes=2000)).open_shard(0, 1)
    for _ in range(20):
        await shard.append([accepted(shard.next_seq(), [b"x" * 500])])
    await shard.close()
    (tmp_path / "shard-00" / "journal" / "00000001.seg").unlink()
    folds.databases[str(tmp_path / "shard-00"), "index"].clear()
    shard = await store(tmp_path, folds=folds).open_shard(0, 1)
    await shard.close()
    seqs = [record.seq for record in shard.index.of(Accepted)]
    assert 1 < seqs[0] < 20
    assert seqs == list(range(seqs[0], 21))


async def shard_idle(shard) -> None:
    """Wait for the writer, then for the keeper, and for what they told the loop."""
    reported, report = asyncio.Event(), shard._report
    shard._report = shard._writer._report = lambda done: (report(done), reported.set())
    barrier = shard.submit([])
    await asyncio.wait_for(reported.wait(), 10)
    await asyncio.to_thread(shard._keeper.submit(lambda: None).result)
    await asyncio.sleep(0)
    shard._report = shard._writer._report = report
    barrier.cancel()
