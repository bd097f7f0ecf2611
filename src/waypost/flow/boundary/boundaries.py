"""All boundaries of one worker, and the clock that fires their timers."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from waypost.core.clock import MICROSECONDS, sleep_unless
from waypost.flow.batch.load import BATCH, Load, Placed
from waypost.flow.boundary.boundary import Boundary
from waypost.flow.boundary.group import TimerOf
from waypost.store.record import AnyRecord

if TYPE_CHECKING:
    from waypost.flow.batch.compiled import CompiledFlow
    from waypost.flow.sharing.host import Host

LONGEST_SECONDS = 600.0
"""The clock of the machine may be set; after that long it is looked at again."""


class Boundaries:
    """Boundaries by (flow, step) of the current version."""

    def __init__(self, host: Host, flows: Sequence[CompiledFlow]) -> None:
        self._host = host
        self.of: dict[tuple[str, str], Boundary] = {
            (flow.name, step.name): Boundary(host, flow, step) for flow in flows for step in flow.steps if step.boundary
        }
        self._due: list[tuple[int, int, TimerOf]] = []
        self._ticket = 0
        self._wake = asyncio.Event()
        for boundary in self.of.values():
            boundary.on_timers = self._set

    def __iter__(self) -> Iterator[Boundary]:
        return iter(self.of.values())

    def find(self, flow: str, target: str) -> Boundary | None:
        """The boundary one of whose two targets has this name."""
        return next((b for (of, step), b in self.of.items() if of == flow and target in (step, b.target)), None)

    async def take(self, load: Load, extra: Sequence[AnyRecord]) -> asyncio.Future[Placed]:
        """Accept members."""
        return await self.of[load.flow, load.stage.partition(" ")[2]].take(load, extra)

    def begin(self) -> None:
        """After recovery: what waits is compared with what is remembered, and timers run."""
        if not self.of:
            return
        for boundary in self.of.values():
            self._host.lane(boundary.flow, boundary.target)
            for timer, due in boundary.begin(standing=self._host.standing):
                self._set(timer, due)
        if not self._host.standing:
            self._host.spawn(self._watch())

    def _set(self, timer: TimerOf, due: int) -> None:
        self._ticket += 1
        heapq.heappush(self._due, (due, self._ticket, timer))
        if self._due[0][1] == self._ticket:
            self._wake.set()

    async def _watch(self) -> None:
        """Fire timers as they fall due; what fell due while nothing ran fires at once."""
        while True:
            self._wake.clear()
            now = self._host.clock.now()
            if not self._due or self._due[0][0] > now:
                left = (self._due[0][0] - now) / MICROSECONDS if self._due else LONGEST_SECONDS
                await sleep_unless(self._host.clock, min(left, LONGEST_SECONDS), self._wake)
                continue
            fired: dict[tuple[str, str], list[TimerOf]] = {}
            while self._due and self._due[0][0] <= now and sum(map(len, fired.values())) < BATCH:
                _, _, timer = heapq.heappop(self._due)
                fired.setdefault((timer.flow, timer.step), []).append(timer)
            for at, timers in fired.items():
                await self.of[at].due(timers)

    @property
    def count(self) -> int:
        """How many members wait in all."""
        return sum(boundary.count for boundary in self.of.values())

    @property
    def overdue(self) -> bool:
        """A timer's time has come and it has not fired yet."""
        return bool(self._due) and self._due[0][0] <= self._host.clock.now()
