"""A simulator of a trading partner's X12 system behind an SFTP server: it answers what arrives in its folder by 997."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from waypost.core.clock import Clock, SystemClock
from waypost.testing.simulators.edi_desk import Desk, Fault, Row
from waypost.testing.simulators.partner import PartnerSimulator

LOOK_SECONDS = 0.1


class X12System:
    """Looks into ``partner``'s inbound folder, books each interchange, and puts its 997 where it is fetched.

    ``judge`` says what of a set it does not accept.
    """

    def __init__(
        self, partner: PartnerSimulator, judge: Callable[[str, Sequence[Row]], Fault | None] | None = None,
        clock: Clock | None = None,
    ) -> None:  # fmt: skip
        self.partner, self.desk = partner, Desk(judge)
        self._clock = clock or SystemClock()
        self._done: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Work until closed."""
        self._task = asyncio.ensure_future(self._work())

    async def close(self) -> None:
        """Stop working."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def work(self) -> None:
        """One look."""
        for name, content in self.partner.received().items():
            if name not in self._done:
                self._done.add(name)
                _, answer = self.desk.take(content)
                if answer:
                    self.partner.drop(f"997-{len(self._done):03}.edi", answer)

    async def _work(self) -> None:
        while True:
            self.work()
            await self._clock.sleep(LOOK_SECONDS)


def longest_article(length: int) -> Callable[[str, Sequence[Row]], Fault | None]:
    """A rule of a partner that nobody told us: article numbers in invoices have at most so many characters."""

    def judge(set_id: str, rows: Sequence[Row]) -> Fault | None:
        for position, row in enumerate(rows, 1):
            if set_id == "810" and row[0] == "IT1" and len(row[7]) > length:
                return Fault("IT1", position, 7, "5", row[7])
        return None

    return judge
