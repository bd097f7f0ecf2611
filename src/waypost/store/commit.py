"""Commits: a group of appends becomes one frame, written and synced once, or not at all.

Blocks, and belongs to one thread; sealing a full segment and creating the next may run beside it (``tidy``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from waypost.core.clock import MICROSECONDS, Clock
from waypost.core.errors import CommitFailed
from waypost.store.chunk import ChunkFolder, take_out
from waypost.store.codec import Codec
from waypost.store.derived import CommittedGroup, Watermark
from waypost.store.disk import Disk
from waypost.store.frame import FrameBuilder
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
    cache_bytes: int = 32 << 20
    lag_messages: int = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a shard's journal lies, and with what it is written."""

    disk: Disk
    journal: str
    identity: Identity
    codec: Codec
    clock: Clock


def weight(records: Iterable[AnyRecord]) -> int:
    """About how many bytes records take in the journal."""
    return sum(
        250 + (len(record.bodies.data) if isinstance(record, Accepted | OutboundBody) else 0) for record in records
    )


class Committer:
    """Writes the journal from where it was recovered. After ``CommitFailed`` it writes nothing any more."""

    def __init__(
        self, place: Place, recovered: Recovered, chunks: ChunkFolder, reserve: Reserve, limits: Limits
    ) -> None:
        self._place, self._disk, self._chunks, self._reserve, self._limits = place, place.disk, chunks, reserve, limits
        self._active, self._end, self._offsets = recovered.active, recovered.end, recovered.offsets
        self._before, self._ready = recovered.before, recovered.ready
        self._full: tuple[Segment, list[int], int] | None = None
        self._tidying = threading.Lock()
        self.fault: CommitFailed | None = None
        self.on_turn: Callable[[], None] = self.tidy
        """Called after the first commit in another segment; has ``tidy`` run, here or elsewhere."""

    @property
    def end(self) -> Watermark:
        """The place just after the last committed frame."""
        return self._active.number, self._end

    @property
    def where(self) -> str:
        """The journal, for an error."""
        return self._place.journal

    def commit(self, records: Sequence[AnyRecord]) -> CommittedGroup:
        """Return once all records are durable. Raises ``StoreFull``: nothing was written; or ``CommitFailed``: that is
        not known, and nothing more can be written."""
        if self.fault is not None:
            raise self.fault
        if not records:
            return CommittedGroup([], self.end, 0)
        try:
            if self._turn_is_due(weight(records)):
                self._turn()
            builder, items, kept = self._encode(records)
            frame = builder.finish(
                seed=self._active.seed, at=self._end, before=self._before if self._end == START else 0
            )
            self._write(frame)
            self._disk.datasync(self._active.fd)
        except OSError as fault:
            raise self.fail(fault) from fault
        at = self._end
        self._offsets.append(at)
        self._end += len(frame)
        if self._full is not None and at == START:
            self.on_turn()
        self._reserve.look()
        number = self._active.number
        located = [(Location(number, at, item), record) for item, record in zip(items, kept, strict=True)]
        return CommittedGroup(located, (number, self._end), len(frame))

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

    def _encode(self, records: Sequence[AnyRecord]) -> tuple[FrameBuilder, list[int], list[AnyRecord]]:
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
        builder = FrameBuilder(self._place.codec)
        return builder, [builder.add(record) for record in kept], kept

    def _write(self, frame: bytearray) -> None:
        try:
            self._disk.write(self._active.fd, [frame], self._end)
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
