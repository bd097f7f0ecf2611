"""How much of a source may be on its way to being durable at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from waypost.flow.batch.load import Load
from waypost.flow.running.intake import WINDOW, WINDOW_BYTES, WINDOW_MESSAGES, Intake


class Engine:
    """Takes loads and has none of them durable until told."""

    def __init__(self) -> None:
        self.tickets: list[asyncio.Future[Any]] = []

    async def dispatch(self, flow: Any, load: Load, positions: Sequence[str]) -> asyncio.Future[Any]:
        self.tickets.append(asyncio.get_running_loop().create_future())
        return self.tickets[-1]


@pytest.mark.parametrize(
    "count, size, most",
    [(256, 10, WINDOW_MESSAGES // 256), (1, 1 << 20, WINDOW_BYTES >> 20), (1, 10, WINDOW), (5000, 10, 1)],
    ids=["messages", "bytes", "loads", "one that is too large"],
)
async def test_a_source_waits_when_enough_is_under_way_and_goes_on_when_some_of_it_is_durable(
    count: int, size: int, most: int
) -> None:
    engine, flow = Engine(), SimpleNamespace(definition=SimpleNamespace(source=SimpleNamespace(traits=None)))
    intake = Intake(engine, flow, None)  # type: ignore[arg-type]

    async def read() -> None:
        for _ in range(3 * WINDOW):
            await intake._hand(Load("flow", [b"x" * size] * count), ())

    reading = asyncio.ensure_future(read())
    await asyncio.sleep(0.01)
    assert len(engine.tickets) == most
    engine.tickets[0].set_result([])
    await asyncio.sleep(0.01)
    assert len(engine.tickets) == most + 1
    reading.cancel()
