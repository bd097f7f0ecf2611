"""The machine's disk, with everything done to it recorded, and failing where it is told to."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from waypost.store.disk import Buffer, RealDisk
from waypost.testing.crash.log import Log

Fails = Callable[[str, str], int]
"""(operation, path) → the number of the error it fails with, or 0."""


def never(operation: str, path: str) -> int:
    """Nothing fails."""
    return 0


class RecordingDisk(RealDisk):
    """A ``Disk`` for the folder ``root``. ``files`` gives every path its inode's number, SQLite's files too."""

    def __init__(self, log: Log, root: str, fails: Fails = never) -> None:
        self.log, self.root, self.fails = log, root, fails
        self.files: dict[str, int] = {}
        self._open: dict[int, tuple[str, int]] = {}

    def path_of(self, fd: int) -> str:
        return self._open[fd][0]

    def make_folder(self, path: str) -> None:
        known = os.path.isdir(path) and path != self.root
        self._check("folder", path)
        super().make_folder(path)
        if not known:
            self.log.add("folder", path)

    def create(self, path: str, mode: int = 0o644) -> int:
        self._check("create", path)
        fd = super().create(path, mode)
        self._created(path)
        self._open[fd] = path, self.files[path]
        return fd

    def open(self, path: str, *, write: bool = False) -> int:
        fd = super().open(path, write=write)
        self._open[fd] = path, self.files.get(path, 0)
        return fd

    def close(self, fd: int) -> None:
        self._open.pop(fd)
        super().close(fd)

    def write(self, fd: int, buffers: Sequence[Buffer], at: int) -> None:
        """A write that fails writes half."""
        path, inode = self._open[fd]
        data, number = b"".join(buffers), self.fails("write", path)
        data = data[: len(data) // 2] if number else data
        super().write(fd, [data], at)
        self.log.add("write", path, inode, at=at, data=data)
        if number:
            raise OSError(number, os.strerror(number), path)

    def datasync(self, fd: int) -> None:
        path, inode = self._open[fd]
        number = self.fails("sync", path)
        self.log.add("lost" if number else "sync", path, inode)
        if number:
            raise OSError(number, os.strerror(number), path)

    def sync(self, fd: int) -> None:
        self.datasync(fd)

    def truncate(self, fd: int, size: int) -> None:
        path, inode = self._open[fd]
        self._check("truncate", path)
        super().truncate(fd, size)
        self.log.add("truncate", path, inode, at=size)

    def allocate(self, fd: int, size: int) -> None:
        self._check("allocate", self._open[fd][0])

    def protect(self, fd: int) -> None:
        """Permissions are not recorded."""

    def rename(self, old: str, new: str) -> None:
        self._check("rename", old)
        super().rename(old, new)
        self.files[new] = self.files.pop(old)
        self.log.add("rename", old, other=new)

    def link(self, old: str, new: str) -> None:
        self._check("link", new)
        super().link(old, new)
        self.files[new] = self.files[old]
        self.log.add("link", new, self.files[old])

    def unlink(self, path: str) -> None:
        self._check("unlink", path)
        super().unlink(path)
        self.files.pop(path, None)
        self.log.add("unlink", path)

    def sync_folder(self, path: str) -> None:
        self._check("names", path)
        if path.startswith(self.root):
            self.log.add("names", path)

    def free(self, path: str) -> int:
        return 0 if self.fails("free", path) else 1 << 40

    def lock(self, path: str) -> int:
        fd = super().lock(path)
        if path not in self.files:
            self._created(path)
        self._open[fd] = path, self.files[path]
        return fd

    def _created(self, path: str) -> None:
        self.files[path] = self.log.inode()
        self.log.add("create", path, self.files[path])

    def _check(self, operation: str, path: str) -> None:
        number = self.fails(operation, path)
        if number:
            raise OSError(number, os.strerror(number), path)
