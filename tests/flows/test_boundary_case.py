"""A stored message that waited with others becomes a case with all of them, or it is said why it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.flows.system import System
from tests.flows.test_boundary import FLOW, line, waiting
from waypost.connectors.sql_requester import SqlRequester
from waypost.core.component import Request
from waypost.core.errors import ContractError, DataError
from waypost.testing.cases.recorded import add_case
from waypost.testing.cases.recorded_group import case_through, gathered_with
from waypost.testing.cases.runner import run_cases

STEPS = """
flow: totals
description: One step.
owner: ops
source: {memory: in}
format: json
keys: {order: order}
steps:
  - STEP
targets:
  out: {memory: out}
"""


async def started(root: Path, flow: str = FLOW, **files: str) -> System:
    return await System(root, {"flows/totals.yaml": flow, **files}).start()


async def shown(system: System) -> dict[str, dict[str, Any]]:
    """Every message, by id, oldest first."""
    return {m["id"]: await system.ask("show", id=m["id"]) for m in await system.messages()}


async def case(system: System, which: int) -> dict[str, Any]:
    """The case of one of the messages, which is added to the project and holds."""
    messages = await shown(system)
    one = list(messages.values())[which]
    made = await case_through(one, gathered_with(one, messages.get), system.root, "dev", f"message {which}")
    add_case(system.root, Path("tests/totals.yaml"), "totals", made)
    results = await run_cases(system.root, "dev")
    assert [result.differences for result in results] == [()] * len(results)
    return made


@pytest.mark.parametrize("which", [0, 1, 3, -1])
async def test_any_message_of_a_group_makes_the_case_of_all_of_them(tmp_path: Path, which: int) -> None:
    system = await started(tmp_path)
    system.put(line("A", 1), line("B", 1))
    await waiting(system, 2)
    await system.clock.advance(20)
    system.put(line("A", 2))
    await system.arrived(1)
    await system.clock.advance(45)
    await system.arrived(2)
    messages = await shown(system)
    order = list(messages.values())[which]["message"]["keys"]["order"]
    made = await case(system, which)
    texts = [made["input"]["text"], *(one["input"]["text"] for one in made["then"] if "input" in one)]
    assert texts == ([line("A", 1), line("A", 2)] if order == ["A"] else [line("B", 1)])
    assert ("targets" in made["expect"], "targets" in made["then"][-1]["expect"]) == (False, True)
    await system.stop()


async def test_what_a_person_released_is_released_in_the_case(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(line("A", 1))
    await waiting(system, 1)
    await system.clock.advance(5)
    await system.ask("groups", what="release", key="A", why="month end")
    await system.arrived(1)
    made = await case(system, 0)
    assert made["then"][0]["release"] == {"aggregator": "A"}
    await system.stop()


async def test_a_delayed_message_makes_a_case_that_waits(tmp_path: Path) -> None:
    system = await started(tmp_path, STEPS.replace("STEP", "delayer: 15m"))
    system.put(line("A", 1))
    await waiting(system, 1)
    await system.clock.advance(900)
    await system.arrived(1)
    made = await case(system, 0)
    assert [set(one) for one in made["then"]] == [{"at", "expect"}]
    await system.stop()


async def refused(system: System, which: int) -> str:
    messages = await shown(system)
    one = list(messages.values())[which]
    with pytest.raises(DataError) as raised:
        await case_through(one, gathered_with(one, messages.get), system.root, "dev")
    await system.stop()
    return str(raised.value)


async def test_a_group_that_waits_makes_no_case_yet(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(line("A", 1))
    await waiting(system, 1)
    assert "what became of it there is not known from here" in await refused(system, 0)
    await system.start()
    await waiting(system, 1)
    assert "its group has not ended" in await refused(system, 1)


async def test_a_case_that_would_not_hold_is_refused_with_what_differs(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(line("A", 1), line("A", 2))
    await system.arrived(1)
    (tmp_path / "flows/totals.yaml").write_text(FLOW.replace("into: lines", "into: lines, sort: 0 - n"))
    told = await refused(system, 0)
    assert "a case does not bring out what was recorded: out: recorded" in told


CONNECTIONS = {"connections.yaml": "stock: {kind: sql, address: 'sqlite:///stock.db'}\n"}
ASKS = "{connection: stock, parameters: {order: ORDER}, ask: {query: QUERY}}"
PRICE = ASKS.replace("QUERY", "'SELECT price FROM prices WHERE sku = :order'")
REFUSED = PRICE.replace("order:", "refused:").replace(":order", ":refused")
SCATTER = f"scatter_gather: {{branches: {{near: {PRICE}, far: {REFUSED}}}, into: x, timeout: 60s, incomplete: release}}"
SAGA = (
    f"process_manager: {{correlate: order, calls: {{reserve: {PRICE}, free: {PRICE}, ship: {REFUSED}}}, steps: ["
    "{name: reserve, call: reserve, compensate: free}, {name: ship, call: ship}]}"
)


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database takes offence at what is asked as ``refused``."""
    real = SqlRequester.ask

    async def ask(self: SqlRequester, batch: Sequence[Request]) -> Sequence[Any]:
        answers = await real(self, batch)
        return [
            ContractError("too heavy") if "refused" in r.parameters else a for r, a in zip(batch, answers, strict=True)
        ]

    monkeypatch.setattr(SqlRequester, "ask", ask)


