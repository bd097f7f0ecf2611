"""After a start: what the journal left open goes back to its lanes, in order, with what is known of earlier tries."""

from __future__ import annotations

from waypost.core.errors import EndpointTimeout
from waypost.flow.batch.versions import Versions
from waypost.flow.sharing.host import Host
from waypost.store.protocol import OpenBatch
from waypost.store.record import ORDER_ROW, State, ref_of


def recover_rows(engine: Host, versions: Versions, batch: OpenBatch, unclean: bool) -> None:
    """Give the lanes what of a batch was not ended when the journal was last written."""
    if batch.flow not in engine.takers():
        return
    rows: dict[str, tuple[list[int], list[int], list[int]]] = {}
    for row, state in enumerate(batch.states):
        if state not in (State.OPEN, State.DOUBTFUL, State.RETRYING):
            continue
        at = row * 5
        index, target = int.from_bytes(batch.rows[at : at + 2], "little"), batch.rows[at + 2]
        if target >= len(batch.targets):
            continue
        key = ORDER_ROW.unpack_from(batch.order, index * 8)[0] if batch.order else 0
        refs, keys, states = rows.setdefault(batch.targets[target], ([], [], []))
        refs.append(ref_of(batch.seq, row))
        keys.append(key)
        states.append(state)
    flow = versions.flow(batch.version, batch.flow)
    for name, (refs, keys, states) in rows.items():
        lane = engine.lane(flow, name)
        for ref, key, state in zip(refs, keys, states, strict=True):
            retry = engine.shard.state.retry(ref) if state == State.RETRYING else None
            if retry is not None:
                lane.add_waiting(ref, key, retry.attempt, retry.next_at)
            else:
                lane.add((ref,), (key,))
            if state == State.DOUBTFUL or (retry is not None and retry.code == EndpointTimeout.code):
                lane.doubt(ref)
        if unclean and not lane.traits.needs_intent:
            lane.suspect_below = max(lane.suspect_below, refs[-1] + 1)
