"""Outputs a stop left open, back to their lanes in the order they were accepted."""

from __future__ import annotations

from collections.abc import Sequence

from waypost.core.errors import EndpointTimeout
from waypost.flow.lane import Lane
from waypost.store.protocol import OpenBatch, ShardState
from waypost.store.record import ORDER_ROW, State, ref_of

OpenRow = tuple[int, int, int]
"""(output reference, ordering hash, state)"""
_OPEN = (State.OPEN, State.DOUBTFUL, State.RETRYING)


def open_rows(batch: OpenBatch) -> dict[str, list[OpenRow]]:
    """The outputs of a batch that are still to be delivered, by target."""
    rows: dict[str, list[OpenRow]] = {}
    for row, state in enumerate(batch.states):
        at = row * 5
        if state not in _OPEN or batch.rows[at + 2] >= len(batch.targets):
            continue
        index = int.from_bytes(batch.rows[at : at + 2], "little")
        key = ORDER_ROW.unpack_from(batch.order, index * ORDER_ROW.size)[0] if batch.order else 0
        rows.setdefault(batch.targets[batch.rows[at + 2]], []).append((ref_of(batch.seq, row), key, state))
    return rows


def take_up(lane: Lane, rows: Sequence[OpenRow], state: ShardState, unclean: bool) -> None:
    """Give a lane what is open of one batch. After an unclean stop what needs no intent may have arrived unrecorded."""
    for ref, key, now in rows:
        retry = state.retry(ref) if now == State.RETRYING else None
        if retry is not None:
            lane.add_waiting(ref, key, retry.attempt, retry.next_at)
        else:
            lane.add((ref,), (key,))
        if now == State.DOUBTFUL or (retry is not None and retry.code == EndpointTimeout.code):
            lane.doubt(ref)
    if unclean and not lane.traits.needs_intent:
        lane.suspect_below = max(lane.suspect_below, rows[-1][0] + 1)
