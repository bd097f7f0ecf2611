"""Virtual time: what is due first happens first, whoever waits for it."""

from __future__ import annotations

from typing import Protocol

from waypost.core.clock import ManualClock


class Waiter(Protocol):
    """Something that waits for a time."""

    def next_due(self) -> int | None:
        """When (UTC µs) it wants to be called; None: not at all."""
        ...

    async def fire(self) -> None:
        """Its time has come. Afterwards it waits for a later one, for none, or for the same with less left to do."""
        ...


class Timeline:
    """One clock for all that wait. It stands still unless told to advance."""

    def __init__(self, now: int) -> None:
        self.clock = ManualClock(now)
        self._waiters: list[Waiter] = []

    @property
    def now(self) -> int:
        return self.clock.now()

    def join(self, waiter: Waiter) -> None:
        """Have it called when its time comes; of two at the same time the first that joined is first."""
        self._waiters.append(waiter)

    async def advance_to(self, until: int) -> None:
        """Let time pass; everything that falls due on the way happens at its own moment."""
        while True:
            due = [(moment, at) for at, one in enumerate(self._waiters) if (moment := one.next_due()) is not None]
            moment, at = min(due, default=(until + 1, 0))
            if moment > until:
                break
            await self.clock.advance_to(max(moment, self.now))
            await self._waiters[at].fire()
        await self.clock.advance_to(max(until, self.now))
