"""What a person repairs after a part of it failed: the right outputs, under the right keys, with the right answers."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.flows.system import COPY, ScriptedRequester, System, stand_in_requester
from tests.flows.test_engine import Counting
from waypost.cli.output import json_text
from waypost.core.errors import EndpointUnavailable, UsageError

ENRICH = "enrich: {connection: prices, parameters: {sku: sku}, into: price, ask: {query: SELECT 1}}"
LINES = f"""\
flow: copy
description: Each line of an order goes out with its price, to the target it names.
owner: ops
source: {{memory: in}}
format: json
steps:
  - split: lines
  - {ENRICH}
  - route: [{{when: heavy == True, to: freight}}, {{to: out}}]
targets:
  out: {{memory: out}}
  freight: {{memory: freight}}
delivery: {{retry: {{attempts: 3, first: 1s, limit: 10s}}}}
"""
CONNECTIONS = "prices: {kind: sql, address: 'sqlite:prices.db'}\n"


def project(flow: str = LINES) -> dict[str, str]:
    return {"flows/copy.yaml": flow, "connections.yaml": CONNECTIONS}


def order(*skus: str) -> str:
    """An order with a line per article; that of an article in capitals is heavy."""
    lines = ", ".join(f'{{"sku": "{sku}", "heavy": {str(sku.isupper()).lower()}}}' for sku in skus)
    return f'{{"lines": [{lines}]}}'


def keys(target: Counting) -> dict[str, list[str]]:
    """Article → the numbers under which its line was sent."""
    found: dict[str, list[str]] = {}
    for batch in target.sends:
        for message in batch:
            found.setdefault(json.loads(message.body)["sku"], []).append(message.idempotency_key.rpartition(".")[2])
    return found


async def broken_order(tmp_path, monkeypatch, prices, *skus, flow=LINES, expected=1):
    """A system that took one order, of which ``expected`` lines arrived."""
    requester = ScriptedRequester(prices)
    stand_in_requester(monkeypatch, requester)
    out, freight = Counting(), Counting()
    system = await System(tmp_path, project(flow), out=out, freight=freight).start()
    system.put(order(*skus))
    await system.until(lambda: len(out.arrived) + len(freight.arrived) == expected)
    await system.settle()
    return system, requester, out, freight


async def settled(system: System) -> None:
    for _ in range(5):
        await system.clock.advance(1)
        await system.settle()


async def test_a_child_that_failed_first_gets_the_number_left_for_it(tmp_path, monkeypatch):
    """Counted as they came, the first child would have taken the number of its delivered sibling, and been parked."""
    system, requester, out, freight = await broken_order(tmp_path, monkeypatch, {"b": 2, "C": 3}, "a", "b", "C",
                                                         expected=2)  # fmt: skip
    requester.answers = {"a": 1, "b": 2, "C": 3}
    assert await system.ask("retry", flow="copy", state="dead") == {"count": 1}
    await system.until(lambda: len(out.arrived) == 2)
    await settled(system)
    assert keys(out) == {"b": ["1"], "a": ["0"]}
    assert keys(freight) == {"C": ["2"]}
    assert requester.asked == ["a", "b", "C", "a"]
    assert await system.states() == ["delivered"]
    assert (await system.ask("show", id=(await system.messages())[0]["id"]))["verdict"] == "proved"
    await system.stop()


async def test_a_replay_under_the_same_keys_gives_each_child_the_key_of_a_retry(tmp_path, monkeypatch):
    system, requester, out, _ = await broken_order(tmp_path, monkeypatch, {"b": 2}, "a", "b")
    requester.answers = {"a": 1, "b": 2}
    original = (await system.messages())[0]["id"]
    await system.ask("retry", id=original)
    await system.until(lambda: len(out.arrived) == 2)
    await system.settle()
    await system.ask("replay", id=original, key="same", effects="fresh")
    await system.until(lambda: len(out.arrived) == 4)
    assert keys(out) == {"a": ["0", "0"], "b": ["1", "1"]}
    await system.stop()


async def test_numbers_left_for_children_outlast_a_death(tmp_path, monkeypatch):
    system, requester, out, _ = await broken_order(tmp_path, monkeypatch, {"b": 2}, "a", "b", "c")
    await system.kill()
    await system.start()
    requester.answers = {"a": 1, "b": 2}
    await system.ask("retry", flow="copy", state="dead")
    await system.until(lambda: len(out.arrived) == 2)
    requester.answers = {"a": 9, "b": 9, "c": 3}
    await system.settle()
    await system.ask("retry", flow="copy", state="dead")
    await system.until(lambda: len(out.arrived) == 3)
    assert keys(out) == {"b": ["1"], "a": ["0"], "c": ["2"]}
    assert await system.states() == ["delivered"]
    await system.stop()


NESTED = f"""\
flow: copy
description: Each piece of each box goes out.
owner: ops
source: {{memory: in}}
format: json
steps:
  - split: lines
  - {ENRICH}
  - split: {{items: price, into: sku}}
