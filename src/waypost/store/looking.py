"""A shard looked at where it lies: no lock is taken and nothing in its folder is written.

Where the databases hold all that the journal holds, as after a good stop, they are read in place. Otherwise they are
copied into a scratch folder and brought up to date there, which takes as much room as they do. A system that starts
meanwhile is not disturbed; what it changes may be seen in part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from waypost.core.errors import StoreDamaged, StoreError
from waypost.store.backup import good_end, snapshot
from waypost.store.chunk import ChunkFolder, unpack, whole
from waypost.store.derived import Derived, Watermark
from waypost.store.index import SearchIndex
from waypost.store.journal import Journal
from waypost.store.layout import ShardFolder
from waypost.store.opening import Setting
from waypost.store.protocol import Location, OpenBatch, StoredBatch, stored_batch
from waypost.store.record import AnyRecord, OutboundBody
from waypost.store.segment import START, Identity
from waypost.store.sqlite import needs_recovery
from waypost.store.state import StateFold
from waypost.store.state_db import has_all_tables


class LookedAtShard:
    """A ``Shard`` that refuses to be changed. Making one blocks."""

    room = False

    def __init__(self, setting: Setting, number: int) -> None:
        self.number, self.secret = number, setting.secret
        self.folder = ShardFolder(setting.store, number)
        identity = Identity(setting.store_id, number)
        self.journal = Journal(setting.disk, self.folder.journal, identity, setting.codec)
        self._chunks = ChunkFolder(setting.disk, self.folder.chunks, setting.store_id, setting.codec)
        with ExitStack() as held:
            self.state, self.index = _Databases(self, setting, held).current()
            self._held = held.pop_all()
        self.unclean = not self.state.clean

    async def read_batch(self, batch: OpenBatch) -> StoredBatch:
        places = [batch.accepted, *batch.effects, *batch.produced]
        return stored_batch(batch.seq, await asyncio.to_thread(self._read, places), self.folder.journal)

    async def read_outbound(self, at: Location) -> tuple[bytes, str]:
        [record] = await asyncio.to_thread(self._read, [at])
        if not isinstance(record, OutboundBody):
            raise StoreError("no outbound body", where=f"{self.folder.journal} {at}")
        return unpack(record.bodies)[0], record.content_type

    def _read(self, places: Sequence[Location]) -> list[AnyRecord]:
        return [self.whole(self.journal.record(place)) for place in places]

    def whole(self, record: AnyRecord) -> AnyRecord:
        """The record with its large bodies."""
        return whole(record, self._chunks.load)

    async def findable(self) -> None:
        """All there is was taken in when the shard was opened."""

    def wait_findable(self) -> None:
        """As ``findable``."""

    async def close(self, *, clean: bool = True) -> None:
        await asyncio.to_thread(self._held.close)

    # what would change it

    def next_seq(self) -> int:
        self._refuse()

    def next_arrival(self) -> int:
        self._refuse()

    async def append(self, records: Sequence[AnyRecord]) -> None:
        self._refuse()

    def submit(self, records: Sequence[AnyRecord]) -> asyncio.Future[None]:
        self._refuse()

    def append_later(self, records: Sequence[AnyRecord]) -> None:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise StoreError("opened to be looked at, not to be changed", where=self.folder.path)


class _Databases:
    """The state and the index of a shard as they are after all that its journal holds."""

    def __init__(self, shard: LookedAtShard, setting: Setting, held: ExitStack) -> None:
        self._journal, self._folder, self._held = shard.journal, Path(shard.folder.path), held
        self._setting, self._scratch = setting, ""

    def current(self) -> tuple[StateFold, SearchIndex]:
        state, stands = self._folder / "state.db", (0, 0)
        if state.exists() and not needs_recovery(state) and has_all_tables(state):
            found = StateFold(state, self._setting.clock.now, read_only=True)
            stands = found.watermark
            if journal_end(self._journal, stands) == stands:
                self._held.callback(found.close)
                return found, self._index(stands)
            found.close()
        fold = StateFold(self._copied("state.db"), self._setting.clock.now)
        self._held.callback(fold.close)
        end = journal_end(self._journal, fold.watermark)
        self._bring_up(fold, end, gaps=False)
        return fold, self._index(end)

    def _index(self, end: Watermark) -> SearchIndex:
        path, secret = self._folder / "index.db", self._setting.secret
        if path.exists() and not needs_recovery(path):
            found = SearchIndex(path, secret, read_only=True)
            if found.watermark == end:
                self._held.callback(found.close)
                return found
            found.database.close()
        index = SearchIndex(self._copied("index.db"), secret)
        self._held.callback(index.close)
        self._bring_up(index, end, gaps=True)
        return index

    def _bring_up(self, derived: Derived, end: Watermark, *, gaps: bool) -> None:
        waiting = 0
        for group in self._journal.groups(derived.watermark, end, gaps=gaps):
            derived.apply(group)
            waiting += group.bytes
            if waiting >= self._setting.limits.flush_bytes:
                derived.flush()
                waiting = 0
        derived.flush()

    def _copied(self, name: str) -> Path:
        """A copy of a database in the scratch folder, or where one is to be made."""
        if not self._scratch:
            self._scratch = self._held.enter_context(TemporaryDirectory(prefix="waypost-look-"))
        copy = Path(self._scratch, name)
        if (self._folder / name).exists():
            snapshot(str(self._folder / name), str(copy))
        return copy


def journal_end(journal: Journal, since: Watermark) -> Watermark:
    """The place just after the last good frame; frames before ``since`` are not looked at."""
    end = since
    for number in journal.segments():
        if number < since[0]:
            continue
        try:
            segment = journal.open(number)
        except StoreDamaged:  # one that was just being created: nothing is in it
            break
        with closing(segment):
            footer = segment.footer()
            at = footer[1] if footer else good_end(segment, max(START, since[1]) if number == since[0] else START)
        if at > START:
            end = (number, at)
    return end
