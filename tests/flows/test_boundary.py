"""Groups in whole flows: who sees them, who may touch them, and what is shown of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.flows.system import System
from waypost.core.errors import ConfigurationRefused, ProjectError, UsageError
from waypost.flow.declared.project import load_project

FLOW = """
flow: totals
description: Collects the lines of an order.
owner: ops
source: {memory: in}
format: json
keys: {order: order}
steps:
  - filter: "order != 'none'"
  - aggregator: {correlate: order, complete: {count: 2, after: 60s}, into: lines}
  - filter: count(lines) > 0
targets:
  out: {memory: out}
"""


def line(order: str, n: int) -> str:
    return json.dumps({"order": order, "n": n})


async def started(root: Path, flow: str = FLOW) -> System:
    return await System(root, {"flows/totals.yaml": flow}).start()


async def waiting(system: System, members: int) -> list[dict[str, Any]]:
    """The groups, once so many messages wait."""
    await system.until(lambda: system.engine.boundaries.count == members)
    await system.settle()
    found: list[dict[str, Any]] = (await system.ask("groups"))["groups"]
    return found


async def member(system: System) -> dict[str, Any]:
    """The newest message that waits."""
    found = [m for m in await system.messages() if m["targets"][-1:] and "(group)" in m["targets"][-1]["target"]]
    shown: dict[str, Any] = await system.ask("show", id=found[-1]["id"])
    return shown


async def test_a_member_is_processing_and_shows_its_group_and_what_it_waits_for(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(line("A", 1))
    [group] = await waiting(system, 1)
    assert (group["key"], group["members"], group["waits_for"]) == ("A", 1, "1 more messages or its time")
    shown = await member(system)
    assert shown["message"]["state"] == "processing"
    assert shown["verdict"] == "proved"
    assert shown["input"]["text"] == '{"order":"A","n":1}'
    assert shown["boundary"]["waits_in"]["waits_for"] == group["waits_for"]
    [status] = (await system.ask("status"))["flows"]
    assert status["groups"] == [{"step": "aggregator", "groups": 1, "members": 1}]
    await system.stop()


async def test_a_released_message_shows_its_members_and_each_what_took_it(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(line("A", 1), line("A", 2))
    assert await system.arrived(1) == ['{"lines":[{"order":"A","n":1},{"order":"A","n":2}]}']
    messages = await system.messages()
    originals, members, [made] = messages[:2], messages[2:4], messages[4:]
    assert made["keys"] == {"order": ["A"]}
    shown = await system.ask("show", id=made["id"])
    assert shown["verdict"] == "proved"
    assert [r["id"] for r in shown["relatives"] if r["relation"] == "member"] == [m["id"] for m in members]
    for one in members:
        shown = await system.ask("show", id=one["id"])
        assert {"id": made["id"], "relation": "released-as"} in shown["relatives"]
        assert shown["boundary"]["releases"][0]["reason"] == "count"
    shown = await system.ask("show", id=originals[0]["id"])
    assert {"id": members[0]["id"], "relation": "waited-as"} in shown["relatives"]
    await system.stop()


@pytest.mark.parametrize("what, state", [("release", "delivered"), ("cancel", "cancelled")])
async def test_a_person_s_word_on_a_group_is_kept_with_it(tmp_path: Path, what: str, state: str) -> None:
    system = await started(tmp_path)
    system.put(line("A", 1), line("B", 1))
    await waiting(system, 2)
    assert await system.ask("groups", what=what, key="A", why="month end") == {"count": 1}
    await waiting(system, 1)
    shown = [await system.ask("show", id=m["id"]) for m in await system.messages()]
    [told] = [
        s for s in shown if s.get("boundary", {}).get("role") == "member" and s["message"]["keys"]["order"] == ["A"]
    ]
    assert told["message"]["state"] == state
    said = told["boundary"]["releases"] if what == "release" else told["history"]
    assert [(one["who"], one["why"]) for one in said] == [("ann", "month end")]
    assert len(await system.arrived(1) if what == "release" else system.out()) == (what == "release")
    await system.stop()


async def test_a_group_a_person_means_must_be_named(tmp_path: Path) -> None:
    system = await started(tmp_path)
    with pytest.raises(UsageError, match="names no group"):
        await system.ask("groups", what="release")
    with pytest.raises(UsageError, match="expected list, release or cancel"):
        await system.ask("groups", what="free")
    with pytest.raises(UsageError, match="did you mean 'totals'"):
        await system.ask("groups", what="cancel", flow="total")
    await system.stop()


async def test_a_member_that_is_held_is_out_of_its_group_and_back_in_it_when_released(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(line("A", 1))
    await waiting(system, 1)
    held = await member(system)
    assert (await system.ask("hold", id=held["message"]["id"]))["count"] == 1
    await system.until(lambda: system.engine.boundaries.count == 0)
    await system.kill()
    await system.start()
    system.put(line("A", 2))
    await waiting(system, 1)
    assert (await system.ask("release", id=held["message"]["id"]))["count"] == 1
    assert await system.arrived(1) == ['{"lines":[{"order":"A","n":2},{"order":"A","n":1}]}']
    await system.stop()


async def test_a_member_cancelled_in_the_moment_of_a_death_is_not_in_its_group(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(line("A", 1))
    await waiting(system, 1)
    shown = await member(system)
    system.engine.boundaries.of["totals", "aggregator"].dropped = lambda refs: None  # type: ignore[method-assign]
    await system.ask("cancel", id=shown["message"]["id"])
    await system.kill()
    await system.start()
    await system.settle()
    assert (await system.ask("groups"))["groups"] == []
    system.put(line("A", 2), line("A", 3))
    assert await system.arrived(1) == ['{"lines":[{"order":"A","n":2},{"order":"A","n":3}]}']
    await system.stop()


async def test_a_replay_of_what_came_in_brings_the_group_about_anew(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(line("A", 1), line("A", 2))
    await system.arrived(1)
    assert (await system.ask("replay", flow="totals"))["count"] == 2
    assert len(await system.arrived(2)) == 2
    await system.stop()


async def test_a_replay_of_a_released_message_runs_the_steps_after_the_boundary_alone(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(line("A", 1), line("A", 2))
    await system.arrived(1)
    made = (await system.messages())[-1]
    compared = await system.ask("replay", id=made["id"], dry_run=True)
    assert (compared["same"], compared["differ"]) == (1, 0)
    await system.ask("replay", id=made["id"])
    assert len(await system.arrived(2)) == 2
    assert (await system.ask("groups"))["groups"] == []
    await system.stop()


async def test_a_timer_that_fell_due_while_nothing_ran_fires_at_the_start(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(line("A", 1))
    await waiting(system, 1)
    await system.stop()
    await system.clock.advance(3600)
    await system.start()
    assert await system.arrived(1) == ['{"lines":[{"order":"A","n":1}]}']
    await system.stop()


async def test_a_flow_whose_boundary_is_gone_does_not_start_while_messages_wait_there(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(line("A", 1))
    await waiting(system, 1)
    await system.stop()
    system.write({"flows/totals.yaml": FLOW.replace("  - aggregator", "  - name: other\n    aggregator")})
    with pytest.raises(ConfigurationRefused, match="no longer has the boundary of 'aggregator \\(group\\)'"):
        await system.start()
    await system.kill()


async def test_a_message_without_a_key_is_a_dead_letter_at_the_step(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put('{"n": 1}')
    await system.until(lambda: system.engine.shard.state.counts().get("totals", {}).get("dead"))
    [message] = await system.messages()
    assert message["state"] == "dead"
    assert message["failures"][0]["place"] == "aggregator"
    assert "the message has no key" in message["failures"][0]["text"]
    await system.stop()


async def test_a_full_group_fails_the_message_that_is_too_much_and_a_retry_puts_it_in(tmp_path: Path) -> None:
    limited = FLOW.replace("into: lines", "into: lines, limits: {members: 2}").replace("count: 2, ", "")
    system = await started(tmp_path, limited)
    system.put(line("A", 1), line("A", 2), line("A", 3))
    await waiting(system, 2)
    [dead] = [m for m in await system.messages() if m["state"] == "dead"]
    assert "group 'A' is full: 2 messages" in dead["failures"][0]["text"]
    await system.ask("groups", what="release", key="A")
    await system.arrived(1)
    await system.ask("retry", id=dead["id"])
    await waiting(system, 1)
    assert (await system.arrived(2, step=10))[1] == '{"lines":[{"order":"A","n":3}]}'
    await system.stop()


def test_a_boundary_and_a_target_of_one_name_are_refused(tmp_path: Path) -> None:
    System(tmp_path, {"flows/totals.yaml": FLOW.replace("  out: {", "  aggregator: {")})
    with pytest.raises(ProjectError, match="step 'aggregator' combines messages, and a target has its name"):
        load_project(tmp_path)
