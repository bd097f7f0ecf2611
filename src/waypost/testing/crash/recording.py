"""Runs a workload on a recorded disk."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from waypost.core.clock import ManualClock, SeededRandom
from waypost.store import index, opening, state_db
from waypost.store.chunk import ChunkFolder
from waypost.store.commit import Committer
from waypost.store.derived import CommittedGroup, Derived, FoldedState, Watermark
from waypost.store.disk import Disk
from waypost.store.embedded import EmbeddedStore
from waypost.store.index import SearchIndex
from waypost.store.layout import ShardFolder
from waypost.store.recovery import Recovered, recover
from waypost.store.segment import Identity, Segment
from waypost.store.shard import EmbeddedShard
from waypost.store.state import StateFold
from waypost.store.state_db import StateDatabase
from waypost.testing.crash.inspector import SMALL
from waypost.testing.crash.log import Log
from waypost.testing.crash.platter import Image
from waypost.testing.crash.recording_disk import Fails, RecordingDisk, never
from waypost.testing.crash.reference import SHARED_MEMORY
from waypost.testing.crash.reference import never as no_time
from waypost.testing.crash.vfs import RecordingVfs
from waypost.testing.store_books import Books

PHASES: Sequence[tuple[object, str, str]] = (
    (Committer, "commit", "commit"),
    (Committer, "_turn", "rotation"),
    (Segment, "seal", "seal"),
    (ChunkFolder, "store", "large body"),
    (StateDatabase, "write", "state flush"),
    (SearchIndex, "_write", "index flush"),
    (state_db, "checkpoint", "checkpoint"),
    (index, "checkpoint", "checkpoint"),
)


@dataclass(slots=True)
class Recording:
    """A workload that ran: what it did to the disk and what it wrote."""

    name: str
    root: str
    log: Log
    groups: dict[int, list[CommittedGroup]] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    """Large bodies, by their shard's folder and their name in it."""
    secret: bytes = b""
    acknowledged: dict[int, Watermark] = field(default_factory=dict)
    """What a caller relied on before it began."""
    removed: set[tuple[int, int]] = field(default_factory=set)
    """Segments, by shard and number, that were removed on purpose before it began."""
    continued: bool = False
    """It began on a disk that another left; everything up to ``settle`` only builds that."""
    books: Books | None = None
    """What all shards together held before the number of workers changed."""
    made_again: dict[object, str] = field(default_factory=dict)
    """What came out of finishing a change that broke off, by where it did."""
    judged: dict[object, str] = field(default_factory=dict)
    """What is wrong with the journals that so many commits make, by how many."""
    recovered: dict[int, Watermark] = field(default_factory=dict)
    """Where each journal was found to end when it was last opened."""


class Stage:
    """What a workload works with: a store on the recorded disk, its clock, its chance."""

    def __init__(self, recording: Recording, disk: RecordingDisk, seed: int) -> None:
        self.recording, self.log, self.disk = recording, recording.log, disk
        self.clock, self._seed = ManualClock(), seed
        self.store = EmbeddedStore(
            recording.root, folds=self._folds, disk=disk, clock=self.clock, random=SeededRandom(seed + 1), limits=SMALL
        )

    def chance(self, number: int) -> Random:
        """Chance that repeats with the seed of the recording."""
        return Random(1000 * self._seed + number)

    async def open(self, number: int = 0, workers: int = 1) -> EmbeddedShard:
        """Open a shard whose commits are noted."""
        self.store.create()
        self.recording.secret = self.store.setting().secret
        with self.log.phase("opening"):
            return await self.store.open_shard(number, workers)

    def _folds(self, folder: ShardFolder, secret: bytes) -> tuple[FoldedState, Derived]:
        number = int(folder.path[-2:])
        state = StateFold(Path(folder.path) / "state.db", no_time)
        groups = self.recording.groups.setdefault(number, [])
        fold = state.apply
        while groups and groups[-1].end > self.recording.recovered[number]:
            groups.pop()

        def apply(group: CommittedGroup) -> None:
            fold(group)
            if not groups or group.end > groups[-1].end:
                groups.append(group)
            self.log.acknowledge(number, group.end)

        state.apply = apply  # type: ignore[method-assign]
        return state, SearchIndex(Path(folder.path) / "index.db", secret)


Workload = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Beginning:
    """A disk to begin with, and what is known of it."""

    recording: Recording
    image: Image
    acknowledged: Mapping[int, Watermark]
    removed: Set[tuple[int, int]]


def record(
    name: str,
    workload: Workload,
    *,
    seed: int = 0,
    fails: Fails = never,
    beginning: Beginning | None = None,
) -> Recording:
    """Run a workload from an empty disk, or from one that another left."""
    root = tempfile.mkdtemp(prefix="waypost-crash-", dir=SHARED_MEMORY)
    recording = Recording(name, root, Log())
    disk = RecordingDisk(recording.log, root, fails)
    try:
        with RecordingVfs(recording.log, root, disk.files), _watched(recording):
            if beginning is not None:
                _begin(recording, disk, beginning)
            asyncio.run(workload(Stage(recording, disk, seed)))  # type: ignore[arg-type]
    finally:
        shutil.rmtree(root)
    return recording


def _begin(recording: Recording, disk: RecordingDisk, beginning: Beginning) -> None:
    earlier = beginning.recording
    recording.groups = {number: list(groups) for number, groups in earlier.groups.items()}
    recording.continued, recording.removed = True, set(beginning.removed)
    recording.bodies, recording.acknowledged = dict(earlier.bodies), dict(beginning.acknowledged)
    for old, data in sorted(beginning.image.items()):
        path = recording.root + old.removeprefix(earlier.root)
        if path.endswith("/"):
            disk.make_folder(path[:-1])
        else:
            fd = disk.create(path)
            disk.write(fd, [data], 0)
            disk.close(fd)
    recording.log.add("settle", recording.root)


@contextmanager
def _watched(recording: Recording) -> Iterator[None]:
    with ExitStack() as stack:
        for owner, name, phase in PHASES:
            stack.enter_context(patch.object(owner, name, _during(recording.log, phase, getattr(owner, name))))
        store = ChunkFolder.store

        def recovering(disk: Disk, folder: str, identity: Identity, now: int) -> Recovered:
            with recording.log.phase("recovery"):
                found = recover(disk, folder, identity, now)
            recording.recovered[identity.shard] = found.active.number, found.end
            return found

        def noted(folder: ChunkFolder, segment: int, body: bytes) -> str:
            name = store(folder, segment, body)
            recording.bodies[f"{Path(folder._folder).parent.name}/{name}"] = body
            return name

        stack.enter_context(patch.object(ChunkFolder, "store", noted))
        stack.enter_context(patch.object(opening, "recover", recovering))
        yield


def _during(log: Log, phase: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def run(*arguments: Any, **options: Any) -> Any:
        with log.phase(phase):
            return call(*arguments, **options)

    return run