targets:
  out: {{memory: out}}
"""


async def test_children_of_a_child_that_failed_are_numbered_after_all_others(tmp_path, monkeypatch):
    """How many there will be is not known while it fails, so numbers cannot be kept for all of them."""
    prices = {"b": ["b1", "b2"], "c": ["c1"]}
    system, requester, out, _ = await broken_order(tmp_path, monkeypatch, prices, "a", "b", "c", flow=NESTED,
                                                   expected=3)  # fmt: skip
    assert keys(out) == {"b1": ["1"], "b2": ["2"], "c1": ["3"]}
    requester.answers = {**prices, "a": ["a1", "a2"]}
    await system.ask("retry", flow="copy", state="dead")
    await system.until(lambda: len(out.arrived) == 5)
    assert keys(out) == {"b1": ["1"], "b2": ["2"], "c1": ["3"], "a1": ["4"], "a2": ["5"]}
    await settled(system)
    assert (await system.ask("show", id=(await system.messages())[0]["id"]))["verdict"] == "proved"
    await system.stop()


TAPPED = COPY.replace("targets:", "steps: [{wire_tap: out}]\ntargets:")


async def test_a_copy_and_its_message_to_one_target_have_two_numbers(tmp_path):
    out = Counting()
    system = await System(tmp_path, {"flows/copy.yaml": TAPPED}, out=out).start()
    system.put('{"k":"a","n":1}')
    await system.until(lambda: len(out.arrived) == 2)
    assert [m.idempotency_key.rpartition(".")[2] for batch in out.sends for m in batch] == ["0", "1"]
    await system.stop()


async def test_a_message_in_more_parts_than_can_be_counted_is_refused_whole(tmp_path):
    flow = COPY.replace("targets:", "steps: [{split: {items: n, into: x, keep: {k: k}}}]\ntargets:")
    out = Counting()
    system = await System(tmp_path, {"flows/copy.yaml": flow}, out=out).start()
    system.put('{"k": "a", "n": [' + "1, " * 65536 + "1]}", '{"k": "a", "n": [7]}')
    await system.until(lambda: out.arrived)
    await system.settle()
    refused, passed = await system.messages()
    assert (refused["state"], passed["state"]) == ("dead", "delivered")
    assert "more than 65536 parts of one message; send it in smaller parts" in refused["failures"][0]["text"]
    assert out.arrived == ['{"k":"a","x":7}']
    await system.stop()


async def test_numbers_are_shown_with_the_digits_they_came_with(tmp_path):
    """They were floats on the way, and 1.20 was told as 1.2."""
    system = await System(
        tmp_path, {"flows/copy.yaml": COPY.replace("targets:", "steps: [{filter: n > 1}]\ntargets:")}
    ).start()
    system.put('{"k":"a","n":1.20,"big":123456789012345678.90}')
    await system.arrived(1)
    shown = await system.ask("show", id=(await system.messages())[0]["id"])
    assert '"after": {"k": "a", "n": 1.20, "big": 123456789012345678.90}' in json_text(shown)
    assert '"document": {"k": "a", "n": 1.20, "big": 123456789012345678.90}' in json_text(shown)
    await system.stop()


# ── which answers a retry asks for anew ──


@pytest.mark.parametrize(
    ("effects", "asked", "state"),
    [
        (None, ["a"], "delivered"),  # the answer that made it fail is asked for anew
        ("recorded", [], "dead"),  # the recorded "not found" stands
        ("fresh", ["a"], "delivered"),
    ],
)
async def test_a_retry_asks_again_for_the_answer_that_made_the_message_fail(
    tmp_path, monkeypatch, effects, asked, state
):
    system, requester, _, _ = await broken_order(tmp_path, monkeypatch, {"b": 2}, "a", "b")
    requester.answers, requester.asked = {"a": 1, "b": 99}, []
    await system.ask("retry", flow="copy", state="dead", effects=effects)
    await settled(system)
    assert requester.asked == asked
    assert await system.states() == [state]
    assert (await system.ask("show", id=(await system.messages())[0]["id"]))["verdict"] == "proved"
    await system.stop()


@pytest.mark.parametrize(("effects", "asked"), [(None, []), ("fresh", ["a"])])
async def test_fresh_answers_are_those_no_output_depends_on(tmp_path, monkeypatch, effects, asked):
    """A step after the look-up refuses what was found: only ``fresh`` asks for it again."""
    flow = LINES.replace("  - route", "  - python: steps/s.py\n  - route")
    step = "def process(body):\n    return {**body, 'per': 10 // body['price']}\n"
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps/s.py").write_text(step)
    system, requester, _, _ = await broken_order(tmp_path, monkeypatch, {"a": 0, "b": 2}, "a", "b", flow=flow)
    requester.answers, requester.asked = {"a": 1, "b": 99}, []
    await system.ask("retry", flow="copy", state="parked", effects=effects)
    await settled(system)
    assert requester.asked == asked
    assert await system.states() == ["delivered" if asked else "parked"]
    await system.stop()


async def test_an_unknown_choice_of_answers_is_refused_with_a_near_one(tmp_path):
    system = await System(tmp_path).start()
    with pytest.raises(UsageError, match=r"--effects 'frech'.*did you mean 'fresh'"):
        await system.ask("retry", flow="copy", effects="frech")
    await system.stop()


# ── what is accepted and not processed ──


async def waiting(tmp_path, monkeypatch):
    """A system that accepted three orders whose look-up's endpoint is away."""
    requester = ScriptedRequester({"a": 1, "b": 2, "c": 3})
    requester.down = EndpointUnavailable("refused", where="prices")
    stand_in_requester(monkeypatch, requester)
    out = Counting()
    system = await System(tmp_path, project(), out=out, freight=Counting()).start()
    system.put(order("a"), order("b"), order("c"))
    await settled(system)
    assert await system.states() == ["received"] * 3
    return system, requester, out


