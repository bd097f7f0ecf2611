"""Opens an image of a disk as the store would, and says what is wrong with what it finds.

What is recovered of a journal depends on the journal's files alone. It is compared with what was written; after that
the state depends only on ``state.db`` and on how many commits and which segments there are, the index likewise. So each
part is opened once for each distinct set of what it depends on, and every image is judged by all of its parts.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import apsw

from waypost.core.clock import ManualClock, SeededRandom
from waypost.core.errors import WaypostError
from waypost.store.backup import MANIFEST
from waypost.store.chunk import put_back
from waypost.store.codec import Codec
from waypost.store.commit import Limits
from waypost.store.derived import CommittedGroup, Watermark
from waypost.store.embedded import EmbeddedStore
from waypost.store.index import SearchIndex
from waypost.store.journal import Journal
from waypost.store.layout import ShardFolder
from waypost.store.opening import OpenedJournal, catch_up, missed_by_index, open_journal
from waypost.store.record import KEPT, Accepted, Closed, OutboundBody, ref_of
from waypost.store.state import StateFold
from waypost.testing.crash.memory_disk import MemoryDisk
from waypost.testing.crash.platter import Image
from waypost.testing.crash.reference import (
    SHARED_MEMORY,
    Reference,
    difference,
    dump_index,
    dump_state,
    never,
    without_removed,
)

SMALL = Limits(
    segment_bytes=6_000, flush_bytes=3_000, flush_seconds=0.02, index_seconds=0.01, reserve_bytes=4096, free_bytes=0
)
"""Everything happens often."""

BACKUP = "backups"
"""The folder in the store where a workload makes its backup."""

BACKED_UP = -1
"""In the place of a shard's number, what is acknowledged is that backup."""

_KEPT = 512


@dataclass(slots=True)
class _Journal:
    """A recovered journal, or what is wrong with it."""

    fault: str = ""
    opened: OpenedJournal | None = None
    count: int = 0
    segments: int = 0
    """A digest of which segments there are."""


