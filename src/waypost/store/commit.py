"""Commits: a group of appends becomes one frame, written and synced once, or not at all.

Blocks, and belongs to one thread; sealing a full segment and creating the next may run beside it (``tidy``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import msgspec

from waypost.core.clock import MICROSECONDS, Clock
from waypost.core.errors import CommitFailed
from waypost.store.chunk import ChunkFolder, take_out
from waypost.store.codec import Codec
from waypost.store.derived import CommittedGroup, Watermark
from waypost.store.disk import Buffer, Disk
from waypost.store.frame import HEADER as FRAME
from waypost.store.frame import Packed, head
from waypost.store.protocol import Location
from waypost.store.record import Accepted, AnyRecord, OutboundBody
from waypost.store.recovery import Recovered
from waypost.store.reserve import NO_ROOM, Reserve
from waypost.store.segment import START, Identity, Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large things get before something is done about it."""

    segment_bytes: int = 256 << 20
    segment_seconds: int = 24 * 3600
    group_bytes: int = 16 << 20
    reserve_bytes: int = 16 << 20
    free_bytes: int = 128 << 20
    """Free space below which nothing more is accepted."""
    flush_bytes: int = 64 << 20
    flush_seconds: float = 2.0
    index_seconds: float = 5.0
    """How long the search index may keep to itself what it found; it is found all the same, and every flush delays what
    else goes through the processor and the disk."""
    cache_bytes: int = 4 << 20
    lag_messages: int = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a shard's journal lies, and with what it is written."""

    disk: Disk
    journal: str
    identity: Identity
    codec: Codec
    clock: Clock


def weight(append: Packed | Sequence[AnyRecord]) -> int:
    """About how many bytes an append takes in the journal."""
    if isinstance(append, Packed):
        return len(append.data)
    return sum(
        250 + (len(record.bodies.data) if isinstance(record, Accepted | OutboundBody) else 0) for record in append
    )


_LOOK_BYTES = 8 << 20
"""How much is written before the free space is looked at again."""


class Committed(msgspec.Struct, frozen=True):
    """What a commit wrote, and where."""

    packed: Sequence[Packed]
    segment: int
    offset: int
    size: int

    def group(self) -> CommittedGroup:
        """The commit as its readers want it."""
        located: list[tuple[Location, AnyRecord]] = []
        base = FRAME.size
        for one in self.packed:
            located += [
                (Location(self.segment, self.offset, base + item), record)
                for item, record in zip(one.items, one.records, strict=True)
            ]
            base += len(one.data)
        return CommittedGroup(located, (self.segment, self.offset + self.size), self.size)


