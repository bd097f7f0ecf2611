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
class OpenedJournal:
    """The journal of a shard that is locked for this process, and goes on where it was left."""

    folder: ShardFolder
    lock: ShardLock
    journal: Journal
    chunks: ChunkFolder
    reserve: Reserve
    committer: Committer
    cut: int
    """Bytes of an unfinished write that were found and cut off."""

    def close(self) -> None:
        """Let the files go, the lock last, whatever fails on the way."""
        with ExitStack() as closing:
            closing.callback(self.lock.release)
            closing.callback(self.committer.close)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedShard:
    """A journal and what is derived from it, the state up to date; the index may be behind by ``missed``."""

    files: OpenedJournal
    state: FoldedState
    index: Derived
    missed: Iterator[CommittedGroup]

    def close(self) -> None:
        """Let everything go, the lock last, whatever fails on the way."""
        with ExitStack() as closing:
            closing.callback(self.files.close)
            closing.callback(self.state.close)
            closing.callback(self.index.close)


def open_shard(setting: Setting, number: int) -> OpenedShard:
    """Open a shard that may have stopped anywhere. Blocks. Raises ``StoreLocked``, ``StoreDamaged`` or
    ``StoreTooNew``."""
    files = open_journal(setting, number)
    with ExitStack() as undo:
        undo.callback(files.close)
        state, index = setting.folds(files.folder, setting.secret)
        undo.callback(state.close)
        undo.callback(index.close)
        catch_up(state, files, setting.limits)
        missed = missed_by_index(index, files)
        undo.pop_all()
        return OpenedShard(files=files, state=state, index=index, missed=missed)


def open_journal(setting: Setting, number: int) -> OpenedJournal:
    """Lock a shard and recover its journal."""
    disk, folder, limits = setting.disk, ShardFolder(setting.store, number), setting.limits
    identity = Identity(setting.store_id, number)
    folder.make(disk)
    with ExitStack() as undo:
        lock = ShardLock(disk, folder.lock)
        undo.callback(lock.release)
        recovered = recover(disk, folder.journal, identity, setting.clock.now())
        chunks = ChunkFolder(disk, folder.chunks, setting.store_id, setting.codec)
        reserve = Reserve(disk, folder.path, size=limits.reserve_bytes, floor=limits.free_bytes)
        reserve.look()
        place = Place(disk=disk, journal=folder.journal, identity=identity, codec=setting.codec, clock=setting.clock)
        committer = Committer(place, recovered, chunks, reserve, limits)
        journal = Journal(disk, folder.journal, identity, setting.codec)
        undo.pop_all()
        return OpenedJournal(
            folder=folder, lock=lock, journal=journal, chunks=chunks, reserve=reserve, committer=committer,
            cut=recovered.cut,
        )  # fmt: skip


def catch_up(state: FoldedState, files: OpenedJournal, limits: Limits) -> None:
    """Give the state what it has not made durable; it may lack nothing."""
    waiting = 0
    _refuse_ahead(state, "state", files)
    for group in files.journal.groups(state.watermark, files.committer.end):
        state.apply(group)
        waiting += group.bytes
        if waiting >= limits.flush_bytes:
            state.flush()
            waiting = 0


def missed_by_index(index: Derived, files: OpenedJournal) -> Iterator[CommittedGroup]:
    """What the index has not made durable, as far as the journal still has it: a lost index is made again."""
    _refuse_ahead(index, "index", files)
    return files.journal.groups(index.watermark, files.committer.end, gaps=True)


def _refuse_ahead(derived: Derived, name: str, files: OpenedJournal) -> None:
    stands, end = derived.watermark, files.committer.end
    if stands > end:
        raise StoreDamaged(
            f"the journal ends at segment {end[0]} offset {end[1]}",
            where=files.folder.journal,
            expected=f"segment {stands[0]} offset {stands[1]} at least, where the {name} stands",
            remedy="put the missing journal files back, or restore the store from a backup",
        )
