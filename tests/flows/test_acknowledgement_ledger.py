"""What was sent waits for its acknowledgement; what came is matched; changes are tried on what is stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.flows.system import System
from tests.flows.test_control_number import Mailbox, interchanges
from tests.flows.trading import CONFIRMATION, IN, ORDERS, OUT, SENDING, deliver, project
from waypost.flow.declared.project import load_project, read_files
from waypost.partners.ledger import books
from waypost.partners.simulate import Traffic, simulate
from waypost.reconcile.books import Books

WAITING = SENDING.replace("x12:\n  send: {", "x12:\n  send: {expect: [{what: 997, within: 2h}], ")
ACK = (
    "ISA*00*          *00*          *ZZ*NORDMARKT      *14*4399902099992  *260412*0815*U*00401*000000555*0*T*>~"
    "GS*FA*NORDMARKT*4399902099992*20260412*0815*9*X*004010~ST*997*0001~AK1*PR*{group}~AK2*855*0001~AK5*{code}~"
    "AK9*{code}*1*1*1~SE*6*0001~GE*1*9~IEA*1*000000555~"
)
FILES = {
    **project(acme=WAITING),
    "flows/confirm.yaml": OUT,
    "flows/orders.yaml": IN.replace("memory: out", "memory: orders"),
}


@pytest.fixture
async def system(tmp_path: Path) -> Any:
    system = System(tmp_path, FILES)
    await system.start()
    yield system
    await system.stop()


async def ledger(system: System, hours: float = 0) -> Books:
    await system.settle()
    rows = (await system.ask("exchanges"))["exchanges"]
    return books(load_project(system.root), rows, system.clock.now() + round(hours * 3_600_000_000))


async def received(system: System, name: str, text: str) -> None:
    deliver(system.root, name, text)
    await system.until(lambda: not (system.root / "in" / name).exists(), step=1.0)


async def test_what_was_sent_is_acknowledged_by_the_997_that_names_its_group(system: System) -> None:
    system.put(CONFIRMATION % 1)
    await system.arrived(1)
    [waits] = (await ledger(system)).expectations
    assert (waits.state, waits.rule.what, waits.number) == ("open", "997", "7")
    assert (await ledger(system, hours=3)).events()[0]["event"] == "missing"
    await received(system, "ack.edi", ACK.format(group="7", code="A"))
    made = await ledger(system, hours=3)
    [done] = made.expectations
    assert (done.state, done.verdict) == ("closed", "accepted") and made.events() == []


async def test_a_rejection_and_a_repetition_are_events(system: System) -> None:
    system.put(CONFIRMATION % 1)
    await system.arrived(1)
    await received(system, "1.edi", ACK.format(group="7", code="R"))
    await received(system, "2.edi", ACK.format(group="7", code="R"))
    await received(system, "3.edi", ACK.format(group="99", code="A"))
    assert [event["event"] for event in (await ledger(system)).events()] == ["rejected", "duplicate", "unmatched"]


async def test_expect_of_a_flow_adds_a_rule(tmp_path: Path) -> None:
    flow = OUT + "expect:\n  - {what: x12/TA1, from: acme, within: 1h}\n"
    system = System(tmp_path, {**FILES, "flows/confirm.yaml": flow})
    await system.start()
    system.put(CONFIRMATION % 1)
    await system.arrived(1)
    made = await ledger(system, hours=1.5)
    assert {(one.rule.what, one.state) for one in made.expectations} == {("TA1", "overdue"), ("997", "open")}
    assert any(one.rule.source == "flows/confirm.yaml:9" for one in made.expectations)
    await system.stop()


async def test_a_deadline_counts_working_time_of_the_partners_calendar(tmp_path: Path) -> None:
    partner = WAITING.replace("partner: acme", "partner: acme\ncalendar: short")
    calendar = 'opens: "00:00"\ncloses: "01:00"\n'
    system = System(tmp_path, {**FILES, "partners/acme.yaml": partner, "calendars/short.yaml": calendar})
    await system.start()
    system.put(CONFIRMATION % 1)
    await system.arrived(1)
    [one] = (await ledger(system)).expectations
    assert one.due - one.opened_by.at > 24 * 3_600_000_000
    await system.stop()


async def test_stored_traffic_is_tried_on_a_changed_overlay(system: System) -> None:
    await received(system, "1.edi", ORDERS)
    await received(system, "2.edi", ORDERS.replace("PO1*10*24*EA", "PO1*10*24*CS"))
    await system.settle()
    rows = (await system.ask("exchanges", content=True))["exchanges"]
    traffic = [_traffic(row) for row in rows if row["direction"] == "received"]
    before = read_files(system.root)
    overlay = b"use: x12/004010/850\nset: {PO1/3: {codes: [EA, KG]}}\n"
    named = WAITING.replace('version: "004010"}', 'version: "004010", schema: schemas/850.yaml}')
    after = {**before, "schemas/850.yaml": overlay, "partners/acme.yaml": named.encode()}
    found = simulate(traffic, before, after, system.root)
    assert (found.looked_at, found.passing, found.failing) == (2, 1, 1)
    assert list(found.newly_failing) == ["element-code PO103"] and len(found.broken) == 1
    assert simulate(traffic, after, before, system.root).newly_passing.keys() == found.newly_failing.keys()
    assert simulate(traffic, before, before, system.root).broken == []


def _traffic(row: dict[str, Any]) -> Traffic:
    import base64

    return Traffic(row["message"], row["standard"], *(base64.b64decode(row[name]) for name in ("context", "raw")))


async def test_a_replay_under_a_new_key_takes_the_next_numbers(tmp_path: Path) -> None:
    mailbox = Mailbox()
    system = System(tmp_path, FILES, out=mailbox)
    await system.start()
    system.put(CONFIRMATION % 1)
    await system.until(lambda: mailbox.taken)
    [row] = [r for r in (await exchanged(system)) if r["direction"] == "sent"]
    await system.ask("replay", id=row["message"], version="same", key="new")
    await system.until(lambda: len(mailbox.taken) == 2)
    assert interchanges(mailbox.taken) == [41, 42]
    await system.stop()


async def exchanged(system: System) -> list[dict[str, Any]]:
    await system.settle()
    rows: list[dict[str, Any]] = (await system.ask("exchanges"))["exchanges"]
    assert json.dumps(rows)
    return rows