class Committer:
    """Writes the journal from where it was recovered, in one thread. After ``CommitFailed`` it writes nothing more."""

    def __init__(
        self, place: Place, recovered: Recovered, chunks: ChunkFolder, reserve: Reserve, limits: Limits
    ) -> None:
        self._place, self._disk, self._chunks, self._reserve, self._limits = place, place.disk, chunks, reserve, limits
        self._active, self._end, self._offsets = recovered.active, recovered.end, recovered.offsets
        self._before, self._ready = recovered.before, recovered.ready
        self._unlooked = 0
        self._full: tuple[Segment, list[int], int] | None = None
        self._tidying = threading.Lock()
        self.fault: CommitFailed | None = None
        self.on_turn: Callable[[], None] = self.tidy
        """Called after the first commit in another segment; has ``tidy`` run, here or elsewhere."""

    @property
    def end(self) -> Watermark:
        """The place just after the last committed frame."""
        return self._active.number, self._end

    def commit(self, group: Sequence[Packed | Sequence[AnyRecord]]) -> Committed:
        """Return once all records of all appends are durable. Those not yet packed are, large bodies first. Raises
        ``StoreFull``: nothing was written; or ``CommitFailed``: that is not known, and nothing more can be written."""
        if self.fault is not None:
            raise self.fault
        if not any(map(weight, group)):
            return Committed([], *self.end, 0)
        try:
            if self._turn_is_due(sum(map(weight, group))):
                self._turn()
            packed = [one if isinstance(one, Packed) else self._pack(one) for one in group]
            at, size = self._end, FRAME.size + sum(len(one.data) for one in packed)
            first = head(packed, seed=self._active.seed, at=at, before=self._before if at == START else 0)
            self._write([first, *(one.data for one in packed)])
            self._disk.datasync(self._active.fd)
        except OSError as fault:
            raise self.fail(fault) from fault
        self._offsets.append(at)
        self._end += size
        if self._full is not None and at == START:
            self.on_turn()
        self._look(size)
        return Committed(packed, self._active.number, at, size)

    def tidy(self) -> None:
        """Seal a segment that is full and have an empty one ready, where there is room."""
        with self._tidying:
            try:
                self._seal_full()
                if self._ready is None and self._end > START:
                    self._ready = self._create(self._active.number + 1)
                self._reserve.restore()
            except OSError as fault:
                if fault.errno not in NO_ROOM:
                    raise self.fail(fault) from fault

    def fail(self, fault: BaseException) -> CommitFailed:
        """Stop for good: only reopening can tell what is durable."""
        if self.fault is None:
            self.fault = CommitFailed(
                f"a write or sync failed: {fault}",
                where=self._active.path,
                expected="a disk that keeps what it is given",
                remedy="check the disk, then start again: what was committed is found when the store opens",
            )
        return self.fault

    def close(self) -> None:
        """Let the files go."""
        with self._tidying:
            for segment in (self._active, self._ready, self._full and self._full[0]):
                if segment is not None:
                    segment.close()

    def _pack(self, records: Sequence[AnyRecord]) -> Packed:
        stored: list[str] = []

        def store(body: bytes) -> str:
            stored.append(self._chunks.store(self._active.number, body))
            return stored[-1]

        try:
            kept = take_out(records, store)
            self._chunks.settle()
        except OSError as fault:
            if fault.errno in NO_ROOM:
                self._chunks.remove(stored)
                self._raise_full(fault)
            raise
        return Packed(kept, self._place.codec)

    def _look(self, written: int) -> None:
        self._unlooked += written
        if self._unlooked >= _LOOK_BYTES:
            self._unlooked = 0
            self._reserve.look()

    def _write(self, buffers: Sequence[Buffer]) -> None:
        try:
            self._disk.write(self._active.fd, buffers, self._end)
        except OSError as fault:
            if fault.errno not in NO_ROOM:
                raise
            self._disk.truncate(self._active.fd, self._end)
            self._disk.sync(self._active.fd)
            self._raise_full(fault)

    def _raise_full(self, fault: OSError) -> NoReturn:
        self._reserve.release()
        raise self._reserve.full(fault) from fault

    def _turn_is_due(self, more: int) -> bool:
        if self._end == START:
            return False
        age = self._place.clock.now() - self._active.created
        return self._end + more > self._limits.segment_bytes or age > self._limits.segment_seconds * MICROSECONDS

    def _turn(self) -> None:
        """Go on in the next segment. The one before is sealed only after the first commit there."""
        with self._tidying:
            try:
                self._seal_full()
                ready = self._ready or self._create(self._active.number + 1)
            except OSError as fault:
                if fault.errno not in NO_ROOM:
                    raise
                self._raise_full(fault)
            self._full = (self._active, self._offsets, self._end)
            self._before, self._ready = self._end, None
            self._active, self._end, self._offsets = ready, START, []

    def _seal_full(self) -> None:
        if self._full is None or self._end == START:
            return
        segment, offsets, end = self._full
        segment.seal(offsets, end)
        segment.close()
        self._full = None

    def _create(self, number: int) -> Segment:
        place = self._place
        return Segment.create(self._disk, place.journal, number, place.identity, place.clock.now())
