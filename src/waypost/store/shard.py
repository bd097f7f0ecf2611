"""One open shard of the embedded store: appends, reads, and the derived state kept in step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from waypost.core.errors import CommitFailed, StoreError
from waypost.store.chunk import has_large, unpack, whole
from waypost.store.derived import CommittedGroup, Watermark
from waypost.store.feed import IndexFeed
from waypost.store.frame import Packed
from waypost.store.opening import OpenedShard, Setting
from waypost.store.protocol import Location, OpenBatch, StoredBatch, stored_batch
from waypost.store.recent import Recent
from waypost.store.record import (
    Accepted,
    AnyRecord,
    ArrivalBegun,
    Closed,
    Opened,
    OutboundBody,
)
from waypost.store.reserve import is_full
from waypost.store.writer import Append, Done, Writer

INDEX_PATIENCE_SECONDS = 1.0
"""How long a question waits for the index to take in what is committed."""
LATER_SECONDS = 0.005
"""How long an outcome may wait for a commit to ride in."""


class EmbeddedShard:
    """A ``Shard``. Every method belongs to the event loop it was started on."""

    def __init__(self, opened: OpenedShard, setting: Setting, number: int) -> None:
        self.number, self.secret, self.state = number, setting.secret, opened.state
        files, self.index = opened.files, opened.index
        self.journal, self.chunks, self.folder = files.journal, files.chunks, files.folder
        self._opened, self._setting, self._limits = opened, setting, setting.limits
        self._committer, self._reserve = files.committer, files.reserve
        self._recent = Recent(setting.limits.cache_bytes)
        self._next_seq = self._sent_seq = opened.state.last_seq
        self._next_arrival = opened.state.last_arrival
        self._later: list[AnyRecord] = []
        self._later_timer: asyncio.TimerHandle | None = None
        self._flush_timer: asyncio.TimerHandle | None = None
        self._flushing: Future[None] | None = None
        self._unflushed = 0
        self._held: list[Append] = []
        self._epoch = 0
        self.unclean = False
        self._closed = False

    async def start(self, workers: int, fingerprint: str) -> None:
        """Start the threads and journal ``Opened``; the shard may be used after that."""
        self._loop = asyncio.get_running_loop()
        self._keeper = ThreadPoolExecutor(1, "waypost-keeper")
        clock = self._setting.clock
        self.unclean = not self.state.clean
        self._feed = IndexFeed(
            self.index, self._opened.missed, self._limits, clock.monotonic, lambda: self._soon(self._let_go_held)
        )
        self._committer.on_turn = self._tidy_soon
        self._writer = Writer(self._committer, self._limits, self._report)
        state = self.state
        await self.append([Opened(state.incarnation + 1, clock.now(), self.unclean, fingerprint, workers)])
        self._tidy_soon()

    def next_seq(self) -> int:
        self._next_seq += 1
        return self._next_seq

    def next_arrival(self) -> int:
        self._next_arrival += 1
        return self._next_arrival

    async def append(self, records: Sequence[AnyRecord]) -> None:
        await self.submit(records)

    def submit(self, records: Sequence[AnyRecord]) -> asyncio.Future[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        try:
            self._refuse_when_stopped()
            self._take_numbers(records)
        except StoreError as fault:
            self._next_seq = self._sent_seq
            future.set_exception(fault)
        else:
            self._send_later()
            self._put(records, future)
        return future

    def append_later(self, records: Sequence[AnyRecord]) -> None:
        self._refuse_when_stopped()
        self._later += records
        if self._later_timer is None:
            self._later_timer = self._loop.call_later(LATER_SECONDS, self._send_later)

    async def read_batch(self, batch: OpenBatch) -> StoredBatch:
        places = [batch.accepted, *batch.effects, *batch.produced]
        records = [self._recent.get(place) for place in places]
        if any(record is None or _is_elsewhere(record) for record in records):
            records = await asyncio.to_thread(self._read_whole, places)
        return stored_batch(batch.seq, records, f"{self.folder.journal} {batch.accepted}")

    async def read_outbound(self, at: Location) -> tuple[bytes, str]:
        record = self._recent.get(at)
        if record is None or _is_elsewhere(record):
            record = (await asyncio.to_thread(self._read_whole, [at]))[0]
        if not isinstance(record, OutboundBody):
            raise StoreError("no outbound body", where=f"{self.folder.journal} {at}")
        return unpack(record.bodies)[0], record.content_type

    async def indexed(self) -> None:
        """Return once the index holds all that the journal held when the shard was opened."""
        await asyncio.to_thread(self._feed.caught_up.wait)

    @property
    def room(self) -> bool:
        if not self._reserve.room:
            self._reserve.look()
        return self._reserve.room

    @property
    def end(self) -> Watermark:
        """The place just after the last committed record."""
        return self._committer.end

    @property
    def watermark(self) -> Watermark:
        """Everything before it is safe in the derived databases."""
        return min(self.state.watermark, self.index.watermark)

    async def findable(self) -> None:
        await asyncio.to_thread(self.wait_findable)

    def wait_findable(self) -> None:
        """``findable``, for who asks in a thread of its own."""
        self._feed.wait(INDEX_PATIENCE_SECONDS)

    async def close(self, *, clean: bool = True) -> None:
        """``clean=False``: whoever opens it next must take what is open for what a crash left."""
        if self._closed:
            return
        try:
            if not clean:
                self._send_later()
            elif self._fault() is None:
                await self.append([Closed(self._setting.clock.now())])
        finally:
            self._closed = True
            self._stop_timers()
            await asyncio.to_thread(self._stop_threads)
            await asyncio.to_thread(self._opened.close)

    def _refuse_when_stopped(self) -> None:
        if self._closed:
            raise StoreError("the shard is closed", where=self.folder.path)
        fault = self._fault()
        if fault is not None:
            raise fault

    def _fault(self) -> CommitFailed | None:
        if self._feed.fault is not None:
            return self._committer.fail(self._feed.fault)
        return self._committer.fault

    def _take_numbers(self, records: Sequence[AnyRecord]) -> None:
        """Refuse what may not be accepted now, and a batch out of turn."""
        taken = self._sent_seq
        for record in records:
            if isinstance(record, Accepted | ArrivalBegun):
                if not self.room:
                    raise self._reserve.full()
                if isinstance(record, Accepted) and record.seq > taken:  # others are told again
                    taken += 1
                    if record.seq != taken:
                        raise StoreError(f"batch {record.seq}", where=self.folder.path, expected=f"batch {taken} next")
        self._sent_seq = taken

    def _put(self, records: Sequence[AnyRecord], future: asyncio.Future[None] | None) -> None:
        codec = self._setting.codec
        packed = Packed(records, codec) if codec.plain and not any(map(has_large, records)) else None
        self._writer.put(Append(records, future, self._epoch, packed))

    def _send_later(self) -> None:
        if self._later_timer is not None:
            self._later_timer.cancel()
            self._later_timer = None
        if self._later and not self._closed:
            records, self._later = self._later, []
            self._put(records, None)

    def _report(self, done: Done) -> None:
        """Take in what the writer did. On the loop, in order."""
        if done.committed is not None:
            try:
                self._take_in(done.committed.group())
            except Exception as fault:  # noqa: BLE001 - told to everyone who waits; nothing goes on after it
                done.fault = self._committer.fail(fault)
        if done.epoch != self._epoch:
            self._epoch = done.epoch
            self._next_seq = self._sent_seq = self.state.last_seq
        if done.fault is not None:
            self._refused(done, done.fault)
        elif self._held or self._feed.lag > self._limits.lag_messages:
            self._feed.awaited = True
            self._held += done.appends
            self._let_go_held()
        else:
            _resolve(done.appends)

    def _take_in(self, group: CommittedGroup) -> None:
        if not group.records:
            return
        self.state.apply(group)
        self._recent.add(group)
        self._feed.put(group)
        self._unflushed += group.bytes
        if self._unflushed >= self._limits.flush_bytes:
            self._flush_state()
        elif self._flush_timer is None and not self._closed:
            self._flush_timer = self._loop.call_later(self._limits.flush_seconds, self._flush_state)
        if self._reserve.wanted:
            self._tidy_soon()

    def _refused(self, done: Done, fault: BaseException) -> None:
        for append in done.appends:
            if append.future is None:
                if not isinstance(fault, CommitFailed):
                    self._later = [*append.records, *self._later]
            elif not append.future.done():
                append.future.set_exception(fault)
        if self._later and self._later_timer is None and not self._closed:
            self._later_timer = self._loop.call_later(1.0, self._send_later)

    def _let_go_held(self) -> None:
        fault = self._fault()
        if fault is None and self._feed.lag > self._limits.lag_messages:
            return
        held, self._held, self._feed.awaited = self._held, [], False
        if fault is None:
            _resolve(held)
        else:
            self._refused(Done(held), fault)

    def _flush_state(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        if self._flushing is not None or not self._unflushed or self._closed:
            return
        self._unflushed = 0
        self._flushing = self._keeper.submit(self.state.stage())
        self._flushing.add_done_callback(lambda future: self._soon(lambda: self._flushed(future)))

    def _flushed(self, future: Future[None]) -> None:
        self._flushing = None
        fault = future.exception()
        if fault is not None and not is_full(fault):
            self._committer.fail(fault)
        if (fault is not None or self._unflushed) and self._flush_timer is None and not self._closed:
            self._unflushed = max(self._unflushed, 1)
            self._flush_timer = self._loop.call_later(self._limits.flush_seconds, self._flush_state)

    def _tidy_soon(self) -> None:
        if not self._closed:
            self._keeper.submit(self._committer.tidy)

    def _soon(self, call: Callable[[], None]) -> None:
        if not self._closed:
            self._loop.call_soon_threadsafe(call)

    def _read_whole(self, places: Sequence[Location]) -> list[AnyRecord | None]:
        return [self.whole(self.journal.record(place)) for place in places]

    def whole(self, record: AnyRecord) -> AnyRecord:
        """The record with its large bodies."""
        return whole(record, self.chunks.load)

    def _stop_threads(self) -> None:
        self._writer.stop()
        self._feed.stop()
        self._keeper.shutdown()

    def _stop_timers(self) -> None:
        for timer in (self._later_timer, self._flush_timer):
            if timer is not None:
                timer.cancel()


def _resolve(appends: Sequence[Append]) -> None:
    for append in appends:
        if append.future is not None and not append.future.done():
            append.future.set_result(None)


def _is_elsewhere(record: AnyRecord) -> bool:
    """Some of its bodies are in chunk files."""
    return isinstance(record, Accepted | OutboundBody) and bool(record.bodies.chunks)
