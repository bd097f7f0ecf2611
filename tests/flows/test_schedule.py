"""A schedule is told to run now or to leave out its next run: journaled with who and why, kept over a restart."""

from __future__ import annotations

import json

import pytest

from tests.flows.system import System
from waypost.core.errors import UsageError
from waypost.flow.declared.merge import merged

HOUR = 3600
FLOW = """\
flow: nightly
description: Runs every hour.
owner: ops
source: {schedule: {every: 1h, catch_up: CATCH_UP}}
targets:
  out: {memory: out}
"""


def project(catch_up: str = "once") -> dict[str, str]:
    return {"flows/nightly.yaml": FLOW.replace("CATCH_UP", catch_up)}


def runs(system: System) -> list[str]:
    """Hour and minute of each run that arrived; by hand with a +."""
    told = [json.loads(body) for body in system.out()]
    return [body["scheduled_at"][11:16] + "+" * ("by_hand" in body) for body in told]


async def at_noon(tmp_path, catch_up="once") -> System:
    """A system whose schedule ran at 12:00; it is 12:00:01."""
    system = System(tmp_path, project(catch_up))
    day = 86400 * 1_000_000
    await system.clock.advance((day - system.clock.now() % day) / 1_000_000 + 12 * HOUR - 60)
    await system.start()
    await pass_time(system, 61)
    assert runs(system) == ["12:00"]
    return system


async def pass_time(system: System, seconds: float) -> None:
    await system.settle()
    await system.clock.advance(seconds)
    await system.settle()


@pytest.mark.parametrize("death", [False, True])
@pytest.mark.parametrize("catch_up", ["none", "once", "all"])
async def test_a_skipped_run_stays_skipped_over_a_restart(tmp_path, catch_up, death):
    system = await at_noon(tmp_path, catch_up)
    answer = await system.ask("skip-schedule", flow="nightly")
    assert answer["at"][11:16] == "13:00"
    assert (await system.ask("status"))["commands"] == {"schedule:nightly": f"skip:{answer['at']}"}
    await (system.kill() if death else system.stop())
    await system.clock.advance(HOUR + 60)
    await system.start()
    await pass_time(system, 60)
    assert runs(system) == ["12:00"]
    await pass_time(system, HOUR)
    assert runs(system) == ["12:00", "14:00"]
    assert (await system.ask("status"))["commands"] == {}
    await system.stop()


@pytest.mark.parametrize("catch_up", ["none", "once", "all"])
async def test_a_run_asked_for_before_a_death_comes_after_it_and_once(tmp_path, catch_up):
    system = await at_noon(tmp_path, catch_up)
    await system.ask("pause", subject="nightly")
    answer = await system.ask("run-schedule", flow="nightly")
    await system.kill()
    await system.start()
    await system.ask("resume", subject="nightly")
    await pass_time(system, 60)
    assert runs(system) == ["12:00", "12:00+"]
    assert (await system.messages())[1]["received_at"] >= answer["at"][:19]
    await system.kill()
    await system.start()
    await pass_time(system, 60)
    assert runs(system) == ["12:00", "12:00+"]
    await pass_time(system, HOUR)
    assert runs(system) == ["12:00", "12:00+", "13:00"]
    await system.stop()


async def test_who_and_why_are_journaled_before_anything_happens(tmp_path, monkeypatch):
    system = await at_noon(tmp_path)
    shard, written = system.engine.shard, []
    append = shard.append

    async def watched(records):
        written.append((records, runs(system)))
        await append(records)

    monkeypatch.setattr(shard, "append", watched)
    answer = await system.ask("run-schedule", flow="nightly", why="month end")
    ((record,), before), *_ = written
    said = f"run:{answer['at']}"
    assert (record.subject, record.state, record.who, record.why) == ("schedule:nightly", said, "ann", "month end")
    assert before == ["12:00"]
    monkeypatch.undo()
    await system.stop()


async def test_a_skip_outlasts_a_reload(tmp_path):
    system = await at_noon(tmp_path)
    await system.ask("skip-schedule", flow="nightly")
    system.write({"flows/nightly.yaml": project()["flows/nightly.yaml"].replace("Runs", "Still runs")})
    await system.ask("reload")
    await pass_time(system, HOUR)
    assert runs(system) == ["12:00"]
    await system.stop()


async def test_a_flow_without_a_schedule_is_named(tmp_path):
    system = await System(tmp_path).start()
    with pytest.raises(UsageError, match="flow 'copy' has no schedule"):
        await system.ask("run-schedule", flow="copy")
    await system.stop()


async def test_a_worker_that_does_not_read_the_schedule_leaves_the_answer_to_the_one_that_does(tmp_path):
    system = await at_noon(tmp_path)
    system.engine.number, system.engine.workers = 1, 2
    if system.engine.reads("nightly"):
        system.engine.number = 0
    other = await system.ask("skip-schedule", flow="nightly")
    assert other == {"flow": "nightly", "at": ""}
    assert merged("skip-schedule", [other, {"flow": "nightly", "at": "13:00"}], {})["at"] == "13:00"
    system.engine.number, system.engine.workers = 0, 1
    await system.stop()
