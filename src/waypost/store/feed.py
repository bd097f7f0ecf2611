"""Feeds the search index in a thread of its own, behind the journal and never before it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

from waypost.store.commit import Limits
from waypost.store.derived import CommittedGroup, Derived
from waypost.store.record import Accepted


class IndexFeed:
    """Hands committed groups to a ``Derived`` and has it flushed. ``put`` is for one thread."""

    def __init__(
        self,
        index: Derived,
        missed: Iterator[CommittedGroup],
        limits: Limits,
        monotonic: Callable[[], float],
        report: Callable[[], None],
    ) -> None:
        """``missed`` is what the journal held when it was opened and the index had not; it is read in the feed's
        thread, before all that is ``put``. ``report`` is called there when ``awaited`` was set and messages were taken
        in, or when the index failed."""
        self._index, self._missed, self._limits = index, missed, limits
        self._monotonic, self._report = monotonic, report
        self.awaited = False
        self._queue: queue.SimpleQueue[CommittedGroup | None] = queue.SimpleQueue()
        self._put = self._taken = self._waiting = 0
        self._due = 0.0
        self.caught_up = threading.Event()
        """Set once what was missed is in the index, or never will be."""
        self.fault: Exception | None = None
        """Why the index takes nothing more in."""
        self._thread = threading.Thread(target=self._run, name="waypost-index", daemon=True)
        self._thread.start()

    @property
    def lag(self) -> int:
        """Messages that are committed and not yet in the index."""
        return self._put - self._taken

    def put(self, group: CommittedGroup) -> None:
        self._put += messages(group)
        self._queue.put(group)

    def stop(self) -> None:
        """Take in and flush what was put, then return. Blocks."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._feed()
        except Exception as fault:  # noqa: BLE001 - the shard learns of it and stops
            self.fault = fault
            self.caught_up.set()
            self._report()

    def _feed(self) -> None:
        for missed in self._missed:
            self._take(missed)
        self.caught_up.set()
        while (group := self._next()) is not None:
            self._take(group)
            self._taken += messages(group)
            if self.awaited:
                self._report()
        if self._waiting:
            self._flush()

    def _next(self) -> CommittedGroup | None:
        """The next group; what was taken in is flushed when none comes for long."""
        while self._waiting:
            try:
                return self._queue.get(timeout=max(self._due - self._monotonic(), 0.0))
            except queue.Empty:
                self._flush()
        return self._queue.get()

    def _take(self, group: CommittedGroup) -> None:
        if not self._waiting:
            self._due = self._monotonic() + self._limits.flush_seconds / 2
        self._index.apply(group)
        self._waiting += group.bytes
        if self._waiting >= self._limits.flush_bytes or self._monotonic() >= self._due:
            self._flush()

    def _flush(self) -> None:
        self._index.flush()
        self._waiting = 0


def messages(group: CommittedGroup) -> int:
    """How many messages a group accepted."""
    return sum(record.count for _, record in group.records if isinstance(record, Accepted))
