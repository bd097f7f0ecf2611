"""The journal's writer thread: everything that waits goes into the next commit (group commit).

The event loop queues appends and goes on; the thread takes all there is, writes and syncs it once, and hands the whole
group back to the loop in one call.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence

import msgspec

from waypost.core.errors import StoreFull
from waypost.store.commit import Committed, Committer, Limits, weight
from waypost.store.frame import Packed
from waypost.store.record import (
    AnyRecord,
    ArrivalDisposed,
    Closed,
    Commanded,
    Decided,
    Delivered,
    DeliveryFailed,
    Opened,
    OutboundBody,
)
from waypost.store.turn import turns

OUTCOMES = (Delivered, DeliveryFailed, OutboundBody, Decided, ArrivalDisposed, Commanded, Opened, Closed)
"""What may still be written when nothing more is accepted: it depends on nothing in the same commit."""

LIGHT_BYTES = 64 << 10
"""A commit of less than this tells of a light load."""

MOST_APPENDS = 1000
"""One system call writes at most 1024 buffers."""


class Append(msgspec.Struct, eq=False):
    """Records that become durable together. ``epoch`` tells whether the loop knew of the last refusal."""

    records: Sequence[AnyRecord]
    future: asyncio.Future[None] | None
    epoch: int = 0
    packed: Packed | None = None
    """The records made ready, where that was quick; else the writer's thread does it."""

    @property
    def content(self) -> Packed | Sequence[AnyRecord]:
        return self.packed or self.records

    @property
    def is_outcome(self) -> bool:
        return all(isinstance(record, OUTCOMES) for record in self.records)


class Done(msgspec.Struct, eq=False):
    """What became of some appends: committed, or none of them and why."""

    appends: list[Append]
    committed: Committed | None = None
    fault: BaseException | None = None
    epoch: int = 0


class Writer:
    """Queues appends for a thread of its own. Every method is for the event loop's thread."""

    def __init__(self, committer: Committer, limits: Limits, report: Callable[[Done], None]) -> None:
        """``report`` is called on the running loop, once for each group and in order."""
        self._committer, self._limits, self._report = committer, limits, report
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[Append | None] = queue.SimpleQueue()
        self._epoch = 0
        self._thread = threading.Thread(target=self._run, name="waypost-journal", daemon=True)
        turns.load(light=True)
        self._thread.start()

    def put(self, append: Append) -> None:
        """Have records committed after everything put before."""
        self._queue.put(append)

    def stop(self) -> None:
        """Return once everything put before is committed or refused, and reported or about to be. Blocks."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group, more, size = self._gather(first)
            turns.load(light=size < LIGHT_BYTES)
            for done in self._commit(group):
                self._loop.call_soon_threadsafe(self._report, done)
            if not more:
                return

    def _gather(self, first: Append) -> tuple[list[Append], bool, int]:
        """What waits, whether more will come, and about how many bytes it is."""
        group, size = [first], weight(first.content)
        while size < self._limits.group_bytes and len(group) < MOST_APPENDS:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                return group, False, size
            group.append(following)
            size += weight(following.content)
        return group, True, size

    def _commit(self, group: list[Append]) -> list[Done]:
        stale = [append for append in group if append.epoch != self._epoch and not append.is_outcome]
        if not stale:
            return self._try(group)
        refused = Done(stale, fault=_behind_a_refusal(), epoch=self._epoch)
        fresh = [append for append in group if append not in stale]
        return [*self._try(fresh), refused] if fresh else [refused]

    def _try(self, group: list[Append]) -> list[Done]:
        try:
            committed = self._committer.commit([append.content for append in group])
        except StoreFull as full:
            return self._try_outcomes(group, full)
        except Exception as fault:  # noqa: BLE001 - every waiting append gets it, and the loop decides
            self._epoch += 1
            return [Done(group, fault=fault, epoch=self._epoch)]
        return [Done(group, committed, epoch=self._epoch)]

    def _try_outcomes(self, group: list[Append], full: StoreFull) -> list[Done]:
        self._epoch += 1
        outcomes = [append for append in group if append.is_outcome]
        refused = [append for append in group if not append.is_outcome]
        done = [Done(refused, fault=full, epoch=self._epoch)] if refused else []
        if not outcomes:
            return done
        try:
            committed = self._committer.commit([append.content for append in outcomes])
        except Exception as fault:  # noqa: BLE001 - as above
            return [Done(outcomes, fault=fault, epoch=self._epoch), *done]
        return [Done(outcomes, committed, epoch=self._epoch), *done]


def _behind_a_refusal() -> StoreFull:
    return StoreFull(
        "an earlier append was refused while this one waited",
        where="journal",
        expected="appends in order",
        remedy="append again, in order, what was refused",
    )
