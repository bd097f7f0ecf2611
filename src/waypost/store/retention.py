"""Lets old messages go: whole segments are unlinked, and what someone may still need is carried forward before.

A segment may go when both derived databases are past it and durable, its messages are old enough, and nothing in it is
open. Where parked and dead batches hold more than a fifth of its messages it stays; fewer are told again into the
active segment, durably, and a later run unlinks it. Dead messages beyond their own age are cancelled first; parked ones
wait for ever. Every step may be the last before a crash: the next run finishes it.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from pathlib import Path

from waypost.core.clock import MICROSECONDS, Clock
from waypost.core.errors import StoreDamaged
from waypost.core.message import id_at
from waypost.store.disk import Disk
from waypost.store.folds import live_reader
from waypost.store.index_removal import IndexRemoval
from waypost.store.outputs import KeptBatch
from waypost.store.protocol import OpenBatch
from waypost.store.record import ACTIVE, Decided, State, pack_refs, ref_of
from waypost.store.retelling import told_again
from waypost.store.segment import segment_name
from waypost.store.shard import EmbeddedShard
from waypost.store.state import StateFold

_EXPIRED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """How long messages are kept, in seconds, by what became of them; 0 keeps dead messages for ever."""

    finished: int = 30 * 86400
    dead: int = 90 * 86400
    share: float = 0.2
    """A segment stays when kept batches hold more than this share of its messages."""


@dataclass(slots=True)
class Removed:
    """What one run did."""

    segments: int = 0
    bytes: int = 0
    carried: int = 0
    """Batches told again."""
    expired: int = 0
    """Dead outputs cancelled for their age."""
    claims: int = 0


class Retention:
    """Retention of one open shard; on the shard's event loop."""

    def __init__(self, shard: EmbeddedShard, disk: Disk, clock: Clock, ages: Ages) -> None:
        if not isinstance(shard.state, StateFold):
            raise TypeError("retention needs a shard opened with open_folds")
        self._shard, self._disk, self._clock, self._ages = shard, disk, clock, ages
        self._state = shard.state
        self._reader = live_reader([shard])
        self._index = IndexRemoval(Path(shard.folder.path) / "index.db")
        self._carried = dict.fromkeys(shard.journal.segments(), shard.end)
        """By segment, where the index must have come to on disk before it knows what was carried elsewhere."""

    async def run(self) -> Removed:
        """Let go what may go now. Cheap when nothing may."""
        removed = Removed()
        removed.claims = await self._forget_claims()
        removed.expired = await self._expire()
        durable = await asyncio.to_thread(self._index.durable)
        edge = min(self._state.watermark, durable, (self._shard.end[0] - 1, 0))[0]
        numbers = self._shard.journal.segments()
        holding = await asyncio.to_thread(self._holding)
        for number, following in itertools.pairwise(numbers):
            known = durable >= self._carried.get(number, (0, 0))
            if known and number < edge and await asyncio.to_thread(self._is_old, number, following):
                await self._clear(number, holding.get(number, []), removed)
        if removed.segments or await asyncio.to_thread(self._index.behind, numbers):
            await asyncio.to_thread(self._index.forget, self._shard.journal.segments())
        return removed

    def close(self) -> None:
        self._index.close()

    def _is_old(self, number: int, following: int) -> bool:
        """Whether all in a segment is older than finished messages are kept; it was written until the next began."""
        journal = self._shard.journal
        newest = self._index.newest(number)
        for segment in map(journal.open, (number, following)):
            newest = max(newest, segment.created)
            segment.close()
        return newest < self._clock.now() - self._ages.finished * MICROSECONDS

    async def _clear(self, number: int, holding: list[KeptBatch], removed: Removed) -> None:
        """Unlink a segment that nobody needs; carry away what is kept in it, so that the next run can, by when nobody
        reads there any more; or leave it."""
        if any(_is_active(batch) for batch in holding):
            return
        messages = await asyncio.to_thread(self._index.messages, number)
        if sum(batch.count for batch in holding) > self._ages.share * messages > 0:
            return
        if holding:
            await self._shard.findable()
        for batch in holding:
            await self._carry(batch)
        if holding:
            self._carried[number] = self._shard.end
        removed.carried += len(holding)
        if not holding:
            self._carried.pop(number, None)
            removed.bytes += await asyncio.to_thread(self._unlink, number)
            removed.segments += 1

    def _holding(self) -> dict[int, list[KeptBatch]]:
        """Unfinished batches by the segments they need, for their records or those of their outbound bodies."""
        found: dict[int, list[KeptBatch]] = {}
        for batch in [*self._state.active_batches(), *self._state.kept_batches()]:
            for segment in self._state.segments_of(batch):
                found.setdefault(segment, []).append(batch)
        return found

    async def _carry(self, batch: OpenBatch) -> None:
        message = id_at(int.from_bytes(batch.first_id, "big"), 0)
        history = await asyncio.to_thread(self._reader.history, message)
        if history is None or history.found.seq != batch.seq:
            raise StoreDamaged(
                f"batch {batch.seq} is kept but not indexed",
                where=self._shard.folder.path,
                remedy="stop, remove index.db, start: the index is rebuilt",
            )
        now = self._state.batch(batch.seq)
        if now is not None and len(now.states) == len(history.states):
            await self._shard.append(told_again(history.batch, now.states, history.story))

    def _unlink(self, number: int) -> int:
        folder, disk = self._shard.folder, self._disk
        path = f"{folder.journal}/{segment_name(number)}"
        fd = disk.open(path)
        size = disk.size(fd)
        disk.close(fd)
        disk.unlink(path)
        disk.sync_folder(folder.journal)
        chunks = self._shard.chunks.of_segment(number)
        self._shard.chunks.remove(chunks)
        disk.sync_folder(folder.chunks)
        return size

    async def _expire(self) -> int:
        """Cancel dead outputs beyond their age, of batches in which nothing else is left to do."""
        if not self._ages.dead:
            return 0
        until = self._clock.now() - self._ages.dead * MICROSECONDS
        refs = [
            ref_of(batch.seq, row)
            for batch in await asyncio.to_thread(self._state.kept_batches)
            if batch.at < until and State.PARKED not in batch.states
            for row, state in enumerate(batch.states)
            if state == State.DEAD
        ]
        why = f"dead for more than {self._ages.dead // 86400} days"
        for start in range(0, len(refs), _EXPIRED_AT_ONCE):
            some = pack_refs([ref for ref in refs[start : start + _EXPIRED_AT_ONCE] if self._is_dead(ref)])
            await self._shard.append([Decided(some, State.CANCELLED, self._clock.now(), "retention", why, "expire")])
        return len(refs)

    def _is_dead(self, ref: int) -> bool:
        batch = self._state.batch(ref >> 20)
        return batch is not None and not _is_active(batch) and batch.states[ref & 0xFFFFF] == State.DEAD

    async def _forget_claims(self) -> int:
        return self._state.forget_claims(await asyncio.to_thread(self._state.expired_claims))


def _is_active(batch: OpenBatch) -> bool:
    return bool(batch.left) or not ACTIVE.isdisjoint(batch.states)
