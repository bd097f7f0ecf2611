"""Flows under agreements: what is agreed passes, what is not is parked with its cause and can go on once it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.flows.system import System
from tests.flows.trading import ACME_X12, IN, ORDERS, deliver, project

BOLT = """\
partner: bolt
identities: [{standard: x12, qualifier: "01", id: BOLT}]
us: [{standard: x12, qualifier: "14", id: "4399902099992"}]
x12: {receive: {messages: [{set: "850", version: "004010"}]}}
"""


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path, project(bolt=BOLT))


async def run(system: System, *texts: str) -> None:
    for number, text in enumerate(texts):
        deliver(system.root, f"{number}.edi", text)
    await system.start()
    await system.until(lambda: all(intake.exhausted for intake in system.engine.intakes.values()))
    await system.settle()


async def causes(system: System) -> list[tuple[str, str]]:
    return [(one["place"], one["text"]) for message in await system.messages() for one in message["failures"]]


async def test_an_interchange_of_a_partner_passes_and_says_whose_it_is(system: System) -> None:
    await run(system, ORDERS)
    documents = [json.loads(body) for body in system.out()]
    assert [document["partner"] for document in documents] == ["acme"]
    assert documents[0]["purchase_order"]["number"] == "NM-2026-0815"
    await system.stop()


async def test_interchanges_of_one_mailbox_are_told_apart(system: System) -> None:
    other = ORDERS.replace("ZZ*NORDMARKT      ", "01*BOLT           ")
    await run(system, ORDERS + other + ORDERS)
    partners = [json.loads(body)["partner"] for body in system.out()]
    assert partners == ["acme", "bolt", "acme"]
    await system.stop()


@pytest.mark.parametrize(
    ("change", "to", "words"),
    [
        ("ZZ*NORDMARKT ", "ZZ*SOMEBODY  ", "unknown sender 'ZZ SOMEBODY'"),
        ("ZZ*NORDMARKT ", "ZZ*nordmarkt ", "only letter case differs"),
        ("*0*T*>", "*0*P*>", "a production interchange, and sender 'NORDMARKT' is for test"),
        ("*X*004010~", "*X*005010~", "850 005010 is not agreed"),
    ],
)
async def test_what_no_agreement_covers_is_parked_with_its_cause(
    system: System, change: str, to: str, words: str
) -> None:
    assert change in ORDERS
    await run(system, ORDERS.replace(change, to))
    assert set(await system.states()) == {"parked"} and system.out() == []
    [(place, text)] = await causes(system)
    assert place == "format" and words in text
    assert (await system.ask("dead"))["groups"][0]["count"] == 1
    await system.stop()


async def test_what_was_parked_goes_on_once_it_is_agreed(system: System) -> None:
    await run(system, ORDERS.replace("ZZ*NORDMARKT ", "ZZ*NORDMARKD "))
    assert set(await system.states()) == {"parked"}
    system.write({"partners/acme.yaml": ACME_X12.replace("id: NORDMARKT,", "id: NORDMARKD,")})
    await system.ask("reload")
    await system.ask("retry", state="parked", current=True)
    await system.arrived(1)
    assert [json.loads(body)["partner"] for body in system.out()] == ["acme"]
    await system.stop()


async def test_a_flow_of_one_partner_parks_those_of_others(tmp_path: Path) -> None:
    system = System(tmp_path, project(IN.replace("any", "bolt"), bolt=BOLT))
    await run(system, ORDERS)
    assert set(await system.states()) == {"parked"}
    await system.stop()


async def test_an_overlay_of_the_partner_decides_what_is_valid(tmp_path: Path) -> None:
    overlay = "overlay: partner/acme/850\nuse: x12/004010/850\nset: {PO1/3: {codes: [KG]}}\n"
    partner = ACME_X12.replace('version: "004010"}', 'version: "004010", schema: schemas/acme/850.yaml}')
    system = System(tmp_path, {**project(acme=partner), "schemas/acme/850.yaml": overlay})
    await run(system, ORDERS)
    assert "dead" in await system.states() and any("EA" in text for _, text in await causes(system))
    await system.stop()


@pytest.mark.parametrize(
    ("policy", "dead"),
    [
        ("{severity: {element-code: warning}}", 0),
        ("{snip: 1}", 0),
        ("{extended: false}", 0),
        ("{}", 1),
    ],
)
async def test_the_policy_of_an_agreement_says_what_counts(tmp_path: Path, policy: str, dead: int) -> None:
    partner = ACME_X12.replace("x12:\n  receive:", f"x12:\n  receive:\n    validation: {policy}")
    system = System(tmp_path, project(acme=partner))
    await run(system, ORDERS.replace("BEG*00*SA*NM-2026-0815", "BEG*00*QQ*NM-2026-0815"))
    assert (await system.states()).count("dead") == dead
    await system.stop()


async def test_spaces_and_trailing_separators_are_as_agreed(tmp_path: Path) -> None:
    sent = ORDERS.replace("REF*DP*042~", "REF*DP*042  *~")
    partner = ACME_X12.replace("x12:\n  receive:", "x12:\n  receive:\n    validation: {trim_spaces: true}")
    system = System(tmp_path, project(acme=partner))
    await run(system, sent)
    assert json.loads(system.out()[0])["segments"]["REF"][0][:3] == ["REF", "DP", "042"]
    await system.stop()


async def test_a_separator_behind_the_last_value_is_refused_where_it_was_agreed(tmp_path: Path) -> None:
    partner = ACME_X12.replace(
        "x12:\n  receive:", "x12:\n  receive:\n    validation: {trailing_separators: not-allowed}"
    )
    system = System(tmp_path, project(acme=partner))
    await run(system, ORDERS.replace("REF*DP*042~", "REF*DP*042*~"))
    assert (await system.states()).count("dead") == 1
    await system.stop()


async def test_what_a_correction_released_is_still_found_by_its_first_id(system: System) -> None:
    """All it made is made by its revision now; who asked for that, and why, stays with the message that came."""
    await run(system, ORDERS.replace("ZZ*NORDMARKT ", "ZZ*SOMEBODY  "))
    [parked] = await system.messages()
    partner = (system.root / "partners/bolt.yaml").read_text()
    system.write({"partners/bolt.yaml": partner.replace('qualifier: "01", id: BOLT', "qualifier: ZZ, id: SOMEBODY")})
    await system.ask("reload")
    [revision] = (await system.ask("retry", id=parked["id"], current=True, why="a new partner"))["ids"]
    await system.settle()
    assert [(m["id"], m["state"]) for m in await system.messages()] == [(revision, "delivered")]
    shown = await system.ask("show", id=parked["id"])
    assert (shown["message"]["state"], shown["relatives"]) == ("moved", [{"id": revision, "relation": "revision-of"}])
    assert shown["history"][-1]["why"] == "a new partner"
    await system.stop()