async def priced(root: Path, step: str, order: str) -> System:
    with apsw.Connection(str(root / "stock.db")) as database:
        database.execute("CREATE TABLE prices (sku TEXT, price TEXT); INSERT INTO prices VALUES ('A', '1'), ('B', '2')")
    return await started(root, STEPS.replace("STEP", step.replace("ORDER", order)), **CONNECTIONS)


@pytest.mark.usefixtures("refusing")
@pytest.mark.parametrize("which", [0, 1])
async def test_answers_and_refusals_of_systems_a_boundary_asked_are_in_the_case(tmp_path: Path, which: int) -> None:
    system = await priced(tmp_path, SCATTER, "order")
    system.put(line("A", 1), line("B", 1))
    await system.arrived(2)
    made = await case(system, which)
    near, far = made["effects"]["scatter_gather/near"], made["effects"]["scatter_gather/far"]
    assert [one["answer"] for one in near] == [{"price": "AB12"["AB".index(one["when"]["order"]) + 2]} for one in near]
    assert all("too heavy" in one["error"] and one["error_class"] == "contract" for one in far)
    await system.stop()


@pytest.mark.usefixtures("refusing")
async def test_what_a_process_asked_and_undid_is_in_the_case_and_told_of_its_first_message(tmp_path: Path) -> None:
    system = await priced(tmp_path, SAGA, "process")
    system.put(line("A", 1))
    await system.arrived(1)
    made = await case(system, 0)
    assert set(made["effects"]) == {f"process_manager/{call}" for call in ("reserve", "free", "ship")}
    [asked] = [m["boundary"]["asked"] for m in (await shown(system)).values() if m.get("boundary", {}).get("asked")]
    assert [one["name"].split()[-1] for one in asked] == ["reserve", "ship", "reserve"]
    assert "failed" in asked[1] and asked[0]["request"] == {"order": "A"}
    await system.stop()


@pytest.mark.usefixtures("refusing")
async def test_a_replay_asks_anew_and_is_told_nothing_of_what_was_answered_before(tmp_path: Path) -> None:
    system = await priced(tmp_path, SCATTER, "order")
    system.put(line("A", 1))
    await system.arrived(1)
    [root] = [m for m in (await shown(system)).values() if "boundary" in m and m["boundary"]["role"] == "original"]
    await system.ask("replay", id=root["message"]["id"])
    await system.arrived(2)
    counts = [len(m["boundary"]["asked"]) for m in (await shown(system)).values() if m.get("boundary", {}).get("asked")]
    assert counts == [2, 2]
    await system.stop()


async def test_more_messages_than_a_case_can_hold_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waypost.testing.cases.recorded_group.MOST", 4)
    system = await started(tmp_path)
    system.put(line("A", 1), line("A", 2))
    await system.arrived(1)
    assert "more than 4 messages belong to it" in await refused(system, 0)
