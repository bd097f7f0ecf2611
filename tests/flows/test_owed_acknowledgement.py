"""The acknowledgement an agreement asks for is made from what was received, and sent by a flow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.system import System
from tests.flows.trading import ACME_X12, ORDERS, deliver, project

FLOW = """\
flow: acknowledgements
description: Acknowledges what partners send.
owner: ops
source: {directory: {path: in/*.edi}}
format: {x12: {partner: any, unit: group}}
steps: [{acknowledge: {}}]
targets:
  out: {memory: out, format: {x12: {partner: any}}}
"""
EDIFACT = FLOW.replace("unit: group", "unit: interchange").replace("x12", "edifact")
BAD = ORDERS.replace("CTT*2~", "CTT*3~")
MESSAGE = (
    "UNB+UNOC:3+4012345000009:14+4399902099992:14+260412:0715+77++++++1'UNH+1+ORDERS:D:96A:UN:EAN008'BGM+220+4711+9'"
    "UNT+3+1'UNZ+1+77'"
)


async def answers(tmp_path: Path, owed: str, *texts: str, flow: str = FLOW) -> list[str]:
    partner = ACME_X12.replace("x12:\n  receive:", f"x12:\n  receive:\n    acknowledge: {owed}")
    system = System(tmp_path, {**project(acme=partner), "flows/orders.yaml": flow})
    for number, text in enumerate(texts):
        deliver(system.root, f"{number}.edi", text)
    await system.start()
    await system.until(lambda: all(intake.exhausted for intake in system.engine.intakes.values()))
    await system.settle()
    out = system.out()
    await system.stop()
    return out


def rows(text: str) -> list[str]:
    return [row for row in text.replace("\n", "").split("~") if row[:2] in ("AK", "IK", "ST")]


async def test_a_group_is_acknowledged_as_agreed_under_our_own_numbers(tmp_path: Path) -> None:
    [text] = await answers(tmp_path, "{}", ORDERS)
    assert rows(text) == ["ST*997*0001", "AK1*PO*311", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1"]
    assert "ISA*00*          *00*          *14*4399902099992  *ZZ*NORDMARKT      *" in text
    assert text.split("*")[13] == "000000001"


@pytest.mark.parametrize(
    ("owed", "text", "wanted"),
    [
        ("{accepted: false}", ORDERS, ["ST*997*0001", "AK1*PO*311", "AK9*A*1*1*1"]),
        ("{kind: 999}", ORDERS,
         ["ST*999*0001*005010X231A1", "AK1*PO*311*004010", "AK2*850*0001", "IK5*A", "AK9*A*1*1*1"]),
        ("{on_error: accept-with-errors}", BAD,
         ["ST*997*0001", "AK1*PO*311", "AK2*850*0001", "AK3*CTT*19**8", "AK4*1**7*3", "AK5*E*5", "AK9*E*1*1*1"]),
        ("{}", BAD,
         ["ST*997*0001", "AK1*PO*311", "AK2*850*0001", "AK3*CTT*19**8", "AK4*1**7*3", "AK5*R*5", "AK9*R*1*1*0"]),
    ],
)  # fmt: skip
async def test_kind_loops_and_the_weight_of_a_fault_are_as_agreed(
    tmp_path: Path, owed: str, text: str, wanted: list[str]
) -> None:
    [made] = await answers(tmp_path, owed, text)
    assert rows(made) == wanted


@pytest.mark.parametrize(
    ("owed", "count"),
    [
        ("{functional: never}", 0),
        ("{functional: errors}", 1),
        ("{functional: requested}", 0),
        ("{functional: always}", 2),
    ],
)
async def test_nothing_is_made_that_was_not_agreed(tmp_path: Path, owed: str, count: int) -> None:
    assert len(await answers(tmp_path, owed, ORDERS, BAD)) == count


async def test_an_edifact_interchange_is_answered_by_contrl(tmp_path: Path) -> None:
    [text] = await answers(tmp_path, "{}", MESSAGE, flow=EDIFACT)
    assert "UNH+1+CONTRL:D:3:UN'" in text and "UCI+77+4012345000009:14+4399902099992:14+7'" in text
    assert "UCM+1+ORDERS:D:96A:UN:EAN008+7'" in text and "UNB+UNOC:3+4399902099992:14+4012345000009:14+" in text


async def test_a_type_that_was_not_agreed_is_rejected_in_the_acknowledgement(tmp_path: Path) -> None:
    [text] = await answers(tmp_path, "{}", MESSAGE.replace("EAN008", "EAN010"), flow=EDIFACT)
    assert "UCM+1+ORDERS:D:96A:UN:EAN010+4+14'" in text
