"""Repetitions of interchanges, groups, messages and contents are found as the agreement says, across restarts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.flows.system import System
from tests.flows.test_owed_acknowledgement import EDIFACT, FLOW, MESSAGE
from tests.flows.trading import ACME_X12, IN, ORDERS, deliver, project
from waypost.connectors.directory_source import DirectoryDelivery
from waypost.flow.declared.project import load_project
from waypost.flow.running.intake import _Reading

SECOND = ORDERS.replace("000000417", "000000418").replace("*311*", "*312*").replace("GE*1*311", "GE*1*312")
"""The same order in another interchange and group."""
OTHER = SECOND.replace("ST*850*0001", "ST*850*0002").replace("*0001~\n", "*0002~\n").replace("CTT*2", "CTT*2")
TWO = ORDERS[: ORDERS.index("GE*1*311")] + ORDERS[
    ORDERS.index("ST*850"): ORDERS.index("GE*1*311")
].replace("0001", "0002") + "GE*2*311~\nIEA*1*000000417~\n"  # fmt: skip


def agreed(text: str, standard: str = "x12", partner: str = ACME_X12) -> str:
    partner = partner.replace(
        "edifact: {receive: {", "edifact: {receive: {" + f"duplicates: {text}, " * (standard != "x12")
    )
    return partner.replace("x12:\n  receive:", f"x12:\n  receive:\n    duplicates: {text}")


async def begun(tmp_path: Path, duplicates: str, flow: str = IN) -> System:
    partner = agreed(duplicates, "edifact" if "edifact" in flow else "x12")
    return await started(tmp_path, {**project(acme=partner), "flows/orders.yaml": flow})


async def started(root: Path, files: dict[str, str]) -> System:
    for folder in ("in", "more"):
        (root / folder).mkdir(parents=True)
    return await System(root, files).start()


async def arrive(system: System, text: str, folder: str = "in") -> None:
    deliver(system.root, "one.edi", text, folder)
    await system.until(lambda: not (system.root / folder / "one.edi").exists(), step=1.0)


async def come(system: System, *texts: str) -> list[str]:
    """The states of all messages once these came, a file each."""
    for text in texts:
        await arrive(system, text)
    await system.settle()
    return await system.states()


@pytest.mark.parametrize(
    ("duplicates", "second", "states"),
    [
        ("{interchange: 30d}", ORDERS, ["delivered", "parked"]),
        ("{interchange: 30d}", SECOND, ["delivered", "delivered"]),
        ("{group: 30d}", ORDERS.replace("000000417", "000000418"), ["delivered", "parked"]),
        ("{group: 30d}", SECOND, ["delivered", "delivered"]),
        ("{transaction: 30d}", SECOND, ["delivered", "parked"]),
        ("{content: 30d}", SECOND, ["delivered", "parked"]),
        ("{content: 30d}", SECOND.replace("PO1*10*24*", "PO1*10*25*"), ["delivered", "delivered"]),
        ("{interchange: 30d, when_found: reject}", ORDERS, ["delivered", "dead"]),
        ("{interchange: 30d, when_found: flag}", ORDERS, ["delivered", "delivered"]),
        ("{}", ORDERS, ["delivered", "delivered"]),
    ],
)  # fmt: skip
async def test_what_came_before_is_found_by_what_was_agreed(
    tmp_path: Path, duplicates: str, second: str, states: list[str]
) -> None:
    system = await begun(tmp_path, duplicates)
    assert await come(system, ORDERS, second) == states
    await system.stop()


async def test_the_messages_of_one_interchange_are_no_repetitions_of_each_other(tmp_path: Path) -> None:
    system = await begun(tmp_path, "{interchange: 30d, group: 30d, transaction: 30d}")
    assert await come(system, TWO) == ["delivered", "delivered"]
    assert await come(system, TWO) == ["delivered"] * 2 + ["parked"] * 2
    await system.stop()


async def test_two_interchanges_of_one_file_are_told_apart(tmp_path: Path) -> None:
    system = await begun(tmp_path, "{interchange: 30d}")
    assert await come(system, ORDERS + ORDERS) == ["delivered", "parked"]
    await system.stop()


async def test_what_is_forgotten_may_come_again(tmp_path: Path) -> None:
    system = await begun(tmp_path, "{interchange: 1d}")
    await come(system, ORDERS)
    await system.clock.advance(86_401)
    assert await come(system, ORDERS) == ["delivered", "delivered"]
    await system.stop()


async def test_another_partner_may_use_the_same_numbers(tmp_path: Path) -> None:
    other = ACME_X12.replace("partner: acme", "partner: bolt").replace("NORDMARKT", "BOLT")
    other = other.replace("4012345000009", "4012345000016")
    files = project(acme=agreed("{interchange: 30d}"), bolt=agreed("{interchange: 30d}", partner=other))
    system = await started(tmp_path, files)
    theirs = ORDERS.replace("NORDMARKT      ", "BOLT           ").replace("*NORDMARKT*", "*BOLT*")
    assert await come(system, ORDERS, theirs) == ["delivered", "delivered"]
    await system.stop()


async def test_numbers_are_remembered_across_a_death(tmp_path: Path) -> None:
    system = await begun(tmp_path, "{interchange: 30d, content: 30d}")
    await come(system, ORDERS)
    await system.kill()
    await system.start()
    assert await come(system, ORDERS, SECOND) == ["delivered", "parked", "parked"]
    await system.stop()


async def test_a_file_read_again_after_a_death_repeats_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    """The process dies with everything accepted, before the file is put away."""
    system = await begun(tmp_path, "{interchange: 30d, group: 30d, transaction: 30d, content: 30d}")

    async def never(self: Any) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(DirectoryDelivery, "accept", never)
        deliver(system.root, "1.edi", ORDERS)
        await system.until(lambda: len(system.out()) == 1, step=1.0)
        await system.settle()
        await system.kill()
    assert (system.root / "in/1.edi").exists()
    await system.start()
    await system.until(lambda: not (system.root / "in/1.edi").exists(), step=1.0)
    assert await system.states() == ["delivered"]
    await system.stop()


async def test_a_person_lets_a_parked_repetition_in(tmp_path: Path) -> None:
    system = await begun(tmp_path, "{interchange: 30d}")
    await come(system, ORDERS, ORDERS)
    [parked] = [m for m in await system.messages() if m["state"] == "parked"]
    shown = (await system.ask("show", id=parked["id"]))["message"]["failures"][0]
    first = next(m["id"] for m in await system.messages() if m["state"] == "delivered")
    assert shown["code"] == "partner-repeated" and f"interchange 417 came before, as message {first}" in shown["text"]
    await system.ask("retry", id=parked["id"], why="asked them")
    await system.settle()
    assert await system.states() == ["delivered", "parked"]
    await system.ask("retry", id=parked["id"], effects="fresh", why="they meant it")
    await system.until(lambda: len(system.out()) == 2)
    assert await system.states() == ["delivered", "delivered"]
    await system.stop()


async def test_a_replay_is_no_repetition(tmp_path: Path) -> None:
    system = await begun(tmp_path, "{interchange: 30d, group: 30d, transaction: 30d, content: 30d}")
    await come(system, ORDERS)
    [row] = await system.messages()
    for effects in ("recorded", "fresh"):
        await system.ask("replay", id=row["id"], effects=effects)
        await system.settle()
    await system.until(lambda: len(system.out()) == 3)
    assert await system.states() == ["delivered"] * 3
    await system.stop()


async def test_a_flagged_repetition_says_so(tmp_path: Path) -> None:
    flow = IN.replace("keys:", "steps: [{filter: 'exists(repeated)'}]\nkeys:")
    system = await begun(tmp_path, "{interchange: 30d, when_found: flag}", flow)
    assert await come(system, ORDERS, ORDERS) == ["filtered", "delivered"]
    first, second = await system.messages()
    shown = await system.ask("show", id=second["id"])
    assert shown["verdict"] == "proved" and shown["notes"][0]["findings"][0]["rule"] == "interchange-repeated"
    repeated = shown["steps"][0]["after"]["repeated"]
    assert repeated == [{"level": "interchange", "number": "417", "original": first["id"]}]
    await system.stop()


@pytest.mark.parametrize(
    ("duplicates", "wanted"),
    [
        ("{transaction: 30d, when_found: reject}", ["AK2*850*0001", "AK5*R*23", "AK9*R*1*1*0"]),
        ("{content: 30d, when_found: reject}", ["AK2*850*0001", "AK5*R*23", "AK9*R*1*1*0"]),
    ],
)
async def test_a_rejected_repetition_is_acknowledged_with_its_code(
    tmp_path: Path, duplicates: str, wanted: list[str]
) -> None:
    system = await begun(tmp_path, duplicates, FLOW)
    await come(system, ORDERS, SECOND)
    rows = [row for row in system.out()[1].replace("\n", "").split("~") if row[:3] in ("AK2", "AK5", "AK9")]
    assert rows == wanted
    await system.stop()


async def test_a_rejected_edifact_repetition_is_answered_by_contrl(tmp_path: Path) -> None:
    system = await begun(tmp_path, "{interchange: 30d, when_found: reject}", EDIFACT)
    await come(system, MESSAGE, MESSAGE)
    assert "+7'" in system.out()[0] and "UCI+77+4012345000009:14+4399902099992:14+4+26+UNB'" in system.out()[1]
    await system.stop()


async def test_numbers_count_in_each_flow_or_in_all(tmp_path: Path) -> None:
    again = IN.replace("flow: orders", "flow: more").replace("in/*.edi", "more/*.edi")
    for across, wanted in (("flow", "delivered"), ("partner", "parked")):
        partner = agreed(f"{{interchange: 30d, across: {across}}}")
        system = await started(tmp_path / across, {**project(acme=partner), "flows/more.yaml": again})
        await come(system, ORDERS)
        await arrive(system, ORDERS, "more")
        assert await system.states() == ["delivered", wanted]
        await system.stop()


async def test_the_project_is_sound(tmp_path: Path) -> None:
    system = await begun(tmp_path, "{interchange: 30d, when_found: flag, across: partner}")
    assert load_project(system.root).partners["acme"].options.x12.receive.duplicates.looked_for  # type: ignore[union-attr]
    await system.stop()


def many(count: int, number: int = 417) -> str:
    """An interchange of many orders, each of its own content."""
    head, rest = ORDERS.split("ST*850*0001", 1)
    body = "ST*850*0001" + rest[: rest.index("GE*1*311")]
    sets = "".join(body.replace("*0001", f"*{n:04}").replace("PO1*10*24*", f"PO1*10*{n}*") for n in range(1, count + 1))
    return f"{head}{sets}GE*{count}*311~\nIEA*1*000000417~\n".replace("000000417", f"{number:09}")


async def test_a_death_in_the_middle_of_an_interchange_makes_no_repetition(tmp_path: Path, monkeypatch: Any) -> None:
    """Reading goes on within the interchange, whose beginning is not seen again."""
    system = await begun(tmp_path, "{interchange: 30d, group: 30d, transaction: 30d, content: 30d}")
    original, sent = _Reading._send_part, 0

    async def dies(self: Any, context: bytes, part: Any) -> None:
        nonlocal sent
        sent += 1
        if sent > 1:
            await asyncio.Event().wait()
        await original(self, context, part)

    with monkeypatch.context() as patched:
        patched.setattr(_Reading, "_send_part", dies)
        deliver(system.root, "one.edi", many(300))
        await system.until(lambda: sent > 1 and system.out(), step=1.0)
        await system.settle()
        await system.kill()
    await system.start()
    await system.until(lambda: not (system.root / "in/one.edi").exists(), step=1.0)
    assert await system.states() == ["delivered"] * 300
    assert await come(system, many(300)) == ["delivered"] * 300 + ["parked"] * 300
    await system.stop()
