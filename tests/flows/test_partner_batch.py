"""Messages to a partner become one interchange: numbered once, lost and doubled never, acknowledged for all of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.flows.system import System
from tests.flows.test_acknowledgement_ledger import ACK, FILES, ledger, received
from tests.flows.test_control_number import Mailbox
from waypost.core.errors import EndpointUnavailable

CONFIRM = """\
flow: confirm
description: Answers to partners.
owner: ops
source: {memory: in}
format: json
keys: {po: 'rows[0][3]'}
steps:
  - partner_batcher: {partner: acme, standard: x12}
    name: interchange
targets:
  out: {memory: out, format: {x12: {partner: acme}}}
"""
ANSWER = '{"transaction": {"set": "%s"}, "rows": [["BAK", "00", "AC", "%s", "20260412"]]}'


def files() -> dict[str, str]:
    agreed = FILES["partners/acme.yaml"].replace("send: {", "send: {batch: {count: 3, after: 60s}, ")
    changed = {"partners/acme.yaml": agreed}
    name = next(name for name, text in FILES.items() if "memory: in" in text)
    return {**FILES, **changed, name: CONFIRM}


def answers(*numbers: int, set_: str = "855") -> list[str]:
    return [ANSWER % (set_, f"PO-{number}") for number in numbers]


def orders(sent: str) -> list[str]:
    return re.findall(r"BAK\*00\*AC\*(PO-\d+)", sent)


async def started(tmp_path: Path, **targets: Any) -> System:
    system = System(tmp_path, files(), **targets)
    await system.start()
    return system


async def test_count_closes_an_interchange_and_time_closes_what_is_left(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(*answers(1, 2, 3, 4))
    (first,) = await system.arrived(1)
    assert orders(first) == ["PO-1", "PO-2", "PO-3"]
    assert re.findall(r"ST\*855\*(\d+)", first) == ["0001", "0002", "0003"]
    assert "GE*3*7~" in first and "IEA*1*000000041" in first
    await system.clock.advance(61)
    second = (await system.arrived(2))[1]
    assert orders(second) == ["PO-4"] and "IEA*1*000000042" in second
    await system.stop()


async def test_each_kind_of_set_has_a_group_of_its_own(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(*answers(1), *answers(2, set_="856"), *answers(3))
    (sent,) = await system.arrived(1)
    assert re.findall(r"GS\*(\w\w)\*[^~]*?\*(\d+)\*X\*", sent) == [("PR", "7"), ("SH", "8")]
    assert orders(sent) == ["PO-1", "PO-3", "PO-2"]
    assert "GE*2*7~" in sent and "GE*1*8~" in sent and "IEA*2*000000041" in sent
    await system.stop()


async def test_a_member_tells_its_interchange_and_the_interchange_its_members(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(*answers(1, 2, 3))
    await system.arrived(1)
    await system.settle()
    shown = {one["id"]: await system.ask("show", id=one["id"]) for one in await system.messages()}
    (whole,) = [one for one in shown.values() if one["message"]["targets"][0]["target"] == "out"]
    assert whole["message"]["keys"] == {"po": ["PO-1", "PO-2", "PO-3"]}
    assert "IEA*1*000000041" in whole["outputs"][0]["text"]
    assert [one["relation"] for one in whole["relatives"]] == ["member"] * 3
    came = [one for one in shown.values() if one.get("boundary", {}).get("role") == "original"]
    assert len(came) == 3
    for one in came:
        (release,) = one["boundary"]["releases"]
        assert (release["key"], release["reason"]) == ("acme", "count")
        assert release["messages"] == [whole["message"]["id"]]
    await system.stop()


@pytest.mark.parametrize("when", ["while it waits", "while it is sent"])
async def test_a_death_neither_loses_nor_doubles_a_member_nor_a_number(tmp_path: Path, when: str) -> None:
    mailbox = Mailbox(*[EndpointUnavailable("away")] * 2)
    system = await started(tmp_path, out=mailbox)
    system.put(*answers(1, 2))
    await system.settle()
    if when == "while it is sent":
        system.put(*answers(3))
        await system.until(lambda: mailbox.tries, step=0.5)
    await system.kill()
    system.targets = {"out": Mailbox()}
    await system.start()
    if when == "while it waits":
        system.put(*answers(3))
    await system.until(lambda: system.targets["out"].taken, step=0.5)
    await system.settle()
    (sent,) = system.targets["out"].taken
    assert orders(sent) == ["PO-1", "PO-2", "PO-3"] and "IEA*1*000000041" in sent
    assert [text.split("~")[0] for text in mailbox.tries] in ([], [sent.split("~")[0]])
    await system.stop()


PARTLY = ACK.replace("AK2*855*0001~AK5*{code}~AK9*{code}*1*1*1~SE*6*", (
    "AK2*855*0001~AK5*A~AK2*855*0002~AK5*R*5~AK2*855*0003~AK5*A~AK9*P*3*3*2~SE*10*"
))  # fmt: skip


@pytest.mark.parametrize(("ack", "verdict"), [(ACK, "accepted"), (PARTLY, "partly")])
async def test_one_acknowledgement_answers_the_whole_interchange(tmp_path: Path, ack: str, verdict: str) -> None:
    system = await started(tmp_path)
    system.put(*answers(1, 2, 3))
    await system.arrived(1)
    made = await ledger(system, hours=3)
    assert [event["event"] for event in made.events()] == ["missing"]
    await received(system, "ack.edi", ack.format(group="7", code="A"))
    made = await ledger(system, hours=3)
    (done,) = made.expectations
    assert (done.state, done.verdict) == ("closed", verdict)
    exchanged = (await system.ask("exchanges"))["exchanges"]
    (sent,) = [one for one in exchanged if one["direction"] == "sent"]
    assert [message[:2] for message in sent["messages"]] == [["855", f"000{n}"] for n in (1, 2, 3)]
    assert sent["keys"] == {"po": ["PO-1", "PO-2", "PO-3"]}
    await system.stop()


async def test_edifact_messages_stand_together_too_with_groups_where_agreed(tmp_path: Path) -> None:
    partner = FILES["partners/acme.yaml"].replace(
        "edifact: {", "edifact: {send: {batch: {count: 3}, envelope: {groups: true}}, "
    )
    flow = CONFIRM.replace("standard: x12", "standard: edifact").replace("{x12: {", "{edifact: {")
    name = next(name for name, text in FILES.items() if "memory: in" in text)
    system = System(tmp_path, {**FILES, "partners/acme.yaml": partner, name: flow})
    await system.start()
    text = (
        '{"transaction": {"set": "%s", "version": "D", "release": "96A"}, "body": {"BGM": {"01": "231", "02": "%s"}}}'
    )
    system.put(text % ("ORDRSP", "A"), text % ("DESADV", "B"), text % ("ORDRSP", "C"))
    (sent,) = await system.arrived(1)
    assert re.findall(r"UNG\+(\w+)\+", sent) == ["ORDRSP", "DESADV"]
    assert re.findall(r"BGM\+231\+(\w)", sent) == ["A", "C", "B"]
    assert re.findall(r"UNE\+(\d)\+", sent) == ["2", "1"] and "UNZ+2+" in sent
    await system.stop()


async def test_a_message_to_nobody_is_a_dead_letter_and_holds_no_batch_up(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(answers(9)[0].replace("{", '{"partner": "nobody", ', 1), *answers(1, 2, 3))
    assert orders((await system.arrived(1))[0]) == ["PO-1", "PO-2", "PO-3"]
    await system.settle()
    (dead,) = [one for one in await system.messages() if one["state"] == "dead"]
    assert dead["keys"] == {"po": ["PO-9"]}
    shown = str(await system.ask("show", id=dead["id"]))
    assert "partner 'nobody'" in shown and "one of acme" in shown
    await system.stop()
