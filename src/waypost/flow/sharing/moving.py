"""Messages on their way to the shards that own their keys now: copied there in order, then taken away here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from waypost.core.message import id_at
from waypost.flow.delivery.placement import place_of
from waypost.store.carrying import Carried, message_of_row, taken_away, unproduced
from waypost.store.folds import live_reader
from waypost.store.protocol import OpenBatch, Retry
from waypost.store.record import (
    KEPT,
    ORDER_ROW,
    AnyRecord,
    ArrivalBegun,
    Bodies,
    LegalHold,
    OutboundBody,
    State,
    ref_of,
)
from waypost.store.state import StateFold

if TYPE_CHECKING:
    from waypost.store.ledger import Arrival
    from waypost.store.shard import EmbeddedShard

AT_ONCE = 32
"""Batches copied before what was copied is taken away."""


def folded(shard: EmbeddedShard) -> StateFold:
    """A shard's state with all it can list."""
    if not isinstance(shard.state, StateFold):
        raise TypeError("only shards opened with open_folds can be divided anew")
    return shard.state


class Moving:
    """Where everything goes: ``shards`` are open, the first ``workers`` of them are to share the keys."""

    def __init__(
        self, shards: Mapping[int, EmbeddedShard], workers: int, answered: Collection[str], now: Callable[[], int]
    ) -> None:
        self.shards, self.now = shards, now
        self._workers, self._answered = workers, answered
        self._arrivals: dict[tuple[int, str, str, str], int] = {}

    def places(self, shard: int, batch: OpenBatch) -> dict[int, set[int]]:
        """Shard → the messages of a batch someone may still need that belong there, and are not there."""
        states = batch.states
        needed = {message_of_row(batch, row) for row in range(len(states)) if states[row] in KEPT}
        found: dict[int, set[int]] = {}
        for index in needed.union(unproduced(batch)):
            order = ORDER_ROW.unpack_from(batch.order, index * ORDER_ROW.size)[0] if batch.order else 0
            place = place_of(batch.flow, order, shard, self._workers, self._answered)
            if place != shard:
                found.setdefault(place, set()).add(index)
        return found

    def arrival_there(self, place: int, arrival: Arrival | None) -> tuple[int, list[AnyRecord]]:
        """The number an arrival has in another shard, and what makes it known there."""
        if arrival is None or not arrival.begun_at:
            return 0, []
        at = (place, arrival.flow, arrival.name, arrival.identity)
        known = self.shards[place].state.arrival(*at[1:])
        if known:
            return known[0], []
        if at in self._arrivals:
            return self._arrivals[at], []
        number = self._arrivals[at] = self.shards[place].next_arrival()
        begun = ArrivalBegun(
            number, arrival.flow, arrival.partition, arrival.name, arrival.identity, arrival.size, arrival.begun_at
        )
        return number, [begun]


class MessageMove:
    """Moves messages. What a move that was broken off has copied already is only taken away."""

    def __init__(self, moving: Moving) -> None:
        self._moving, self._shards = moving, moving.shards
        self._there = {number: _by_first(shard) for number, shard in self._shards.items()}

    async def run(self) -> None:
        """Shard by shard, in the order in which they were accepted."""
        for number in sorted(self._shards):
            plans = [(b, places) for b in _kept(self._shards[number]) if (places := self._moving.places(number, b))]
            for start in range(0, len(plans), AT_ONCE):
                await self._move(number, plans[start : start + AT_ONCE])

    async def _move(self, number: int, plans: Iterable[tuple[OpenBatch, dict[int, set[int]]]]) -> None:
        copies: list[asyncio.Future[None]] = []
        gone: list[AnyRecord] = []
        for batch, places in plans:
            for place, indices in sorted(places.items()):
                if missing := indices - self._there_already(place, batch):
                    copies.append(await self._copy(number, batch, place, missing))
            gone += taken_away(batch, places, self._moving.now())
            gone += self._holds(number, batch, {index for indices in places.values() for index in indices}, held=False)
        await asyncio.gather(*copies)
        await self._shards[number].append(gone)

    async def _copy(self, number: int, batch: OpenBatch, place: int, indices: set[int]) -> asyncio.Future[None]:
        source, target = self._shards[number], self._shards[place]
        stored = await source.read_batch(batch)
        retries = [await self._retry(source, retry) for retry in _retries(source, batch, indices)]
        arrival, begun = self._moving.arrival_there(place, folded(source).known_arrival(batch.arrival))
        seq = target.next_seq()
        records = Carried(batch, stored, indices, seq).records(
            number, arrival, retries, self._story(number, batch, indices)
        )
        return target.submit([*begun, *records, *self._holds(number, batch, indices, held=True)])

    def _holds(self, number: int, batch: OpenBatch, indices: Collection[int], *, held: bool) -> list[AnyRecord]:
        """Legal holds go where the messages go."""
        first, known = int.from_bytes(batch.first_id, "big"), self._shards[number].state.legal_holds()
        found = [(message, known[message]) for index in sorted(indices) if (message := id_at(first, index)) in known]
        return [LegalHold((message,), held, hold.at, hold.who, hold.why) for message, hold in found]

    async def _retry(self, source: EmbeddedShard, retry: Retry) -> tuple[Retry, OutboundBody | None]:
        if retry.body is None:
            return retry, None
        body, content_type = await source.read_outbound(retry.body)
        return retry, OutboundBody(retry.ref, content_type, Bodies(len(body).to_bytes(4, "little"), body))

    def _story(self, number: int, batch: OpenBatch, indices: set[int]) -> Iterable[AnyRecord]:
        """What was journaled of the messages later, where anything was."""
        rows = [row for row in range(len(batch.states)) if message_of_row(batch, row) in indices]
        if all(batch.states[row] == State.OPEN for row in rows):
            return ()
        first = int.from_bytes(batch.first_id, "big") + min(indices)
        history = live_reader([self._shards[number]]).history(first.to_bytes(16, "big"))
        return history.story if history is not None and history.found.seq == batch.seq else ()

    def _there_already(self, place: int, batch: OpenBatch) -> set[int]:
        copies = self._there[place].get(batch.first_id, ())
        return {index for copy in copies for index in _present(copy)}


def _kept(shard: EmbeddedShard) -> list[OpenBatch]:
    """Batches with messages someone may still need, oldest first."""
    state = folded(shard)
    batches = {batch.seq: batch for batch in (*state.kept_batches(), *state.open_batches())}
    return [batches[seq] for seq in sorted(batches)]


def _by_first(shard: EmbeddedShard) -> dict[bytes, list[OpenBatch]]:
    found: dict[bytes, list[OpenBatch]] = {}
    for batch in _kept(shard):
        found.setdefault(batch.first_id, []).append(batch)
    return found


def _present(batch: OpenBatch) -> Iterator[int]:
    """The messages of a batch that were not moved away."""
    yield from unproduced(batch)
    yield from (message_of_row(batch, row) for row, state in enumerate(batch.states) if state != State.MOVED)


def _retries(shard: EmbeddedShard, batch: OpenBatch, indices: set[int]) -> list[Retry]:
    rows = [row for row in range(len(batch.states)) if message_of_row(batch, row) in indices]
    found = (shard.state.retry(ref_of(batch.seq, row)) for row in rows)
    return [retry for retry in found if retry is not None]
