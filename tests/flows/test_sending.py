"""Whole flows that choose where messages go: by the message, by a table, by a slip, by the time."""

from __future__ import annotations

import asyncio

import pytest

from tests.flows.system import COPY, System
from tests.flows.test_engine import Counting
from waypost.connectors.memory import channel
from waypost.core.component import Routed
from waypost.core.errors import ProjectError
from waypost.flow.declared.project import load_project

RECIPIENTS = COPY.replace("targets:", "steps: [{recipient_list: to}]\ntargets:\n  other: {memory: other}")
ROUTED = COPY.replace(
    "targets:", "steps: [{dynamic_router: {table: lookups/r.csv, key: k}}]\ntargets:\n  other: {memory: other}"
)
EXPIRING = COPY.replace("targets:", "steps: [{expire: {after_seconds: 60, since: at}}]\ntargets:")

STOP = """
flow: {name}
description: A stop.
owner: ops
source: {{channel: {name}}}
steps:
  - message_history: been
  - routing_slip: {{end: done}}
targets:
  check: {{channel: check}}
  price: {{channel: price}}
  done: {{memory: out}}
"""
ENTRY = STOP.format(name="entry").replace("{channel: entry}", "{memory: in}").replace("{end:", "{slip: stops, end:")
SLIPS = {"flows/entry.yaml": ENTRY, **{f"flows/{n}.yaml": STOP.format(name=n) for n in ("check", "price")}}


async def test_a_message_goes_to_the_targets_it_names_and_to_no_others(tmp_path):
    system = await System(tmp_path, {"flows/copy.yaml": RECIPIENTS}).start()
    system.put('{"k":"a","to":["out","other"]}', '{"k":"b","to":"other"}', '{"k":"c","to":"outt"}')
    assert len(await system.arrived(2, "other")) == 2
    assert await system.arrived(1) == ['{"k":"a","to":["out","other"]}']
    assert await system.states() == ["delivered", "delivered", "dead"]
    await system.stop()


async def test_a_changed_table_routes_what_comes_and_show_keeps_the_row_that_decided(tmp_path):
    system = await System(tmp_path, {"flows/copy.yaml": ROUTED, "lookups/r.csv": "key,to\nb,other\na,out\n"}).start()
    system.put('{"k":"a"}')
    await system.arrived(1)
    first = (await system.messages())[0]
    system.write({"lookups/r.csv": "key,to\na,other\n"})
    await system.ask("reload")
    system.put('{"k":"a"}')
    await system.arrived(1, "other")
    shown = await system.ask("show", id=first["id"])
    assert (shown["verdict"], shown["steps"][0]["reason"]) == ("proved", "lookups/r.csv:3")
    second = (await system.messages())[1]
    assert (await system.ask("show", id=second["id"]))["steps"][0]["reason"] == "lookups/r.csv:2"
    assert first["version"] != second["version"]
    await system.stop()


async def test_a_slip_leads_through_flows_in_its_own_order_each_once(tmp_path):
    system = await System(tmp_path, SLIPS).start()
    system.put('{"stops":["price","check","price"]}', '{"stops":[]}')
    bodies = await system.arrived(2)
    flows = sorted([entry.split('"')[0] for entry in body.split('"flow":"')[1:]] for body in bodies)
    assert flows == [["entry"], ["entry", "price", "check", "price"]]
    assert not any("routing_slip" in body for body in bodies)
    await system.stop()


async def test_a_slip_survives_the_death_of_the_process_at_a_stop(tmp_path):
    target = Counting()
    target.gate.clear()
    system = await System(tmp_path, SLIPS, done=target).start()
    system.put('{"stops":["price","check"]}')
    await system.until(lambda: target.sends)
    await system.kill()
    target.gate.set()
    await system.start()
    await system.until(lambda: target.arrived)
    assert len(set(target.arrived)) == 1 and '"flow":"check"' in target.arrived[0]
    await system.stop()


def test_channels_of_a_slip_go_round_and_are_no_circle_but_others_are(tmp_path):
    System(tmp_path, SLIPS)
    assert set(load_project(tmp_path).flows) == {"entry", "check", "price"}
    round_ = STOP.format(name="check").replace("- routing_slip", "- wire_tap: price\n  - routing_slip")
    System(tmp_path, {**SLIPS, "flows/check.yaml": round_, "flows/price.yaml": round_.replace("check}", "price}")})
    copied = STOP.format(name="price").replace("- routing_slip: {end: done}", "- route: [{to: check}]")
    System(tmp_path, {"flows/check.yaml": round_, "flows/price.yaml": copied})
    with pytest.raises(ProjectError, match="go round for ever"):
        load_project(tmp_path)


async def test_a_message_that_expired_is_shown_as_it_was_decided_then(tmp_path):
    system = await System(tmp_path, {"flows/copy.yaml": EXPIRING}).start()
    now = system.clock.now() / 1e6
    system.put(f'{{"k":"a","at":{now}}}', f'{{"k":"b","at":{now - 61}}}')
    await system.arrived(1)
    await asyncio.sleep(0)
    good, late = await system.messages()
    assert (good["state"], late["state"]) == ("delivered", "filtered")
    await system.clock.advance(3600)
    shown = await system.ask("show", id=good["id"])
    assert (shown["verdict"], shown["steps"][0]["result"]) == ("proved", "passed")
    assert "T" in shown["effects"][0]["answer"]
    shown = await system.ask("show", id=late["id"])
    assert shown["steps"][0]["reason"].startswith("expired at")
    await system.stop()


async def test_what_waits_unsent_at_a_death_is_decided_as_before(tmp_path):
    target = Counting()
    target.gate.clear()
    system = await System(tmp_path, {"flows/copy.yaml": EXPIRING}, out=target).start()
    system.put(f'{{"k":"a","at":{system.clock.now() / 1e6}}}')
    await system.until(lambda: target.sends)
    await system.kill()
    await system.clock.advance(3600)
    target.gate.set()
    await system.start()
    await system.until(lambda: target.arrived)
    assert len(set(target.arrived)) == 1 and channel("out").sent == {}
    await system.stop()


@pytest.mark.parametrize("targets", [(), ("nowhere",), ("out", "nowhere")])
async def test_a_step_that_routes_to_nowhere_parks_the_message_and_loses_nothing(tmp_path, targets):
    system = await System(tmp_path, {"flows/copy.yaml": RECIPIENTS}).start()
    step = system.engine.versions.flow(system.engine.project.version, "copy").steps[0].step
    step.process = lambda batch: [Routed(message, targets) for message in batch]
    system.put('{"k":"a","to":"out"}', '{"k":"b","to":"out"}')
    await system.until(lambda: len(system.told) >= 3)
    await system.settle()
    assert await system.states() == ["parked", "parked"]
    assert "it routes to" in (await system.messages())[0]["failures"][0]["text"]
    await system.stop()


async def test_a_step_of_a_project_that_calls_exit_parks_its_message_and_ends_nothing(tmp_path):
    leaving = COPY.replace("targets:", "steps: [{python: steps/leave.py}]\ntargets:")
    code = "def process(body):\n    if body['k'] == 'b':\n        raise SystemExit(3)\n    return body\n"
    system = await System(tmp_path, {"flows/copy.yaml": leaving, "steps/leave.py": code}).start()
    system.put('{"k":"a"}', '{"k":"b"}', '{"k":"c"}')
    assert await system.arrived(2) == ['{"k":"a"}', '{"k":"c"}']
    assert await system.states() == ["delivered", "parked", "delivered"]
    await system.stop()
