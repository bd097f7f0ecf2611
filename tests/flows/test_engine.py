"""A whole engine: what comes in goes out once, in order, through stops, deaths and other versions."""

from __future__ import annotations

import pytest

from tests.flows.system import COPY, System
from tests.unit.flow.lane_bench import AWAY, BAD, ScriptedTarget
from waypost.connectors.memory import channel
from waypost.core.component import Outcome


class Counting(ScriptedTarget):
    """A scripted target whose messages are ``{"k":…,"n":N}``."""

    def bodies(self):
        return [message.body.decode() for batch in self.sends for message in batch]

    async def send(self, batch):
        self.sends.append(list(batch))
        await self.gate.wait()
        if self.down is not None:
            raise self.down
        said = []
        for message in batch:
            script = self.answers.get(message.body.decode())
            answer = (script.pop(0) if len(script) > 1 else script[0]) if script else Outcome(delivered=True)
            said.append(answer if isinstance(answer, Outcome) else Outcome.failed(answer))
            if said[-1].delivered:
                self.arrived.append(message.body.decode())
        return said


def record(k, n):
    return f'{{"k":"{k}","n":{n}}}'


async def test_messages_go_through_and_are_accounted_for(tmp_path):
    system = await System(tmp_path).start()
    system.put(record("a", 1), "not json", record("b", 2))
    assert await system.arrived(2) == [record("a", 1), record("b", 2)]
    assert await system.states() == ["delivered", "dead", "delivered"]
    await system.stop()


async def test_after_a_stop_the_rest_is_sent_and_nothing_twice(tmp_path):
    target = Counting(down=AWAY)
    system = await System(tmp_path, out=target).start()
    system.put(*(record("a", n) for n in range(5)))
    await system.until(lambda: target.sends)
    await system.stop()
    target.down = None
    await system.start()
    await system.until(lambda: len(target.arrived) == 5)
    assert target.arrived == [record("a", n) for n in range(5)]
    assert {message.possible_duplicate for message in target.sends[-1]} == {False}
    await system.stop()


async def test_after_a_death_what_was_open_is_sent_as_a_possible_duplicate(tmp_path):
    target = Counting()
    target.gate.clear()
    system = await System(tmp_path, out=target).start()
    system.put(record("a", 1), record("b", 2))
    await system.until(lambda: target.sends)
    await system.kill()
    target.gate.set()
    await system.start()
    await system.until(lambda: len(target.arrived) == 2)
    assert sorted(target.arrived) == [record("a", 1), record("b", 2)]
    resent = [message for batch in target.sends[1:] for message in batch]
    assert [message.possible_duplicate for message in resent] == [True, True]
    assert {m.idempotency_key for m in target.sends[0]} <= {m.idempotency_key for m in resent}
    await system.stop()


async def test_after_a_death_only_what_was_intended_is_in_doubt_at_a_target_that_duplicates(tmp_path):
    flow = COPY.replace("{memory: out}", "{memory: {channel: out, repetition: duplicates}}")
    target = Counting()
    target.gate.clear()
    system = System(tmp_path, {"flows/copy.yaml": flow}, out=target)
    await system.start()
    system.put(record("a", 1), record("a", 2))
    await system.until(lambda: target.sends)
    await system.kill()
    target.gate.set()
    await system.start()
    await system.until(lambda: len(target.arrived) == 2)
    resent = {m.body.decode(): m.possible_duplicate for batch in target.sends[1:] for m in batch}
    assert resent == {record("a", 1): True, record("a", 2): False}
    await system.stop()


async def test_nothing_is_sent_or_accepted_before_the_commit(tmp_path):
    target = Counting()
    system = await System(tmp_path, out=target).start()
    submit, held = system.engine.shard.submit, []

    def holding(records):
        made = submit([])
        waiting = made.get_loop().create_future()
        held.append((records, waiting))
        return waiting

    system.engine.shard.submit = holding
    system.put(record("a", 1))
    await system.until(lambda: held)
    for _ in range(20):
        await system.clock.advance(1)
    assert not target.sends
    assert len(channel("in").waiting) == 1
    system.engine.shard.submit = submit
    for records, waiting in held:
        await submit(records)
        waiting.set_result(None)
    await system.until(lambda: target.arrived)
    await system.until(lambda: not channel("in").waiting)
    await system.stop()


async def test_a_retry_after_a_restart_sends_the_bytes_of_the_first_try_though_the_map_changed(tmp_path):
    flow = COPY.replace("targets:", "steps: [{python: steps/s.py}]\ntargets:")
    target = Counting(answers={})
    system = System(
        tmp_path,
        {"flows/copy.yaml": flow, "steps/s.py": "def process(body):\n    return {**body, 'v': 1}\n"},
        out=target,
    )
    target.answers['{"k":"a","n":1,"v":1}'] = [AWAY, Outcome(delivered=True)]
    await system.start()
    system.put(record("a", 1))
    await system.until(lambda: len(target.sends) == 1)
    await system.settle()
    await system.stop()
    system.write({"steps/s.py": "def process(body):\n    return {**body, 'v': 2}\n"})
    await system.start()
    system.put(record("a", 2))
    await system.until(lambda: len(target.arrived) == 2)
    assert target.arrived == ['{"k":"a","n":1,"v":1}', '{"k":"a","n":2,"v":2}']
    await system.stop()


