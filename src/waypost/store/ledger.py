"""What a shard knows besides its batches: positions, arrivals, claims, sequences, timers, step state, commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from waypost.store.outputs import KeptBatch, tally
from waypost.store.overlay import Overlay
from waypost.store.protocol import Held, Location
from waypost.store.record import (
    ANEW,
    Activated,
    ArrivalBegun,
    ArrivalDisposed,
    ArrivalEnded,
    Claimed,
    Commanded,
    Forgotten,
    LegalHold,
    Numbered,
    Positioned,
    State,
    StepState,
    TimerDone,
    TimerSet,
)


class Arrival(msgspec.Struct, array_like=True, frozen=True):
    """An arrival and its finished messages, counted by their states' words."""

    number: int
    flow: str = ""
    partition: str = ""
    name: str = ""
    identity: str = ""
    size: int = 0
    begun_at: int = 0
    ended_at: int = 0
    disposed_at: int = 0
    records: int = 0
    sha256: str = ""
    error: str = ""
    finished: dict[str, int] = {}


class Activation(msgspec.Struct, array_like=True, frozen=True):
    """When a version of the project became the current one."""

    version: str
    at: int
    who: str
    details: dict[str, Any]


class Totals(msgspec.Struct, array_like=True):
    """The part of the state that is small and changes all the time; stored whole."""

    watermark: tuple[int, int] = (0, 0)
    last_seq: int = 0
    last_arrival: int = 0
    incarnation: int = 0
    clean: bool = True
    commands: dict[str, str] = msgspec.field(default_factory=dict)
    counts: dict[str, list[int]] = msgspec.field(default_factory=dict)
    """Per flow: output rows by ``State``, then messages accepted."""


class Ledger:
    """Folds the records that are about no batch. What can grow without bound lies in overlays."""

    def __init__(
        self,
        totals: Totals,
        activations: list[Activation],
        *,
        positions: Overlay[tuple[str, str, int], str],
        arrivals: Overlay[int, Arrival],
        arrival_names: Overlay[tuple[str, str, str], int],
        claims: Overlay[tuple[str, bytes], tuple[int, bytes]],
        numbers: Overlay[str, int],
        timers: Overlay[str, tuple[int, bytes]],
        step_states: Overlay[tuple[str, str, str], bytes],
        legal_holds: Overlay[bytes, Held],
    ) -> None:
        self.totals, self.activations, self.positions = totals, activations, positions
        self.arrivals, self.arrival_names, self.claims = arrivals, arrival_names, claims
        self.numbers, self.timers, self.step_states = numbers, timers, step_states
        self.legal_holds = legal_holds

    def counts(self, flow: str) -> list[int]:
        counts = self.totals.counts.get(flow)
        if counts is None:
            counts = self.totals.counts[flow] = [0] * (len(State) + 1)
        return counts

    def count_arrival(self, batch: KeptBatch, sign: int) -> None:
        if not batch.arrival:
            return
        arrival = self.arrivals.get(batch.arrival) or Arrival(batch.arrival, batch.flow)
        finished = dict(arrival.finished)
        for word, count in tally(batch.count, batch.rows, batch.states).items():
            finished[word] = finished.get(word, 0) + sign * count
        self.arrivals.set(batch.arrival, msgspec.structs.replace(arrival, finished=finished))

    def arrival_begun(self, at: Location, r: ArrivalBegun) -> None:
        self.totals.last_arrival = max(self.totals.last_arrival, r.number)
        known = self.arrivals.get(r.number)
        finished = known.finished if known else {}
        self.arrivals.set(
            r.number,
            Arrival(r.number, r.flow, r.partition, r.name, r.identity, r.size, r.at, finished=finished),
        )
        self.arrival_names.set((r.flow, r.name, r.identity), r.number)

    def arrival_ended(self, at: Location, r: ArrivalEnded) -> None:
        arrival = self.arrivals.get(r.number) or Arrival(r.number)
        self.arrivals.set(
            r.number,
            msgspec.structs.replace(
                arrival, ended_at=r.at, records=r.records, size=r.size, sha256=r.sha256, error=r.error
            ),
        )

    def arrival_disposed(self, at: Location, r: ArrivalDisposed) -> None:
        arrival = self.arrivals.get(r.number) or Arrival(r.number)
        self.arrivals.set(r.number, msgspec.structs.replace(arrival, disposed_at=r.at))

    def forgotten(self, at: Location, r: Forgotten) -> None:
        for number in r.arrivals:
            known = self.arrivals.get(number)
            if known is not None and self.arrival_names.get((known.flow, known.name, known.identity)) == number:
                self.arrival_names.set((known.flow, known.name, known.identity), None)
            self.arrivals.set(number, None)
        for key in r.positions:
            self.positions.set(key, None)

    def legal_hold(self, at: Location, r: LegalHold) -> None:
        held = Held(r.at, r.who, r.why) if r.held else None
        for message in r.messages:
            self.legal_holds.set(message, held)

    def stand(self, flow: str, partition: str, slot: int, position: str) -> None:
        key = (flow, partition, slot)
        if position > (self.positions.get(key) or ""):
            self.positions.set(key, position)

    def positioned(self, at: Location, r: Positioned) -> None:
        if r.slot == ANEW:
            self.positions.set((r.flow, r.partition, -1), r.position)
        else:
            self.stand(r.flow, r.partition, r.slot, r.position)

    def claimed(self, at: Location, r: Claimed) -> None:
        for scope, key, message, expires in r.items:
            self.claims.set((scope, key), (expires, message))

    def numbered(self, at: Location, r: Numbered) -> None:
        if r.value > (self.numbers.get(r.name) or 0):
            self.numbers.set(r.name, r.value)

    def timer_set(self, at: Location, r: TimerSet) -> None:
        self.timers.set(r.name, (r.due, r.payload))

    def timer_done(self, at: Location, r: TimerDone) -> None:
        self.timers.set(r.name, None)

    def step_state(self, at: Location, r: StepState) -> None:
        self.step_states.set((r.flow, r.step, r.key), r.value or None)

    def commanded(self, at: Location, r: Commanded) -> None:
        if r.state:
            self.totals.commands[r.subject] = r.state
        else:
            self.totals.commands.pop(r.subject, None)

    def activated(self, at: Location, r: Activated) -> None:
        self.activations.append(Activation(r.version, r.at, r.who, r.details))


LEDGER_RULES: dict[type, Callable[[Ledger, Location, Any], None]] = {
    ArrivalBegun: Ledger.arrival_begun,
    ArrivalEnded: Ledger.arrival_ended,
    ArrivalDisposed: Ledger.arrival_disposed,
    Positioned: Ledger.positioned,
    Claimed: Ledger.claimed,
    Numbered: Ledger.numbered,
    TimerSet: Ledger.timer_set,
    TimerDone: Ledger.timer_done,
    StepState: Ledger.step_state,
    Commanded: Ledger.commanded,
    Activated: Ledger.activated,
    LegalHold: Ledger.legal_hold,
    Forgotten: Ledger.forgotten,
}
