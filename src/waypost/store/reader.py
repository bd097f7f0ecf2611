"""Questions over all shards of a store: the index says which messages, the journal what is in them."""

from __future__ import annotations

import heapq
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from waypost.core.errors import StoreDamaged
from waypost.store.failure import FailureGroup
from waypost.store.indexed import PLACE_SIZE, IndexedBatch, unpack_places
from waypost.store.ledger import Arrival
from waypost.store.protocol import ArrivalRow, Found, History, Location, Query, StoredBatch
from waypost.store.record import (
    OUT_BITS,
    Accepted,
    AnyRecord,
    Decided,
    Delivered,
    DeliveryFailed,
    Effects,
    Failure,
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
    message_state,
    ref_of,
    unpack_refs,
)
from waypost.store.search import Hit, ShardSearch, key_forms
from waypost.store.state import StateFold

_READ_AT_ONCE = 64
_FAILING = (State.RETRYING, State.PARKED, State.DEAD)


class BatchLoader(Protocol):
    """Reads records of one shard's journal; from any thread."""

    def record(self, at: Location) -> AnyRecord:
        """The record at a place. Raises ``StoreDamaged`` when there is none."""
        ...

    def segments(self) -> list[int]:
        """The segments there are; retention removes them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardView:
    """One shard as the reader sees it: the live parts of an open one, or a copy brought up to date. ``whole`` puts back
    bodies that lie in files of their own."""

    number: int
    state: StateFold
    search: ShardSearch
    journal: BatchLoader
    whole: Callable[[AnyRecord], AnyRecord] = lambda record: record


class _Records:
    """Records of one shard, each read once for one question."""

    def __init__(self, view: ShardView) -> None:
        self._view, self._read = view, dict[bytes, AnyRecord | None]()

    def get(self, place: bytes) -> AnyRecord | None:
        """The record at a packed place; None when retention took it meanwhile or its bytes are damaged, which
        ``history`` and ``verify`` report and a listing must survive."""
        if place not in self._read:
            if len(self._read) >= _READ_AT_ONCE:
                self._read = {}
            try:
                record = self._view.journal.record(unpack_places(place)[0])
                self._read[place] = decode(record.record) if isinstance(record, Retold) else record
            except StoreDamaged:
                self._read[place] = None
        return self._read[place]


class StoreReader:
    """Implements ``Reader``. May be used from any thread; blocks on the disk."""

    def __init__(self, views: Sequence[ShardView]) -> None:
        self._views = views

    def find(self, query: Query) -> Sequence[Found]:
        found: list[Found] = []
        merged = heapq.merge(*(self._found_in(view, query) for view in self._views), key=_newest_first)
        for one in merged:
            if len(found) >= query.limit:
                break
            found.append(one)
        return found

    def history(self, message: bytes) -> History | None:
        left: History | None = None
        for view in self._views:
            hit = view.search.message(message)
            if hit is None:
                continue
            if not hit.moved:
                return self._history(view, hit)
            left = self._history(view, hit)  # it moved to another shard, or what it made is made by a revision
        return left

    def arrivals(self, flow: str = "", name: str = "", limit: int = 50) -> Sequence[ArrivalRow]:
        """The newest first. What several shards have of one arrival is one row."""
        rows: dict[tuple[str, str, str], ArrivalRow] = {}
        for view in self._views:
            for arrival, words in view.state.arrivals():
                if (flow and arrival.flow != flow) or (name and arrival.name != name) or not arrival.begun_at:
                    continue
                row, key = _row(view.number, arrival, words), (arrival.flow, arrival.name, arrival.identity)
                rows[key] = _joined(rows[key], row) if key in rows else row
        return sorted(rows.values(), key=lambda row: row.begun_at, reverse=True)[:limit]

    def groups(self, query: Query) -> Sequence[tuple[str, str, str, int, int, int]]:
        """The largest first."""
        found: dict[FailureGroup, tuple[int, int, int]] = {}
        for view in self._views:
            for group, count, first, last in view.search.groups(query):
                so_far = found.get(group, (0, first, last))
                found[group] = (so_far[0] + count, min(so_far[1], first), max(so_far[2], last))
        rows = [(g.flow, g.place, f"{g.code or g.error_class}: {g.text}", *n) for g, n in found.items()]
        return sorted(rows, key=lambda row: (-row[3], row))[: query.limit]

    def _found_in(self, view: ShardView, query: Query) -> Iterator[Found]:
        arrivals = None
        if query.arrival:
            arrivals = [n for n, a in view.state.known_arrivals() if query.arrival in (a.name, a.identity, str(n))]
        records = _Records(view)
        forms = frozenset(key_forms(query.key[1])) if query.key else frozenset()
        for hit in view.search.hits(query, arrivals):
            if query.state != "moved" and message_state([state for *_, state in hit.outputs]) == "moved":
                continue
            keys = _keys(hit, records)
            if query.key is not None and keys and not _carries(keys, query.key[0], forms):
                continue
            yield self._found(view, hit, keys, records)

    def _found(self, view: ShardView, hit: Hit, keys: Mapping[str, Sequence[str]], records: _Records) -> Found:
        batch, failed = hit.batch, view.search.failures(hit)
        failures = []
        for row, _, _, state in hit.outputs:
            if state in _FAILING and row in failed:
                known = failed[row]
                text = _text(records.get(known.place), batch.seq << OUT_BITS | row) or known.group.text
                failures.append(Failure(row, known.group.place, known.group.error_class, known.group.code, text))
        attempts = {row: known.attempt for row, known in failed.items()}
        arrival = view.state.known_arrival(batch.arrival) if batch.arrival else None
        return Found(
            message=hit.id,
            shard=view.number,
            seq=batch.seq,
            index=hit.index,
            flow=batch.flow,
            version=batch.version,
            received_at=batch.at,
            state=message_state([state for *_, state in hit.outputs]),
            keys=keys,
            targets=[
                (target, ordinal, state, attempts.get(row, 0) + (state == State.DELIVERED))
                for row, target, ordinal, state in hit.outputs
                if target
            ],
            failures=failures,
            arrival=arrival.name if arrival else "",
            size=_size(records.get(batch.accepted), hit.index),
        )

    def _history(self, view: ShardView, hit: Hit) -> History:
        batch = hit.batch
        load = view.journal.record
        accepted = view.whole(load(unpack_places(batch.accepted)[0]))
        produced = [record for p in unpack_places(batch.produced) if isinstance(record := load(p), Produced)]
        later = self._later(view, batch)
        if not isinstance(accepted, Accepted) or len(produced) * PLACE_SIZE != len(batch.produced):
            raise StoreDamaged(
                f"no batch {batch.seq} where the index says",
                where=f"shard {view.number}",
                remedy="rebuild the index: stop, remove index.db, start",
            )
        effects = [record for record in later if isinstance(record, Effects)]
        refs = {ref_of(batch.seq, row) for row, *_ in hit.outputs}
        story = [record for record in later if not isinstance(record, Effects)]
        named = [record for record in story if _names(record, hit.id, refs)]
        found = self._found(view, hit, _keys(hit, _Records(view)), _Records(view))
        return History(
            found=found, batch=StoredBatch(accepted, effects, produced), records=named, story=story,
            states=bytes(batch.states),
        )  # fmt: skip

    def _later(self, view: ShardView, batch: IndexedBatch) -> list[AnyRecord]:
        """The later records of a batch, as far as their segments are there. Those told again come first: they are what
        there was until then."""
        there = set(view.journal.segments())
        told: dict[bytes, AnyRecord] = {}
        direct: list[AnyRecord] = []
        for place in dict.fromkeys(unpack_places(batch.story)):
            if place.segment in there:
                record = view.journal.record(place)
                if isinstance(record, Retold):
                    told[record.record] = decode(record.record)
                else:
                    direct.append(view.whole(record))
        once: set[AnyRecord] = {*told.values()}
        later = list(told.values())
        for record in direct:
            if record not in once:
                later.append(record)
                if isinstance(record, Effects | OutboundBody):
                    once.add(record)
        return later


def _newest_first(found: Found) -> int:
    return -int.from_bytes(found.message, "big")


def _names(record: AnyRecord, message: bytes, refs: set[int]) -> bool:
    match record:
        case Delivered() | Decided() | Intended() | MovedAway():
            return not refs.isdisjoint(unpack_refs(record.refs))
        case DeliveryFailed() | OutboundBody():
            return record.ref in refs
        case Linked():
            return message in (record.message, record.other)
        case LegalHold():
            return message in record.messages
        case Released():
            return message in (*record.members, *record.messages, *record.origins)
    return False


def _keys(hit: Hit, records: _Records) -> dict[str, list[str]]:
    """The business keys of a message: its own, those of what it became, and those targets answered with."""
    batch, found = hit.batch, dict[str, list[str]]()

    def add(name: str, values: Sequence[str]) -> None:
        known = found.setdefault(name, [])
        known += [value for value in values if value not in known]

    accepted = records.get(batch.accepted)
    if isinstance(accepted, Accepted):
        for name, columns in accepted.keys:
            if columns[hit.index]:
                add(name, columns[hit.index])
    for at in range(0, len(batch.produced), PLACE_SIZE):
        produced = records.get(batch.produced[at : at + PLACE_SIZE])
        if isinstance(produced, Produced):
            for name, message, value in produced.keys:
                if message == hit.index:
                    add(name, [value])
    refs = {ref_of(batch.seq, row) for row, *_ in hit.outputs}
    for at in range(0, len(batch.story), PLACE_SIZE):
        record = records.get(batch.story[at : at + PLACE_SIZE])
        if isinstance(record, Delivered) and record.keys:
            named = unpack_refs(record.refs)
            for name, place, value in record.keys:
                if named[place] in refs:
                    add(name, [value])
    return found


def _carries(keys: Mapping[str, Sequence[str]], name: str, forms: frozenset[str]) -> bool:
    wanted = [keys.get(name, ())] if name else list(keys.values())
    return any(not forms.isdisjoint(key_forms(value)) for values in wanted for value in values)


def _text(record: AnyRecord | None, ref: int) -> str:
    """The text of a failure as it was journaled."""
    if isinstance(record, DeliveryFailed):
        return record.text
    if isinstance(record, Produced):
        return next((f.text for f in record.failures if ref_of(record.seq, f.row) == ref), "")
    return ""


def _size(record: AnyRecord | None, index: int) -> int:
    if not isinstance(record, Accepted):
        return 0
    bodies = record.bodies
    if bodies.chunks and bodies.chunks[index][0]:
        return bodies.chunks[index][1]
    ends = struct.unpack(f"<{len(bodies.ends) // 4}I", bodies.ends)
    return ends[index] - (ends[index - 1] if index else 0) if index < len(ends) else 0


def _row(shard: int, arrival: Arrival, words: Mapping[str, int]) -> ArrivalRow:
    unfinished = ("received", "processing", "retrying")
    return ArrivalRow(
        shard=shard,
        number=arrival.number,
        flow=arrival.flow,
        name=arrival.name,
        identity=arrival.identity,
        size=arrival.size,
        sha256=arrival.sha256,
        begun_at=arrival.begun_at,
        ended_at=arrival.ended_at,
        disposed_at=arrival.disposed_at,
        records=arrival.records,
        delivered=words.get("delivered", 0),
        dead=words.get("dead", 0),
        parked=words.get("parked", 0),
        filtered=words.get("filtered", 0),
        open=sum(words.get(word, 0) for word in unfinished),
        error=arrival.error,
    )


def _joined(one: ArrivalRow, other: ArrivalRow) -> ArrivalRow:
    """What two shards have of the same arrival; the one that read it knows how it ended."""
    leading = one if (one.ended_at, -one.begun_at) >= (other.ended_at, -other.begun_at) else other
    counts = {name: getattr(one, name) + getattr(other, name) for name in _COUNTS}
    return ArrivalRow(**{field: counts.get(field, getattr(leading, field)) for field in ArrivalRow.__struct_fields__})


_COUNTS = ("delivered", "dead", "parked", "filtered", "open")