async def test_journaled_bytes_are_sent_even_if_the_flow_can_no_longer_make_them(tmp_path):
    target = Counting(answers={record("a", 1): [AWAY, Outcome(delivered=True)]})
    system = await System(tmp_path, out=target).start()
    system.put(record("a", 1))
    await system.until(lambda: len(target.sends) == 1)
    await system.settle()
    await system.stop()
    await system.start()
    flow = system.engine.versions.flow(system.engine.project.version, "copy")
    flow.targets[0].format.encode = lambda documents: [b"other"] * len(documents)
    await system.until(lambda: target.arrived)
    assert target.arrived == [record("a", 1)]
    await system.stop()


async def test_an_hour_of_failure_loses_nothing(tmp_path):
    target = Counting(down=AWAY)
    system = await System(tmp_path, out=target).start()
    system.put(*(record("ab"[n % 2], n) for n in range(30)))
    await system.until(lambda: target.sends)
    for _ in range(60):
        await system.clock.advance(60)
    target.down = None
    await system.until(lambda: len(target.arrived) == 30, step=5)
    assert [n for n in target.arrived if '"a"' in n] == [record("a", n) for n in range(0, 30, 2)]
    await system.stop()


async def test_a_switch_of_versions_sends_nothing_twice(tmp_path):
    target = Counting()
    system = await System(tmp_path, out=target).start()
    for round_number in range(5):
        system.put(*(record("k", round_number * 100 + n) for n in range(50)))
        await system.until(target.arrived.copy, step=0.01)
        system.write({"flows/copy.yaml": COPY.replace("keyed", f"keyed {round_number}")})
        await system.ask("reload", why="test")
    await system.until(lambda: len(target.arrived) >= 250)
    await system.settle()
    assert len(target.arrived) == len(set(target.arrived)) == 250
    assert len((await system.ask("versions"))["versions"]) == 6
    await system.stop()


async def test_a_faulty_project_is_refused_and_everything_runs_on(tmp_path):
    system = await System(tmp_path).start()
    good = system.engine.project.version
    for files in (
        {"flows/copy.yaml": COPY.replace("memory: out", "memori: out")},
        {"flows/copy.yaml": COPY.replace("targets:", "steps: [{python: steps/s.py}]\ntargets:"),
         "steps/s.py": "LIMIT = {}['x']\n\ndef process(body):\n    return body\n"},
    ):  # fmt: skip
        system.write(files)
        with pytest.raises(Exception) as refused:
            await system.ask("reload")
        assert str(refused.value)
        assert system.engine.project.version == good
    before = len(system.out())
    system.put(record("a", 1))
    await system.arrived(before + 1)
    await system.stop()


async def test_messages_in_flight_finish_on_their_version_and_an_earlier_one_can_be_activated(tmp_path):
    flow = COPY.replace("targets:", "steps: [{python: steps/s.py}]\ntargets:")
    step = "def process(body):\n    return {**body, 'v': %d}\n"
    target = Counting(down=AWAY)
    system = System(tmp_path, {"flows/copy.yaml": flow, "steps/s.py": step % 1}, out=target)
    await system.start()
    first = system.engine.project.version
    system.put(record("a", 1))
    await system.until(lambda: target.sends)
    system.write({"steps/s.py": step % 2})
    second = (await system.ask("reload", why="v2"))["version"]
    target.down = None
    system.put(record("a", 2))
    await system.until(lambda: len(target.arrived) == 2)
    assert target.arrived == ['{"k":"a","n":1,"v":1}', '{"k":"a","n":2,"v":2}']
    assert (await system.ask("activate", version=first[:8], why="back"))["version"] == first
    system.put(record("a", 3))
    await system.until(lambda: len(target.arrived) == 3)
    assert target.arrived[2] == '{"k":"a","n":3,"v":1}'
    versions = (await system.ask("versions"))["versions"]
    assert [v["version"] for v in versions] == [first, second, first]
    assert [v["current"] for v in versions][-1] is True
    dry = await system.ask("replay", flow="copy", version=second, dry_run=True)
    assert (dry["count"], dry["same"], dry["differ"]) == (3, 1, 2)
    changed = [m["outputs"][0]["differences"] for m in dry["messages"]]
    assert changed == [[{"path": "v", "was": 1, "is": 2}], [], [{"path": "v", "was": 1, "is": 2}]]
    assert len(target.arrived) == 3
    await system.stop()


async def test_a_dead_letter_retried_on_request_is_delivered(tmp_path):
    target = Counting(answers={record("a", 1): [BAD, Outcome(delivered=True)]})
    system = await System(tmp_path, out=target).start()
    system.put(record("a", 1))
    await system.until(lambda: target.sends)
    assert await system.states() == ["dead"]
    assert await system.ask("retry", flow="copy", why="mended") == {"count": 1}
    await system.until(lambda: target.arrived)
    assert await system.states() == ["delivered"]
    await system.stop()
