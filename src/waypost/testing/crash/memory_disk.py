"""A disk in memory: an image that a store can be opened on."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from waypost.store.disk import Buffer
from waypost.testing.crash.platter import Image, put, resize


class MemoryDisk:
    """A ``Disk`` that holds an image; what is done to it is gone with it. For one thread."""

    def __init__(self, image: Image) -> None:
        self._files = {path: bytearray(data) for path, data in image.items() if not path.endswith("/")}
        self._folders = {path[:-1] for path in image if path.endswith("/")}
        self._open: dict[int, str] = {}
        self._locked: set[str] = set()
        self._next = 1000

    def image(self) -> Image:
        """What it holds now."""
        files = {path: bytes(data) for path, data in self._files.items()}
        return {**{path + "/": b"" for path in self._folders}, **files}

    def make_folder(self, path: str) -> None:
        self._folders.add(path)

    def create(self, path: str, mode: int = 0o644) -> int:
        if path in self._files:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        self._files[path] = bytearray()
        return self._descriptor(path)

    def open(self, path: str, *, write: bool = False) -> int:
        if path not in self._files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return self._descriptor(path)

    def close(self, fd: int) -> None:
        self._locked.discard(self._open.pop(fd))

    def write(self, fd: int, buffers: Sequence[Buffer], at: int) -> None:
        put(self._files[self._open[fd]], at, b"".join(buffers))

    def datasync(self, fd: int) -> None:
        """Nothing to do."""

    def sync(self, fd: int) -> None:
        """Nothing to do."""

    def truncate(self, fd: int, size: int) -> None:
        resize(self._files[self._open[fd]], size)

    def allocate(self, fd: int, size: int) -> None:
        """Nothing to do."""

    def protect(self, fd: int) -> None:
        """Permissions are not kept."""

    def read(self, fd: int, size: int, at: int) -> bytes:
        return bytes(memoryview(self._files[self._open[fd]])[at : at + size])

    def size(self, fd: int) -> int:
        return len(self._files[self._open[fd]])

    def rename(self, old: str, new: str) -> None:
        self._files[new] = self._files.pop(old)

    def link(self, old: str, new: str) -> None:
        self._files[new] = self._files[old]

    def unlink(self, path: str) -> None:
        if self._files.pop(path, None) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    def sync_folder(self, path: str) -> None:
        """Nothing to do."""

    def list(self, path: str) -> list[str]:
        start = path + "/"
        known = (*self._files, *self._folders)
        return sorted({name[len(start) :].partition("/")[0] for name in known if name.startswith(start)})

    def exists(self, path: str) -> bool:
        return path in self._files or path in self._folders

    def free(self, path: str) -> int:
        return 1 << 40

    def lock(self, path: str) -> int:
        if path in self._locked:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), path)
        self._locked.add(path)
        return self.open(path) if path in self._files else self.create(path)

    def _descriptor(self, path: str) -> int:
        self._next += 1
        self._open[self._next] = path
        return self._next
