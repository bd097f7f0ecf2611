"""The explorer has teeth: each of these bugs, put into the store on purpose, is found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random
from typing import Any
from unittest.mock import patch

import apsw
import msgspec
import pytest

from waypost.core.errors import CommitFailed, StoreError
from waypost.flow.running import rebalance
from waypost.flow.sharing.moving import MessageMove
from waypost.store import retention
from waypost.store.carrying import taken_away
from waypost.store.chunk import ChunkFolder
from waypost.store.commit import Committed, Committer
from waypost.store.disk import Disk
from waypost.store.division import Division
from waypost.store.record import MovedAway
from waypost.store.retention import Retention
from waypost.store.shard import EmbeddedShard
from waypost.testing.crash import inspector
from waypost.testing.crash.explore import Findings, Violation, explore, left_by
from waypost.testing.crash.recording import Stage, record
from waypost.testing.crash.recording_disk import RecordingDisk
from waypost.testing.crash.workload import SCENES, Scene, Traffic, none_lost_in_moving, recovering

Plant = Callable[[], AbstractContextManager[object]]


def acknowledge_before_sync() -> AbstractContextManager[object]:
    """A commit returns at once, and is synced together with the next."""
    real, owed = RecordingDisk.datasync, []

    def late(disk: RecordingDisk, fd: int) -> None:
        path, inode = disk._open[fd]
        if path.endswith(".seg"):
            for earlier in owed:
                disk.log.add("sync", *earlier)
            owed[:] = [(path, inode)]
        else:
            real(disk, fd)

    return patch.object(RecordingDisk, "datasync", late)


def skipped_sync() -> AbstractContextManager[object]:
    real = RecordingDisk.datasync

    def none(disk: RecordingDisk, fd: int) -> None:
        if not disk.path_of(fd).endswith(".seg"):
            real(disk, fd)

    return patch.object(RecordingDisk, "datasync", none)


def missing_sync_of_the_journal_folder() -> AbstractContextManager[object]:
    real = RecordingDisk.sync_folder
    return patch.object(
        RecordingDisk, "sync_folder", lambda disk, path: None if path.endswith("/journal") else real(disk, path)
    )


def missing_sync_of_the_names_of_large_bodies() -> AbstractContextManager[object]:
    return patch.object(ChunkFolder, "settle", lambda folder: None)


def missing_sync_of_large_bodies() -> AbstractContextManager[object]:
    real = RecordingDisk.datasync
    return patch.object(
        RecordingDisk, "datasync", lambda disk, fd: None if "/chunks/" in disk.path_of(fd) else real(disk, fd)
    )


def index_not_replayed() -> AbstractContextManager[object]:
    return patch.object(inspector, "missed_by_index", lambda index, files: iter(()))


def state_not_replayed() -> AbstractContextManager[object]:
    return patch.object(inspector, "catch_up", lambda state, files, limits: None)


@contextmanager
def watermark_over_uncommitted() -> Iterator[None]:
    """The state is flushed with a watermark that counts what is still being committed."""
    shards: list[EmbeddedShard] = []
    start, write = EmbeddedShard.__init__, Committer._write

    def remember(shard: EmbeddedShard, *arguments: Any) -> None:
        start(shard, *arguments)
        shards.append(shard)

    def early(committer: Committer, buffers: list[bytes]) -> None:
        write(committer, buffers)
        state = shards[-1].state
        if committer is shards[-1]._committer and state._applied > (0, 0):
            state._applied = (committer._active.number, committer._end + sum(map(len, buffers)))
            state.flush()

    with patch.object(EmbeddedShard, "__init__", remember), patch.object(Committer, "_write", early):
        yield


@contextmanager
def seldom_flushed() -> Iterator[None]:
    """No bug: the state is only flushed when the shard closes."""
    with patch.object(EmbeddedShard, "_flush_state", lambda self: None):
        yield


@contextmanager
def unlink_before_watermark() -> Iterator[None]:
    """Segments go that the derived databases have not made durable."""
    with seldom_flushed(), patch.object(retention, "min", lambda *places: places[-1], create=True):
        yield


def unlink_of_what_is_kept() -> AbstractContextManager[object]:
    """Nothing is carried forward."""
    return patch.object(Retention, "_holding", lambda self: {})


def unlink_of_large_bodies_first() -> AbstractContextManager[object]:
    real = Retention._unlink

    def hasty(self: Retention, number: int) -> int:
        self._shard.chunks.remove(self._shard.chunks.of_segment(number))
        return real(self, number)

    return patch.object(Retention, "_unlink", hasty)


def missing_sync_of_the_folders_of_a_backup() -> AbstractContextManager[object]:
    real = RecordingDisk.sync_folder
    return patch.object(
        RecordingDisk, "sync_folder", lambda disk, path: None if "/backups" in path else real(disk, path)
    )


@contextmanager
def going_on_after_a_failed_sync() -> Iterator[None]:
    """The shard counts the commit as not done and writes the next one behind it."""
    commit = Committer.commit

    def careless(committer: Committer, group: list[Any]) -> Committed:
        try:
            return commit(committer, group)
        except CommitFailed:
            committer.fault = None
            committer._end = committer._active.size
            return commit(committer, group)

    with patch.object(Committer, "commit", careless):
        yield


def sync_tried_again() -> AbstractContextManager[object]:
    """A sync that failed is made a second time, and believed."""
    real = RecordingDisk.datasync

    def again(disk: RecordingDisk, fd: int) -> None:
        try:
            real(disk, fd)
        except OSError:
            real(disk, fd)

    return patch.object(RecordingDisk, "datasync", again)


def recovery_trusts_what_it_reads() -> AbstractContextManager[object]:
    """What was written and not known to be safe is synced, not written again."""
    real = RecordingDisk.write

    def only_new(disk: RecordingDisk, fd: int, buffers: list[bytes], at: int) -> None:
        data = b"".join(buffers)
        if disk.read(fd, len(data), at) != data:
            real(disk, fd, buffers, at)

    return patch.object(RecordingDisk, "write", only_new)


def given_up_before_it_was_copied() -> AbstractContextManager[object]:
    """A batch is marked as moved before the other shard has it."""

    async def hasty(stage: Stage) -> None:
        first, second = await stage.open(0, 2), await stage.open(1, 2)
        await Traffic(second, Random(2)).run(4)
        for batch in list(second.state.open_batches()):
            stored = await second.read_batch(batch)
            await second.append([MovedAway(b"", (batch.seq,), 0, 1)])
            await first.append([msgspec.structs.replace(stored.accepted, seq=first.next_seq(), origin="moved")])
        await second.close()
        await first.close()

    return patch.dict(SCENES, moving=Scene(hasty, across=none_lost_in_moving))


def taken_away_before_it_was_copied() -> AbstractContextManager[object]:
    """What goes to another shard is marked as moved before it is safe there."""
    move = MessageMove._move

    async def hasty(moving: MessageMove, number: int, plans: list[Any]) -> None:
        for batch, places in plans:
            await moving._shards[number].append(taken_away(batch, places, 0))
        await move(moving, number, plans)

    return patch.object(MessageMove, "_move", hasty)


def copied_again() -> AbstractContextManager[object]:
    """A change made again does not look what was copied before."""
    return patch.object(MessageMove, "_there_already", lambda moving, place, batch: set())


def changed_before_anything_moved() -> AbstractContextManager[object]:
    """The new number of workers is written down at the beginning, as if the change were done."""
    real = rebalance.write_division

    def early(disk: Disk, store: str, division: Division) -> None:
        real(disk, store, Division(division.becoming or division.workers))

    return patch.object(rebalance, "write_division", early)


def positions_left_behind() -> AbstractContextManager[object]:
    """Slots move without what is known of how far their records were read."""
    return patch.object(rebalance.Rebalance, "_positions", lambda change, number: iter(()))


LOST = (
    "that were acknowledged|written after it was safe|not written so|no commit ended|stands|no fold|"
    "not all were|cannot be read"
)

PLANTS: dict[Plant, tuple[str, str]] = {
    acknowledge_before_sync: ("flowing", LOST),
    skipped_sync: ("flowing", LOST),
    missing_sync_of_the_journal_folder: ("flowing", LOST),
    missing_sync_of_the_names_of_large_bodies: ("flowing", "no such file"),
    missing_sync_of_large_bodies: ("flowing", "chunks/.* not what was written"),
    index_not_replayed: ("flowing", "the index is no fold"),
    state_not_replayed: ("flowing", "the state is no fold"),
    watermark_over_uncommitted: ("flowing", LOST),
    unlink_before_watermark: ("retaining", "no segment"),
    unlink_of_what_is_kept: ("retaining", "no segment"),
    unlink_of_large_bodies_first: ("retaining", "no such file"),
    missing_sync_of_the_folders_of_a_backup: ("backing up", "the backup|a finished backup is gone"),
    going_on_after_a_failed_sync: ("failing", LOST),
    sync_tried_again: ("failing", LOST),
    recovery_trusts_what_it_reads: ("failing", LOST),
    taken_away_before_it_was_copied: ("changing", "is lost"),
    copied_again: ("changing", "is in 2 places"),
    changed_before_anything_moved: ("changing", "which has not its key"),
    positions_left_behind: ("changing", "position .* is '.*' instead of"),
    given_up_before_it_was_copied: ("moving", "was given up, and no other shard has it"),
}
"""Bug → the scene it shows in, and what the explorer says of it."""


def explored(scene: str, seed: int = 0) -> Findings:
    chosen = SCENES[scene]
    recording = record(scene, chosen.workload, seed=seed, fails=chosen.fails())
    return explore(recording, torn=2, every=3, first=seed, stop_at=1, across=chosen.across)


def found_with(scene: str, seed: int) -> list[Violation]:
    """What is found under a plant; nothing where it met the shard's own use of a database in another thread, which
    ended the recording before there was anything to find."""
    try:
        return explored(scene, seed).violations
    except (StoreError, apsw.Error) as ended:
        if "busy in another thread" not in str(ended):
            raise
        return []


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found(plant):
    scene, said = PLANTS[plant]
    with plant():
        (violation,) = next(filter(None, (found_with(scene, seed) for seed in range(6))))
    assert re.search(said, violation.found)


@pytest.mark.parametrize("scene", SCENES)
def test_without_a_planted_bug_nothing_is_found(scene):
    found = explored(scene)
    assert found.violations == []
    assert found.images > 300


def test_a_state_that_is_seldom_flushed_loses_nothing_to_retention():
    with seldom_flushed():
        assert explored("retaining").violations == []


def test_disks_left_in_the_middle_of_a_recovery_are_sound_too():
    scene = SCENES["failing"]
    earlier = record("failing", scene.workload, fails=scene.fails())
    for number in range(8):
        beginning = left_by(earlier, len(earlier.log.entries) * number // 8, seed=number)
        found = explore(record("recovering", recovering, beginning=beginning), torn=2, every=2, stop_at=1)
        assert found.violations == []
        assert found.images > 20
