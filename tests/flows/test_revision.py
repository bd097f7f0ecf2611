"""``retry --current``: what failed on an earlier version goes on with the current one, as a new message."""

from __future__ import annotations

import pytest

from tests.flows.system import COPY, System
from tests.flows.test_engine import Counting
from tests.flows.test_repair import LINES, broken_order, settled
from tests.unit.flow.lane_bench import AWAY, BAD
from waypost.core.component import Outcome
from waypost.core.errors import UsageError

MAPPED = LINES.replace("  - route", "  - python: steps/s.py\n  - route")
FAILING = "def process(body):\n    return {**body, 'v': 1 // (body['sku'] != 'a')}\n"
MENDED = "def process(body):\n    return {**body, 'v': 2}\n"


async def test_a_parked_message_moves_to_the_current_version_and_delivers_what_was_not(tmp_path, monkeypatch):
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps/s.py").write_text(FAILING)
    prices = {"a": 1, "b": 2, "C": 3}
    system, requester, out, freight = await broken_order(tmp_path, monkeypatch, prices, "a", "b", "C", flow=MAPPED,
                                                         expected=2)  # fmt: skip
    requester.asked = []
    original = (await system.messages())[0]["id"]
    system.write({"steps/s.py": MENDED})
    await system.ask("reload")
    await system.ask("retry", id=original)
    await settled(system)
    assert await system.states() == ["parked"], "a plain retry stays on the version it came in on"
    moved = await system.ask("retry", id=original, current=True, why="mended")
    assert moved["count"] == 1
    (revision,) = moved["ids"]
    await system.until(lambda: len(out.arrived) == 2)
    await settled(system)
    assert out.arrived[1] == '{"sku":"a","heavy":false,"price":1,"v":2}'
    assert len(freight.arrived) == 1
    assert requester.asked == [], "recorded answers went along"
    first, second = out.sends[0][0], out.sends[-1][0]
    assert first.idempotency_key.split(".")[0] == original
    assert second.idempotency_key == f"{revision}.0.out.0"
    assert await system.states() == ["delivered", "delivered"]
    shown = await system.ask("show", id=original)
    assert {"id": revision, "relation": "revision-of"} in shown["relatives"]
    assert shown["history"][-1] == {**shown["history"][-1], "what": "retry", "who": "ann", "why": "mended"}
    shown = await system.ask("show", id=revision)
    assert (shown["verdict"], shown["relatives"]) == ("proved", [{"id": original, "relation": "revision-from"}])
    await system.kill()
    await system.start()
    await settled(system)
    assert await system.states() == ["delivered", "delivered"]
    assert len(out.arrived) == 2
    await system.stop()


async def test_a_dead_delivery_of_an_earlier_version_goes_out_as_the_current_one_makes_it(tmp_path):
    out = Counting(answers={'{"k":"a","n":1}': [BAD]})
    system = await System(tmp_path, out=out).start()
    system.put('{"k":"a","n":1}', '{"k":"a","n":2}')
    await system.until(lambda: out.arrived)
    await settled(system)
    flow = COPY.replace("targets:", "steps: [{python: steps/s.py}]\ntargets:")
    system.write({"flows/copy.yaml": flow, "steps/s.py": "def process(body):\n    return {**body, 'v': 2}\n"})
    await system.ask("reload")
    moved = await system.ask("retry", flow="copy", state="dead", current=True)
    await system.until(lambda: len(out.arrived) == 2)
    assert (moved["count"], out.arrived[1]) == (1, '{"k":"a","n":1,"v":2}')
    assert await system.ask("retry", flow="copy", state="dead", current=True) == {"count": 0, "ids": []}
    await system.stop()


async def test_a_revision_asks_where_the_current_version_asks_something_else(tmp_path, monkeypatch):
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps/s.py").write_text(FAILING)
    system, requester, out, _ = await broken_order(tmp_path, monkeypatch, {"a": 1}, "a", flow=MAPPED, expected=0)
    await settled(system)
    requester.answers, requester.asked = {"a!": 7}, []
    other = MAPPED.replace("parameters: {sku: sku}", "parameters: {sku: \"sku + '!'\"}")
    system.write({"steps/s.py": MENDED, "flows/copy.yaml": other})
    await system.ask("reload")
    assert (await system.ask("retry", flow="copy", state="parked", current=True))["count"] == 1
    await system.until(lambda: out.arrived)
    assert requester.asked == ["a!"]
    assert '"price":7' in out.arrived[0]
    await system.stop()


async def test_a_message_of_the_current_version_is_simply_retried(tmp_path, monkeypatch):
    system, requester, out, _ = await broken_order(tmp_path, monkeypatch, {"b": 2}, "a", "b")
    requester.answers = {"a": 1}
    assert await system.ask("retry", flow="copy", state="dead", current=True) == {"count": 1, "ids": []}
    await system.until(lambda: len(out.arrived) == 2)
    await system.stop()


async def test_a_revision_keeps_behind_an_earlier_message_of_its_key(tmp_path):
    """The gate of a key spans versions: while the earlier one waits for its retry, the revision does too."""
    one, two = '{"k":"a","n":1}', '{"k":"a","n":2}'
    out = Counting(answers={one: [BAD, Outcome(delivered=True)], two: [Outcome.failed(AWAY), Outcome(delivered=True)]})
    system = await System(tmp_path, out=out).start()
    system.put(one, two)
    await system.until(lambda: len(out.sends) >= 2 or len(out.bodies()) >= 2)
    await system.settle()
    system.write({"flows/copy.yaml": COPY.replace("Copies", "Still copies")})
    await system.ask("reload")
    await system.ask("retry", flow="copy", state="dead", current=True)
    await system.until(lambda: len(out.arrived) == 2)
    assert out.arrived == [two, one]
    await system.stop()


async def test_a_flow_that_is_gone_is_named(tmp_path):
    system = await System(tmp_path, out=Counting(answers={'{"k":"a","n":1}': [BAD]})).start()
    system.put('{"k":"a","n":1}')
    await settled(system)
    (tmp_path / "flows/copy.yaml").unlink()
    system.write({"flows/other.yaml": COPY.replace("flow: copy", "flow: other")})
    await system.ask("reload")
    with pytest.raises(UsageError, match="flow 'copy' is not in the current version"):
        await system.ask("retry", flow="copy", state="dead", current=True)
    await system.stop()
