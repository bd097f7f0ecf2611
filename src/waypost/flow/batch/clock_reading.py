"""Answers steps that ask for the time: a reading of the clock is an effect like any other answer of the outside."""

from __future__ import annotations

from collections.abc import Sequence

from waypost.core.clock import Clock, moment_text
from waypost.core.component import Request


class ClockReading:
    """A ``Requester`` that answers every request with the time, in ISO 8601."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def open(self) -> None:
        """A clock is always there."""

    async def ask(self, batch: Sequence[Request]) -> Sequence[str]:
        return [moment_text(self._clock.now())] * len(batch)

    async def close(self) -> None:
        """Nothing to close."""
