"""The record of a workload: every operation on the disk, in order, with where in the store it came from."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of the disk. ``kind``: ``folder`` (made), ``create``, ``write``, ``truncate``, ``sync``, ``lost`` (a
    sync that failed), ``rename``, ``link``, ``unlink``, ``names`` (a folder was synced)."""

    kind: str
    path: str
    inode: int = 0
    at: int = 0
    data: bytes = b""
    other: str = ""
    site: str = ""
    phases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """From here on a caller relies on everything up to ``end`` of a shard's journal."""

    shard: int
    end: tuple[int, int]


@dataclass(slots=True)
class Log:
    """Operations and acknowledgements as they happened; any thread may add."""

    entries: list[Operation | Acknowledged] = field(default_factory=list)
    _active: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _inodes: int = 0

    def inode(self) -> int:
        """A number for a new file."""
        with self._lock:
            self._inodes += 1
            return self._inodes

    def add(self, kind: str, path: str, inode: int = 0, *, at: int = 0, data: bytes = b"", other: str = "") -> None:
        site = f"{site_of(path)} {kind}"
        with self._lock:
            phases = tuple(sorted(name for name, count in self._active.items() if count))
            self.entries.append(Operation(kind, path, inode, at, data, other, site, phases))

    def acknowledge(self, shard: int, end: tuple[int, int]) -> None:
        with self._lock:
            self.entries.append(Acknowledged(shard, end))

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Everything recorded within, by whichever thread, happened during ``name``."""
        with self._lock:
            self._active[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._active[name] -= 1


_NOT_SITES = ("waypost.testing.crash", "waypost.store.disk", "contextlib", "apsw")


def site_of(path: str) -> str:
    """The function of the store that asked for the operation; for SQLite's own files the file."""
    name = path.rpartition("/")[2]
    if ".db" in name:
        return name
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith(_NOT_SITES):
        frame = frame.f_back
    if frame is None:
        return "unknown"
    module = str(frame.f_globals.get("__name__", "")).rpartition(".")[2]
    return f"{module}.{frame.f_code.co_name}"
