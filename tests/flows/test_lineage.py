"""The lineage of stored messages: each value sent, its rules, and the very bytes it was read from."""

from __future__ import annotations

import json

from tests.flows.system import ScriptedRequester, System, stand_in_requester
from tests.flows.test_engine import Counting

FLOW = """\
flow: copy
description: Each line of an order goes out with its price, but the cheap.
owner: ops
source: {memory: in}
format: json
steps:
  - filter: order.open
  - split: {items: order.lines, keep: {po: order.number}}
  - enrich: {connection: prices, parameters: {sku: sku}, into: price, ask: {query: SELECT 1}}
  - map: maps/line.map.yaml
  - route: [{when: cost > 5, to: out}, {to: cheap}]
targets:
  out: {memory: out}
  cheap: {memory: cheap}
delivery: {retry: {attempts: 3, first: 1s, limit: 10s}}
"""
MAP = """\
map: line
fields:
  order: upper(po)
  article: sku
  cost: quantity * price
  grade: {value: A}
"""
FILES = {"flows/copy.yaml": FLOW, "maps/line.map.yaml": MAP,
         "connections.yaml": "prices: {kind: sql, address: 'sqlite:prices.db'}\n"}  # fmt: skip
INPUT = (
    '{"order": {"open": true, "number": "po-ä", "lines": [{"sku": "a", "quantity": 1}, {"sku": "b", "quantity": 9}]}}'
)


async def started(tmp_path, monkeypatch) -> System:
    stand_in_requester(monkeypatch, ScriptedRequester({"a": 2, "b": 3}))
    system = await System(tmp_path, FILES, out=Counting(), cheap=Counting()).start()
    system.put(INPUT)
    await system.until(lambda: len(system.targets["out"].arrived) + len(system.targets["cheap"].arrived) == 2)
    await system.settle()
    return system


def sources(answer, target, path):
    (found,) = [t for t in answer["targets"] if t["target"] == target]
    (value,) = [v for v in found["values"] if v["path"] == path]
    return value


async def test_a_value_leads_to_the_bytes_it_was_read_from(tmp_path, monkeypatch):
    system = await started(tmp_path, monkeypatch)
    message = (await system.messages())[0]["id"]
    answer = await system.ask("lineage", id=message)
    raw = INPUT.encode()
    article = sources(answer, "out", "article")
    assert article["value"] == "b"
    (source,) = article["sources"]
    assert source["field"] == "order.lines[1].sku" and source["value"] == "b"
    assert raw[slice(*source["bytes"])] == b'"b"'
    cost = sources(answer, "out", "cost")["sources"]
    told = {(s.get("field") or s.get("outside"), s["role"]) for s in cost}
    assert told == {("order.lines[1].quantity", "value"), ("the answer of prices", "value"),
                    ("order.lines[1].sku", "decides")}  # fmt: skip
    number = sources(answer, "cheap", "order")
    assert number["value"] == "PO-Ä"
    assert raw[slice(*number["sources"][0]["bytes"])].decode() == '"po-ä"'
    assert [rule["place"] for rule in number["sources"][0]["rules"]] == ["", "maps/line.map.yaml:3"]
    assert sources(answer, "out", "grade")["sources"][0]["outside"] == "a constant"
    assert all(target["proved"] for target in answer["targets"])
    decided = {s.get("field") for s in answer["targets"][0]["decided_by"]}
    assert {"order.open", "order.lines[0].quantity"} <= decided or {"order.open", "order.lines[1].quantity"} <= decided
    await system.stop()


async def test_a_field_leads_to_all_it_reaches(tmp_path, monkeypatch):
    system = await started(tmp_path, monkeypatch)
    message = (await system.messages())[0]["id"]
    answer = await system.ask("lineage", id=message, field="order.lines[0]")
    values = {t["target"]: [v["path"] for v in t["values"]] for t in answer["targets"]}
    assert values == {"cheap": ["article", "cost"]}
    both = await system.ask("lineage", id=message, field="order.number")
    assert {t["target"]: [v["path"] for v in t["values"]] for t in both["targets"]} == {
        "cheap": ["order"], "out": ["order"]
    }  # fmt: skip
    await system.stop()


async def test_lineage_asks_nothing_and_survives_a_restart(tmp_path, monkeypatch):
    system = await started(tmp_path, monkeypatch)
    message = (await system.messages())[0]["id"]
    before = await system.ask("lineage", id=message)
    await system.stop()
    silent = ScriptedRequester({})
    silent.down = AssertionError("lineage asked the outside")
    stand_in_requester(monkeypatch, silent)
    system = await System(tmp_path, FILES, out=Counting(), cheap=Counting()).start(sources=False)
    assert json.loads(json.dumps(await system.ask("lineage", id=message), default=str)) == json.loads(
        json.dumps(before, default=str)
    )
    await system.stop()


async def test_a_message_there_is_not_has_no_lineage(tmp_path, monkeypatch):
    system = await started(tmp_path, monkeypatch)
    assert await system.ask("lineage", id="0190a0a0-0000-7000-8000-000000000000") is None
    await system.stop()
