"""The scatter-gather keeps what every step that combines messages must, and asks nobody who has answered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from waypost.core.component import Request
from waypost.core.errors import ContractError, EndpointUnavailable
from waypost.flow.running import engine as engine_module
from waypost.testing.boundary_bench import Bench
from waypost.testing.boundary_kit import BoundaryConformance, played
from waypost.testing.boundary_system import Mortal

COVERS = {("step", "scatter_gather")}


class Carrier:
    """Answers with a price; one that is away says so every time."""

    def __init__(self, price: int, *, away: bool = False) -> None:
        self.price, self.away, self.asked = price, away, list[Any]()

    async def open(self) -> None:
        if self.away:
            raise EndpointUnavailable("nobody is there")

    async def ask(self, batch: Sequence[Request]) -> Sequence[Any]:
        self.asked += [dict(request.parameters) for request in batch]
        return [{"price": self.price * int(request.parameters["kg"])} for request in batch]

    async def close(self) -> None:
        """Nothing to close."""


class TestScatterGather(BoundaryConformance):
    step = "scatter_gather"
    options = (
        "{into: offers, timeout: 5s, quorum: 2, incomplete: release, branches: {"
        "swift: {connection: carriers, ask: {query: 'SELECT :kg'}, parameters: {kg: kg}, take: price}, "
        "slow: {connection: carriers, ask: {query: 'SELECT :kg'}, parameters: {kg: kg}, when: kg > 1}, "
        "away: {connection: carriers, ask: {query: 'SELECT :kg'}, parameters: {kg: kg}}}}"
    )
    files = {"connections.yaml": "carriers: {kind: sql, address: 'sqlite:carriers.db'}\n"}  # noqa: RUF012
    script = ({"kg": 3}, {"kg": 1}, 6)
    expected = ({"kg": 3, "offers": {"swift": 6, "slow": {"price": 15}}}, {"kg": 1, "offers": {"swift": 2}})

    def came_out(self, system: Any) -> Any:
        found = [msgspec.json.decode(body) for body in system.out]
        return sorted(msgspec.json.encode(document, order="sorted") for document in found)

    async def test_the_script_brings_out_what_is_expected_and_leaves_nothing(self, place: Path) -> None:
        system = await played(place, self.project, self.script, Mortal())
        assert self.came_out(system) == sorted(msgspec.json.encode(d, order="sorted") for d in self.expected)
        assert system.boundary("kit", "the-step").count == 0
        await system.stop()

    @pytest.fixture(autouse=True)
    def carriers(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Carrier]:
        made = {"the-step/swift": Carrier(2), "the-step/slow": Carrier(5), "the-step/away": Carrier(1, away=True)}
        monkeypatch.setattr(engine_module, "requesters_of", lambda flow, project, around: made)
        return made


class TestAnswers:
    """What counts as an answer, on the bench."""

    @pytest.fixture
    def bench(self) -> Bench:
        from waypost.testing.step_kit import build_step

        options = TestScatterGather.options.replace("incomplete: release", "incomplete: fail")
        return Bench(build_step("scatter_gather", options, {}))

    async def test_enough_answers_let_the_message_go_and_later_ones_change_nothing(self, bench: Bench) -> None:
        await bench.put({"kg": 2})
        [key] = bench.groups
        await bench.answer(key, "swift", {"price": 4})
        await bench.answer(key, "away", None)
        assert bench.made == [{"kg": 2, "offers": {"swift": 4, "away": None}}]
        await bench.answer(key, "slow", {"price": 9})
        assert (bench.groups, bench.remembered, len(bench.made)) == ([], [], 1)

    async def test_refusals_that_leave_too_few_end_the_message_at_once(self, bench: Bench) -> None:
        await bench.put({"kg": 2})
        [key] = bench.groups
        await bench.answer(key, "swift", ContractError("too heavy"))
        await bench.answer(key, "slow", ContractError("too slow"))
        [freed] = bench.released
        assert "too few can answer" in freed.error
        assert "swift (too heavy)" in freed.error

    async def test_only_those_who_have_not_answered_are_asked_again(self, bench: Bench) -> None:
        await bench.put({"kg": 2})
        [key] = bench.groups
        await bench.answer(key, "swift", {"price": 4})
        assert {ask.name for of, ask in bench.asked if of == key} == {"slow", "away"}
