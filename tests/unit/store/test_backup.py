"""Backup beside writing, restore, verify."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from waypost.core.clock import ManualClock, SeededRandom
from waypost.core.errors import StoreError
from waypost.store.chunk import pack, unpack
from waypost.store.commit import Limits
from waypost.store.disk import RealDisk
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import live_reader, open_folds
from waypost.store.protocol import Query
from waypost.store.record import MovedAway, Numbered, OutboundBody, State, ref_of
from waypost.store.restore import restore
from waypost.store.shard import EmbeddedShard
from waypost.store.verify import verify
from waypost.testing.store_records import accepted, delivered, failed, id_of, produced

LIMITS = Limits(reserve_bytes=1 << 16, free_bytes=0, segment_bytes=200_000)


def store_at(folder: Path | str) -> EmbeddedStore:
    store = EmbeddedStore(str(folder), folds=open_folds, clock=ManualClock(), random=SeededRandom(1), limits=LIMITS)
    store.create()
    return store


async def fill(shard: EmbeddedShard, batches: int) -> None:
    """Batches of 3 with bodies; every fourth stays open, every fifth has a dead output."""
    for _ in range(batches):
        seq = shard.next_seq()
        body = b"x" * 400_000 if seq == 3 else b"y" * 5000
        await shard.append([accepted(seq, [body] * 3, shard=shard.number), produced(seq), Numbered("isa", seq)])
        if seq % 5 == 0:
            await shard.append([failed(seq, 1, State.DEAD), OutboundBody(ref_of(seq, 1), "t", pack([b"out"]))])
        if seq % 4:
            await shard.append([delivered(seq, 0, 2) if seq % 5 == 0 else delivered(seq)])


@pytest.fixture
async def shards(tmp_path: Path) -> AsyncIterator[list[EmbeddedShard]]:
    store = store_at(tmp_path / "store")
    opened = [await store.open_shard(number, 2) for number in range(2)]
    yield opened
    for shard in opened:
        await shard.close()


async def back_up(tmp_path: Path) -> list[tuple[int, int]]:
    return [progress async for progress in store_at(tmp_path / "store").backup(str(tmp_path / "backup"))]


async def put_back(tmp_path: Path) -> EmbeddedStore:
    target = str(tmp_path / "new")
    steps = restore(
        RealDisk(), str(tmp_path / "backup"), target, store_at, who="ann", why="fire", now=ManualClock().now()
    )
    assert [progress async for progress in steps]
    return store_at(target)


def faults_of(folder: Path) -> list[str]:
    return [fault for _, _, fault in verify(store_at(folder).setting()) if fault]


async def test_a_backup_made_while_messages_flow_is_a_whole_store(tmp_path: Path, shards: list[EmbeddedShard]) -> None:
    await fill(shards[0], 40)
    await fill(shards[1], 7)
    writing = asyncio.create_task(fill(shards[0], 60))
    progress = await back_up(tmp_path)
    await writing
    assert progress[-1][0] > 0
    assert [done for done, _ in progress] == sorted(done for done, _ in progress)

    assert faults_of(tmp_path / "backup") == []
    new = await put_back(tmp_path)
    shard = await new.open_shard(0, 2)
    last = shard.state.last_seq
    assert 40 <= last <= 100
    reader = live_reader([shard])
    for seq in (1, 3, 5, 40):
        history = reader.history(id_of(seq, 1))
        assert history is not None
        assert len(unpack(history.batch.accepted.bodies)[1]) == (400_000 if seq == 3 else 5000)
    assert [one.message for one in reader.find(Query(key=("po", "S3-1")))] == [id_of(3, 1)]
    expected = [seq for seq in range(1, 41) if seq % 4 == 0]
    assert [batch.seq for batch in shard.state.open_batches() if batch.seq <= 40] == expected
    await shard.close()
    assert faults_of(tmp_path / "new") == []


async def test_a_restored_store_says_so_and_its_sequences_jump(tmp_path: Path, shards: list[EmbeddedShard]) -> None:
    await fill(shards[0], 6)
    await back_up(tmp_path)
    new = await put_back(tmp_path)
    for number in new.shards():
        shard = await new.open_shard(number, 2)
        assert shard.state.commands() == {"store": "restored"}
        assert shard.state.incarnation == 3
        assert shard.state.number("isa") == (1006 if number == 0 else 0)
        await shard.close()
    assert shards[0].state.commands() == {}


async def test_the_secret_stays_secret_in_backup_and_restored_store(
    tmp_path: Path, shards: list[EmbeddedShard]
) -> None:
    await back_up(tmp_path)
    await put_back(tmp_path)
    for folder in ("store", "backup", "new"):
        assert stat.S_IMODE(os.stat(tmp_path / folder / "secret.key").st_mode) == 0o600


async def test_a_backup_that_was_not_finished_is_refused(tmp_path: Path, shards: list[EmbeddedShard]) -> None:
    await fill(shards[0], 2)
    await back_up(tmp_path)
    (tmp_path / "backup" / "backup.json").unlink()
    with pytest.raises(StoreError, match="no backup, or one that was not finished"):
        await put_back(tmp_path)


async def test_a_backup_that_lost_a_file_is_refused_by_its_name(tmp_path: Path, shards: list[EmbeddedShard]) -> None:
    await fill(shards[0], 20)
    await back_up(tmp_path)
    next((tmp_path / "backup" / "shard-00" / "chunks").iterdir()).unlink()
    with pytest.raises(StoreError, match=r"1 files are missing .* shard-00/chunks/"):
        await put_back(tmp_path)
    assert not (tmp_path / "new").exists()


async def test_neither_backup_nor_restore_writes_over_anything(tmp_path: Path, shards: list[EmbeddedShard]) -> None:
    await back_up(tmp_path)
    with pytest.raises(StoreError, match="not empty"):
        await back_up(tmp_path)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file").touch()
    with pytest.raises(StoreError, match="not empty"):
        await put_back(tmp_path)


class TestVerify:
    @pytest.fixture
    async def folder(self, tmp_path: Path) -> Path:
        """A store of some segments, closed."""
        shard = await store_at(tmp_path / "store").open_shard(0, 1)
        await fill(shard, 30)
        await shard.append([accepted(shard.next_seq())])
        await shard.append([MovedAway(b"", (31,), 1, 9)])
        await shard.close()
        assert len(list((tmp_path / "store/shard-00/journal").iterdir())) > 2
        return tmp_path / "store"

    def test_a_whole_store_has_no_fault(self, folder: Path) -> None:
        steps = list(verify(store_at(folder).setting()))
        assert [fault for _, _, fault in steps if fault] == []
        assert steps[-1][0] > 100_000

    def test_a_changed_byte_is_named_by_file_and_offset(self, folder: Path) -> None:
        for name, at in (("00000001.seg", 9000), ("00000002.seg", 5000)):
            flip(folder / "shard-00/journal" / name, at)
        faults = faults_of(folder)
        assert len(faults) == 2
        assert "00000001.seg offset " in faults[0]
        assert "00000002.seg offset " in faults[1]

    def test_a_changed_large_body_is_named(self, folder: Path) -> None:
        chunk = next((folder / "shard-00/chunks").iterdir())
        flip(chunk, 1000)
        assert [chunk.name in fault for fault in faults_of(folder)] == [True]

    def test_a_state_that_is_not_what_the_journal_says_is_told(self, folder: Path) -> None:
        execute(folder / "shard-00/state.db", "DELETE FROM batch WHERE seq IN (4, 5)")
        faults = faults_of(folder)
        assert len(faults) == 2
        assert "batch 4 is finished; the journal says 3 messages of orders" in faults[0]

    def test_a_batch_or_key_missing_from_the_index_is_told(self, folder: Path) -> None:
        execute(folder / "shard-00/index.db", "DELETE FROM batch WHERE seq = 7")
        execute(folder / "shard-00/index.db", "DELETE FROM page")
        faults = faults_of(folder)
        assert sum("batch 7 of segment " in fault and "is not indexed" in fault for fault in faults) == 1
        assert sum("leads nowhere" in fault for fault in faults) == 2

    def test_a_missing_state_is_told_and_a_missing_index_is_no_fault(self, folder: Path) -> None:
        for name in ("state.db", "index.db"):
            (folder / "shard-00" / name).unlink()
        assert ["state.db: missing" in fault for fault in faults_of(folder)] == [True]

    async def test_a_store_is_verified_while_it_runs(self, folder: Path) -> None:
        shard = await store_at(folder).open_shard(0, 1)
        writing = asyncio.create_task(fill(shard, 40))
        faults = await asyncio.to_thread(faults_of, folder)
        await writing
        await shard.close()
        assert faults == []


def flip(path: Path, at: int) -> None:
    path.chmod(0o644)
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def execute(path: Path, sql: str) -> None:
    import apsw

    connection = apsw.Connection(str(path))
    connection.execute(sql)
    connection.close()


async def test_a_backup_into_the_store_itself_is_refused(tmp_path: Path, shards: list[EmbeddedShard]) -> None:
    with pytest.raises(StoreError, match="inside the store"):
        async for _ in store_at(tmp_path / "store").backup(str(tmp_path / "store" / "copy")):
            pass
