"""A group moves whole when the number of workers changes: members, state and timers, to the owner of its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from waypost.core.key import slot_of
from waypost.flow.boundary.group import hash_of_state, read_timer
from waypost.flow.delivery.placement import owner_of
from waypost.flow.running.rebalance import Rebalance
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import open_folds
from waypost.store.record import ORDER_ROW, State
from waypost.testing.boundary_system import BoundarySystem

FLOW = """
flow: kit
description: Collects lines.
owner: ops
source: {memory: in}
format: json
steps:
  - aggregator: {correlate: order, complete: {count: 3, after: 60s}}
targets:
  out: {memory: out}
"""
WORKERS = 3
Hashes = set[int]


async def placed(root: Path) -> list[tuple[Hashes, Hashes, Hashes]]:
    """Per worker the groups of which it has members, a state and a timer, after two changes of their number."""
    system = BoundarySystem(root, {"flows/kit.yaml": FLOW})
    await system.start()
    await system.put(*(b'{"order": "%d"}' % (number % 20) for number in range(30)))
    await system.stop()
    await system.move(2)
    await system.move(WORKERS)
    found = []
    for number in range(WORKERS):
        shard = await EmbeddedStore(str(root / ".waypost"), folds=open_folds).open_shard(number, WORKERS)
        members = {
            ORDER_ROW.unpack_from(batch.order, 8 * int.from_bytes(batch.rows[5 * row : 5 * row + 2], "little"))[0]
            for batch in shard.state.open_batches()
            for row, state in enumerate(batch.states)
            if state == State.OPEN
        }
        states = {hash_of_state(name) or 0 for name, _ in shard.state.step_states("kit", "aggregator")}
        timers = {read_timer(payload).hash for _, _, payload in shard.state.timers()}
        found.append((members, states, timers))
        await shard.close()
    return found


async def test_members_state_and_timers_of_a_group_are_with_the_owner_of_its_key(tmp_path: Path) -> None:
    found = await placed(tmp_path)
    for number, (members, states, timers) in enumerate(found):
        assert members == states == timers
        assert {owner_of(slot_of(hash_), WORKERS) for hash_ in members} <= {number}
    assert sum(len(members) for members, _, _ in found) == 20
    assert sum(bool(members) for members, _, _ in found) == WORKERS


async def test_a_state_that_does_not_move_with_its_members_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bug the test above is there for."""
    monkeypatch.setattr(Rebalance, "_owner_of_group", lambda self, flow, correlation: 0)
    assert any(members != states for members, states, _ in await placed(tmp_path))
