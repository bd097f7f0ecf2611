"""The explorer finds a boundary whose commits are not whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from waypost.flow.boundary.boundary import Boundary
from waypost.flow.boundary.entries import Entries
from waypost.testing.crash.explore import Findings, explore
from waypost.testing.crash.recording import record
from waypost.testing.crash.workload import SCENES

SCENE = SCENES["combining"]


def explored(seed: int, *, every: int) -> Findings:
    recording = record("combining", SCENE.workload, seed=seed)
    return explore(recording, torn=1, seed=seed, every=every, stop_at=1, across=SCENE.across)


def test_whatever_a_crash_leaves_every_group_is_whole() -> None:
    found = explored(3, every=25)
    assert found.violations == []
    assert found.images > 40


def later(method: str) -> Any:
    """What a method of ``Entries`` says is committed a moment after the turn it belongs to."""
    real = getattr(Entries, method)

    def apart(self: Entries, *given: Any) -> Sequence[Any]:
        records = list(real(self, *given))

        async def append() -> None:
            await self.host.clock.sleep(0.01)
            await self.host.shard.append(records)

        if records:
            self.host.spawn(append())
        return []

    return apart


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("remembered", r"remembers \d+ members, and \d+ wait"),
        ("released", r"remembers \d+ members, and \d+ wait"),
        ("_delivered", "members wait though they were released|remembers"),
    ],
)
def test_a_state_committed_apart_from_what_it_says_is_found(
    monkeypatch: pytest.MonkeyPatch, method: str, told: str
) -> None:
    monkeypatch.setattr(Entries, method, later(method))
    [violation] = explored(1, every=5).violations
    assert re.search(told, str(violation)), violation


def test_a_member_whose_sender_hears_of_it_later_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Boundary.take

    async def take(self: Boundary, load: Any, extra: Any) -> Any:
        placed = await real(self, load, ())
        await placed
        await self.host.shard.append(list(extra))
        return placed

    monkeypatch.setattr(Boundary, "take", take)
    [violation] = explored(1, every=5).violations
    assert "are said to have joined groups" in str(violation)


def test_a_release_without_its_messages_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made is accepted in a commit of its own, after the release that names it."""
    real = Entries.accept_released

    def accept_released(self: Entries, made: Any, records: list[Any]) -> Any:
        own, shard = list[Any](), self.host.shard
        with monkeypatch.context() as numbers:
            numbers.setattr(shard, "next_seq", lambda: 0)
            told = real(self, made, own)

        async def append() -> None:
            await self.host.clock.sleep(0.01)
            await shard.append([msgspec.structs.replace(record, seq=shard.next_seq()) for record in own])

        if own:
            self.host.spawn(append())
        return [], told[1]

    monkeypatch.setattr(Entries, "accept_released", accept_released)
    [violation] = explored(1, every=5).violations
    assert "messages that are not there" in str(violation)
