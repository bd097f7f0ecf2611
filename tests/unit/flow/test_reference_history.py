"""The versions of a reference table: at hand or made anew, one by one or many at once, they are the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from waypost.core.clock import ManualClock
from waypost.core.component import Request
from waypost.core.errors import BugError
from waypost.core.message import Message, id_at
from waypost.flow.batch.compiled import CompiledStep, Question
from waypost.flow.batch.effects import Claims, LiveEffects, unpack_answer
from waypost.flow.declared.reference_data import ReferenceData
from waypost.mapping.reference import Change, Column, Declaration, TableVersion
from waypost.mapping.reference_use import ReferenceTable

CARRIERS = Declaration(
    "carriers", "reference/carriers.yaml", "ops", "code",
    {"scac": Column("scac"), "days": Column("days", "whole", required=False)},
)  # fmt: skip
COUNT = 40


def read(name: str) -> bytes:
    raise LookupError(name)


@pytest.fixture
def changed(tmp_path: Path) -> tuple[Callable[[], ReferenceData], list[TableVersion]]:
    """Opens the table anew; and each version of it, made one by one."""
    writer, versions = ReferenceData(tmp_path, ManualClock()), [TableVersion()]
    for n in range(1, COUNT + 1):
        values = None if n % 7 == 0 else {"scac": f"S{n}", "days": str(n)}
        change = Change(f"K{n % 5}", values, n if n % 3 == 0 else 0, 50 if n % 4 == 0 else 0)
        writer.change(CARRIERS, [change], "ann", "", read)
        digest = writer.table("carriers").newest.digest
        versions.append(versions[-1].after(n, digest, [change]))
    return lambda: ReferenceData(tmp_path, ManualClock()), versions


@pytest.mark.parametrize("order", [range(1, COUNT + 1), range(COUNT, 0, -1), [20, 5, 39, 38, 7, 6, 1]])
def test_any_version_in_any_order_is_as_it_was_made(changed: tuple, order: list[int]) -> None:
    opened, versions = changed
    data = opened()
    for number in order:
        assert data.version("carriers", number, versions[number].digest) == versions[number]


def test_a_version_in_use_stays_while_many_changes_come(changed: tuple, tmp_path: Path) -> None:
    opened, versions = changed
    reader, writer = opened(), opened()
    held = reader.newest(CARRIERS, read)
    for n in range(COUNT):
        writer.change(CARRIERS, [Change("K1", {"scac": f"T{n}"}, 0, 0)], "ann", "", read)
    assert reader.newest(CARRIERS, read).row("K1", 60).values == {"scac": f"T{COUNT - 1}"}
    assert held == versions[COUNT]


@pytest.mark.parametrize("number", [-1, COUNT + 1])
def test_a_version_there_never_was_is_refused(changed: tuple, number: int) -> None:
    opened, _ = changed
    with pytest.raises(BugError, match=f"there is no version {number}, the newest is {COUNT}"):
        opened().version("carriers", number, "")


def test_a_value_is_that_of_its_time_and_typed_as_declared() -> None:
    rows = [Change("A", {"scac": "OLD", "days": "3"}, 0, 10), Change("A", {"scac": "", "days": ""}, 10, 0)]
    table = ReferenceTable(CARRIERS, read)
    table.version = TableVersion().after(1, "d", rows)
    assert [table.value("A", 9, name) for name in (None, "scac", "days", "code")] == [
        (True, "OLD"), (True, "OLD"), (True, 3), (True, "A"),
    ]  # fmt: skip
    assert [table.value("A", 10, name) for name in (None, "days")] == [(True, None), (True, None)]
    assert table.value("B", 9, None) == (False, None)


class _Answerer:
    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def ask(self, batch: list[Request]) -> list[dict[str, list[int]]]:
        return [{"carriers": [7]}] * len(batch)


@pytest.mark.parametrize("asks, shared", [("reference", True), ("requester", False)])
async def test_one_answer_to_many_is_recorded_for_each_and_shared_only_where_nobody_changes_it(
    asks: str, shared: bool
) -> None:
    effects = LiveEffects({"it": _Answerer()}, Claims(None, b"", lambda: 0))  # type: ignore[arg-type]
    request = Request(parameters={"reference": ["carriers"]})
    questions = [Question(at, 0, b"d" * 16, request, Message(id_at(0, at), None, 0)) for at in range(3)]
    answers = await effects.answers(CompiledStep("it", None, asks, "map", None), questions)
    assert answers == [{"carriers": [7]}] * 3
    assert [(at, unpack_answer(packed)) for at, *_, packed in effects.heard] == [(at, answers[0]) for at in range(3)]
    assert all(answer is answers[0] for answer in answers) is shared
