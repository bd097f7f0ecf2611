"""The state of a shard: the fold of its journal, in memory where the engine works, in ``state.db`` otherwise."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from waypost.core.clock import Now
from waypost.store.derived import CommittedGroup, Watermark
from waypost.store.fold import Fold
from waypost.store.ledger import Arrival, Ledger
from waypost.store.outputs import KeptBatch, tally
from waypost.store.overlay import Overlay
from waypost.store.protocol import Held, OpenBatch, Retry
from waypost.store.record import KEPT, OUT_BITS, OUT_MASK, State
from waypost.store.state_db import (
    ACTIVATIONS,
    ARRIVAL_NAMES,
    ARRIVALS,
    CLAIMS,
    LEGAL_HOLDS,
    POSITIONS,
    RETRIES,
    SEQUENCES,
    STEP_STATES,
    TIMERS,
    Changes,
    K,
    StateDatabase,
    Table,
    V,
)


class StateFold:
    """Implements ``FoldedState``. All but the function that ``stage`` returns is called on one thread."""

    def __init__(self, path: Path, now: Now, *, read_only: bool = False) -> None:
        self._database = StateDatabase(path, read_only=read_only)
        self._now = now
        self._overlays: list[tuple[Table[object, object], Overlay[object, object]]] = []
        totals = self._database.totals()
        activations = [activation for _, activation in ACTIVATIONS.items(self._database.reader)]
        self._stored_activations = len(activations)
        self._ledger = Ledger(
            totals,
            activations,
            positions=self._overlay(POSITIONS),
            arrivals=self._overlay(ARRIVALS),
            arrival_names=self._overlay(ARRIVAL_NAMES),
            claims=self._overlay(CLAIMS),
            numbers=self._overlay(SEQUENCES),
            timers=self._overlay(TIMERS),
            step_states=self._overlay(STEP_STATES),
            legal_holds=self._overlay(LEGAL_HOLDS),
        )
        self._fold = Fold(self._ledger, Overlay(self._database.batch, cached=512), self._overlay(RETRIES))
        self._fold.stored_seq = totals.last_seq
        for batch in self._database.batches(self._database.reader, active=True):
            self._fold.adopt(batch)
        self._watermark = self._applied = totals.watermark

    def _overlay(self, table: Table[K, V]) -> Overlay[K, V]:
        overlay: Overlay[K, V] = Overlay(lambda key: table.get(self._database.reader, key))
        self._overlays.append((table, overlay))  # type: ignore[arg-type]
        return overlay

    # Derived

    @property
    def watermark(self) -> Watermark:
        return self._watermark

    def apply(self, group: CommittedGroup) -> None:
        apply = self._fold.apply
        for at, record in group.records:
            apply(at, record)
        self._fold.end_group()
        self._applied = group.end

    def stage(self) -> Callable[[], None]:
        fold, totals, staged = self._fold, self._ledger.totals, self._applied
        if staged == self._watermark:
            return lambda: None
        totals.watermark = staged
        fold.stored_seq = totals.last_seq
        touched, fold.touched = fold.touched, set()
        kept = fold.kept.begin()
        pack = msgspec.msgpack.encode
        batches = [(seq, 1, b.arrival, pack(b)) for seq in touched if (b := fold.active.get(seq)) is not None]
        batches += [(seq, 0, b.arrival, pack(b)) for seq, b in kept.items() if b is not None]
        new = self._ledger.activations[self._stored_activations :]
        activations = dict(enumerate(new, self._stored_activations))
        changes = Changes(
            totals=pack(totals),
            watermark=staged,
            batches=batches,
            gone=[seq for seq, b in kept.items() if b is None and seq not in fold.active],
            tables=[(ACTIVATIONS, activations), *((table, overlay.begin()) for table, overlay in self._overlays)],
        )

        def write() -> None:
            try:
                self._database.write(changes)
            except BaseException:
                fold.touched |= touched
                raise
            self._stored_activations += len(new)
            self._watermark = staged
            for _, overlay in self._overlays:
                overlay.end()
            fold.kept.end()

        return write

    def flush(self) -> None:
        self.stage()()

    def close(self) -> None:
        self.flush()
        self._database.close()

    # what the shard asks

    @property
    def last_seq(self) -> int:
        return self._ledger.totals.last_seq

    @property
    def last_arrival(self) -> int:
        return self._ledger.totals.last_arrival

    @property
    def incarnation(self) -> int:
        return self._ledger.totals.incarnation

    @property
    def clean(self) -> bool:
        return self._ledger.totals.clean

    # ShardState

    def open_batches(self) -> Iterator[OpenBatch]:
        active = self._fold.active
        for seq in sorted(active):
            if (batch := active.get(seq)) is not None:
                yield batch

    def batch(self, seq: int) -> OpenBatch | None:
        return self._fold.find(seq)

    def retry(self, ref: int) -> Retry | None:
        batch = self._fold.find(ref >> OUT_BITS)
        return self._fold.retries.get(ref) if batch is not None and batch.troubled else None

    def retries(self) -> Iterator[Retry]:
        active = self._fold.active
        for ref, retry in self._fold.retries.over(RETRIES.items(self._database.reader)):
            batch = active.get(ref >> OUT_BITS)
            if batch is not None and batch.states[ref & OUT_MASK] == State.RETRYING:
                yield retry

    def position(self, flow: str, partition: str, slot: int = -1) -> str:
        positions = self._ledger.positions
        everywhere = positions.get((flow, partition, -1)) or ""
        return everywhere if slot < 0 else max(everywhere, positions.get((flow, partition, slot)) or "")

    def positions(self, flow: str) -> Mapping[str, str]:
        """Where every partition of a flow's source stands in this shard."""
        stored = POSITIONS.items(self._database.reader)
        return {
            partition: place
            for (of, partition, slot), place in self._ledger.positions.over(stored)
            if of == flow and slot < 0 and place
        }

    def arrival(self, flow: str, name: str, identity: str) -> tuple[int, bool, bool] | None:
        number = self._ledger.arrival_names.get((flow, name, identity))
        found = self._ledger.arrivals.get(number) if number else None
        return (found.number, found.ended_at > 0, found.disposed_at > 0) if found else None

    def claim(self, scope: str, key: bytes) -> bytes | None:
        found = self._ledger.claims.get((scope, key))
        if found is None or 0 < found[0] <= self._now():
            return None
        return found[1]

    def number(self, sequence: str) -> int:
        return self._ledger.numbers.get(sequence) or 0

    def numbers(self) -> Mapping[str, int]:
        """Every sequence and where it stands."""
        return dict(self._ledger.numbers.over(SEQUENCES.items(self._database.reader)))

    def timers(self) -> Iterator[tuple[str, int, bytes]]:
        for name, (due, payload) in self._ledger.timers.over(TIMERS.items(self._database.reader)):
            yield name, due, payload

    def step_state(self, flow: str, step: str, key: str) -> bytes:
        return self._ledger.step_states.get((flow, step, key)) or b""

    def step_states(self, flow: str, step: str) -> Iterator[tuple[str, bytes]]:
        for of, name, key, value in self.all_step_states():
            if of == flow and name == step:
                yield key, value

    def commands(self) -> Mapping[str, str]:
        return self._ledger.totals.commands

    def activations(self) -> Sequence[tuple[str, int, str, Mapping[str, object]]]:
        return [(a.version, a.at, a.who, a.details) for a in self._ledger.activations]

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        named = [state.name.lower() for state in State]
        return {
            flow: {"accepted": counts[-1], **dict(zip(named, counts, strict=False))}
            for flow, counts in self._ledger.totals.counts.items()
        }

    # what moves when the number of shards changes

    def all_positions(self) -> Iterator[tuple[str, str, int, str]]:
        """(flow, partition, slot, position) of everything read from here."""
        for (flow, partition, slot), position in self._ledger.positions.over(POSITIONS.items(self._database.reader)):
            yield flow, partition, slot, position

    def uneven(self) -> set[tuple[str, str]]:
        """(flow, partition) of which some slot stands further on than the others."""
        slots = [(flow, partition) for flow, partition, slot, _ in self.all_positions() if slot >= 0]
        furthest = dict.fromkeys(slots, "")
        for flow, partition, slot, position in self.all_positions():
            if slot >= 0:
                furthest[flow, partition] = max(furthest[flow, partition], position)
        return {at for at, position in furthest.items() if position > self.position(*at)}

    def all_claims(self) -> Iterator[tuple[str, bytes, bytes, int]]:
        """(scope, key, message, expires) of every claim that has not expired."""
        now = self._now()
        for (scope, key), (expires, message) in self._ledger.claims.over(CLAIMS.items(self._database.reader)):
            if not 0 < expires <= now:
                yield scope, key, message, expires

    def all_numbers(self) -> Iterator[tuple[str, int]]:
        """Every sequence and where it stands."""
        yield from self._ledger.numbers.over(SEQUENCES.items(self._database.reader))

    def all_step_states(self) -> Iterator[tuple[str, str, str, bytes]]:
        """(flow, step, key, value)."""
        for (flow, step, key), value in self._ledger.step_states.over(STEP_STATES.items(self._database.reader)):
            yield flow, step, key, value

    # what the reader and retention ask, from any thread

    def active_batches(self) -> list[KeptBatch]:
        """Batches with active outputs, or not wholly produced."""
        return list(self._fold.active.values())

    def kept_batches(self) -> list[KeptBatch]:
        """Batches with nothing but parked and dead outputs, and finished ones."""
        changed, database = self._fold.kept.changed(), self._database
        with database.asking:
            stored = [b for b in database.batches(database.asker, active=False) if b.seq not in changed]
        active = self._fold.active
        return [b for b in stored if b.seq not in active] + [b for b in changed.values() if b is not None]

    def arrivals(self) -> list[tuple[Arrival, dict[str, int]]]:
        """Every arrival with its messages by state, the newest first."""
        unfinished: dict[int, dict[str, int]] = {}
        for batch in {b.seq: b for b in (*self.kept_batches(), *self._fold.active.values())}.values():
            if batch.arrival:
                words = unfinished.setdefault(batch.arrival, {})
                for word, count in tally(batch.count, batch.rows, batch.states).items():
                    words[word] = words.get(word, 0) + count
        known = dict(self.known_arrivals())
        return [
            (known[number], _sum(known[number].finished, unfinished.get(number, {})))
            for number in sorted(known, reverse=True)
        ]

    def segments_of(self, batch: KeptBatch) -> set[int]:
        """The segments a batch needs: of its records, and of the outbound bodies of outputs not finished."""
        needed = {at.segment for at in (batch.accepted, *batch.effects, *batch.produced)}
        if batch.troubled:
            for row, state in enumerate(batch.states):
                retry = self._known_retry(batch.seq << OUT_BITS | row) if state in KEPT else None
                if retry is not None and retry.body is not None:
                    needed.add(retry.body.segment)
        return needed

    def _known_retry(self, ref: int) -> Retry | None:
        late = self._fold.retries.late(ref, _NOT_LATE)
        if late is None or isinstance(late, Retry):
            return late
        with self._database.asking:
            return RETRIES.get(self._database.asker, ref)

    def expired_claims(self) -> list[tuple[str, bytes]]:
        """Claims in the database whose time is over."""
        now = self._now()
        with self._database.asking:
            return [key for key, (until, _) in CLAIMS.items(self._database.asker) if 0 < until <= now]

    def forget_claims(self, keys: Iterable[tuple[str, bytes]]) -> int:
        """Take away those of some claims whose time is over; on the thread of ``apply``."""
        forgotten = 0
        for key in keys:
            found = self._ledger.claims.get(key)
            if found is not None and 0 < found[0] <= self._now():
                self._ledger.claims.set(key, None)
                forgotten += 1
        return forgotten

    def legal_holds(self) -> dict[bytes, Held]:
        """Every message kept against retention, by id."""
        return dict(self._all(LEGAL_HOLDS, self._ledger.legal_holds))

    def positions_of(self, partitions: Collection[tuple[str, str]]) -> list[tuple[str, str, int]]:
        """The keys of all that is known of where some (flow, partition) stand."""
        every = self._all(POSITIONS, self._ledger.positions)
        return [(flow, partition, slot) for (flow, partition, slot), _ in every if (flow, partition) in partitions]

    def _all(self, table: Table[K, V], overlay: Overlay[K, V]) -> list[tuple[K, V]]:
        changed = overlay.changed()
        with self._database.asking:
            stored = [pair for pair in table.items(self._database.asker) if pair[0] not in changed]
        return stored + [(key, value) for key, value in changed.items() if value is not None]

    def known_arrivals(self) -> list[tuple[int, Arrival]]:
        """Every arrival by number, in no order."""
        return self._all(ARRIVALS, self._ledger.arrivals)

    def known_arrival(self, number: int) -> Arrival | None:
        late = self._ledger.arrivals.late(number, _NOT_LATE)
        if late is None or isinstance(late, Arrival):
            return late
        with self._database.asking:
            return ARRIVALS.get(self._database.asker, number)


_NOT_LATE = object()


def _sum(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {word: one.get(word, 0) + other.get(word, 0) for word in {*one, *other}}
