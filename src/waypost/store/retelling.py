"""Telling a batch again: the records that put it anew into the journal, as it is now, changing nothing.

Retention carries a batch out of an old segment this way, and a finished batch is wanted back this way: the copies and
the decision that opens its outputs go into one append.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from waypost.store.outputs import LAYOUT_SIZE
from waypost.store.protocol import Retry, StoredBatch
from waypost.store.record import (
    KEPT,
    OUT_BITS,
    OUT_MASK,
    OUT_ROW,
    AnyRecord,
    Decided,
    DeliveryFailed,
    Linked,
    OutboundBody,
    Produced,
    State,
    pack_refs,
    unpack_refs,
)


def told_again(
    batch: StoredBatch,
    states: Sequence[int],
    retries: Iterable[tuple[Retry, OutboundBody | None]] = (),
    story: Iterable[AnyRecord] = (),
) -> list[AnyRecord]:
    """The records of a batch whose outputs are now in ``states``. ``retries`` are those of its outputs that failed,
    with their journaled bodies; of its ``story``, links are told again, and decisions that still hold."""
    told: list[AnyRecord] = [batch.accepted, *batch.effects]
    told += [_as_it_is(part, states) for part in batch.produced]
    for retry, body in retries:
        state = states[retry.ref & OUT_MASK]
        if retry.attempt and state in KEPT:
            told.append(
                DeliveryFailed(
                    retry.ref, retry.at, retry.attempt, state, retry.next_at, retry.error_class, retry.code, retry.text
                )
            )
        if body is not None:
            told.append(body)
    for record in story:
        if isinstance(record, Linked):
            told.append(record)
        elif isinstance(record, Decided):
            told += _still_holding(record, batch.accepted.seq, states)
    return told


def _as_it_is(part: Produced, states: Sequence[int]) -> Produced:
    rows = bytearray(part.rows)
    count = len(rows) // OUT_ROW.size
    rows[LAYOUT_SIZE :: OUT_ROW.size] = bytes(states[part.first_row : part.first_row + count])
    return msgspec.structs.replace(part, rows=bytes(rows))


def _still_holding(decided: Decided, seq: int, states: Sequence[int]) -> list[AnyRecord]:
    if decided.state == State.OPEN:
        return []
    refs = [
        ref
        for ref in unpack_refs(decided.refs)
        if ref >> OUT_BITS == seq and ref & OUT_MASK < len(states) and states[ref & OUT_MASK] == decided.state
    ]
    return [msgspec.structs.replace(decided, refs=pack_refs(refs))] if refs else []
