"""Telling a batch again: the records that put it anew into the journal, as it is now, changing nothing.

Retention carries a batch out of an old segment this way, and a finished batch is wanted back this way: the copies and
the decision that opens its outputs go into one append.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from waypost.store.outputs import LAYOUT_SIZE
from waypost.store.protocol import StoredBatch
from waypost.store.record import (
    KEPT,
    OUT_BITS,
    OUT_MASK,
    OUT_ROW,
    AnyRecord,
    OutboundBody,
    Produced,
    Retold,
    encode,
)


def told_again(batch: StoredBatch, states: Sequence[int], story: Iterable[AnyRecord] = ()) -> list[AnyRecord]:
    """The records of a batch whose outputs are now in ``states``, with the history of the batch so far; bodies whole.
    Of the outbound bodies only those of outputs that may still be sent are told, of each the last."""
    seq = batch.accepted.seq
    told: list[AnyRecord] = [batch.accepted, *batch.effects]
    told += [_as_it_is(part, states) for part in batch.produced]
    bodies: dict[int, OutboundBody] = {}
    for record in story:
        if isinstance(record, OutboundBody):
            if record.ref >> OUT_BITS == seq and states[record.ref & OUT_MASK] in KEPT:
                bodies[record.ref] = record
        else:
            told.append(Retold(seq, encode(record)))
    return [*told, *bodies.values()]


def _as_it_is(part: Produced, states: Sequence[int]) -> Produced:
    rows = bytearray(part.rows)
    count = len(rows) // OUT_ROW.size
    rows[LAYOUT_SIZE :: OUT_ROW.size] = bytes(states[part.first_row : part.first_row + count])
    return msgspec.structs.replace(part, rows=bytes(rows))
