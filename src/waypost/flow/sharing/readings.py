"""Passes over partitions: how far each has come here, and that nothing is accepted behind a part that was refused.

A position says that everything before it is in the journal, so a load may only follow loads that are, or will be.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from waypost.core.errors import StoreFull
from waypost.flow.batch.load import Load, Placed

if TYPE_CHECKING:
    from collections.abc import Callable

_MANY = 256


class Readings:
    """The last load of every partition that is on its way to being durable."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[int, str, asyncio.Future[None]]] = {}

    def submitted(self, load: Load, commit: asyncio.Future[None]) -> None:
        """A load was appended."""
        if load.reading:
            self._last[load.flow, load.partition] = (load.reading, load.position, commit)
            if len(self._last) > _MANY:
                self._last = {at: last for at, last in self._last.items() if not _durable(last[2])}

    def floor(self, flow: str, partition: str) -> str:
        """Up to where a partition is here, or about to be, as far as the state does not know yet."""
        _, position, commit = self._last.get((flow, partition), (0, "", None))
        return "" if commit is None or _refused(commit) else position

    def refusal(self, load: Load) -> asyncio.Future[Placed] | None:
        """The answer to a load that comes after one of the same reading that was refused."""
        reading, _, commit = self._last.get((load.flow, load.partition), (0, "", None))
        if commit is None or reading != load.reading or not _refused(commit):
            return None
        refused: asyncio.Future[Placed] = asyncio.get_running_loop().create_future()
        refused.set_exception(StoreFull("an earlier part of it was refused", where=f"flow {load.flow}"))
        refused.exception()
        return refused

    def durable(self, flow: str, partition: str) -> asyncio.Future[Placed]:
        """Done once all that came of a partition so far is durable."""
        done: asyncio.Future[Placed] = asyncio.get_running_loop().create_future()
        _, _, commit = self._last.get((flow, partition), (0, "", None))

        def landed(commit: asyncio.Future[None]) -> None:
            if done.done():
                return
            if _refused(commit):
                done.set_exception(StoreFull("an earlier part of it was refused", where=f"flow {flow}"))
                done.exception()
            else:
                done.set_result(Placed(0, b""))

        if commit is None:
            done.set_result(Placed(0, b""))
        else:
            when_done(commit, landed)
        return done


def when_done(commit: asyncio.Future[None], call: Callable[[asyncio.Future[None]], None]) -> None:
    """Call at once when it is done, else when it will be."""
    if commit.done():
        call(commit)
    else:
        commit.add_done_callback(call)


def _durable(commit: asyncio.Future[None]) -> bool:
    return commit.done() and not _refused(commit)


def _refused(commit: asyncio.Future[None]) -> bool:
    return commit.done() and (commit.cancelled() or commit.exception() is not None)
