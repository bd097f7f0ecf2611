"""What a store holds, written down so that it can be compared before and after a change of the number of workers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from waypost.core.key import SLOTS, slot_of
from waypost.flow.sharing.moving import folded
from waypost.store.carrying import message_of_row, unproduced
from waypost.store.chunk import unpack
from waypost.store.commit import Limits
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import live_reader, open_folds
from waypost.store.protocol import ArrivalRow, OpenBatch, Query
from waypost.store.record import ORDER_ROW, State, ref_of
from waypost.store.shard import EmbeddedShard


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message is, and all that is known of it."""

    shard: int
    seq: int
    order: int
    """The hash of its ordering key, 0 for none."""
    known: tuple[Any, ...]
    """Body, states of its outputs, and of each output the retry and the body that waits for it."""


@dataclass(frozen=True, slots=True)
class Books:
    """Nothing in it depends on which shard has what, but ``needed``, whose places say so."""

    needed: dict[bytes, list[Place]]
    """Message id → its places, of those someone may still need. There should be one."""
    stands: dict[tuple[str, str, int], str]
    """(flow, partition, slot) → up to where it was read."""
    counted: dict[str, int]
    listed: dict[str, tuple[Any, ...]]
    arrivals: dict[str, ArrivalRow]

    def differences(self, now: Books, workers: int) -> list[str]:
        """What is wrong with a store that held this, and holds ``now`` when ``workers`` share its keys."""
        said = [f"message {identity.hex()} is lost" for identity in self.needed.keys() - now.needed.keys()]
        said += [f"message {identity.hex()} is back" for identity in now.needed.keys() - self.needed.keys()]
        for identity, places in now.needed.items():
            said += self._misplaced(identity, places, workers)
        said += [f"key {order} is out of order" for order in now.disordered()]
        said += _unlike("position", self.stands, now.stands) + _unlike("count", self.counted, now.counted)
        return said + _unlike("listed", self.listed, now.listed) + _unlike("arrival", self.arrivals, now.arrivals)

    def _misplaced(self, identity: bytes, places: Sequence[Place], workers: int) -> list[str]:
        if len(places) != 1:
            return [f"message {identity.hex()} is in {len(places)} places"]
        ((place,), was) = places, self.needed.get(identity, ())
        said = []
        if place.order and place.shard != slot_of(place.order) % workers:
            said.append(f"message {identity.hex()} is in shard {place.shard}, which has not its key")
        if was and place.known != was[0].known:
            said.append(f"message {identity.hex()} is {place.known!r:.300} instead of {was[0].known!r:.300}")
        return said

    def disordered(self) -> list[int]:
        """The keys whose messages are not in the order of their ids."""
        by_key: dict[int, list[tuple[int, int, bytes]]] = {}
        for identity, places in self.needed.items():
            for place in places:
                by_key.setdefault(place.order, []).append((place.shard, place.seq, identity))
        by_place = {key: [identity for *_, identity in sorted(found)] for key, found in by_key.items()}
        return [key for key, identities in by_place.items() if key and identities != sorted(identities)]


def _unlike(what: str, was: Mapping[Any, Any], now: Mapping[Any, Any]) -> list[str]:
    """The entries that are not what they were."""
    return [
        f"{what} {name!r} is {now.get(name)!r:.300} instead of {was.get(name)!r:.300}"
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    ]


@asynccontextmanager
async def opened(folder: Path, limits: Limits | None = None) -> AsyncIterator[list[EmbeddedShard]]:
    """All shards of a store, with all they held indexed."""
    store = EmbeddedStore(str(folder), folds=open_folds, limits=limits)
    shards = [await store.open_shard(number, 1) for number in store.shards()]
    try:
        for shard in shards:
            await shard.indexed()
        yield shards
    finally:
        for shard in shards:
            await shard.close()


async def books_of(folder: Path, workers: int, limits: Limits | None = None) -> Books:
    """The books of a store whose keys ``workers`` share."""
    async with opened(folder, limits) as shards:
        reader = live_reader(shards)
        listed = {f.message.hex(): (f.state, f.keys, sorted(f.targets)) for f in reader.find(Query(limit=1000))}
        arrivals = {row.name: msgspec.structs.replace(row, shard=0, number=0) for row in reader.arrivals()}
        return Books(await _needed(shards), _stands(shards, workers), _counted(shards), listed, arrivals)


async def _needed(shards: Sequence[EmbeddedShard]) -> dict[bytes, list[Place]]:
    found: dict[bytes, list[Place]] = {}
    for shard in shards:
        state = folded(shard)
        batches = {batch.seq: batch for batch in (*state.kept_batches(), *state.open_batches())}
        for _, batch in sorted(batches.items()):
            bodies = unpack((await shard.read_batch(batch)).accepted.bodies)
            for index in range(batch.count):
                if _is_needed(batch, index):
                    identity = (int.from_bytes(batch.first_id, "big") + index).to_bytes(16, "big")
                    place = await _place(shard, batch, index, bodies[index])
                    found.setdefault(identity, []).append(place)
    return found


def _rows(batch: OpenBatch, index: int) -> list[int]:
    return [row for row in range(len(batch.states)) if message_of_row(batch, row) == index]


def _is_needed(batch: OpenBatch, index: int) -> bool:
    rows = _rows(batch, index)
    ended = {State.MOVED, State.DELIVERED, State.FILTERED, State.CANCELLED}
    return index in unproduced(batch) or not {batch.states[row] for row in rows} <= ended


async def _place(shard: EmbeddedShard, batch: OpenBatch, index: int, body: bytes) -> Place:
    rows = _rows(batch, index)
    tries = [await _try(shard, ref_of(batch.seq, row)) for row in rows]
    order = ORDER_ROW.unpack_from(batch.order, index * ORDER_ROW.size)[0] if batch.order else 0
    return Place(shard.number, batch.seq, order, (body, [batch.states[row] for row in rows], tries))


async def _try(shard: EmbeddedShard, ref: int) -> tuple[Any, ...]:
    retry = shard.state.retry(ref)
    if retry is None:
        return ()
    body = await shard.read_outbound(retry.body) if retry.body else None
    return retry.attempt, retry.next_at, retry.error_class, retry.code, retry.text, retry.at, body


def _stands(shards: Sequence[EmbeddedShard], workers: int) -> dict[tuple[str, str, int], str]:
    """Of partitions that may be read on: where finished files stand is no longer asked."""
    partitions = {(flow, partition) for shard in shards for flow, partition, _, _ in folded(shard).all_positions()}
    arrivals = [arrival for shard in shards for _, arrival in folded(shard).known_arrivals()]
    partitions -= {(arrival.flow, arrival.partition) for arrival in arrivals if arrival.ended_at}
    owners = {slot: shards[slot % workers] for slot in range(SLOTS) if slot % workers < len(shards)}
    return {
        (flow, partition, slot): owners[slot].state.position(flow, partition, slot) if slot in owners else ""
        for flow, partition in sorted(partitions)
        for slot in range(SLOTS)
    }


def _counted(shards: Sequence[EmbeddedShard]) -> dict[str, int]:
    total: dict[str, int] = {}
    for shard in shards:
        for flow in shard.state.counts().values():
            for name, count in flow.items():
                total[name] = total.get(name, 0) + count
    total.pop("moved", None)
    return total
