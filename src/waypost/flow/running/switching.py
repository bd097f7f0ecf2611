"""While one version takes the place of another, callers wait instead of being sent away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from typing import Any

from waypost.core.listener import Listener
from waypost.flow.running.intake import Intake

PATIENCE_SECONDS = 5.0
"""How long a switch waits for sources to have nothing in their hands, and for those of the new version to open."""


@contextlib.asynccontextmanager
async def callers_wait(listener: Any, intakes: Callable[[], Collection[Intake]]) -> AsyncIterator[None]:
    """Requests that come meanwhile wait at the listener. What cannot be offered again is taken to its end before, and
    afterwards the sources of the new version are open before callers are let in. ``intakes`` gives those there are."""
    with listener.hold() if isinstance(listener, Listener) else contextlib.nullcontext():
        old = [intake for intake in intakes() if not intake.traits.redelivers]
        for intake in old:
            intake.pause("another version takes over")
        await _all(intake.resting for intake in old)
        yield
        await _all(intake.opened for intake in intakes() if not intake.traits.redelivers and not intake.paused)


async def _all(events: Iterable[asyncio.Event]) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    if waits:
        _, late = await asyncio.wait(waits, timeout=PATIENCE_SECONDS)
        for wait in late:
            wait.cancel()
