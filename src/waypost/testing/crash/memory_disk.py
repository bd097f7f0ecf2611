"""A disk in memory, which records what is done to it and fails where it is told to."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence

from waypost.store.disk import Buffer
from waypost.testing.crash.log import Log


class Inode:
    """A file, whatever its names."""

    __slots__ = ("data", "number")

    def __init__(self, number: int, data: bytes = b"") -> None:
        self.number, self.data = number, bytearray(data)


def never(operation: str, path: str) -> int:
    return 0


class MemoryDisk:
    """A ``Disk`` whose files are gone with it."""

    def __init__(self, log: Log | None = None, fails: Callable[[str, str], int] = never) -> None:
        """``fails`` gets operation and path and answers with an error number, or 0."""
        self.log, self.fails = log or Log(on=False), fails
        self.files: dict[str, Inode] = {}
        self.folders: set[str] = set()
        self._open: dict[int, tuple[str, Inode]] = {}
        self._locked: set[str] = set()
        self._next = 1000

    def make_folder(self, path: str) -> None:
        if path not in self.folders:
            self._check("folder", path)
            self.folders.add(path)
            self.log.add("folder", path)

    def create(self, path: str, mode: int = 0o644) -> int:
        self._check("create", path)
        if path in self.files:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        inode = self.files[path] = Inode(self.log.inode())
        self.log.add("create", path, inode.number)
        return self._descriptor(path, inode)

    def open(self, path: str, *, write: bool = False) -> int:
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return self._descriptor(path, self.files[path])

    def close(self, fd: int) -> None:
        path, _ = self._open.pop(fd)
        self._locked.discard(path)

    def write(self, fd: int, buffers: Sequence[Buffer], at: int) -> None:
        path, inode = self._open[fd]
        self._check("write", path)
        data = b"".join(buffers)
        put(inode.data, at, data)
        self.log.add("write", path, inode.number, at=at, data=data)

    def datasync(self, fd: int) -> None:
        path, inode = self._open[fd]
        number = self.fails("sync", path)
        self.log.add("lost" if number else "sync", path, inode.number)
        if number:
            raise OSError(number, os.strerror(number), path)

    def sync(self, fd: int) -> None:
        self.datasync(fd)

    def truncate(self, fd: int, size: int) -> None:
        path, inode = self._open[fd]
        self._check("truncate", path)
        resize(inode.data, size)
        self.log.add("truncate", path, inode.number, at=size)

    def allocate(self, fd: int, size: int) -> None:
        self._check("allocate", self._open[fd][0])

    def protect(self, fd: int) -> None:
        """Permissions are not kept."""

    def read(self, fd: int, size: int, at: int) -> bytes:
        return bytes(memoryview(self._open[fd][1].data)[at : at + size])

    def size(self, fd: int) -> int:
        return len(self._open[fd][1].data)

    def rename(self, old: str, new: str) -> None:
        self._check("rename", old)
        self.files[new] = self.files.pop(old)
        self.log.add("rename", old, other=new)

    def link(self, old: str, new: str) -> None:
        self._check("link", new)
        self.files[new] = self.files[old]
        self.log.add("link", new, self.files[old].number)

    def unlink(self, path: str) -> None:
        self._check("unlink", path)
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        del self.files[path]
        self.log.add("unlink", path)

    def sync_folder(self, path: str) -> None:
        self._check("names", path)
        self.log.add("names", path)

    def list(self, path: str) -> list[str]:
        start = path + "/"
        names = {
            name[len(start) :].partition("/")[0] for name in (*self.files, *self.folders) if name.startswith(start)
        }
        return sorted(names)

    def exists(self, path: str) -> bool:
        return path in self.files or path in self.folders

    def free(self, path: str) -> int:
        return 1 << 40

    def lock(self, path: str) -> int:
        if path in self._locked:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), path)
        self._locked.add(path)
        return self.open(path) if path in self.files else self.create(path)

    def _descriptor(self, path: str, inode: Inode) -> int:
        self._next += 1
        self._open[self._next] = path, inode
        return self._next

    def _check(self, operation: str, path: str) -> None:
        number = self.fails(operation, path)
        if number:
            raise OSError(number, os.strerror(number), path)


def put(content: bytearray, at: int, data: bytes | memoryview) -> None:
    """Write into a file's content; a hole before it is zeros."""
    if at > len(content):
        content.extend(bytes(at - len(content)))
    content[at : at + len(data)] = data


def resize(content: bytearray, size: int) -> None:
    """Cut a file's content, or lengthen it with zeros."""
    del content[size:]
    content.extend(bytes(size - len(content)))
