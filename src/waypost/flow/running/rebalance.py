"""A change of the number of workers: what belongs to another shard now is moved there, before anything opens.

Under the locks of all shards: messages, with the ids, bodies and attempts they have; what is known of positions, by
slot; claims, sequences, timers, step state, arrivals and commands. Everything is copied first and marked as moved
afterwards, so that a change that was broken off anywhere is simply made again. ``workers.json`` says that it is under
way, and, in the end, that it is done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AsyncExitStack
from functools import cached_property
from itertools import islice
from pathlib import Path

from waypost.core.clock import SystemClock
from waypost.core.key import SLOTS
from waypost.flow.boundary.group import TIMER, hash_of_state, read_timer
from waypost.flow.delivery.placement import FIRST, owner_of, place_of, reader_of, slot_of_name
from waypost.flow.delivery.sequence import FLOW as SEQUENCES
from waypost.flow.delivery.sequence import slot_of_sequence
from waypost.flow.sharing.moving import MessageMove, Moving, folded
from waypost.store.division import Division, read_division, write_division
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import open_folds
from waypost.store.ledger import Arrival
from waypost.store.record import (
    ANEW,
    AnyRecord,
    ArrivalDisposed,
    ArrivalEnded,
    Claimed,
    Commanded,
    Numbered,
    Positioned,
    StepState,
    TimerDone,
    TimerSet,
)
from waypost.store.shard import EmbeddedShard

PAGE = 2000
"""Records of one append."""


async def rebalance(
    folder: Path, workers: int, answered: Collection[str] = (), store: EmbeddedStore | None = None
) -> None:
    """Make ``workers`` the number of shards that share the keys of the store in ``folder``. ``answered`` are the flows
    whose callers wait for an answer. Raises ``StoreLocked`` while a worker runs, ``StoreFull`` with nothing lost."""
    store = store or EmbeddedStore(str(folder), folds=open_folds)
    store.create()
    division = read_division(store.disk, store.folder)
    if division is None:
        write_division(store.disk, store.folder, Division(workers))
        return
    if division.becoming:
        await _change(store, division.workers, division.becoming, answered)
        division = Division(division.becoming)
    if division.workers != workers:
        await _change(store, division.workers, workers, answered)


async def _change(store: EmbeddedStore, old: int, new: int, answered: Collection[str]) -> None:
    write_division(store.disk, store.folder, Division(old, becoming=new))
    shards: dict[int, EmbeddedShard] = {}
    clean = False
    try:
        for number in sorted({*store.shards(), *range(max(old, new))}):
            shards[number] = await store.open_shard(number, new)
        await Rebalance(shards, old, new, answered).run()
        clean = not any(shard.unclean for shard in shards.values())
    finally:
        async with AsyncExitStack() as closing:
            for shard in shards.values():
                closing.push_async_callback(shard.close, clean=clean)
    write_division(store.disk, store.folder, Division(new))


class Rebalance:
    """One change from ``old`` to ``new`` workers over open shards."""

    def __init__(self, shards: dict[int, EmbeddedShard], old: int, new: int, answered: Collection[str]) -> None:
        self._shards, self._old, self._new, self._answered = shards, old, new, answered
        self._now = SystemClock().now

    async def run(self) -> None:
        """Everything, in an order in which nothing is taken away before it is safe elsewhere."""
        for shard in self._shards.values():
            await shard.indexed()
        moving = Moving(self._shards, self._new, self._answered, self._now)
        for number in range(self._new):
            await self._write(number, self._commands(number))
            await self._write(number, self._positions(number))
            await self._write(number, self._claims(number))
            await self._write(number, self._numbers(number))
            await self._write(number, self._named(number))
            await self._write(number, self._arrivals(number, moving))
        await MessageMove(moving).run()
        for number in self._shards:
            await self._write(number, self._gone(number))

    async def _write(self, number: int, records: Iterator[AnyRecord]) -> None:
        page: list[AnyRecord] = []
        for record in records:
            page.append(record)
            if len(page) >= PAGE:
                await self._shards[number].append(page)
                page = []
        if page:
            await self._shards[number].append(page)

    def _commands(self, number: int) -> Iterator[AnyRecord]:
        known = dict(self._shards[number].state.commands())
        said = {subject: self._said(subject) for shard in self._shards.values() for subject in shard.state.commands()}
        for subject, state in said.items():
            if known.get(subject, "") != state:
                yield Commanded(subject, state, self._now(), "waypost", "the number of workers changed")

    def _said(self, subject: str) -> str:
        """All were told alike, but of a schedule: that only its reader knows."""
        kind, _, flow = subject.partition(":")
        teller = reader_of(flow, self._old) if kind == "schedule" else 0
        return self._shards[teller].state.commands().get(subject, "")

    # ── positions ──

    def _positions(self, number: int) -> Iterator[AnyRecord]:
        """Where each slot of a partition stands goes with the slot: the new owner may be further on with its others.
        What a shard knows of slots it loses stays, so that a change made again finds the same."""
        state = self._shards[number].state
        for flow, partition in self._partitions:
            stands = [self._stands(flow, partition, slot) for slot in range(SLOTS)]
            owned = [slot for slot in range(SLOTS) if owner_of(slot, self._new) == number]
            if all(state.position(flow, partition, slot) == stands[slot] for slot in owned):
                continue
            known = {slot for slot in range(SLOTS) if owner_of(slot, self._old) == number}
            low = min(stands[slot] for slot in {*owned, *known})
            for slot in sorted({*owned, *known}):
                if stands[slot] > low:
                    yield Positioned(flow, partition, stands[slot], slot)
            yield Positioned(flow, partition, low, ANEW)

    def _stands(self, flow: str, partition: str, slot: int) -> str:
        return self._shards[owner_of(slot, self._old)].state.position(flow, partition, slot)

    @cached_property
    def _partitions(self) -> list[tuple[str, str]]:
        """Those that may be read on: not of contents that were read to their ends."""
        ended = {(a.flow, a.partition) for shard in self._shards.values() for a in _ended(shard)}
        known = {
            (flow, partition)
            for shard in self._shards.values()
            for flow, partition, _, _ in folded(shard).all_positions()
        }
        return sorted(known - ended)

    # ── what has a name ──

    def _claims(self, number: int) -> Iterator[AnyRecord]:
        """A claim may be wanted by any slot, so every shard has all of them."""
        known = self._shards[number].state
        for shard in self._others(number):
            claims = (c for c in folded(shard).all_claims() if known.claim(c[0], c[1]) is None)
            while page := tuple(islice(claims, PAGE)):
                yield Claimed(page)

    def _numbers(self, number: int) -> Iterator[AnyRecord]:
        known = self._shards[number].state
        for shard in self._others(number):
            for name, value in folded(shard).all_numbers():
                if value > known.number(name):
                    yield Numbered(name, value)

    def _named(self, number: int) -> Iterator[AnyRecord]:
        for shard in self._others(number):
            for record, owner in self._timers_and_states(shard):
                if owner == number:
                    yield record

    def _gone(self, number: int) -> Iterator[AnyRecord]:
        for record, owner in list(self._timers_and_states(self._shards[number])):
            if owner == number:
                continue
            if isinstance(record, TimerSet):
                yield TimerDone(record.name)
            else:
                yield StepState(record.flow, record.step, record.key, b"")

    def _timers_and_states(self, shard: EmbeddedShard) -> Iterator[tuple[TimerSet | StepState, int]]:
        """Each with the shard it belongs to now."""
        for name, due, payload in shard.state.timers():
            of = read_timer(payload) if name.startswith(TIMER) else None
            owner = self._owner_of_group(of.flow, of.hash) if of else owner_of(slot_of_name(name), self._new)
            yield TimerSet(name, due, payload), owner
        for flow, step, key, value in folded(shard).all_step_states():
            group = None if flow == SEQUENCES else hash_of_state(key)
            slot = slot_of_sequence(step) if flow == SEQUENCES else slot_of_name(f"{flow}/{step}/{key}")
            owner = owner_of(slot, self._new) if group is None else self._owner_of_group(flow, group)
            yield StepState(flow, step, key, value), owner

    def _owner_of_group(self, flow: str, correlation: int) -> int:
        """A group goes where its members go."""
        return place_of(flow, correlation, FIRST, self._new, self._answered)

    def _others(self, number: int) -> list[EmbeddedShard]:
        return [shard for at, shard in self._shards.items() if at != number]

    # ── arrivals ──

    def _arrivals(self, number: int, moving: Moving) -> Iterator[AnyRecord]:
        """Who reads a source now knows what of it was read to the end."""
        state = self._shards[number].state
        for shard in self._others(number):
            for a in _ended(shard):
                known = state.arrival(a.flow, a.name, a.identity)
                if self._reader(a.flow) != number or (known and known[1]):
                    continue
                at, begun = moving.arrival_there(number, a)
                yield from begun
                yield ArrivalEnded(at, a.ended_at, a.records, a.size, a.sha256, a.error)
                if a.disposed_at:
                    yield ArrivalDisposed(at, a.disposed_at)

    def _reader(self, flow: str) -> int:
        return FIRST if flow in self._answered else reader_of(flow, self._new)


def _ended(shard: EmbeddedShard) -> Iterator[Arrival]:
    return (arrival for _, arrival in folded(shard).known_arrivals() if arrival.ended_at and arrival.begun_at)
