"""Opening a shard: lock, recover the journal, load what is derived from it, and bring that up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from waypost.core.clock import Clock
from waypost.core.errors import StoreDamaged
from waypost.store.chunk import ChunkFolder
from waypost.store.codec import Codec
from waypost.store.commit import Committer, Limits, Place
from waypost.store.derived import CommittedGroup, Derived, FoldedState
from waypost.store.disk import Disk
from waypost.store.journal import Journal
from waypost.store.layout import ShardFolder
from waypost.store.lock import ShardLock
from waypost.store.recovery import recover
from waypost.store.reserve import Reserve
from waypost.store.segment import Identity

Folds = Callable[[ShardFolder, bytes], tuple[FoldedState, Derived]]
"""Opens the derived databases of a shard folder; takes the store's secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What every shard of a store shares."""

    disk: Disk
    store: str
    store_id: bytes
    secret: bytes
    codec: Codec
    clock: Clock
    folds: Folds
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedShard:
    """The parts of a shard, consistent with each other; the index may be behind by ``missed``."""

    folder: ShardFolder
    lock: ShardLock
    journal: Journal
    chunks: ChunkFolder
    reserve: Reserve
    committer: Committer
    state: FoldedState
    index: Derived
    missed: Iterator[CommittedGroup]
    cut: int
    """Bytes of an unfinished write that were found and cut off."""

    def close(self) -> None:
        """Let everything go, the lock last, whatever fails on the way."""
        with ExitStack() as closing:
            closing.callback(self.lock.release)
            closing.callback(self.committer.close)
            closing.callback(self.state.close)
            closing.callback(self.index.close)


def open_parts(setting: Setting, number: int) -> OpenedShard:
    """Open a shard that may have stopped anywhere. Blocks. Raises ``StoreLocked``, ``StoreDamaged`` or
    ``StoreTooNew``."""
    disk, folder = setting.disk, ShardFolder(setting.store, number)
    identity = Identity(setting.store_id, number)
    folder.make(disk)
    with ExitStack() as undo:
        lock = ShardLock(disk, folder.lock)
        undo.callback(lock.release)
        recovered = recover(disk, folder.journal, identity, setting.clock.now())
        chunks = ChunkFolder(disk, folder.chunks, setting.store_id, setting.codec)
        limits = setting.limits
        reserve = Reserve(disk, folder.path, size=limits.reserve_bytes, floor=limits.free_bytes)
        place = Place(disk=disk, journal=folder.journal, identity=identity, codec=setting.codec, clock=setting.clock)
        committer = Committer(place, recovered, chunks, reserve, limits)
        undo.callback(committer.close)
        journal = Journal(disk, folder.journal, identity, setting.codec)
        state, index = setting.folds(folder, setting.secret)
        _catch_up(state, journal, committer, limits)
        missed = _missed(index, "index", journal, committer, gaps=True)
        reserve.look()
        undo.pop_all()
        return OpenedShard(
            folder=folder, lock=lock, journal=journal, chunks=chunks, reserve=reserve, committer=committer,
            state=state, index=index, missed=missed, cut=recovered.cut,
        )  # fmt: skip


def _catch_up(state: FoldedState, journal: Journal, committer: Committer, limits: Limits) -> None:
    waiting = 0
    for group in _missed(state, "state", journal, committer, gaps=False):
        state.apply(group)
        waiting += group.bytes
        if waiting >= limits.flush_bytes:
            state.flush()
            waiting = 0


def _missed(
    derived: Derived, name: str, journal: Journal, committer: Committer, *, gaps: bool
) -> Iterator[CommittedGroup]:
    stands, end = derived.watermark, committer.end
    if stands > end:
        raise StoreDamaged(
            f"the journal ends at segment {end[0]} offset {end[1]}",
            where=committer.where,
            expected=f"segment {stands[0]} offset {stands[1]} at least, where the {name} stands",
            remedy="put the missing journal files back, or restore the store from a backup",
        )
    return journal.groups(stands, end, gaps=gaps)
