"""Answers from outside: asked once, recorded, waited for, and never mixed up with what did not happen."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.flows.system import COPY, ScriptedRequester, System, stand_in_requester
from tests.flows.test_engine import Counting, record
from waypost.connectors.memory import channel
from waypost.connectors.sql_requester import SqlRequester
from waypost.core.errors import EndpointUnavailable
from waypost.testing.cases.recorded import add_case, case_of
from waypost.testing.cases.runner import run_cases

ENRICHED = COPY.replace(
    "targets:",
    "steps:\n  - enrich: {connection: prices, parameters: {k: k}, into: price, ask: {query: SELECT 1}}\ntargets:",
)
CONNECTIONS = "prices: {kind: sql, address: 'sqlite:prices.db'}\n"
ONCE = COPY.replace("targets:", "steps: [{idempotent_receiver: n}]\ntargets:")
PROJECT = {"flows/copy.yaml": ENRICHED, "connections.yaml": CONNECTIONS}


def priced(k, n, price):
    return f'{{"k":"{k}","n":{n},"price":{price}}}'


async def test_a_look_up_that_is_away_delays_messages_and_keeps_their_order(tmp_path, monkeypatch):
    prices = ScriptedRequester({"a": 1, "b": 2})
    prices.down = EndpointUnavailable("refused", where="prices")
    stand_in_requester(monkeypatch, prices)
    system = await System(tmp_path, PROJECT).start()
    for n in range(10):
        system.put(record("a", n))
        await system.settle()
    for _ in range(20):
        await system.clock.advance(30)
        await system.settle()
    assert await system.states() == ["received"] * 10
    prices.down = None
    system.put(record("a", 10))
    assert await system.arrived(11, step=1) == [priced("a", n, 1) for n in range(11)]
    await system.stop()


async def test_a_recorded_answer_is_not_asked_for_again_after_a_death(tmp_path, monkeypatch):
    prices = ScriptedRequester({"a": 1})
    stand_in_requester(monkeypatch, prices)
    target = Counting()
    target.gate.clear()
    system = await System(tmp_path, PROJECT, out=target).start()
    system.put(record("a", 1))
    await system.until(lambda: target.sends)
    await system.kill()
    prices.answers = {"a": 999}
    target.gate.set()
    await system.start()
    await system.until(lambda: target.arrived)
    assert target.arrived == [priced("a", 1, 1)]
    assert prices.asked == ["a"]
    await system.stop()


async def test_a_replay_with_recorded_effects_asks_nothing_and_can_be_recomputed(tmp_path, monkeypatch):
    prices = ScriptedRequester({"a": 1})
    stand_in_requester(monkeypatch, prices)
    system = await System(tmp_path, PROJECT).start()
    system.put(record("a", 1))
    await system.arrived(1)
    prices.answers = {"a": 7}
    replayed = await system.ask("replay", flow="copy", effects="recorded")
    await system.arrived(2)
    assert prices.asked == ["a"]
    shown = await system.ask("show", id=replayed["ids"][0])
    assert shown["verdict"] == "proved"
    assert shown["outputs"][0]["text"] == priced("a", 1, 1)
    original = (await system.messages())[0]["id"]
    assert {"id": original, "relation": "replay-from"} in shown["relatives"]
    again = await system.ask("replay", id=original, effects="fresh")
    await system.arrived(3)
    assert (await system.ask("show", id=again["ids"][0]))["outputs"][0]["text"] == priced("a", 1, 7)
    await system.stop()


async def test_a_replay_keeps_or_renews_the_idempotency_key_as_asked(tmp_path):
    target = Counting()
    system = await System(tmp_path, out=target).start()
    system.put(record("a", 1))
    await system.until(lambda: target.arrived)
    await system.settle()
    original = (await system.messages())[0]["id"]
    for key in ("same", "new"):
        await system.ask("replay", id=original, key=key)
    await system.until(lambda: len(target.arrived) == 3)
    first, same, new = (message.idempotency_key for batch in target.sends for message in batch)
    assert first == same != new
    await system.stop()


async def test_a_request_that_differs_from_the_recorded_one_parks_its_message(tmp_path, monkeypatch):
    prices = ScriptedRequester({"a": 1})
    stand_in_requester(monkeypatch, prices)
    target = Counting()
    target.gate.clear()
    system = await System(tmp_path, PROJECT, out=target).start()
    system.put(record("a", 1))
    await system.until(lambda: target.sends)
    await system.kill()
    target.gate.set()
    await system.start(sources=False)
    flow = system.engine.versions.flow(system.engine.project.version, "copy")
    asking = flow.steps[0].step
    usual = asking.request
    asking.request = lambda batch: usual([message.with_body({**message.body, "k": "z"}) for message in batch])
    shown = await system.ask("show", id=(await system.messages())[0]["id"])
    assert shown["verdict"] == "differs"
    assert "differs from the recorded one" in shown["steps"][0]["error"]
    await system.stop()


async def test_a_repetition_ends_and_is_linked_to_its_original(tmp_path):
    system = await System(tmp_path, {"flows/copy.yaml": ONCE}).start()
    system.put(record("a", 1))
    await system.arrived(1)
    system.put(record("b", 1), record("b", 2))
    await system.arrived(2)
    assert system.out() == [record("a", 1), record("b", 2)]
    messages = await system.messages()
    assert [message["state"] for message in messages] == ["delivered", "filtered", "delivered"]
    shown = await system.ask("show", id=messages[1]["id"])
    assert shown["relatives"] == [{"id": messages[0]["id"], "relation": "duplicate-of"}]
    await system.stop()


async def test_a_repetition_is_known_after_a_restart(tmp_path):
    system = await System(tmp_path, {"flows/copy.yaml": ONCE}).start()
    system.put(record("a", 1))
    await system.arrived(1)
    await system.stop()
    await system.start()
    system.put(record("b", 1), record("b", 2))
    await system.arrived(2)
    assert system.out() == [record("a", 1), record("b", 2)]
    await system.stop()


async def test_a_key_claimed_by_a_batch_that_never_was_does_not_swallow_its_messages(tmp_path, monkeypatch):
    """The claim must not be durable before the message: it would come again, under another id, and be dropped."""
    flow = ENRICHED.replace("steps:\n", "steps:\n  - idempotent_receiver: n\n")
    other = COPY.replace("flow: copy", "flow: other").replace("memory: in", "memory: in2")
    other = other.replace("targets:", "steps: [{idempotent_receiver: n}]\ntargets:")
    prices = ScriptedRequester({"a": 1})
    asked = asyncio.Event()

    async def never(batch):
        asked.set()
        await asyncio.Event().wait()

    usual = prices.ask
    prices.ask = never
    stand_in_requester(monkeypatch, prices)
    files = {"flows/copy.yaml": flow, "flows/other.yaml": other, "connections.yaml": CONNECTIONS}
    system = await System(tmp_path, files).start()
    system.put(record("a", 1))
    await system.until(asked.is_set)
    system.put(record("z", 9), to="in2")
    await system.arrived(1)
    await system.kill()
    prices.ask = usual
    await system.start()
    await system.arrived(2)
    assert system.out() == [record("z", 9), priced("a", 1, 1)]
    await system.stop()


async def test_a_reload_in_the_middle_of_a_batch_does_not_swallow_its_messages(tmp_path, monkeypatch):
    flow = ENRICHED.replace("steps:\n", "steps:\n  - idempotent_receiver: n\n")
    prices = ScriptedRequester({"a": 1})
    asked = asyncio.Event()

    async def never(batch):
        asked.set()
        await asyncio.Event().wait()

    usual = prices.ask
    prices.ask = never
    stand_in_requester(monkeypatch, prices)
    system = await System(tmp_path, {"flows/copy.yaml": flow, "connections.yaml": CONNECTIONS}).start()
    system.put(record("a", 1))
    await system.until(asked.is_set)
    prices.ask = usual
    await system.ask("reload")
    assert await system.arrived(1) == [priced("a", 1, 1)]
    await system.until(lambda: not channel("in").waiting)
    await system.stop()


async def test_show_tells_what_was_asked_and_a_case_of_the_message_holds(tmp_path, monkeypatch):
    stand_in_requester(monkeypatch, ScriptedRequester({"a": 1}))
    system = await System(tmp_path, PROJECT).start()
    system.put(record("a", 1))
    await system.arrived(1)
    shown = await system.ask("show", id=(await system.messages())[0]["id"])
    await system.stop()
    assert [(effect["step"], effect["request"]["k"]) for effect in shown["effects"]] == [("enrich", "a")]
    assert shown["input"]["document"] == {"k": "a", "n": 1}
    add_case(tmp_path, Path("tests/copy.yaml"), "copy", case_of(shown))
    (result,) = await run_cases(tmp_path, "dev")
    assert result.differences == ()


async def test_a_kept_answer_is_recorded_with_its_age_and_a_fresh_replay_asks_anew(tmp_path, monkeypatch):
    prices = ScriptedRequester({"a": 1})
    cached = PROJECT["flows/copy.yaml"].replace("into: price", "into: price, cache: {seconds: 5m}")
    monkeypatch.setattr(SqlRequester, "open", ScriptedRequester.open)
    monkeypatch.setattr(SqlRequester, "ask", lambda _, batch: prices.ask(batch))
    system = await System(tmp_path, {**PROJECT, "flows/copy.yaml": cached}).start()
    system.put(record("a", 1))
    await system.arrived(1)
    await system.clock.advance(60)
    prices.answers = {"a": 7}
    system.put(record("a", 2))
    assert await system.arrived(2) == [priced("a", 1, 1), priced("a", 2, 1)]
    first, second = await system.messages()
    assert "age_seconds" not in (await system.ask("show", id=first["id"]))["effects"][0]
    shown = await system.ask("show", id=second["id"])
    assert shown["effects"][0]["answer"] == 1 and 60 <= shown["effects"][0]["age_seconds"] < 70
    assert shown["verdict"] == "proved"
    await system.ask("replay", id=second["id"], effects="fresh")
    assert (await system.arrived(3))[2] == priced("a", 2, 7)
    await system.clock.advance(1)
    system.put(record("a", 3))
    assert (await system.arrived(4))[3] == priced("a", 3, 7)
    assert prices.asked == ["a", "a"]
    await system.kill()
    await system.start()
    assert (await system.ask("show", id=second["id"]))["verdict"] == "proved"
    assert prices.asked == ["a", "a"]
    await system.stop()
