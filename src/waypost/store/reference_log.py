"""The durable history of one reference table: a file of entries that is only ever added to.

A line is an entry: 16 hexadecimal digits that follow from all lines before it and its own text, a blank, its text in
JSON, a line end. So a change of any byte shows, and the digits of the last line name the state of the table. A writer
locks the folder, syncs each line, and cuts off what a crash left half written. A reader syncs what it sees before it
believes it: what was read once cannot be gone after a loss of power.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from waypost.core.errors import StoreDamaged, StoreError
from waypost.store.disk import Disk

FOLDER = "reference"
ENDING = ".log"
_DIGITS = 16
_PATIENCE_SECONDS = 10.0
_PIECE = 8 << 20


class Entry(NamedTuple):
    """One entry; ``digest`` is that of the history up to it."""

    digest: str
    data: dict[str, Any]


class ReferenceLog:
    """The log of one table. ``entries`` are those known; ``refresh`` takes in what was added since."""

    def __init__(self, disk: Disk, store: str, name: str) -> None:
        self._disk, self._folder, self._path = disk, f"{store}/{FOLDER}", f"{store}/{FOLDER}/{name}{ENDING}"
        self.entries: list[Entry] = []
        self._end = 0  # behind the last good line
        self._size = 0  # of the file when it was last read

    def refresh(self) -> Sequence[Entry]:
        """The entries that were added since the last time. Raises ``StoreDamaged``."""
        if not self._disk.exists(self._path):
            return ()
        fd = self._disk.open(self._path)
        try:
            size = self._disk.size(fd)
            if size == self._size:
                return ()
            self._disk.datasync(fd)
            data = b"".join(
                self._disk.read(fd, min(_PIECE, size - at), at) for at in range(self._end, size, _PIECE)
            )  # fmt: skip
        finally:
            self._disk.close(fd)
        added = self._take(data)
        self._size = self._end  # what is left half written is looked at again
        return added

    def _take(self, data: bytes) -> Sequence[Entry]:
        added: list[Entry] = []
        at = 0
        while (stop := data.find(b"\n", at)) >= 0:
            digest = self.entries[-1].digest if self.entries else ""
            entry = _read_line(data[at:stop], digest)
            if entry is None:
                if data.find(b"\n", stop + 1) >= 0:
                    text = f"entry {len(self.entries) + 1}, at byte {self._end}, is not what was written"
                    raise StoreDamaged(text, where=self._path, remedy="restore it from a backup")
                break  # the last line: a crash may have left it half written
            self.entries.append(entry)
            added.append(entry)
            self._end += stop + 1 - at
            at = stop + 1
        return added

    def append(self, made: Any) -> Entry:
        """Add what ``made()`` gives, which is asked once nobody else can add; durable on return. ``made`` may raise to
        add nothing."""
        self._disk.make_folder(self._folder)
        lock = self._lock()
        try:
            self.refresh()
            data = made()
            text = msgspec.json.encode(data)
            digest = _digest(self.entries[-1].digest if self.entries else "", text)
            line = digest.encode() + b" " + text + b"\n"
            new = not self._disk.exists(self._path)
            fd = self._disk.create(self._path) if new else self._disk.open(self._path, write=True)
            try:
                if self._disk.size(fd) > self._end:
                    self._disk.truncate(fd, self._end)
                self._disk.write(fd, [line], self._end)
                self._disk.sync(fd)
            finally:
                self._disk.close(fd)
            if new:
                self._disk.sync_folder(self._folder)
                self._disk.sync_folder(self._folder.rpartition("/")[0])
        finally:
            self._disk.close(lock)
        self._end = self._size = self._end + len(line)
        self.entries.append(Entry(digest, msgspec.json.decode(text)))
        return self.entries[-1]

    def _lock(self) -> int:
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            with suppress(BlockingIOError):
                return self._disk.lock(f"{self._folder}/lock")
            if time.monotonic() > until:
                raise StoreError("another process is changing reference data", where=self._folder, remedy="try again")
            time.sleep(0.01)


def _read_line(line: bytes, before: str) -> Entry | None:
    digest, text = line[:_DIGITS].decode("ascii", "replace"), line[_DIGITS + 1 :]
    if line[_DIGITS : _DIGITS + 1] != b" " or _digest(before, text) != digest:
        return None
    try:
        data = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return Entry(digest, data) if isinstance(data, dict) else None


def _digest(before: str, text: bytes) -> str:
    return hashlib.blake2b(before.encode() + text, digest_size=_DIGITS // 2).hexdigest()


def log_names(disk: Disk, store: str) -> list[str]:
    """The tables that have a history."""
    folder = f"{store}/{FOLDER}"
    names = disk.list(folder) if disk.exists(folder) else []
    return [name.removesuffix(ENDING) for name in names if name.endswith(ENDING)]


def check_log(disk: Disk, store: str, name: str) -> tuple[int, str]:
    """How many bytes a history has, and what is wrong with it, '' for nothing."""
    log = ReferenceLog(disk, store, name)
    try:
        log.refresh()
    except StoreDamaged as fault:
        return log._size, str(fault)
    return log._size, ""