@pytest.mark.parametrize(("verb", "state"), [("hold", "parked"), ("cancel", "cancelled")])
@pytest.mark.parametrize("death", [False, True])
async def test_a_decision_reaches_what_is_not_processed_yet(tmp_path, monkeypatch, verb, state, death):
    system, requester, out = await waiting(tmp_path, monkeypatch)
    meant = (await system.messages())[1]["id"]
    assert await system.ask(verb, id=meant, why="wrong") == {"count": 1}
    assert await system.states() == ["received", state, "received"]
    if death:
        await system.kill()
    requester.down = None
    if death:
        await system.start()
    await system.until(lambda: len(out.arrived) == 2, step=5)
    await settled(system)
    assert await system.states() == ["delivered", state, "delivered"]
    assert requester.asked == ["a", "c"]
    shown = await system.ask("show", id=meant)
    assert [(h["what"], h["who"], h["why"]) for h in shown["history"]] == [(verb, "ann", "wrong")]
    if verb == "hold":
        assert await system.ask("release", id=meant) == {"count": 1}
        await system.until(lambda: len(out.arrived) == 3, step=5)
        assert await system.states() == ["delivered"] * 3
    await system.stop()


async def test_a_hold_in_the_middle_of_processing_does_not_mix_up_rows(tmp_path, monkeypatch):
    system, requester, out = await waiting(tmp_path, monkeypatch)
    gate, ask = asyncio.Event(), requester.ask

    entered = asyncio.Event()

    async def slowly(batch):
        entered.set()
        await gate.wait()
        return await ask(batch)

    monkeypatch.setattr(requester, "ask", slowly)
    requester.down = None
    await system.until(entered.is_set, step=1)
    holding = asyncio.ensure_future(system.ask("hold", flow="copy"))
    await asyncio.sleep(0.1)
    assert not holding.done(), "it waits for what is being processed"
    gate.set()
    await holding
    await settled(system)
    states = await system.states()
    assert len(out.arrived) == states.count("delivered")
    assert set(states) <= {"delivered", "parked"}
    await system.ask("release", flow="copy")
    await system.until(lambda: len(out.arrived) == 3, step=5)
    await settled(system)
    assert await system.states() == ["delivered"] * 3
    assert len(out.arrived) == 3
    await system.stop()


