"""Time and chance, injected: nothing else in Waypost reads a clock or draws a number."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

MICROSECONDS = 1_000_000


class Clock(Protocol):
    """Wall time, monotonic time and waiting."""

    def now(self) -> int:
        """UTC microseconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds`` of monotonic time."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that moves only when told; sleepers wake in order of their time, never early."""

    def __init__(self, start: int = 1_700_000_000 * MICROSECONDS) -> None:
        self._now = start
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._ticket = itertools.count()

    def now(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return self._now / MICROSECONDS

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self._now + math.ceil(seconds * MICROSECONDS)
        heapq.heappush(self._sleepers, (due, next(self._ticket), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move ``seconds`` on, waking every sleeper on the way at its own time."""
        await self.advance_to(self._now + int(seconds * MICROSECONDS))

    async def advance_to(self, until: int) -> None:
        """The same, up to a moment."""
        while self._sleepers and self._sleepers[0][0] <= until:
            due, _, future = heapq.heappop(self._sleepers)
            self._now = max(self._now, due)
            if not future.done():
                future.set_result(None)
            for _ in range(5):
                await asyncio.sleep(0)
        self._now = until


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_text(microseconds: int) -> str:
    """UTC in ISO 8601.

    >>> moment_text(1_768_478_400_000_000)
    '2026-01-15T12:00:00.000000Z'
    """
    return (_EPOCH + timedelta(microseconds=microseconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Random(Protocol):
    """Chance, as far as Waypost needs it."""

    def bits(self, count: int) -> int: ...

    def uniform(self, low: float, high: float) -> float: ...


class SystemRandom:
    """Chance from the operating system."""

    def __init__(self) -> None:
        self._source = random.SystemRandom()

    def bits(self, count: int) -> int:
        return self._source.getrandbits(count)

    def uniform(self, low: float, high: float) -> float:
        return self._source.uniform(low, high)


class SeededRandom:
    """Chance that repeats: the same seed gives the same run."""

    def __init__(self, seed: int) -> None:
        self._source = random.Random(seed)

    def bits(self, count: int) -> int:
        return self._source.getrandbits(count)

    def uniform(self, low: float, high: float) -> float:
        return self._source.uniform(low, high)


Now = Callable[[], int]


async def sleep_unless(clock: Clock, seconds: float, event: asyncio.Event) -> None:
    """Return after ``seconds``, or as soon as ``event`` is set."""
    sleeping, waiting = asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((sleeping, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleeping.cancel()
        waiting.cancel()
