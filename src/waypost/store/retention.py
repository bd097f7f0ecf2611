"""Lets old messages go: whole segments are unlinked, and what someone may still need is carried forward before.

A segment may go when both derived databases are past it and durable, its messages are old enough, and nothing in it is
open. Where parked and dead batches, and those on legal hold, have more than a fifth of its messages it stays; fewer are
told again into the active segment, durably, and a later run unlinks it. Dead messages beyond their own age are
cancelled first; parked ones wait for ever. With the messages of an arrival goes its row, and where its content stood,
unless it may still lie where it came from. Every step may be the last before a crash: the next run finishes it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from waypost.core.clock import MICROSECONDS, Clock
from waypost.core.errors import StoreDamaged
from waypost.core.message import block_of, id_at
from waypost.store.carrying import message_of_row
from waypost.store.derived import Watermark
from waypost.store.disk import Disk
from waypost.store.folds import live_reader
from waypost.store.index import SearchIndex
from waypost.store.index_removal import IndexRemoval
from waypost.store.indexed import unpack_places
from waypost.store.ledger import Arrival
from waypost.store.protocol import Location, OpenBatch
from waypost.store.record import ACTIVE, Decided, Forgotten, State, pack_refs, ref_of
from waypost.store.retelling import told_again
from waypost.store.search import ShardSearch
from waypost.store.segment import segment_name
from waypost.store.shard import EmbeddedShard
from waypost.store.state import StateFold

_EXPIRED_AT_ONCE = _FORGOTTEN_AT_ONCE = 1000


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
    arrivals: int = 0


class Sources(Protocol):
    """What retention asks of who reads the sources."""

    def left(self, flow: str, name: str) -> bool:
        """Whether content of that name is certainly not where it was read any more."""
        ...

    async def forget(self, partitions: Collection[tuple[str, str]]) -> None:
        """Have all other shards forget where these (flow, partition) stand."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Needed:
    """A batch that holds back the segments it lies in."""

    seq: int
    first_id: bytes
    count: int
    active: bool = False


