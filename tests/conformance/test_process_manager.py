"""The process manager keeps what every step that combines messages must, and undoes what it did in reverse order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from waypost.core.component import Dropped, Failed, Request
from waypost.core.errors import ContractError
from waypost.flow.running import engine as engine_module
from waypost.testing.boundary_bench import Bench
from waypost.testing.boundary_kit import BoundaryConformance
from waypost.testing.step_kit import build_step

COVERS = {("step", "process_manager")}

CALL = "{connection: sales, ask: {query: 'SELECT :id'}, parameters: {id: process}}"
OPTIONS = (
    "{correlate: order, start: kind == 'order', remember: 60s, calls: {"
    f"reserve: {CALL}, free: {CALL}, pay: {CALL}, refund: {CALL}, ship: {CALL}}}, steps: ["
    "{name: reserve, call: reserve, compensate: free}, "
    "{name: pay, call: pay, compensate: refund, on: kind == 'paid', fail_on: kind == 'refused', timeout: 10s}, "
    "{name: ship, call: ship}]}"
)


class Sales:
    """Takes every call and keeps a book of it; ``ship`` refuses what is too heavy."""

    def __init__(self, name: str, book: list[tuple[str, str]]) -> None:
        self.name, self.book = name, book

    async def open(self) -> None:
        """Nothing to make ready."""

    async def ask(self, batch: Sequence[Request]) -> Sequence[Any]:
        self.book += [(self.name, request.parameters["id"]) for request in batch]
        return [
            ContractError("too heavy") if (self.name, r.parameters["id"]) == ("ship", "heavy") else {"ok": self.name}
            for r in batch
        ]

    async def close(self) -> None:
        """Nothing to close."""


class TestProcessManager(BoundaryConformance):
    step, options = "process_manager", OPTIONS
    files = {"connections.yaml": "sales: {kind: sql, address: 'sqlite:sales.db'}\n"}  # noqa: RUF012
    script = (
        [{"kind": "order", "order": "light"}, {"kind": "order", "order": "heavy"}, {"kind": "order", "order": "late"}],
        [{"kind": "paid", "order": "light"}, {"kind": "paid", "order": "heavy"}],
        12,
    )
    _pay = {"kind": "paid"}  # noqa: RUF012
    expected = (
        {
            "kind": "order", "order": "light",
            "process": {
                "key": "light", "status": "completed", "failure": None,
                "answers": {"reserve": {"ok": "reserve"}, "pay": {"kind": "paid", "order": "light"},
                            "ship": {"ok": "ship"}},
            },
        },
        {
            "kind": "order", "order": "heavy",
            "process": {
                "key": "heavy", "status": "compensated", "failure": "ship: too heavy",
                "answers": {"reserve": {"ok": "reserve"}, "pay": {"kind": "paid", "order": "heavy"}},
            },
        },
        {
            "kind": "order", "order": "late",
            "process": {
                "key": "late", "status": "compensated", "failure": "pay: its time is over",
                "answers": {"reserve": {"ok": "reserve"}, "pay": {"ok": "pay"}},
            },
        },
    )  # fmt: skip

    def came_out(self, system: Any) -> Any:
        found = [msgspec.json.decode(body) for body in system.out]
        return sorted(msgspec.json.encode(document, order="sorted") for document in found)

    async def test_the_script_brings_out_what_is_expected_and_leaves_nothing(self, place: Path) -> None:
        from waypost.testing.boundary_kit import played
        from waypost.testing.boundary_system import Mortal

        system = await played(place, self.project, self.script, Mortal())
        assert self.came_out(system) == sorted(msgspec.json.encode(d, order="sorted") for d in self.expected)
        assert system.boundary("kit", "the-step").count == 0
        await system.stop()
        heavy = [name for name, order in self.book if order == "heavy"]
        assert heavy == ["reserve", "pay", "ship", "refund", "free"]

    @pytest.fixture(autouse=True)
    def sales(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.book: list[tuple[str, str]] = []
        made = {f"the-step/{name}": Sales(name, self.book) for name in ("reserve", "free", "pay", "refund", "ship")}
        monkeypatch.setattr(engine_module, "requesters_of", lambda flow, project, around: made)


class TestSteps:
    """What a process does with events and answers, on the bench."""

    @pytest.fixture
    async def bench(self) -> Bench:
        bench = Bench(build_step("process_manager", OPTIONS, {}))
        await bench.put({"kind": "order", "order": "A"})
        return bench

    def calls(self, bench: Bench) -> list[str]:
        return [ask.to for _, ask in bench.asked]

    async def test_a_message_that_comes_before_the_answer_to_its_call_counts(self, bench: Bench) -> None:
        await bench.answer("A", "reserve", {})
        await bench.put({"kind": "paid", "order": "A"})
        assert self.calls(bench) == ["pay"]
        await bench.answer("A", "pay", {})
        assert self.calls(bench) == ["ship"]

    async def test_a_message_that_fails_a_step_has_its_call_undone_too(self, bench: Bench) -> None:
        await bench.answer("A", "reserve", {})
        await bench.answer("A", "pay", {})
        await bench.put({"kind": "refused", "order": "A"})
        assert self.calls(bench) == ["refund"]
        await bench.answer("A", "undo pay", {})
        assert self.calls(bench) == ["free"]
        await bench.answer("A", "undo reserve", {})
        [made] = bench.made
        assert (made["process"]["status"], made["process"]["failure"]) == ("compensated", "pay: a message failed it")

    async def test_a_refused_call_is_not_undone(self, bench: Bench) -> None:
        await bench.answer("A", "reserve", ContractError("sold out"))
        assert self.calls(bench) == []
        assert bench.made[0]["process"]["failure"] == "reserve: sold out"

    async def test_what_cannot_be_undone_is_said_and_the_rest_is_undone(self, bench: Bench) -> None:
        await bench.answer("A", "reserve", {})
        await bench.advance(11)
        assert self.calls(bench) == ["pay", "refund"]
        await bench.answer("A", "undo pay", ContractError("no such payment"))
        await bench.answer("A", "undo reserve", {})
        [made] = bench.made
        assert made["process"]["status"] == "compensation failed"
        assert "pay could not be undone: no such payment" in made["process"]["failure"]

    async def test_a_late_answer_to_a_call_given_up_changes_nothing(self, bench: Bench) -> None:
        await bench.answer("A", "reserve", {})
        await bench.advance(11)
        await bench.answer("A", "pay", {})
        assert "refund" in self.calls(bench) and bench.made == []

    async def test_messages_no_process_and_no_step_waits_for_are_dead_letters_and_late_ones_end(
        self, bench: Bench
    ) -> None:
        await bench.put({"kind": "paid", "order": "B"}, {"kind": "paid", "order": "A"})
        assert [type(fate) for _, fate in bench.ended] == [Failed, Failed]
        await bench.force("A", "release")
        await bench.put({"kind": "paid", "order": "A"})
        assert isinstance(bench.ended[-1][1], Dropped)
        await bench.advance(61)
        assert bench.remembered == []