class Inspector:
    """Judges images of one recorded store. ``across`` judges how far all shards came together."""

    def __init__(
        self,
        root: str,
        references: Mapping[int, Reference],
        bodies: Mapping[str, bytes],
        across: Callable[[Mapping[int, int], Image], str] = lambda counts, image: "",
    ) -> None:
        self.root, self._references, self._bodies, self._across = root, references, bodies, across
        self._folder = tempfile.mkdtemp(prefix="waypost-image-", dir=SHARED_MEMORY)
        self._journals: OrderedDict[tuple[int, int], _Journal] = OrderedDict()
        self._judged: dict[tuple[int, ...], str] = {}
        self._removed: Set[tuple[int, int]] = frozenset()
        self.opened = 0
        """How many times a part of a store was opened."""

    def close(self) -> None:
        shutil.rmtree(self._folder)

    def judge(
        self, image: Image, acknowledged: Mapping[int, Watermark], removed: Set[tuple[int, int]] = frozenset()
    ) -> str:
        """What is wrong with an image, '' for nothing. A finished backup in it is a store too. ``removed`` are the
        segments, by shard and number, that need not be there."""
        self._removed = removed
        fault = self._stores(image, acknowledged)
        finished = f"{self.root}/{BACKUP}/{MANIFEST}" in image
        if BACKED_UP in acknowledged and not finished:
            return "a finished backup is gone"
        if not fault and finished:
            fault = self._stores(self._copy(image), {})
            return fault and f"the backup: {fault}"
        return fault

    def _copy(self, image: Image) -> Image:
        start = f"{self.root}/{BACKUP}/"
        return {self.root + path[len(start) - 1 :]: data for path, data in image.items() if path.startswith(start)}

    def _stores(self, image: Image, acknowledged: Mapping[int, Watermark]) -> str:
        common = {path: data for path, data in image.items() if "/shard-" not in path}
        counts: dict[int, int] = {}
        for number, reference in self._references.items():
            mine = f"{self.root}/shard-{number:02d}/"
            files = {path: data for path, data in image.items() if path.startswith(mine)}
            fault, counts[number] = self._shard(number, reference, common, files, acknowledged.get(number, (0, 0)))
            if fault:
                return f"shard {number}: {fault}"
        return self._across(counts, image)

    def _shard(
        self, number: int, reference: Reference, common: Image, files: Image, acknowledged: Watermark
    ) -> tuple[str, int]:
        plain = {path: data for path, data in {**common, **files}.items() if ".db" not in path}
        key = hash(frozenset(plain.items()))
        journal = self._journal(number, key, plain, reference)
        if journal.fault or journal.opened is None:
            return journal.fault, 0
        if journal.count < (needed := reference.beginning(acknowledged) or 0):
            return f"{journal.count} commits are left of {needed} that were acknowledged", 0
        for name, judge in (("state.db", self._state), ("index.db", self._index)):
            database = {path: data for path, data in files.items() if f"/{name}" in path}
            both = (number, journal.count, journal.segments, hash(name), hash(frozenset(database.items())))
            if both not in self._judged:
                self._judged[both] = self._guarded(judge, journal, database, reference)
                self.opened += 1
            if self._judged[both]:
                return self._judged[both], 0
        return "", journal.count

    def _journal(self, number: int, key: int, plain: Image, reference: Reference) -> _Journal:
        known = self._journals.get((number, key))
        if known is None:
            try:
                known = self._open_journal(number, plain, reference)
            except (WaypostError, OSError) as fault:
                known = _Journal(f"the journal does not open: {fault}")
            self.opened += 1
            self._journals[number, key] = known
            if len(self._journals) > _KEPT:
                self._journals.popitem(last=False)
        return known

    def _open_journal(self, number: int, plain: Image, reference: Reference) -> _Journal:
        disk = MemoryDisk(plain)
        store = EmbeddedStore(
            self.root, folds=_no_folds, disk=disk, clock=ManualClock(), random=SeededRandom(1), limits=SMALL,
            codec=Codec(),
        )  # fmt: skip
        store.create()
        setting = store.setting()
        opened = open_journal(setting, number)
        count = reference.beginning(opened.committer.end)
        if count is None:
            return _Journal(f"the journal ends at {opened.committer.end}, where no commit ended")
        fault = self._compare(opened, reference, count) or self._go_on(MemoryDisk(disk.image()), store, number)
        return _Journal(fault, opened, count, hash(tuple(opened.journal.segments())))

    def _compare(self, opened: OpenedJournal, reference: Reference, count: int) -> str:
        """All groups that are there are those that were written, with their large bodies."""
        expected = {_place(group): group for group in reference.groups[:count]}
        missing = {place[0] for place in expected} - set(opened.journal.segments())
        if not missing <= self._removed_of(opened.folder):
            return f"of segments {sorted(missing)}, not all were removed"
        for group in opened.journal.groups((0, 0), opened.committer.end, gaps=True):
            known = expected.pop(_place(group), None)
            if known is None or known.records != group.records:
                return f"a commit at {group.records[0][0]} that was not written so"
            for _, record in group.records:
                if isinstance(record, Accepted | OutboundBody):
                    put_back(record.bodies, lambda name: self._chunk(opened, name))
        lost = [place for place in expected if place[0] not in missing]
        return f"no commit at {lost[0]}" if lost else ""

    def _removed_of(self, folder: ShardFolder) -> set[int]:
        return {segment for shard, segment in self._removed if folder.path.endswith(f"-{shard:02d}")}

    def _chunk(self, opened: OpenedJournal, name: str) -> bytes:
        body = opened.chunks.load(name)
        if body != self._bodies[f"{Path(opened.folder.path).name}/{name}"]:
            raise WaypostError(f"another body in {name}")
        return body

    def _go_on(self, disk: MemoryDisk, store: EmbeddedStore, number: int) -> str:
        """After recovery the journal can be written, and what is written is found again."""
        store.disk = disk
        once = open_journal(store.setting(), number)
        once.committer.commit([[Closed(0)]])
        end = once.committer.end
        once.close()
        again = open_journal(store.setting(), number)
        found = again.committer.end
        again.close()
        return "" if found == end else f"a commit after recovery ended at {end} and was found to end at {found}"

    def _guarded(self, judge: Callable[..., str], journal: _Journal, database: Image, reference: Reference) -> str:
        folder = Path(self._folder)
        for path, data in database.items():
            (folder / path.rpartition("/")[2]).write_bytes(data)
        try:
            return judge(journal, folder, reference)
        except (WaypostError, apsw.Error, OSError) as fault:
            return f"it does not open: {fault}"
        finally:
            for name in os.listdir(folder):
                (folder / name).unlink()

    def _state(self, journal: _Journal, folder: Path, reference: Reference) -> str:
        assert journal.opened is not None
        state = StateFold(folder / "state.db", never)
        try:
            catch_up(state, journal.opened, SMALL)
            found, expected = dump_state(state), reference.state(journal.count)
            _read_needed(state, journal.opened.journal)
        finally:
            state.close()
        return "" if found == expected else f"the state is no fold of the journal: {difference(found, expected)}"

    def _index(self, journal: _Journal, folder: Path, reference: Reference) -> str:
        assert journal.opened is not None
        index = SearchIndex(folder / "index.db", reference.secret)
        try:
            for group in missed_by_index(index, journal.opened):
                index.apply(group)
            found, expected = dump_index(index), reference.index(journal.count)
        finally:
            index.close()
        if found != expected and self._removed_of(journal.opened.folder):
            present = journal.opened.journal.segments()
            found, expected = without_removed(found, expected, present), without_removed(expected, expected, present)
        return "" if found == expected else f"the index is no fold of the journal: {difference(found, expected)}"


def _read_needed(state: StateFold, journal: Journal) -> None:
    """Everything that unfinished batches need is there. Raises ``StoreDamaged``."""
    for batch in [*state.active_batches(), *state.kept_batches()]:
        if batch.left or not KEPT.isdisjoint(batch.states):
            for place in (batch.accepted, *batch.effects, *batch.produced):
                journal.record(place)
            for row, now in enumerate(batch.states):
                retry = state.retry(ref_of(batch.seq, row)) if now in KEPT else None
                if retry is not None and retry.body is not None:
                    journal.record(retry.body)


def _place(group: CommittedGroup) -> Watermark:
    first = group.records[0][0]
    return first.segment, first.offset


def _no_folds(*_: object) -> NoReturn:
    raise AssertionError("the parts are opened one by one")
