"""A disk that fails on demand."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from waypost.store.disk import Buffer, RealDisk


class FailingDisk(RealDisk):
    """``fail["write"] = errno.EIO`` makes every write fail, ``fail["write"] = [None, errno.EIO]`` the second one.
    Both concern files that ``only`` lets through; ``calls`` lists the operations on those. ``short`` is how many bytes
    a failing write still writes."""

    def __init__(self) -> None:
        self.fail: dict[str, int | list[int | None]] = {}
        self.calls: list[str] = []
        self.short = 0
        self.only: Callable[[str], bool] = lambda path: True
        self.free_bytes: int | None = None
        self._paths: dict[int, str] = {}

    def _meet(self, name: str, path: str) -> int | None:
        if self.only(path):
            self.calls.append(name)
        planned = self.fail.get(name)
        if planned is None or not self.only(path):
            return None
        return (planned.pop(0) if planned else None) if isinstance(planned, list) else planned

    def _check(self, name: str, path: str) -> None:
        number = self._meet(name, path)
        if number:
            raise OSError(number, os.strerror(number), path)

    def create(self, path: str, mode: int = 0o644) -> int:
        self._check("create", path)
        fd = super().create(path, mode)
        self._paths[fd] = path
        return fd

    def open(self, path: str, *, write: bool = False) -> int:
        fd = super().open(path, write=write)
        self._paths[fd] = path
        return fd

    def write(self, fd: int, buffers: Sequence[Buffer], at: int) -> None:
        number = self._meet("write", self._paths.get(fd, ""))
        if number:
            os.pwrite(fd, b"".join(buffers)[: self.short], at)
            raise OSError(number, os.strerror(number))
        super().write(fd, buffers, at)

    def datasync(self, fd: int) -> None:
        self._check("datasync", self._paths.get(fd, ""))
        super().datasync(fd)

    def sync(self, fd: int) -> None:
        self._check("sync", self._paths.get(fd, ""))
        super().sync(fd)

    def truncate(self, fd: int, size: int) -> None:
        self._check("truncate", self._paths.get(fd, ""))
        super().truncate(fd, size)

    def free(self, path: str) -> int:
        return super().free(path) if self.free_bytes is None else self.free_bytes
