"""The search index of a shard: which messages there are, in which states, why they failed, and by which keys to find
them. It follows the journal in a thread of its own; what it has not flushed yet is found all the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from waypost.core.key import DEFAULT_RULES, normalise, normalise_all, rules_from
from waypost.core.message import block_of
from waypost.store import posting
from waypost.store.derived import CommittedGroup, Watermark
from waypost.store.failure import FailedOutput, FailureGroup, group_text
from waypost.store.hashing import Hasher
from waypost.store.index_db import Extent, IndexChanges, IndexDatabase, IndexTotals
from waypost.store.indexed import PLACE_SIZE, IndexedBatch, pack_place, plain_rows
from waypost.store.outputs import Rows, row_layout, row_states, rows_of
from waypost.store.overlay import Overlay
from waypost.store.protocol import Location
from waypost.store.record import (
    OUT_BITS,
    OUT_MASK,
    Accepted,
    Decided,
    Delivered,
    DeliveryFailed,
    Effects,
    Intended,
    LegalHold,
    Linked,
    MovedAway,
    OutboundBody,
    Produced,
    Released,
    Retold,
    State,
    decode,
    unpack_refs,
)
from waypost.store.sqlite import checkpoint, select

_SMALL_WAL = 16 << 20
_STEPS = 4
"""Pieces of merging and deleting that follow a flush; two a flush keep pace with full load."""


class SearchIndex:
    """Implements ``Derived``; ``waypost.store.search`` asks it from other threads."""

    def __init__(self, path: Path, secret: bytes, *, read_only: bool = False) -> None:
        self.database = IndexDatabase(path, read_only=read_only)
        self.totals: IndexTotals = self.database.totals()
        self.hasher = Hasher(secret, self.totals.names)
        self.batches: Overlay[int, IndexedBatch] = Overlay(self.database.batch, cached=1000)
        self.failures: Overlay[int, FailedOutput] = Overlay(self.database.failed)
        self.asking = threading.Lock()
        """Held by a query while it uses ``database.asker``."""
        self._firsts: dict[bytes, int] = {}
        self._flushing_firsts: dict[bytes, int] = {}
        self._fresh: list[bytes] = []
        self._retelling: dict[int, int] = {}
        self._flushing: list[bytes] = []
        self._extents: dict[int, Extent] = {}
        self._flushing_extents: dict[int, Extent] = {}
        self._segments: tuple[int, int] | None = None
        self._messages = 0
        self._watermark = self._applied = self.totals.watermark
        self._last_seq = select(self.database.fetcher, "SELECT max(seq) FROM batch")[0][0] or 0

    # Derived

    @property
    def watermark(self) -> Watermark:
        return self._watermark

    @property
    def applied(self) -> Watermark:
        """Everything before it is found."""
        return self._applied

    @property
    def unflushed(self) -> int:
        """Messages taken in since the last flush; they are found, but a crash makes the index read them again."""
        return self._messages

    def apply(self, group: CommittedGroup) -> None:
        for at, record in group.records:
            rule = _RULES.get(type(record))
            if rule is not None:
                rule(self, at, record)
        self._retelling.clear()
        segment = group.end[0]
        self._segments = (self._segments[0] if self._segments else segment, segment)
        self._applied = group.end

    def stage(self) -> Callable[[], None]:
        staged, segments = self._applied, self._segments
        if staged == self._watermark:
            return self._tidy
        self.totals.watermark = staged
        self._flushing, self._fresh = self._flushing + self._fresh, []
        self._flushing_firsts, self._firsts = {**self._flushing_firsts, **self._firsts}, {}
        self._flushing_extents, self._extents = {**self._flushing_extents, **self._extents}, {}
        changes, fresh = self._changes(), self._flushing
        messages, self._messages, self._segments = self._messages, 0, None

        def write() -> None:
            try:
                self._write(changes, fresh, segments or (staged[0], staged[0]))
            except BaseException:
                self._segments, self._messages = _spanning(segments, self._segments), self._messages + messages
                self.database.words.put_back(changes.words)
                raise
            self._watermark = staged
            self._flushing, self._flushing_firsts, self._flushing_extents = [], {}, {}
            self.batches.end()
            self.failures.end()
            self._tidy()

        return write

    def flush(self) -> None:
        self.stage()()

    def close(self) -> None:
        self.flush()
        self.database.close()

    def fresh(self) -> list[bytes]:
        """Postings that may not be in the database yet."""
        fresh = self._fresh
        return self._flushing + fresh

    def _changes(self) -> IndexChanges:
        batches, failures = self.batches.begin(), self.failures.begin()
        pack, database = msgspec.msgpack.encode, self.database
        kept = [batch for batch in batches.values() if batch is not None]
        failed = [(ref, f, f.group.fingerprint) for ref, f in failures.items() if f is not None]
        rows = [database.batch_row(batch) for batch in kept]
        return IndexChanges(
            totals=pack(self.totals),
            words=database.words.take_new(),
            batches=rows,
            marks=[mark for batch in kept for mark in database.marks(batch)],
            gone=[seq for seq, batch in batches.items() if batch is None],
            failures=[(ref, int(f.state), print_, f.first_at, f.at, f.attempt, f.place) for ref, f, print_ in failed],
            healed=[ref for ref, f in failures.items() if f is None],
            groups=list({print_: pack(f.group) for _, f, print_ in failed}.items()),
            extents=[(n, e.first_seq, e.last_seq, e.messages, e.newest) for n, e in self._flushing_extents.items()],
        )

    def _write(self, changes: IndexChanges, fresh: list[bytes], segments: tuple[int, int]) -> None:
        writer = self.database.writer
        assert writer is not None, "opened to read"
        with writer:
            self.database.write(changes)
            posting.add_chunk(writer, fresh, segments)

    def _tidy(self) -> None:
        """A bounded piece of the work that keeps the index quick."""
        writer = self.database.writer
        if writer is None:
            return
        for _ in range(_STEPS):
            if not posting.step(writer):
                break
        wal = Path(writer.filename + "-wal")
        if wal.exists() and wal.stat().st_size > _SMALL_WAL:
            checkpoint(writer)

    # records

    def accepted(self, at: Location, r: Accepted) -> None:
        place = pack_place(at)
        told_again = self.batches.get(r.seq) if r.seq <= self._last_seq else None
        if told_again is not None:
            told_again.accepted = place
            self._retelling[r.seq] = 0
            self.batches.set(r.seq, told_again)
        else:
            batch = IndexedBatch(r.seq, r.flow, r.version, r.first_id, r.count, r.at, r.arrival, place)
            self.batches.set(r.seq, batch)
            self._last_seq = max(self._last_seq, r.seq)
        self._firsts[r.first_id] = r.seq
        self._messages += r.count
        self._extend(at.segment, r)
        ref = r.seq << OUT_BITS
        for number, (name, values) in enumerate(r.keys):
            rules = rules_from(r.key_rules[number]) if r.key_rules else DEFAULT_RULES
            flat = normalise_all(list(chain.from_iterable(values)), rules)
            single = len(flat) == len(values) and all(values)
            self._fresh.append(self.hasher.column(name, ref, flat, () if single else list(map(len, values))))

    def _extend(self, segment: int, r: Accepted) -> None:
        extent = self._extents.get(segment)
        if extent is None and (flushing := self._flushing_extents.get(segment)) is not None:
            extent = self._extents[segment] = msgspec.structs.replace(flushing)
        if extent is None:
            stored = select(
                self.database.fetcher,
                "SELECT first_seq, last_seq, messages, newest FROM extent WHERE segment = ?",
                segment,
            )
            extent = self._extents[segment] = Extent(*stored[0]) if stored else Extent(r.seq, r.seq, 0, r.at)
        extent.first_seq, extent.last_seq = min(extent.first_seq, r.seq), max(extent.last_seq, r.seq)
        extent.messages, extent.newest = extent.messages + r.count, max(extent.newest, r.at)

    def produced(self, at: Location, r: Produced) -> None:
        batch = self.batches.get(r.seq)
        if batch is None:
            return
        told = self._retelling.get(r.seq)
        batch.produced = _placed(batch.produced, pack_place(at), told)
        if told is not None:
            self._retelling[r.seq] = told + 1
        self.batches.set(r.seq, batch)
        for name, message, value in r.keys:
            self._fresh.append(self.hasher.one(name, r.seq << OUT_BITS | message, normalise(value)))
        if r.first_row < len(batch.states):
            return
        batch.targets = r.targets
        rows, plain = batch.rows + row_layout(r.rows), plain_rows(batch.count)
        batch.rows = plain if rows == plain else rows
        batch.states += row_states(r.rows)
        for failure in r.failures:
            group = FailureGroup(
                batch.flow, failure.place, failure.error_class, failure.code, group_text(failure.code, failure.text)
            )
            self._fail(batch, failure.row, group, batch.states[failure.row], at, r.at or batch.at, 0)

    def effects(self, at: Location, r: Effects) -> None:
        self._tell(self.batches.get(r.seq), pack_place(at))

    def intended(self, at: Location, r: Intended) -> None:
        self._move(r.refs, State.DOUBTFUL, pack_place(at))

    def delivered(self, at: Location, r: Delivered) -> None:
        self._move(r.refs, State.DELIVERED, pack_place(at))
        self._index_answer(r)

    def _index_answer(self, r: Delivered, only: int = -1) -> None:
        """Index the keys found in an answer; those of one batch with ``only``."""
        refs = unpack_refs(r.refs) if r.keys else ()
        for name, place, value in r.keys:
            batch = self.batches.get(refs[place] >> OUT_BITS)
            if batch is not None and only in (-1, batch.seq):
                message = batch.message_of(refs[place] & OUT_MASK)
                self._fresh.append(self.hasher.one(name, batch.seq << OUT_BITS | message, normalise(value)))

    def decided(self, at: Location, r: Decided) -> None:
        self._move(r.refs, State(r.state), pack_place(at))

    def moved(self, at: Location, r: MovedAway) -> None:
        self._move(r.refs, State.MOVED, pack_place(at))
        for seq in r.seqs:
            self.batches.set(seq, None)

    def failed(self, at: Location, r: DeliveryFailed) -> None:
        batch, row = self.batches.get(r.ref >> OUT_BITS), r.ref & OUT_MASK
        if batch is None:
            return
        group = FailureGroup(batch.flow, batch.target_of(row), r.error_class, r.code, group_text(r.code, r.text))
        self._fail(batch, row, group, r.state, at, r.at, r.attempt)
        batch.states[row] = r.state
        batch.story += pack_place(at)
        self.batches.set(batch.seq, batch)

    def _fail(
        self, batch: IndexedBatch, row: int, group: FailureGroup, state: int, place: Location, at: int, attempt: int
    ) -> None:
        ref = batch.seq << OUT_BITS | row
        known = self.failures.get(ref) if batch.troubled else None
        batch.troubled = True
        first_at = known.first_at if known else at
        self.failures.set(ref, FailedOutput(group, state, first_at, at, attempt, pack_place(place)))

    def body(self, at: Location, r: OutboundBody) -> None:
        self._tell(self.batches.get(r.ref >> OUT_BITS), pack_place(at))

    def retold(self, at: Location, r: Retold) -> None:
        batch, inner, place = self.batches.get(r.seq), decode(r.record), pack_place(at)
        self._tell(batch, place)
        if isinstance(inner, Delivered):
            self._index_answer(inner, only=r.seq)
        if isinstance(inner, DeliveryFailed) and (known := self.failures.get(inner.ref)) is not None:
            self.failures.set(inner.ref, msgspec.structs.replace(known, place=place))

    def linked(self, at: Location, r: Linked) -> None:
        self._tell_messages((r.message, r.other), at)

    def legal_hold(self, at: Location, r: LegalHold) -> None:
        self._tell_messages(r.messages, at)

    def released(self, at: Location, r: Released) -> None:
        self._tell_messages((*r.members, *r.messages, *r.origins), at)

    def _tell_messages(self, messages: Sequence[bytes], at: Location) -> None:
        """Note a record that names messages by id, once for each of their batches."""
        seqs: dict[int, None] = {}
        for block in dict.fromkeys(block_of(message)[0] for message in messages):
            first = block.to_bytes(16, "big")
            seq = self._firsts.get(first) or self._flushing_firsts.get(first)
            if seq is None:
                stored = select(self.database.fetcher, "SELECT seq FROM batch WHERE first = ?", first)
                seq = stored[0][0] if stored else None
            if seq is not None:
                seqs[seq] = None
        for seq in seqs:
            self._tell(self.batches.get(seq), pack_place(at))

    def _tell(self, batch: IndexedBatch | None, place: bytes) -> None:
        if batch is not None:
            batch.story += place
            self.batches.set(batch.seq, batch)

    def _move(self, packed: bytes, state: State, place: bytes) -> None:
        if not packed:
            return
        for seq, rows in rows_of(unpack_refs(packed)):
            batch = self.batches.get(seq)
            if batch is None:
                continue
            if isinstance(rows, slice):
                batch.states[rows] = bytes((state,)) * len(batch.states[rows])
            else:
                for row in rows:
                    batch.states[row] = state
            if batch.troubled:
                self._note(batch, rows, state)
            self._tell(batch, place)

    def _note(self, batch: IndexedBatch, rows: Rows, state: State) -> None:
        for row in range(len(batch.states))[rows] if isinstance(rows, slice) else rows:
            ref = batch.seq << OUT_BITS | row
            known = self.failures.get(ref)
            if known is not None and known.state != state:
                self.failures.set(ref, msgspec.structs.replace(known, state=state))


def _spanning(one: tuple[int, int] | None, other: tuple[int, int] | None) -> tuple[int, int] | None:
    """From the first segment of both to the last."""
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])


def _placed(places: bytes, place: bytes, told: int | None) -> bytes:
    """``places`` with one more, or with number ``told`` of them in its new place."""
    if told is None:
        return places + place
    return places[: told * PLACE_SIZE] + place + places[(told + 1) * PLACE_SIZE :]


_RULES: dict[type, Callable[[SearchIndex, Location, Any], None]] = {
    Accepted: SearchIndex.accepted,
    Effects: SearchIndex.effects,
    Produced: SearchIndex.produced,
    Intended: SearchIndex.intended,
    Delivered: SearchIndex.delivered,
    Decided: SearchIndex.decided,
    DeliveryFailed: SearchIndex.failed,
    OutboundBody: SearchIndex.body,
    MovedAway: SearchIndex.moved,
    Linked: SearchIndex.linked,
    LegalHold: SearchIndex.legal_hold,
    Released: SearchIndex.released,
    Retold: SearchIndex.retold,
}
