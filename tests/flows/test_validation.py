"""What a validate step finds is recorded with the message, shown, and lost neither with the flow nor by a restart."""

from __future__ import annotations

from tests.flows.system import System
from tests.flows.test_engine import Counting
from waypost.cli.verb.looking import shown

WATCHED = """\
flow: copy
description: Orders are watched, and refused where they are wrong.
owner: ops
source: {memory: in}
steps:
  - validate: {schema: schemas/order.yaml, rules: [{id: small, check: total < 100, severity: warning, path: total}]}
targets:
  out: {memory: out}
"""
SCHEMA = "required: [total]\nproperties: {total: {type: number}, unit: {enum: [EA, KG]}}\n"


async def test_a_warning_is_journaled_and_the_message_goes_on(tmp_path):
    out = Counting()
    system = await System(tmp_path, {"flows/copy.yaml": WATCHED, "schemas/order.yaml": SCHEMA}, out=out).start()
    system.put('{"total": 250}')
    await system.until(lambda: len(out.arrived) == 1)
    (row,) = (await system.control.perform("messages", {}))["messages"]
    answer = await system.control.perform("show", {"id": row["id"]})
    assert answer["notes"][0]["step"] == "validate" and answer["notes"][0]["findings"][0]["rule"] == "small"
    assert answer["steps"][0]["findings"][0]["value"] == "250"
    assert "  warning: total: found 250; expected total < 100 [small]" in shown(answer)
    assert answer["verdict"] == "proved"
    await system.stop()


async def test_every_error_of_a_message_is_shown_with_its_repair(tmp_path):
    system = await System(tmp_path, {"flows/copy.yaml": WATCHED, "schemas/order.yaml": SCHEMA}).start()
    system.put('{"total": "12", "unit": "ea"}')

    async def dead():
        return (await system.control.perform("messages", {"state": "dead"}))["messages"]

    while not (rows := await dead()):
        await system.until(lambda: True)
    text = rows[0]["failures"][0]["text"]
    assert 'total: found "12"' in text and 'unit: found "ea"; expected one of EA, KG; write "EA"' in text
    answer = await system.control.perform("show", {"id": rows[0]["id"]})
    assert [one["repair"] for one in answer["steps"][0]["findings"]] == ["write 12", 'write "EA"', ""]
    await system.stop()
