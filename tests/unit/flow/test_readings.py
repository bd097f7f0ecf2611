"""A position says that all before it is here: nothing is accepted behind a part that was refused."""

from __future__ import annotations

import asyncio

import pytest

from waypost.core.errors import StoreFull
from waypost.flow.batch.load import Load
from waypost.flow.sharing.readings import Readings


def load(position: str, reading: int = 7) -> Load:
    return Load("orders", [b"x"], partition="in/a", position=position, reading=reading)


async def test_what_follows_a_refused_part_of_the_same_reading_is_refused() -> None:
    readings, commit = Readings(), asyncio.get_running_loop().create_future()
    readings.submitted(load("1"), commit)
    assert readings.refusal(load("2")) is None
    commit.set_exception(StoreFull("no room"))
    refused = readings.refusal(load("2"))
    assert refused is not None
    with pytest.raises(StoreFull):
        await refused
    assert readings.refusal(load("1", reading=8)) is None
    assert readings.floor("orders", "in/a") == ""


async def test_what_is_here_already_is_answered_once_it_is_durable() -> None:
    readings, commit = Readings(), asyncio.get_running_loop().create_future()
    readings.submitted(load("1"), commit)
    assert readings.floor("orders", "in/a") == "1"
    answer = readings.durable("orders", "in/a")
    await asyncio.sleep(0)
    assert not answer.done()
    commit.set_result(None)
    await answer
    assert readings.durable("orders", "in/a").done()
