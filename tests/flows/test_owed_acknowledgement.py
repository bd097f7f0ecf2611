"""The acknowledgement an agreement asks for is made from what was received, and sent by a flow."""

from __future__ import annotations

import re
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
    "DTM+137:20260412:102'UNS+S'UNT+5+1'UNZ+1+77'"
)


async def answers(tmp_path: Path, owed: str, *texts: str, flow: str = FLOW, edifact: str = "") -> list[str]:
    partner = ACME_X12.replace("x12:\n  receive:", f"x12:\n  receive:\n    acknowledge: {owed}")
    if edifact:
        partner = partner.replace("edifact: {receive: {", f"edifact: {{receive: {{acknowledge: {edifact}, ")
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


async def test_a_test_of_edifact_is_answered_by_a_test(tmp_path: Path) -> None:
    [text] = await answers(tmp_path, "{}", MESSAGE, flow=EDIFACT)
    assert re.findall(r"UNB\+[^']*(\+1\+{6}1)'", text) == ["+1++++++1"]


async def test_a_type_that_was_not_agreed_is_rejected_in_the_acknowledgement(tmp_path: Path) -> None:
    [text] = await answers(tmp_path, "{}", MESSAGE.replace("EAN008", "EAN010"), flow=EDIFACT)
    assert "UCM+1+ORDERS:D:96A:UN:EAN010+4+14+UNH+3'" in text


WHOLE = FLOW.replace("unit: group", "unit: interchange")
GROUP = ORDERS[ORDERS.index("GS*") : ORDERS.index("IEA*")]
TWO_GROUPS = ORDERS.replace("IEA*1", "IEA*2").replace("IEA*", GROUP.replace("*311", "*312") + "IEA*")


def kinds(texts: list[str]) -> list[str]:
    """What each interchange holds: TA1, or the sets in it."""
    return [re.findall(r"TA1(?=\*)|(?<=ST\*)[0-9]{3}|(?<=\+)[A-Z]{6}(?=:D)", text)[0] for text in texts]


@pytest.mark.parametrize(
    ("owed", "text", "made"),
    [
        ("{}", ORDERS, ["997"]),
        ("{technical: always}", ORDERS, ["TA1", "997"]),
        ("{technical: requested}", ORDERS.replace("*0*T*", "*1*T*").replace("*0*P*", "*1*P*"), ["TA1", "997"]),
        ("{}", TWO_GROUPS, ["997", "997"]),
        ("{application: 824, technical: always}", TWO_GROUPS, ["TA1", "997", "997", "824"]),
        ("{application: 824, functional: never}", ORDERS, ["824"]),
        ("{functional: errors}", TWO_GROUPS.replace("CTT*2~", "CTT*3~", 1), ["997", "997"]),
    ],
)  # fmt: skip
async def test_a_whole_interchange_is_answered_level_by_level(
    tmp_path: Path, owed: str, text: str, made: list[str]
) -> None:
    found = await answers(tmp_path, owed, text, flow=WHOLE)
    assert sorted(kinds(found)) == sorted(made)
    numbers = [one.split("*")[13] for one in found]
    assert sorted(numbers) == [f"{n:09}" for n in range(1, len(made) + 1)]


async def test_a_ta1_names_the_interchange_and_accepts_it(tmp_path: Path) -> None:
    found = await answers(tmp_path, "{technical: always, functional: never}", ORDERS, flow=WHOLE)
    assert "TA1*000000417*260412*0715*A*000~" in found[0].replace("\n", "") and "GS*" not in found[0]


@pytest.mark.parametrize(("owed", "codes"), [("{}", "AR"), ("{on_error: reject-interchange}", "RR")])
async def test_one_fault_may_reject_all_groups_of_an_interchange(tmp_path: Path, owed: str, codes: str) -> None:
    found = await answers(tmp_path, owed, TWO_GROUPS.replace("CTT*2~", "CTT*3~", 1), flow=WHOLE)
    assert sorted(re.findall(r"AK9\*(.)", "".join(found))) == list(codes)


async def test_a_repeated_interchange_is_rejected_by_ta1(tmp_path: Path) -> None:
    duplicates = "{technical: errors}\n    duplicates: {interchange: 1d, when_found: reject}"
    found = await answers(tmp_path, duplicates, ORDERS, ORDERS, flow=WHOLE)
    assert kinds(found) == ["997", "TA1"]
    assert "TA1*000000417*260412*0715*R*025~" in found[1].replace("\n", "")


async def test_an_aperak_answers_each_message(tmp_path: Path) -> None:
    partner = "{application: APERAK}"
    found = await answers(tmp_path, "{}", MESSAGE, flow=EDIFACT, edifact=partner)
    assert sorted(kinds(found)) == ["APERAK", "CONTRL"] and "RFF+ACW:1'" in "".join(found)


async def test_a_999_says_which_unit_a_fault_stands_in(tmp_path: Path) -> None:
    wrong = ORDERS.replace("PO1*10*24*EA", "PO1*10*2x4*EA")
    [text] = await answers(tmp_path, "{kind: 999}", wrong, flow=WHOLE)
    assert "CTX*PO101>10~" in text.replace("\n", "").replace(":", ">")


async def test_what_acknowledges_is_not_acknowledged(tmp_path: Path) -> None:
    alone = ORDERS[: ORDERS.index("GS*")] + "TA1*000000001*260412*0715*A*000~\nIEA*0*000000417~\n"
    assert await answers(tmp_path, "{technical: always}", alone, flow=WHOLE) == []
