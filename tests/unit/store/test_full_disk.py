"""A full or failing disk: stop accepting, keep writing outcomes, never pretend."""

from __future__ import annotations

import asyncio
import errno

import pytest

from tests.unit.store.failing import FailingDisk
from tests.unit.store.memory import MemoryFolds, accepted, delivered, limits, store
from waypost.core.errors import CommitFailed, StoreFull
from waypost.store.record import Accepted, Closed, Delivered


def segment(path: str) -> bool:
    return path.endswith(".seg")


async def opened(folder, disk, **changes):
    shard = await store(folder, disk=disk, **changes).open_shard(0, 1)
    await quiet(shard)
    disk.only = segment
    disk.calls.clear()
    return shard


async def quiet(shard):
    """Wait for what the shard does beside commits."""
    await asyncio.to_thread(shard._keeper.submit(lambda: None).result)


async def records_of(folder):
    shard = await store(folder, folds=MemoryFolds()).open_shard(0, 1)
    records = [record for _, record in shard.state.records]
    await shard.close()
    return records


async def test_a_write_refused_for_want_of_room_leaves_nothing_behind(tmp_path):
    disk = FailingDisk()
    shard = await opened(tmp_path, disk)
    disk.fail["write"], disk.short = [errno.ENOSPC], 100
    with pytest.raises(StoreFull, match="no room left"):
        await shard.append([accepted(shard.next_seq())])
    assert shard.state.of(Accepted) == []
    disk.free_bytes = 1 << 40
    await shard.append([accepted(1, [b"second try"])])
    await shard.close()
    assert [r for r in await records_of(tmp_path) if isinstance(r, Accepted)] == [accepted(1, [b"second try"])]


async def test_what_was_refused_is_cut_off_durably_before_anyone_is_told(tmp_path):
    disk = FailingDisk()
    shard = await opened(tmp_path, disk)
    disk.fail["write"] = [errno.ENOSPC]
    disk.calls.clear()
    with pytest.raises(StoreFull):
        await shard.append([accepted(shard.next_seq())])
    assert disk.calls == ["write", "truncate", "sync"]
    await shard.close()


@pytest.mark.parametrize("undo", ["truncate", "sync"])
async def test_a_refused_write_that_cannot_be_undone_stops_the_shard(tmp_path, undo):
    disk = FailingDisk()
    shard = await opened(tmp_path, disk)
    disk.fail = {"write": [errno.ENOSPC], undo: errno.EIO}
    with pytest.raises(CommitFailed):
        await shard.append([accepted(shard.next_seq())])
    disk.fail = {}
    await shard.close()


async def test_outcomes_are_written_with_the_room_of_the_reserve(tmp_path):
    disk = FailingDisk()
    shard = await opened(tmp_path, disk)
    reserve = tmp_path / "shard-00" / "reserve"
    await shard.append([accepted(shard.next_seq())])
    assert reserve.stat().st_blocks * 512 >= 1 << 16
    disk.fail["write"], disk.free_bytes = [errno.ENOSPC], 100
    await shard.append([delivered(1)])
    assert not reserve.exists()
    assert len(shard.state.of(Delivered)) == 1
    assert not shard.room
    with pytest.raises(StoreFull, match="little free space"):
        await shard.append([accepted(shard.next_seq())])
    await shard.append([delivered(1)])
    await shard.close()


async def test_accepting_goes_on_and_the_reserve_comes_back_when_there_is_room_again(tmp_path):
    disk = FailingDisk()
    shard = await opened(tmp_path, disk)
    disk.fail["write"], disk.free_bytes = [errno.ENOSPC], 100
    await shard.append([delivered(1)])
    disk.free_bytes = 1 << 40
    await shard.append([accepted(shard.next_seq())])
    await shard.close()
    assert (tmp_path / "shard-00" / "reserve").exists()


async def test_a_shard_opens_on_a_full_disk_with_the_room_of_the_reserve(tmp_path):
    shard = await opened(tmp_path, FailingDisk())
    await shard.append([accepted(shard.next_seq())])
    await shard.close()
    disk = FailingDisk()
    disk.only = segment
    disk.free_bytes = 100
    disk.fail["write"] = [None, None, errno.ENOSPC]  # the empty segment, the last frame, and then what is new
    shard = await store(tmp_path, disk=disk).open_shard(0, 1)
    assert not (tmp_path / "shard-00" / "reserve").exists()
    await shard.append([delivered(1)])
    assert not shard.room
    await shard.close()


