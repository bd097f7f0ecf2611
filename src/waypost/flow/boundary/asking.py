"""What a boundary asks outside systems, after the commit of the turn that wants to know it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from waypost.core.boundary import Ask
from waypost.core.clock import MICROSECONDS
from waypost.core.component import Requester
from waypost.core.errors import EndpointError, WaypostError
from waypost.core.event import EndpointLost
from waypost.flow.batch.compiled import CompiledFlow
from waypost.flow.batch.effects import pack_answer, unpack_answer
from waypost.flow.delivery.circuit import backoff
from waypost.flow.member.envelope import branch_of

if TYPE_CHECKING:
    from waypost.flow.sharing.host import Host

AT_ONCE = 64
"""Questions of one boundary under way at a time; the others wait their turn."""


class Asker(Protocol):
    """The boundary that asks."""

    host: Host
    flow: CompiledFlow
    name: str
    step: Any

    async def open_asks(self, key: str) -> Sequence[Ask]:
        """What a group has asked and has no answer to; nothing for one that has gone."""
        ...

    async def answered(self, key: str, ask: Ask, answer: Any, seconds: float) -> None:
        """What was asked is answered after so long; durable on return."""
        ...


class Asking:
    """Asks, and asks again while a system is away, until the group no longer wants to know. The answer is journaled
    with what follows from it; a process that dies before that asks again."""

    def __init__(self, boundary: Asker) -> None:
        self._boundary, self._window = boundary, asyncio.Semaphore(AT_ONCE)

    def ask(self, asks: Sequence[tuple[str, Ask]]) -> None:
        """Send questions, each for the group of its key."""
        for key, ask in asks:
            self._boundary.host.spawn(self._one(key, ask))

    async def again(self, keys: Sequence[str]) -> None:
        """After a start: what was asked and not answered."""
        for key in keys:
            self.ask([(key, ask) for ask in await self._boundary.open_asks(key)])

    async def _one(self, key: str, ask: Ask) -> None:
        host, failures = self._boundary.host, 0
        async with self._window:
            begun = host.clock.now()
            while True:
                try:
                    answer: Any = await self._answer(ask)
                    break
                except EndpointError as error:
                    failures += 1
                    if failures == 1:
                        host.events.emit(EndpointLost(endpoint=self._place(ask), cause=str(error)))
                    await host.clock.sleep(backoff(failures, 0.2, 30.0, host.random))
                    if ask.name not in [one.name for one in await self._boundary.open_asks(key)]:
                        return
        await self._boundary.answered(key, ask, answer, (host.clock.now() - begun) / MICROSECONDS)

    async def _answer(self, ask: Ask) -> Any:
        flow = self._boundary.flow
        _, requesters = self._boundary.host.version_of(flow.version, flow.name)
        requester: Requester = requesters[branch_of(self._boundary.name, ask.to)]
        await requester.open()
        [answer] = await requester.ask([ask.request])
        return answer if isinstance(answer, WaypostError) else unpack_answer(pack_answer(answer))

    def _place(self, ask: Ask) -> str:
        return f"{self._boundary.flow.name}/{self._boundary.name}: branch {ask.to}"
