"""EDIFACT messages of a partner are held against the schema or overlay that was agreed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.system import System
from tests.flows.trading import ACME_X12, IN, deliver, project
from tests.unit.formats.edi_orders import EDIFACT_ORDER

HEAD = "UNB+UNOC:3+4012345000009:14+4399902099992:14+260412:0715+77++++++1'"
FLOW = IN.replace("x12", "edifact").replace("keys: {po: purchase_order.number}\n", "")
OVERLAY = "use: edifact/D96A/ORDERS\nset: {BGM/1: {codes: ['220']}}\n"


def orders(before: str = "", after: str = "") -> str:
    """A sound order, or one with a change."""
    body = "".join(f"{segment}'" for segment in EDIFACT_ORDER)
    assert before in body
    return HEAD + body.replace(before, after, 1) + "UNZ+1+77'"


async def states(tmp_path: Path, text: str, message: str = "", flow: str = FLOW, overlay: str = OVERLAY) -> System:
    agreed = message or "{set: ORDERS, version: D96A}"
    partner = ACME_X12.replace("{set: ORDERS, version: D96A, association: EAN008}", agreed)
    (tmp_path / "in").mkdir()
    files = {**project(flow, acme=partner), "schemas/orders.yaml": overlay}
    system = await System(tmp_path, files).start()
    deliver(system.root, "one.edi", text)
    await system.until(lambda: not (system.root / "in/one.edi").exists(), step=1.0)
    await system.settle()
    return system


@pytest.mark.parametrize(
    ("before", "after", "agreed", "state"),
    [
        ("", "", "", "delivered"),
        ("BGM+220", "BGM+2200000", "", "dead"),
        ("DTM+137", "XXX+1", "", "dead"),
        ("BGM+220", "BGM+224", "", "delivered"),
        ("BGM+220", "BGM+224", "{set: ORDERS, version: D96A, schema: schemas/orders.yaml}", "dead"),
        ("BGM+220", "BGM+220", "{set: ORDERS, version: D96A, schema: schemas/orders.yaml}", "delivered"),
        ("BGM+220", "BGM+2200000", "{set: ORDERS, version: D96A, validation: {structure: false}}", "delivered"),
    ],
)
async def test_a_message_is_held_against_what_was_agreed(
    tmp_path: Path, before: str, after: str, agreed: str, state: str
) -> None:
    system = await states(tmp_path, orders(before, after), agreed)
    assert await system.states() == [state]
    await system.stop()


async def test_the_refusal_names_place_and_rule(tmp_path: Path) -> None:
    system = await states(tmp_path, orders("BGM+220", "BGM+2200000"))
    [row] = await system.messages()
    shown = await system.ask("show", id=row["id"])
    assert shown["findings"][0]["segment"] == "BGM" and row["failures"][0]["code"] == "edifact-element-too-long"
    await system.stop()


async def test_a_whole_interchange_is_answered_with_what_is_wrong(tmp_path: Path) -> None:
    answering = "steps: [{acknowledge: {}}]\ntargets:\n  out: {memory: out, format: {edifact: {partner: any}}}"
    flow = FLOW.replace("{partner: any}", "{partner: any, unit: interchange}").replace(
        "targets:\n  out: {memory: out}", answering
    )
    system = await states(tmp_path, orders("BGM+220", "BGM+2200000"), flow=flow)
    [text] = system.out()
    assert "UCS+2'" in text and "UCD+39+2:1'" in text
    await system.stop()


@pytest.mark.parametrize(("overlay", "held"), [("set: {DTM: {max: 1}}\n", dict), ("set: {DTM: {max: 9}}\n", list)])
async def test_fields_have_the_names_of_the_schema_that_was_agreed(tmp_path: Path, overlay: str, held: type) -> None:
    flow = FLOW.replace("{edifact: {", "{edifact: {fields_by: name, ")
    agreed = "{set: ORDERS, version: D96A, schema: schemas/orders.yaml}"
    system = await states(tmp_path, orders(), agreed, flow, f"use: edifact/D96A/ORDERS\n{overlay}")
    [row] = await system.messages()
    body = (await system.ask("show", id=row["id"]))["outputs"][0]["document"]["body"]
    assert isinstance(body["DTM"], held)
    assert body["BGM"]["01"] == {"1": "220"}
    await system.stop()
