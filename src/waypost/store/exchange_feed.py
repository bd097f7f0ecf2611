"""Keeps ``exchanges.db`` of an open shard in step with its journal, in a thread of its own.

It reads the journal behind the commits and holds nothing of them in memory, so that nothing ever waits for it; only
retention does not pass it. How far it has come is told beside the database, for whoever must know that nothing is
missing up to a moment.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from waypost.core.clock import Clock
from waypost.store.backup import snapshot
from waypost.store.derived import Watermark
from waypost.store.disk import RealDisk
from waypost.store.exchange import ExchangeFold, Trade
from waypost.store.exchange_db import FILE, ExchangeDatabase, read
from waypost.store.journal import Journal
from waypost.store.looking import LookedAtShard, journal_end
from waypost.store.record import AnyRecord

SEEN = "exchanges.seen"
"""Beside the database: the moment (UTC µs) up to which all that was committed is in it."""
LOOK_SECONDS = 0.25
SETTLE_SECONDS = 5.0
"""How often it is written down how far it came, where nothing of it was an exchange."""
FORGET_SECONDS = 60.0
_AT_ONCE = 500
_BYTES_AT_ONCE = 4 << 20


class Followed(Protocol):
    """What is followed: an open shard."""

    journal: Journal

    @property
    def end(self) -> Watermark: ...

    def whole(self, record: AnyRecord) -> AnyRecord: ...


class ExchangeFeed:
    """Follows one shard until ``stop``. Questions go to ``reader``, from one thread at a time."""

    def __init__(self, shard: Followed, folder: Path, trade: Trade, clock: Clock, keep_seconds: float = 0.0) -> None:
        """``keep_seconds``: how long what was exchanged is kept; 0 = for ever."""
        self._shard, self._clock, self._keep = shard, clock, keep_seconds
        self._fold = ExchangeFold(folder / FILE, trade, shard.whole)
        self.reader = ExchangeDatabase(folder / FILE, read_only=True)
        self.asking = threading.Lock()
        """Held by who uses ``reader``."""
        self._disk, path = RealDisk(), str(folder / SEEN)
        self._seen = self._disk.open(path, write=True) if self._disk.exists(path) else self._disk.create(path)
        self._say_seen(0)  # what was said before a death may be more than the database has kept
        self._turn, self._wake = threading.Condition(), threading.Event()
        self._stopping = self._abandoned = False
        self._settled = self._forgot = clock.monotonic()
        self.fault: Exception | None = None
        """Why nothing more is taken in."""
        self.report: Callable[[Exception], None] = lambda fault: None
        """Called in the thread that follows, when it ends by a fault."""
        self._thread = threading.Thread(target=self._run, name="waypost-exchanges", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def watermark(self) -> Watermark:
        """Everything of the journal before it is in the database."""
        return self._fold.watermark

    def wait(self, seconds: float) -> bool:
        """Return once all that is committed now is in the database, True, or after so many seconds. From any thread."""
        end = self._shard.end

        def taken() -> bool:
            return self.fault is not None or (self._fold.applied >= end and not self._fold.waiting)

        self._wake.set()
        with self._turn:
            return self._turn.wait_for(taken, seconds)

    def stop(self, *, abandon: bool = False) -> None:
        """Take in what is committed, then end. Blocks. ``abandon``: end as if the process had died."""
        self._stopping, self._abandoned = True, abandon
        self._wake.set()
        self._thread.join()
        self._fold.close()
        self.reader.close()
        self._disk.close(self._seen)

    def _say_seen(self, moment: int) -> None:
        self._disk.write(self._seen, [b"%020d" % moment], 0)

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._follow()
                self._wake.wait(LOOK_SECONDS)
                self._wake.clear()
            if not self._abandoned:
                self._follow(last=True)
        except Exception as fault:  # noqa: BLE001 - told to who asked for it; the shard goes on without
            self.fault = fault
            self.report(fault)
        with self._turn:
            self._turn.notify_all()

    def _follow(self, *, last: bool = False) -> None:
        fold, now, end = self._fold, self._clock.now(), self._shard.end
        if fold.applied < end:
            waiting = 0
            for group in self._shard.journal.groups(fold.applied, end, gaps=True):
                if self._abandoned:
                    return
                fold.apply(group)
                waiting += group.bytes
                if fold.waiting >= _AT_ONCE or waiting >= _BYTES_AT_ONCE:
                    fold.flush()
                    waiting = 0
            fold.reached(end)
        monotonic = self._clock.monotonic()
        if last or fold.waiting or monotonic - self._settled > SETTLE_SECONDS:
            self._settled = monotonic
            fold.flush()
        self._say_seen(now)
        if self._keep and monotonic - self._forgot > FORGET_SECONDS:
            self._forgot = monotonic
            while not self._stopping and fold.database.forget(now - round(self._keep * 1_000_000)):
                pass
        with self._turn:
            self._turn.notify_all()


def seen(folder: Path) -> int:
    """The moment up to which all that was committed in a shard is in its database; 0 where nobody said."""
    with contextlib.suppress(OSError, ValueError):
        return int((folder / SEEN).read_bytes())
    return 0


class LookedAtExchanges:
    """The exchanges of a shard that nothing runs on: read in place where they are up to date with its journal, else a
    copy is brought up to date. Close it in the end."""

    def __init__(self, shard: LookedAtShard, trade: Trade) -> None:
        self._held = ExitStack()
        self.asking = threading.Lock()
        path = Path(shard.folder.path) / FILE
        stored = read(path)
        end = journal_end(shard.journal, stored.watermark if stored else (0, 0))
        if stored is not None and stored.watermark == end:
            self.reader = stored
        else:
            self.reader = self._copied(path, stored, shard, trade, end)
        self._held.callback(self.reader.close)

    def _copied(
        self, path: Path, stored: ExchangeDatabase | None, shard: LookedAtShard, trade: Trade, end: Watermark
    ) -> ExchangeDatabase:
        copy = Path(self._held.enter_context(TemporaryDirectory(prefix="waypost-exchanges-")), FILE)
        if stored is not None:
            stored.close()
            snapshot(str(path), str(copy))
        fold, waiting = ExchangeFold(copy, trade, shard.whole), 0
        for group in shard.journal.groups(fold.applied, end, gaps=True):
            fold.apply(group)
            waiting += group.bytes
            if waiting >= _BYTES_AT_ONCE:
                fold.flush()
                waiting = 0
        fold.reached(end)
        fold.flush()
        return fold.database

    def wait(self, seconds: float) -> bool:
        """All there is was taken in."""
        return True

    def stop(self) -> None:
        """Let it go."""
        self._held.close()