async def test_a_batch_cancelled_whole_holds_nothing_up(tmp_path, monkeypatch):
    system, requester, out = await waiting(tmp_path, monkeypatch)
    assert await system.ask("cancel", flow="copy") == {"count": 3}
    requester.down = None
    system.put(order("b"))
    await system.until(lambda: out.arrived, step=5)
    await settled(system)
    assert await system.states() == ["cancelled"] * 3 + ["delivered"]
    assert system.engine.drained
    await system.stop()


async def test_messages_of_a_flow_that_left_the_project_can_be_cancelled(tmp_path, monkeypatch):
    system, _, _ = await waiting(tmp_path, monkeypatch)
    (tmp_path / "flows/copy.yaml").unlink()
    system.write({"flows/other.yaml": COPY.replace("flow: copy", "flow: other")})
    await system.ask("reload")
    assert await system.ask("cancel", flow="copy") == {"count": 3}
    assert await system.states() == ["cancelled"] * 3
    await system.stop()


# ── what a framer found broken ──

CAUSE = "header at byte 0: a quote that is never closed"


@pytest.mark.parametrize("death", [False, True])
async def test_a_record_its_framer_found_broken_is_refused_though_processed_later(tmp_path, monkeypatch, death):
    flow = LINES.replace("{memory: in}", "{directory: {path: in/*.csv}}").replace("format: json", "format: csv")
    flow = flow.replace("  - split: lines\n", "").replace("heavy == True", "sku == 'x'")
    requester = ScriptedRequester({"a": 1})
    requester.down = EndpointUnavailable("refused", where="prices")
    stand_in_requester(monkeypatch, requester)
    files = {**project(flow), "in/a.csv": "sku,n\na,1\n", "in/b.csv": '"sku,n\nb,2\n'}
    out = Counting()
    system = await System(tmp_path, files, out=out, freight=Counting()).start()
    await settled(system)
    assert await system.states() == ["received", "received"]
    if death:
        await system.kill()
    requester.down = None
    if death:
        await system.start()
    await system.until(lambda: out.arrived, step=5)
    await settled(system)
    _, broken = await system.messages()
    assert broken["state"] == "dead"
    assert CAUSE in broken["failures"][0]["text"]
    assert requester.asked == ["a"]
    shown = await system.ask("show", id=broken["id"])
    assert CAUSE in shown["refused"]
    again = await system.ask("replay", id=broken["id"])
    await settled(system)
    assert (await system.ask("show", id=again["ids"][0]))["message"]["state"] == "dead"
    assert CAUSE in (await system.ask("replay", id=broken["id"], dry_run=True))["messages"][0]["errors"][0]
    await system.stop()
