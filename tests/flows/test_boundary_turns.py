"""What reads the members of a group while others change it: a group that goes meanwhile does not end the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from waypost.flow.boundary.boundary import Boundary
from waypost.flow.boundary.draft import Member
from waypost.store.record import Decided, State
from waypost.testing.boundary_system import BoundarySystem

CONNECTIONS = "sales: {kind: sql, address: 'sqlite:sales.db'}\n"
FLOW = """
flow: kit
description: Asks for each order.
owner: ops
source: {memory: in}
format: json
keys: {id: id}
steps:
  - process_manager:
      {correlate: order, remember: 60s, calls: {
        reserve: {connection: sales, ask: {query: 'SELECT :id'}, parameters: {id: process}}},
       steps: [{name: reserve, call: reserve}, {name: paid, on: kind == 'paid', timeout: 60s}]}
targets:
  out: {memory: out}
"""
DECIDED = Decided(b"", State.CANCELLED, 0, "ann", "a test", "groups cancel")


async def started(root: Path) -> tuple[BoundarySystem, Boundary]:
    system = BoundarySystem(root, {"connections.yaml": CONNECTIONS, "flows/kit.yaml": FLOW})
    await system.start()
    await system.put(b'{"kind": "order", "order": "A"}')
    boundary = system.boundary("kit", "process_manager")
    assert boundary.count == 1
    return system, boundary


async def test_a_group_that_goes_while_its_questions_are_looked_for_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch of its members is forgotten with it: read then, it was missed and the engine ended."""
    system, boundary = await started(tmp_path)
    real, begun, gate = boundary.members, asyncio.Event(), asyncio.Event()

    async def slow(refs: Sequence[int]) -> list[Member]:
        begun.set()
        await gate.wait()
        return await real(refs)

    monkeypatch.setattr(boundary, "members", slow)
    looking = asyncio.ensure_future(boundary.open_asks("A"))
    await begun.wait()
    cancelling = asyncio.ensure_future(boundary.force("A", "cancel", DECIDED))
    await asyncio.sleep(0.1)
    gate.set()
    await looking
    assert await cancelling == 1
    assert await boundary.open_asks("A") == ()
    await system.stop()


async def test_members_that_ended_do_not_come_back_to_their_group(tmp_path: Path) -> None:
    """A person wants them back, and before it is their turn they are released or cancelled by another."""
    system, boundary = await started(tmp_path)
    refs = [ref for waiting in boundary.waiting.values() for ref in waiting]
    assert await boundary.force("A", "cancel", DECIDED) == 1
    await boundary.rejoin(refs)
    assert boundary.count == 0
    await system.stop()
