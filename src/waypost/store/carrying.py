"""Carrying messages of a batch to another shard: the records that put them there as they are, and those that take them
from where they were.

The copy keeps ids, row numbers and order; what is not carried is there as moved, without its body. Whole messages are
carried, with their finished outputs too, so that one shard alone knows all of a message.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from waypost.store.outputs import LAYOUT_SIZE
from waypost.store.protocol import OpenBatch, Retry, StoredBatch
from waypost.store.record import (
    NO_TARGET,
    OUT_BITS,
    OUT_MASK,
    OUT_ROW,
    Accepted,
    AnyRecord,
    Bodies,
    Decided,
    Delivered,
    DeliveryFailed,
    Effects,
    Intended,
    Linked,
    MovedAway,
    OutboundBody,
    Produced,
    Released,
    State,
    pack_refs,
    ref_of,
    unpack_refs,
)

_NO_DIGEST = bytes(16)


def message_of_row(batch: OpenBatch, row: int) -> int:
    """The index of the message an output row belongs to."""
    at = row * LAYOUT_SIZE
    return int.from_bytes(batch.rows[at : at + 2], "little")


def unproduced(batch: OpenBatch) -> list[int]:
    """The messages of a batch that have no output row yet."""
    if not batch.left:
        return []
    rows = batch.rows
    known = {int.from_bytes(rows[at : at + 2], "little") for at in range(0, len(rows), LAYOUT_SIZE)}
    return [index for index in range(batch.count) if index not in known]


def moved_rows(seq: int, targets: tuple[str, ...], indices: Sequence[int], first_row: int, at: int) -> list[AnyRecord]:
    """Says of messages without output rows that another shard has them."""
    if not indices:
        return []
    rows = b"".join(OUT_ROW.pack(index, NO_TARGET, 0, State.MOVED, _NO_DIGEST) for index in indices)
    return [Produced(seq, targets, rows, at=at, first_row=first_row)]


def taken_away(batch: OpenBatch, places: Mapping[int, Collection[int]], at: int) -> list[AnyRecord]:
    """What the shard that had the messages journals once they are safe elsewhere: shard → the messages it has now."""
    gone = {index for indices in places.values() for index in indices}
    left = [index for index in unproduced(batch) if index in gone]
    records = moved_rows(batch.seq, batch.targets, left, len(batch.states), at)
    for place, indices in places.items():
        refs = [ref_of(batch.seq, row) for row in range(len(batch.states)) if message_of_row(batch, row) in indices]
        if refs:
            records.append(MovedAway(pack_refs(refs), (), place, at))
    return records


class Carried:
    """Some messages of a stored batch, as batch ``seq`` of the shard they are carried to."""

    def __init__(self, batch: OpenBatch, stored: StoredBatch, indices: Collection[int], seq: int) -> None:
        self._batch, self._stored, self._indices, self._seq = batch, stored, frozenset(indices), seq
        self._rows = frozenset(row for row in range(len(batch.states)) if message_of_row(batch, row) in self._indices)

    def records(
        self, from_shard: int, arrival: int, retries: Iterable[tuple[Retry, OutboundBody | None]],
        story: Iterable[AnyRecord] = (),
    ) -> list[AnyRecord]:  # fmt: skip
        """``arrival`` is the number their arrival has there; ``retries`` are those of the batch's outputs."""
        told: list[AnyRecord] = [self._accepted(from_shard, arrival)]
        told += [self._effects(part) for part in self._stored.effects]
        told += [self._produced(part) for part in self._stored.produced]
        left = [index for index in unproduced(self._batch) if index not in self._indices]
        told += moved_rows(self._seq, self._batch.targets, left, len(self._batch.states), self._batch.at)
        in_flow = {failure.row for part in self._stored.produced for failure in part.failures}
        for retry, body in retries:
            told += self._retry(retry, body, in_flow)
        for record in story:
            told += self._told(record)
        return told

    def _accepted(self, from_shard: int, arrival: int) -> Accepted:
        accepted = self._stored.accepted
        ends, data = _narrowed(accepted.bodies, accepted.count, self._indices)
        keys = tuple(
            (name, tuple(column if index in self._indices else () for index, column in enumerate(columns)))
            for name, columns in accepted.keys
        )
        return msgspec.structs.replace(
            accepted, seq=self._seq, bodies=Bodies(ends, data), keys=keys, arrival=arrival, moved_from=from_shard
        )

    def _effects(self, part: Effects) -> Effects:
        return Effects(self._seq, tuple(item for item in part.items if item[0] in self._indices))

    def _produced(self, part: Produced) -> Produced:
        rows, states = bytearray(part.rows), self._batch.states
        for number in range(len(rows) // OUT_ROW.size):
            row = part.first_row + number
            rows[number * OUT_ROW.size + LAYOUT_SIZE] = states[row] if row in self._rows else State.MOVED
        return msgspec.structs.replace(
            part, seq=self._seq, rows=bytes(rows), failures=tuple(f for f in part.failures if f.row in self._rows),
            keys=tuple(key for key in part.keys if key[1] in self._indices),
        )  # fmt: skip

    def _retry(self, retry: Retry, body: OutboundBody | None, in_flow: Collection[int]) -> list[AnyRecord]:
        row = retry.ref & OUT_MASK
        if row not in self._rows:
            return []
        ref, state = ref_of(self._seq, row), self._batch.states[row]
        told: list[AnyRecord] = []
        if retry.error_class and (retry.attempt or row not in in_flow):
            told.append(
                DeliveryFailed(
                    ref, retry.at, retry.attempt, state, retry.next_at, retry.error_class, retry.code, retry.text
                )
            )
        return [*told, msgspec.structs.replace(body, ref=ref)] if body is not None else told

    def _told(self, record: AnyRecord) -> list[AnyRecord]:
        """A later record as far as it is about these messages and still holds."""
        match record:
            case Linked():
                return [record] if record.message in self._ids() else []
            case Released():
                return (
                    [record] if not self._ids().isdisjoint((*record.members, *record.messages, *record.origins)) else []
                )
            case Decided():
                refs = self._refs(unpack_refs(record.refs), record.state)
                return [msgspec.structs.replace(record, refs=pack_refs(list(refs.values())))] if refs else []
            case Intended():
                refs = self._refs(unpack_refs(record.refs), State.DOUBTFUL)
                return [Intended(pack_refs(list(refs.values())))] if refs else []
            case Delivered():
                return self._delivered(record)
        return []

    def _delivered(self, record: Delivered) -> list[AnyRecord]:
        refs = self._refs(unpack_refs(record.refs), State.DELIVERED)
        if not refs:
            return []
        places = {old: new for new, old in enumerate(refs)}

        def picked(column: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(column[at] for at in refs) if len(column) > 1 else column

        offsets = unpack_refs(record.offsets)
        headers = msgspec.msgpack.decode(record.answer_headers) if record.answer_headers else []
        return [
            msgspec.structs.replace(
                record, refs=pack_refs(list(refs.values())), addresses=picked(record.addresses),
                statuses=picked(record.statuses), answers=picked(record.answers),
                answer_headers=msgspec.msgpack.encode(picked(tuple(headers))) if headers else b"",
                keys=tuple((name, places[at], value) for name, at, value in record.keys if at in places),
                offsets=pack_refs(list(picked(offsets))),
            )
        ]  # fmt: skip

    def _refs(self, refs: Sequence[int], state: int) -> dict[int, int]:
        """Place in ``refs`` → reference in the copy, of carried outputs that are still in ``state``."""
        states = self._batch.states
        return {
            place: ref_of(self._seq, ref & OUT_MASK)
            for place, ref in enumerate(refs)
            if ref >> OUT_BITS == self._batch.seq and ref & OUT_MASK in self._rows and states[ref & OUT_MASK] == state
        }

    def _ids(self) -> frozenset[bytes]:
        first = int.from_bytes(self._batch.first_id, "big")
        return frozenset((first + index).to_bytes(16, "big") for index in self._indices)


def _narrowed(bodies: Bodies, count: int, indices: Collection[int]) -> tuple[bytes, bytes]:
    """The ends and data of bodies of which only some are kept; the others are empty."""
    kept, ends, start, total = [], [], 0, 0
    for index, end in enumerate(struct.unpack(f"<{count}I", bodies.ends)):
        if index in indices:
            kept.append(bodies.data[start:end])
            total += end - start
        ends.append(total)
        start = end
    return struct.pack(f"<{count}I", *ends), b"".join(kept)
