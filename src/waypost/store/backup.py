"""A copy of a store while it is written.

Sealed segments and chunk files never change: they are linked where the file system allows, else copied. Of the segment
being written, the good frames are copied. The state is a snapshot taken *before* the journal is copied, so that the
journal holds all that the snapshot lacks, and so is that of what was exchanged; the index is left out and rebuilt.
``backup.json`` is written last: a copy without it is not a backup.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from waypost.core.errors import StoreError
from waypost.store.disk import Disk, RealDisk, write_file
from waypost.store.exchange_db import FILE as EXCHANGES
from waypost.store.frame import BadFrame
from waypost.store.journal import Journal
from waypost.store.layout import SECRET, ShardFolder, shard_numbers
from waypost.store.opening import Setting
from waypost.store.record import FORMAT_VERSION
from waypost.store.segment import START, Identity, Segment, segment_name
from waypost.store.sqlite import checkpoint, connect, needs_recovery
from waypost.store.state_db import StateDatabase

MANIFEST = "backup.json"
_PIECE = 4 << 20
BOOKS = "books.db"
"""Derived from what was exchanged, but for what was told."""
_LEFT_OUT = {"lock", "run", "backups", MANIFEST, *(BOOKS + ending for ending in ("", "-wal", "-shm"))}
_TRIES = 5

T = TypeVar("T")
Progress = tuple[int, int]
"""(bytes done, bytes in all)"""


class Manifest(msgspec.Struct, frozen=True):
    """What ``backup.json`` says: every file with its size."""

    format: int
    store: str
    made_at: int
    files: dict[str, int]


class _Vanished(Exception):
    """Retention removed a segment while it was to be copied."""


class Backup:
    """One backup of one store, open or not. ``run`` blocks between its steps."""

    def __init__(self, setting: Setting, target: str) -> None:
        self._setting, self._disk, self._target = setting, setting.disk, target
        self._files: dict[str, int] = {}
        self._done = self._total = 0

    def run(self) -> Iterator[Progress]:
        """Copy everything; yields after every piece. Raises ``StoreError`` when there is something in the target."""
        disk = self._disk
        if disk.exists(self._target) and disk.list(self._target):
            raise StoreError("not empty", where=self._target, expected="a new folder", remedy="name another one")
        store = self._setting.store
        if f"{self._target}/".startswith(f"{store}/") and not f"{self._target}/".startswith(f"{store}/backups/"):
            raise StoreError(
                "a folder inside the store", where=self._target, expected="a folder outside, best on another disk",
                remedy="name another one",
            )  # fmt: skip
        disk.make_folder(self._target)
        numbers = shard_numbers(disk, self._setting.store)
        self._total = sum(self._size_of(number) for number in numbers)
        for number in numbers:
            yield from self._shard(number)
        self._snapshot(f"{self._setting.store}/{BOOKS}", f"{self._target}/{BOOKS}")
        yield from self._rest("")
        made = Manifest(FORMAT_VERSION, self._setting.store_id.hex(), self._setting.clock.now(), self._files)
        text = json.dumps(msgspec.to_builtins(made), indent=1) + "\n"
        write_file(disk, f"{self._target}/{MANIFEST}", text.encode())
        disk.sync_folder(self._target.rpartition("/")[0] or "/")

    def _size_of(self, number: int) -> int:
        folder = ShardFolder(self._setting.store, number)
        return sum(
            self._file_size(f"{path}/{name}")
            for path in (folder.journal, folder.chunks)
            for name in self._disk.list(path)
        )

    def _file_size(self, path: str) -> int:
        try:
            fd = self._disk.open(path)
        except FileNotFoundError:
            return 0
        try:
            return self._disk.size(fd)
        finally:
            self._disk.close(fd)

    def _shard(self, number: int) -> Iterator[Progress]:
        to = ShardFolder(self._target, number)
        to.make(self._disk)
        for _ in range(_TRIES):
            state = f"{to.path}/state.db"
            if self._disk.exists(state):
                self._disk.unlink(state)
            snapshot(f"{self._setting.store}/shard-{number:02d}/state.db", state)
            self._exchanges(number, to)
            try:
                yield from self._journal(number, to)
                break
            except _Vanished:
                self._drop(to.journal)
        else:
            raise StoreError(
                f"shard {number} lost segments to retention {_TRIES} times while they were copied",
                where=self._setting.store,
                remedy="try again when retention is done",
            )
        self._note(state)
        for path in (to.journal, to.chunks, to.path):
            self._disk.sync_folder(path)

    def _exchanges(self, number: int, to: ShardFolder) -> None:
        """What was exchanged is kept longer than the journal it is folded from."""
        self._snapshot(f"{self._setting.store}/shard-{number:02d}/{EXCHANGES}", f"{to.path}/{EXCHANGES}")

    def _snapshot(self, path: str, copy: str) -> None:
        """A copy of a database, where there is one."""
        if self._disk.exists(copy):
            self._disk.unlink(copy)
        if self._disk.exists(path):
            snapshot(path, copy)
            self._note(copy)

    def _drop(self, folder: str) -> None:
        for name in self._disk.list(folder):
            self._disk.unlink(f"{folder}/{name}")

    def _journal(self, number: int, to: ShardFolder) -> Iterator[Progress]:
        setting, at = self._setting, ShardFolder(self._setting.store, number)
        journal = Journal(self._disk, at.journal, Identity(setting.store_id, number), setting.codec)
        copied: set[int] = set()
        numbers = journal.segments()
        if numbers and numbers[0] > max(1, _stands_at(f"{to.path}/state.db")):
            raise _Vanished
        for segment_number in numbers:
            try:
                segment = journal.open(segment_number)
            except StoreError as gone:
                raise _Vanished from gone
            with contextlib.closing(segment):
                sealed = segment.footer() is not None
                name = segment_name(segment_number)
                if sealed:
                    yield from self._place(f"{at.journal}/{name}", f"{to.journal}/{name}")
                else:
                    yield from self._prefix(segment, f"{to.journal}/{name}")
            copied.add(segment_number)
            if not sealed:
                break
        for name in self._disk.list(at.chunks):
            if int(name.partition("-")[0]) in copied:
                yield from self._place(f"{at.chunks}/{name}", f"{to.chunks}/{name}")

    def _prefix(self, segment: Segment, to: str) -> Iterator[Progress]:
        end = good_end(segment)
        yield from self._copy(segment.path, to, end)

    def _place(self, path: str, to: str) -> Iterator[Progress]:
        """Link an unchanging file, or copy it."""
        try:
            self._disk.link(path, to)
        except FileNotFoundError as gone:
            raise _Vanished from gone
        except OSError as refused:
            if refused.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
                raise
            yield from self._copy(path, to)
        else:
            self._note(to)
            self._done += self._files[_relative(self._target, to)]
            yield self._done, max(self._total, self._done)

    def _copy(self, path: str, to: str, size: int | None = None, mode: int = 0o644) -> Iterator[Progress]:
        for copied in copy_file(self._disk, path, to, size, mode):
            self._done += copied
            yield self._done, max(self._total, self._done)
        self._note(to)

    def _note(self, path: str) -> None:
        self._files[_relative(self._target, path)] = self._file_size(path)

    def _rest(self, folder: str) -> Iterator[Progress]:
        """What else the store folder holds: its description, its secret, bundles."""
        at, to = f"{self._setting.store}{folder}", f"{self._target}{folder}"
        for name in self._disk.list(at):
            if not folder and (name in _LEFT_OUT or name.startswith("shard-")):
                continue
            if Path(at, name).is_dir():
                self._disk.make_folder(f"{to}/{name}")
                yield from self._rest(f"{folder}/{name}")
            elif Path(at, name).is_file():
                try:
                    yield from self._copy(f"{at}/{name}", f"{to}/{name}", mode=0o600 if name == SECRET else 0o644)
                except FileNotFoundError:
                    continue  # its time was over: it is nothing that is kept
        self._disk.sync_folder(to)


def good_end(segment: Segment, start: int = START) -> int:
    """Where the good frames of a segment end that may be being written; those before ``start`` are known to be."""
    at, size = start, segment.size
    while at < size:
        try:
            header, _ = segment.frame(at)
        except BadFrame:
            break
        at += header.size
    return at


def copy_file(disk: Disk, path: str, to: str, size: int | None = None, mode: int = 0o644) -> Iterator[int]:
    """Copy the first ``size`` bytes, or all; durable when done. Yields the bytes of every piece."""
    source = disk.open(path)
    try:
        end = disk.size(source) if size is None else size
        target = disk.create(to, mode)
        try:
            for at in range(0, end, _PIECE):
                piece = disk.read(source, min(_PIECE, end - at), at)
                disk.write(target, [piece], at)
                yield len(piece)
            disk.sync(target)
        finally:
            disk.close(target)
    finally:
        disk.close(source)


def snapshot(path: str, to: str) -> None:
    """The database as it is at one moment, without the pages that are free."""
    if needs_recovery(Path(path)):
        _recovered_copy(path, to)
        return
    connection = connect(Path(path), read_only=True)
    try:
        connection.execute("VACUUM INTO ?", (to,))
    finally:
        connection.close()


def _recovered_copy(path: str, to: str) -> None:
    """A copy with all that the write-ahead log holds, of a database in a folder where nobody here may write."""
    for ending in ("", "-wal"):
        for _ in copy_file(RealDisk(), path + ending, to + ending):
            pass
    connection = connect(Path(to))
    checkpoint(connection)
    connection.close()


def _stands_at(path: str) -> int:
    """The segment up to which a state has taken in its journal."""
    database = StateDatabase(Path(path), read_only=True)
    try:
        return database.totals().watermark[0]
    finally:
        database.close()


def _relative(folder: str, path: str) -> str:
    return path[len(folder) + 1 :]


async def stepwise(steps: Iterator[T]) -> AsyncIterator[T]:
    """Take the steps of a blocking iterator in a thread, one after the other."""
    while (progress := await asyncio.to_thread(next, steps, None)) is not None:
        yield progress