class Retention:
    """Retention of one open shard; on the shard's event loop."""

    def __init__(
        self, shard: EmbeddedShard, disk: Disk, clock: Clock, ages: Ages, sources: Sources | None = None,
        followed: Callable[[], Watermark | None] = lambda: None,
    ) -> None:  # fmt: skip
        """Without ``sources`` the rows of arrivals stay. ``followed``: up to where who else follows the journal has
        taken it in; None where nobody does."""
        if not isinstance(shard.state, StateFold) or not isinstance(shard.index, SearchIndex):
            raise TypeError("retention needs a shard opened with open_folds")
        self._shard, self._disk, self._clock, self._ages = shard, disk, clock, ages
        self._followed = followed
        self._state, self._search, self._sources = shard.state, ShardSearch(shard.index), sources
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
        taken = self._followed()
        edge = min(self._state.watermark, durable, (self._shard.end[0] - 1, 0), *([taken] if taken else []))[0]
        numbers = self._shard.journal.segments()
        holding = await asyncio.to_thread(self._holding)
        for number, following in itertools.pairwise(numbers):
            known = durable >= self._carried.get(number, (0, 0))
            if known and number < edge and await asyncio.to_thread(self._is_old, number, following):
                await self._clear(number, holding.get(number, []), removed)
        if removed.segments or await asyncio.to_thread(self._index.behind, numbers):
            await asyncio.to_thread(self._index.forget, self._shard.journal.segments())
        removed.arrivals = await self._forget_arrivals()
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

    async def _clear(self, number: int, holding: list[_Needed], removed: Removed) -> None:
        """Unlink a segment that nobody needs; carry away what is kept in it, so that the next run can, by when nobody
        reads there any more; or leave it."""
        if any(batch.active for batch in holding):
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

    def _holding(self) -> dict[int, list[_Needed]]:
        """Batches that someone may still need by the segments they lie in."""
        found: dict[int, dict[int, _Needed]] = {}
        for batch, segments in itertools.chain(self._unfinished(), self._on_legal_hold()):
            for segment in segments:
                found.setdefault(segment, {}).setdefault(batch.seq, batch)
        return {segment: list(batches.values()) for segment, batches in found.items()}

    def _unfinished(self) -> Iterator[tuple[_Needed, set[int]]]:
        """With the segments of their records and of their outbound bodies."""
        for batch in [*self._state.active_batches(), *self._state.kept_batches()]:
            needed = _Needed(seq=batch.seq, first_id=batch.first_id, count=batch.count, active=_is_active(batch))
            yield needed, self._state.segments_of(batch)

    def _on_legal_hold(self) -> Iterator[tuple[_Needed, set[int]]]:
        """With the segments of their whole history: what came before they were told again was told with them."""
        for block in {block_of(message)[0] for message in self._state.legal_holds()}:
            hit = self._search.message(id_at(block, 0))
            if hit is not None:
                batch = hit.batch
                [accepted], later = unpack_places(batch.accepted), unpack_places(batch.produced + batch.story)
                places = [at for at in later if _order(at) > _order(accepted)]
                needed = _Needed(seq=batch.seq, first_id=batch.first, count=batch.count)
                yield needed, {at.segment for at in (accepted, *places)}

    async def _carry(self, batch: _Needed) -> None:
        message = id_at(int.from_bytes(batch.first_id, "big"), 0)
        history = await asyncio.to_thread(self._reader.history, message)
        if history is None or history.found.seq != batch.seq:
            raise StoreDamaged(
                f"batch {batch.seq} is kept but not indexed",
                where=self._shard.folder.path,
                remedy="stop, remove index.db, start: the index is rebuilt",
            )
        now = self._state.batch(batch.seq)
        states = history.states if now is None else now.states
        if len(states) == len(history.states):
            await self._shard.append(told_again(history.batch, states, history.story))

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
        held = await asyncio.to_thread(self._state.legal_holds)
        refs = [
            ref_of(batch.seq, row)
            for batch in await asyncio.to_thread(self._state.kept_batches)
            if batch.at < until and State.PARKED not in batch.states
            for row, state in enumerate(batch.states)
            if state == State.DEAD and _message_id(batch, row) not in held
        ]
        why = f"dead for more than {self._ages.dead // 86400} days"
        for start in range(0, len(refs), _EXPIRED_AT_ONCE):
            some = pack_refs([ref for ref in refs[start : start + _EXPIRED_AT_ONCE] if self._is_dead(ref)])
            await self._shard.append([Decided(some, State.CANCELLED, self._clock.now(), "retention", why, "expire")])
        return len(refs)

    def _is_dead(self, ref: int) -> bool:
        batch = self._state.batch(ref >> 20)
        return batch is not None and not _is_active(batch) and batch.states[ref & 0xFFFFF] == State.DEAD

    async def _forget_arrivals(self) -> int:
        """Forget old arrivals of which no message is left and whose content is gone; the shards that only have
        positions of them first, for afterwards nobody knows what to tell them."""
        if self._sources is None:
            return 0
        gone = await asyncio.to_thread(self._gone_arrivals, self._sources)
        for start in range(0, len(gone), _FORGOTTEN_AT_ONCE):
            some = gone[start : start + _FORGOTTEN_AT_ONCE]
            partitions = {(arrival.flow, arrival.partition) for arrival in some}
            await self._sources.forget(partitions)
            stood = await asyncio.to_thread(self._state.positions_of, partitions)
            await self._shard.append([Forgotten(tuple(arrival.number for arrival in some), tuple(stood))])
        return len(gone)

    def _gone_arrivals(self, sources: Sources) -> list[Arrival]:
        until = self._clock.now() - self._ages.finished * MICROSECONDS
        old = [
            arrival
            for _, arrival in self._state.known_arrivals()
            if max(arrival.begun_at, arrival.ended_at, arrival.disposed_at) < until
            and sources.left(arrival.flow, arrival.name)
        ]
        needed = {batch.arrival for batch in (*self._state.active_batches(), *self._state.kept_batches())}
        needed |= self._index.arrivals([arrival.number for arrival in old])
        return [arrival for arrival in old if arrival.number not in needed]

    async def _forget_claims(self) -> int:
        return self._state.forget_claims(await asyncio.to_thread(self._state.expired_claims))


def _order(at: Location) -> tuple[int, int, int]:
    return at.segment, at.offset, at.item


def _message_id(batch: OpenBatch, row: int) -> bytes:
    return id_at(int.from_bytes(batch.first_id, "big"), message_of_row(batch, row))


def _is_active(batch: OpenBatch) -> bool:
    return bool(batch.left) or not ACTIVE.isdisjoint(batch.states)
