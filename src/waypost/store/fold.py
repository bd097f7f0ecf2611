"""The rules by which records become the state of a shard; a pure fold, whatever holds its parts.

Only batches that still need the engine stay in memory; those with nothing but parked and dead outputs go to the
database, finished ones vanish into counters. A batch whose ``Accepted`` comes a second time is being *told again*,
because it was carried to another segment or is wanted back: its places change and nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import msgspec

from waypost.core.errors import StoreDamaged
from waypost.store.ledger import LEDGER_RULES, Ledger
from waypost.store.outputs import NOT_ACTIVE, NOT_KEPT, KeptBatch, Rows, messages_in, row_layout, row_states, rows_of
from waypost.store.overlay import Overlay
from waypost.store.protocol import Location, Retry
from waypost.store.record import (
    KEPT,
    OUT_BITS,
    OUT_MASK,
    Accepted,
    Closed,
    Decided,
    Delivered,
    DeliveryFailed,
    Effects,
    Intended,
    MovedAway,
    Opened,
    OutboundBody,
    Produced,
    State,
    unpack_refs,
)

_AS_FINISHED = bytes(State.DELIVERED if s in KEPT else s for s in range(256))
"""A finished batch told again as it was at first: what was open then was delivered since."""
_SHARED = 512
_SHARED_BYTES = 8192
T = TypeVar("T", bound=Hashable)


class Fold:
    """The state a sequence of records leads to. ``apply`` is called for each, in order; ``end_group`` after a group."""

    def __init__(self, ledger: Ledger, kept: Overlay[int, KeptBatch], retries: Overlay[int, Retry]) -> None:
        self.ledger, self.totals, self.kept, self.retries = ledger, ledger.totals, kept, retries
        self.active: dict[int, KeptBatch] = {}
        self.touched: set[int] = set()
        self.stored_seq = 0
        self._told_again: dict[int, KeptBatch] = {}
        self._retelling: dict[int, list[int]] = {}
        self._same: dict[Any, Any] = {}

    def apply(self, at: Location, record: Any) -> None:
        rule = _BATCH_RULES.get(type(record))
        if rule is not None:
            rule(self, at, record)
        elif (other := LEDGER_RULES.get(type(record))) is not None:
            other(self.ledger, at, record)

    def end_group(self) -> None:
        self._retelling.clear()
        if not self._told_again:
            return
        for batch in self._told_again.values():
            if batch.produced:
                self.ledger.count_arrival(batch, 1)
        self._told_again = {}

    def adopt(self, batch: KeptBatch) -> None:
        """Take an active batch from the database."""
        batch.flow, batch.version = self.share(batch.flow), self.share(batch.version)
        batch.targets = self.share(batch.targets)
        if len(batch.rows) <= _SHARED_BYTES:
            batch.rows = self.share(batch.rows)
        self.active[batch.seq] = batch

    def find(self, seq: int) -> KeptBatch | None:
        """A batch that is not finished, or is being told again."""
        batch = self.active.get(seq) or self._told_again.get(seq)
        return batch if batch is not None or seq > self.totals.last_seq else self.kept.get(seq)

    def share(self, value: T) -> T:
        """The one copy of a value that many batches have in common."""
        if len(self._same) > _SHARED:
            self._same = {}
        return self._same.setdefault(value, value)  # type: ignore[no-any-return]

    # batches

    def accepted(self, at: Location, r: Accepted) -> None:
        if r.seq <= self.totals.last_seq:
            self._tell_again(at, r)
            return
        self.totals.last_seq = r.seq
        self.active[r.seq] = self._batch(at, r)
        self.touched.add(r.seq)
        if r.moved_from >= 0 or r.stage:
            return
        self.ledger.counts(r.flow)[-1] += r.count
        if r.partition:
            self.ledger.stand(r.flow, r.partition, -1, r.position)

    def _batch(self, at: Location, r: Accepted) -> KeptBatch:
        return KeptBatch(
            r.seq, self.share(r.flow), self.share(r.version), r.count, r.at, r.first_id, at,
            order=r.order, arrival=r.arrival, left=r.count,
        )  # fmt: skip

    def _tell_again(self, at: Location, r: Accepted) -> None:
        batch = self.find(r.seq)
        self._retelling[r.seq] = [0, 0]
        if batch is None:
            self._told_again[r.seq] = self._batch(at, r)
            return
        batch.accepted = at
        self._keep(batch)

    def _placed(self, seq: int, kind: int, places: tuple[Location, ...], at: Location) -> tuple[Location, ...]:
        """``places`` with one more, or with the next of those told again in its new place."""
        told = self._retelling.get(seq)
        if told is None:
            return (*places, at)
        number = told[kind]
        told[kind] += 1
        return (*places[:number], at, *places[number + 1 :])

    def effects(self, at: Location, r: Effects) -> None:
        batch = self.find(r.seq)
        if batch is not None:
            batch.effects = self._placed(r.seq, 0, batch.effects, at)
            self._keep(batch)

    def produced(self, at: Location, r: Produced) -> None:
        batch = self.find(r.seq)
        if batch is None:
            return
        batch.produced = self._placed(r.seq, 1, batch.produced, at)
        if r.first_row < len(batch.states):
            self._keep(batch)
            return
        layout, states = row_layout(r.rows), row_states(r.rows)
        batch.targets = self.share(r.targets)
        batch.left = max(0, batch.left - messages_in(layout))
        rows = batch.rows + layout
        batch.rows = self.share(rows) if len(rows) <= _SHARED_BYTES else rows
        batch.states += states
        if r.seq in self._told_again:
            batch.states = batch.states.translate(_AS_FINISHED)
            if not batch.left:
                self.ledger.count_arrival(batch, -1)
            return
        counts = self.ledger.counts(batch.flow)
        for state in set(states):
            counts[state] += states.count(state)
        for failure in r.failures:
            if batch.states[failure.row] in KEPT:
                ref = r.seq << OUT_BITS | failure.row
                known = (failure.error_class, failure.code, failure.text)
                self._remember(batch, Retry(ref, 0, 0, *known, r.at or batch.at))
        self._settle(batch)

    def intended(self, at: Location, r: Intended) -> None:
        self._move(r.refs, State.DOUBTFUL)

    def delivered(self, at: Location, r: Delivered) -> None:
        self._move(r.refs, State.DELIVERED)

    def decided(self, at: Location, r: Decided) -> None:
        self._move(r.refs, State(r.state))

    def failed(self, at: Location, r: DeliveryFailed) -> None:
        batch = self.find(r.ref >> OUT_BITS)
        if batch is None:
            return
        if r.state in KEPT:
            known = self.retries.get(r.ref) if batch.troubled else None
            causes = (self.share(r.error_class), self.share(r.code), self.share(r.text))
            self._remember(batch, Retry(r.ref, r.attempt, r.next_at, *causes, r.at, known.body if known else None))
        row = r.ref & OUT_MASK
        self._change(batch, slice(row, row + 1), State(r.state))

    def body(self, at: Location, r: OutboundBody) -> None:
        batch, row = self.find(r.ref >> OUT_BITS), r.ref & OUT_MASK
        if batch is None or row >= len(batch.states) or batch.states[row] not in KEPT:
            return
        known = self.retries.get(r.ref) if batch.troubled else None
        self._remember(batch, msgspec.structs.replace(known or Retry(r.ref, 0, 0, "", "", "", 0), body=at))
        self._keep(batch)

    def moved(self, at: Location, r: MovedAway) -> None:
        self._move(r.refs, State.MOVED)
        for seq in r.seqs:
            batch = self.find(seq)
            if batch is not None and batch.left:
                self.ledger.counts(batch.flow)[State.MOVED] += batch.left
                batch.left = 0
                if batch.states:
                    self._settle(batch)
                else:
                    self._forget(batch)

    def opened(self, at: Location, r: Opened) -> None:
        self.totals.incarnation, self.totals.clean = r.incarnation, False

    def closed(self, at: Location, r: Closed) -> None:
        self.totals.clean = True

    def _move(self, packed: bytes, state: State) -> None:
        if not packed:
            return
        for seq, rows in rows_of(unpack_refs(packed)):
            batch = self.find(seq)
            if batch is not None:
                self._change(batch, rows, state)

    def _change(self, batch: KeptBatch, rows: Rows, state: State) -> None:
        states = batch.states
        if (rows.stop - 1 if isinstance(rows, slice) else max(rows)) >= len(states):
            raise StoreDamaged(
                f"an outcome names an output batch {batch.seq} does not have: {rows}",
                where="journal",
                expected=f"rows below {len(states)}",
                remedy="run `waypost verify`",
            )
        if isinstance(rows, slice):
            old = states[rows]
            states[rows] = bytes((state,)) * len(old)
        else:
            old = bytearray(states[row] for row in rows)
            for row in rows:
                states[row] = state
        counts = self.ledger.counts(batch.flow)
        for was in (old[0],) if old.count(old[0]) == len(old) else set(old):
            counts[was] -= old.count(was)
        counts[state] += len(old)
        if batch.troubled and state not in KEPT:
            for row in range(len(states))[rows] if isinstance(rows, slice) else rows:
                self.retries.set(batch.seq << OUT_BITS | row, None)
        self._settle(batch)

    def _settle(self, batch: KeptBatch) -> None:
        """Put a batch where its states say it belongs."""
        seq = batch.seq
        if batch.left or batch.states.translate(None, NOT_ACTIVE):
            if seq not in self.active:
                self.active[seq] = batch
                if self._told_again.pop(seq, None) is None:
                    self.kept.set(seq, None)
            self.touched.add(seq)
        elif batch.states.translate(None, NOT_KEPT):
            self.active.pop(seq, None)
            self._told_again.pop(seq, None)
            self.kept.set(seq, batch)
        elif seq not in self._told_again:
            self.ledger.count_arrival(batch, 1)
            self._forget(batch)

    def _keep(self, batch: KeptBatch) -> None:
        """Note that a batch changed which stays where it is."""
        if batch.seq in self.active:
            self.touched.add(batch.seq)
        elif batch.seq not in self._told_again:
            self.kept.set(batch.seq, batch)

    def _forget(self, batch: KeptBatch) -> None:
        was_kept = self.active.pop(batch.seq, None) is None
        if was_kept or batch.seq <= self.stored_seq:
            self.kept.set(batch.seq, None)

    def _remember(self, batch: KeptBatch, retry: Retry) -> None:
        batch.troubled = True
        self.retries.set(retry.ref, retry)


_BATCH_RULES: dict[type, Callable[[Fold, Location, Any], None]] = {
    Accepted: Fold.accepted,
    Effects: Fold.effects,
    Produced: Fold.produced,
    Intended: Fold.intended,
    Delivered: Fold.delivered,
    DeliveryFailed: Fold.failed,
    OutboundBody: Fold.body,
    Decided: Fold.decided,
    MovedAway: Fold.moved,
    Opened: Fold.opened,
    Closed: Fold.closed,
}