async def test_no_room_while_a_shard_opens_is_told_as_such(tmp_path):
    shard = await opened(tmp_path, FailingDisk())
    await shard.close()
    disk = FailingDisk()
    disk.only = segment
    disk.fail["write"] = errno.ENOSPC
    with pytest.raises(StoreFull, match="cannot be opened: No space left"):
        await store(tmp_path, disk=disk).open_shard(0, 1)


async def test_later_outcomes_refused_for_want_of_room_are_tried_again(tmp_path):
    disk = FailingDisk()
    shard = await opened(tmp_path, disk)
    disk.fail["write"] = [errno.ENOSPC, errno.ENOSPC]
    shard.append_later([delivered(1)])
    with pytest.raises(StoreFull):
        await shard.append([accepted(1)])
    assert shard.state.of(Delivered) == []
    await shard.append([])
    assert len(shard.state.of(Delivered)) == 1
    await shard.close()


async def test_appends_behind_a_refused_one_are_refused_until_the_caller_knows(tmp_path):
    disk = FailingDisk()
    shard = await opened(tmp_path, disk)
    disk.fail["write"] = [errno.ENOSPC]
    first = shard.submit([accepted(shard.next_seq())])
    while not disk.calls or disk.calls[-1] != "sync":
        pass
    second = shard.submit([accepted(shard.next_seq())])
    for refused in (first, second):
        with pytest.raises(StoreFull):
            await refused
    await shard.append([accepted(1)])
    await shard.append([accepted(2)])
    await shard.close()
    assert [record.seq for record in await records_of(tmp_path) if isinstance(record, Accepted)] == [1, 2]


@pytest.mark.parametrize("operation", ["write", "datasync"])
async def test_after_a_failed_commit_nothing_more_is_written_or_synced(tmp_path, operation):
    disk = FailingDisk()
    shard = await opened(tmp_path, disk)
    await shard.append([accepted(shard.next_seq())])
    disk.fail[operation] = errno.EIO
    with pytest.raises(CommitFailed, match="Input/output error"):
        await shard.append([accepted(shard.next_seq())])
    disk.fail.clear()
    disk.calls.clear()
    with pytest.raises(CommitFailed):
        await shard.append([accepted(3)])
    with pytest.raises(CommitFailed):
        await shard.append([delivered(1)])
    with pytest.raises(CommitFailed):
        shard.append_later([delivered(1)])
    await shard.close()
    assert disk.calls == []
    assert not any(isinstance(record, Closed) for record in shard.state.of(object))


async def test_a_commit_whose_sync_failed_is_written_anew_when_the_store_opens(tmp_path):
    disk = FailingDisk()
    shard = await opened(tmp_path, disk)
    disk.fail["datasync"] = [errno.EIO]
    with pytest.raises(CommitFailed):
        await shard.append([accepted(shard.next_seq())])
    await shard.close()
    again = FailingDisk()
    again.only = segment
    shard = await store(tmp_path, disk=again).open_shard(0, 1)
    assert len(shard.state.of(Accepted)) == 1
    assert again.calls[:4] == ["write", "sync"] * 2, "the empty segment, and the last frame of the other"
    await shard.close()


async def test_a_large_body_that_finds_no_room_is_refused_and_leaves_no_file(tmp_path):
    disk = FailingDisk()
    shard = await store(tmp_path, disk=disk, limits=limits(free_bytes=0)).open_shard(0, 1)
    disk.only = lambda path: "/chunks/" in path
    disk.fail["write"] = [None, errno.ENOSPC]
    with pytest.raises(StoreFull):
        await shard.append([accepted(shard.next_seq(), [b"x" * 300_000, b"y" * 300_000])])
    assert list((tmp_path / "shard-00" / "chunks").iterdir()) == []
    await shard.append([accepted(1, [b"x" * 300_000])])
    await shard.close()


async def test_no_room_for_the_next_segment_is_no_reason_to_stop(tmp_path):
    disk = FailingDisk()
    shard = await opened(tmp_path, disk, limits=limits(segment_bytes=3000, free_bytes=0))
    disk.fail["create"] = errno.ENOSPC
    with pytest.raises(StoreFull):
        for _ in range(20):
            await shard.append([accepted(shard.next_seq(), [b"x" * 500])])
    disk.fail.clear()
    known = shard.state.last_seq
    await shard.append([accepted(known + 1)])
    await shard.close()
    numbers = [record.seq for record in await records_of(tmp_path) if isinstance(record, Accepted)]
    assert numbers == list(range(1, known + 2))
