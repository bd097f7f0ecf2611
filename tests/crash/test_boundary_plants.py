"""Bugs put into boundaries on purpose are found by the kit that every step that combines messages passes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conformance.test_aggregator import TestAggregator as Suite
from waypost.flow.boundary.boundary import Boundary
from waypost.flow.boundary.entries import Entries
from waypost.store.record import StepState, TimerDone, TimerSet

case = type("Case", (Suite,), {"__test__": False})()


@pytest.fixture
def place() -> Iterator[Path]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


async def found(place: Path) -> bool:
    """Whether the suite of the aggregator finds what is planted."""
    try:
        await case.test_the_script_brings_out_what_is_expected_and_leaves_nothing(place / "plain")
        for durable in (False, True):
            await case.test_a_death_at_any_commit_changes_nothing(place / f"death-{durable}", durable)
        await case.test_a_start_anew_and_other_workers_between_any_two_events_change_nothing(place / "anew")
    except Exception:  # noqa: BLE001 - a plant may show as anything
        return True
    return False


async def test_without_a_plant_nothing_is_found(place: Path) -> None:
    assert not await found(place)


async def test_a_timer_that_is_done_without_what_it_caused_is_found(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is journaled before the release is."""
    real = Boundary.due

    async def due(self: Boundary, timers: Any) -> None:
        known = {timer.key: self.held(timer.key) for timer in timers}
        records: list[Any] = [TimerDone(timer.name) for timer in timers]
        for held in known.values():
            bare = msgspec.structs.replace(held, timers={})
            records.append(StepState(self.flow.name, self.name, held.name, bare.packed()))
        await self.host.shard.append(records)
        self.held = lambda key: known[key]  # type: ignore[method-assign]
        await real(self, timers)
        del self.held  # type: ignore[method-assign]

    monkeypatch.setattr(Boundary, "due", due)
    assert await found(place)


async def test_a_group_whose_members_are_not_ended_with_its_release_is_found(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a death they would be released a second time."""
    monkeypatch.setattr(Entries, "_delivered", lambda self, *given: [])
    assert await found(place)


async def test_a_member_told_apart_by_nothing_is_found(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sender hears nothing of it in the same commit, and sends it again."""
    real = Boundary.take

    async def take(self: Boundary, load: Any, extra: Any) -> Any:
        placed = await real(self, load, ())
        await placed
        await self.host.shard.append(list(extra))
        return placed

    monkeypatch.setattr(Boundary, "take", take)
    assert await found(place)


async def test_a_timer_that_is_not_journaled_is_found(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Entries.remembered

    def remembered(self: Entries, held: Any) -> Any:
        held = msgspec.structs.replace(held, timers={})
        return [record for record in real(self, held) if not isinstance(record, TimerSet)]

    monkeypatch.setattr(Entries, "remembered", remembered)
    assert await found(place)
