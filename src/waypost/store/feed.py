"""Feeds the search index in a thread of its own, behind the journal and never before it.

Groups are taken in some at a time, for each change of threads costs both of them; whoever asks a question has what
waits taken in at once. What was taken in is written to the database in a second thread: nothing waits for that.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from waypost.store.commit import Limits
from waypost.store.derived import CommittedGroup, Derived, Watermark
from waypost.store.record import Accepted

GATHER_SECONDS = 0.025
"""How long committed groups are gathered before they are taken in, when nobody asks."""


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
        self._end: Watermark = (0, 0)
        self._hurry = threading.Event()
        self._turn = threading.Condition()
        self._found: Watermark = (0, 0)
        self._put = self._taken = self._waiting = 0
        self._due = 0.0
        self._flushing: Future[None] | None = None
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
        self._end = group.end
        self._queue.put(group)
        if self.awaited:
            self._hurry.set()

    def wait(self, seconds: float) -> bool:
        """Return once all that was put before is in the index, True, or after so many seconds. From any thread."""
        end = self._end

        def found() -> bool:
            return self.caught_up.is_set() and (self._found >= end or self.fault is not None)

        if found():
            return True
        self._hurry.set()
        with self._turn:
            return self._turn.wait_for(found, seconds)

    def stop(self) -> None:
        """Take in and flush what was put, then return. Blocks."""
        self._queue.put(None)
        self._hurry.set()
        self._thread.join()

    def _run(self) -> None:
        with ThreadPoolExecutor(1, "waypost-index-flush") as flusher:
            try:
                self._feed(flusher)
            except Exception as fault:  # noqa: BLE001 - the shard learns of it and stops
                self.fault = fault
                self.caught_up.set()
                self._tell()
                self._report()

    def _feed(self, flusher: ThreadPoolExecutor) -> None:
        for missed in self._missed:
            self._take(missed, flusher)
        self.caught_up.set()
        self._tell()
        while (group := self._next(flusher)) is not None:
            self._take(group, flusher)
            self._taken += messages(group)
            self._found = group.end
            self._tell()
            if self.awaited:
                self._report()
        self._settle()
        if self._waiting:
            self._index.flush()

    def _next(self, flusher: ThreadPoolExecutor) -> CommittedGroup | None:
        """The next group; what was taken in is flushed when none comes for long."""
        with contextlib.suppress(queue.Empty):
            return self._queue.get_nowait()
        while True:
            try:
                group = self._queue.get(timeout=max(self._due - self._monotonic(), 0.0) if self._waiting else None)
            except queue.Empty:
                self._flush(flusher)
                continue
            self._hurry.wait(GATHER_SECONDS)
            self._hurry.clear()
            return group

    def _tell(self) -> None:
        with self._turn:
            self._turn.notify_all()

    def _take(self, group: CommittedGroup, flusher: ThreadPoolExecutor) -> None:
        if not self._waiting:
            self._due = self._monotonic() + self._limits.index_seconds
        self._index.apply(group)
        self._waiting += group.bytes
        most, free = self._limits.flush_bytes, self._flushing is None or self._flushing.done()
        due = self._waiting >= most or self._monotonic() >= self._due
        if due and (free or self._waiting >= 2 * most):
            self._flush(flusher)

    def _flush(self, flusher: ThreadPoolExecutor) -> None:
        """Have everything taken in written, once the flush before has ended."""
        self._settle()
        self._waiting = 0
        self._flushing = flusher.submit(self._index.stage())

    def _settle(self) -> None:
        if self._flushing is not None:
            self._flushing.result()
            self._flushing = None


def messages(group: CommittedGroup) -> int:
    """How many messages a group accepted."""
    return sum(record.count for _, record in group.records if isinstance(record, Accepted))
