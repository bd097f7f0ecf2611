"""The few operations by which the store touches a disk; nothing else in the store opens, writes or syncs a file.

One narrow seam, so that a test can fail any of them, and the crash explorer can record all of them. SQLite's files do
not pass here: they go through an apsw VFS, which can be exchanged by name.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from typing import Protocol

Buffer = bytes | bytearray | memoryview


class Disk(Protocol):
    """File operations, by descriptor or absolute path. Every one raises ``OSError`` when the system refuses."""

    def make_folder(self, path: str) -> None:
        """Create a folder whose parent exists; nothing happens when it is there already."""
        ...

    def create(self, path: str, mode: int = 0o644) -> int:
        """Create a file that must not exist; open for reading and writing."""
        ...

    def open(self, path: str, *, write: bool = False) -> int: ...

    def close(self, fd: int) -> None: ...

    def write(self, fd: int, buffers: Sequence[Buffer], at: int) -> None:
        """Write all of the buffers, one after the other, from offset ``at``. When it raises, any part may be there."""
        ...

    def datasync(self, fd: int) -> None:
        """Return once the bytes written, and the size needed to read them, survive a loss of power."""
        ...

    def sync(self, fd: int) -> None:
        """As ``datasync``, with all of the file's attributes: after a truncation or a change of mode."""
        ...

    def truncate(self, fd: int, size: int) -> None: ...

    def allocate(self, fd: int, size: int) -> None:
        """Make sure that ``size`` bytes really belong to the file."""
        ...

    def protect(self, fd: int) -> None:
        """Make the file read-only."""
        ...

    def read(self, fd: int, size: int, at: int) -> bytes:
        """The bytes from ``at``: fewer than ``size`` only where the file ends."""
        ...

    def size(self, fd: int) -> int: ...

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, replacing what has it."""
        ...

    def link(self, old: str, new: str) -> None: ...

    def unlink(self, path: str) -> None: ...

    def sync_folder(self, path: str) -> None:
        """Return once the creations, renames and removals in a folder survive a loss of power."""
        ...

    def list(self, path: str) -> list[str]:
        """The names in a folder, sorted."""
        ...

    def exists(self, path: str) -> bool: ...

    def free(self, path: str) -> int:
        """Bytes that this user may still write on the file system of ``path``."""
        ...

    def lock(self, path: str) -> int:
        """Create or open a file and lock it for this process; ``BlockingIOError`` when another has it. The lock ends
        with ``close`` or with the process."""
        ...


class RealDisk:
    """The machine's disk."""

    def make_folder(self, path: str) -> None:
        os.makedirs(path, exist_ok=True)

    def create(self, path: str, mode: int = 0o644) -> int:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)

    def open(self, path: str, *, write: bool = False) -> int:
        return os.open(path, (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC)

    def close(self, fd: int) -> None:
        os.close(fd)

    def write(self, fd: int, buffers: Sequence[Buffer], at: int) -> None:
        wanted = sum(map(len, buffers))
        done = os.pwritev(fd, buffers, at)
        if done < wanted:
            self._write_rest(fd, b"".join(buffers), done, at)

    def _write_rest(self, fd: int, data: bytes, done: int, at: int) -> None:
        while done < len(data):
            done += os.pwrite(fd, memoryview(data)[done:], at + done)

    def datasync(self, fd: int) -> None:
        os.fdatasync(fd)

    def sync(self, fd: int) -> None:
        os.fsync(fd)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def allocate(self, fd: int, size: int) -> None:
        os.posix_fallocate(fd, 0, size)

    def protect(self, fd: int) -> None:
        os.fchmod(fd, 0o444)

    def read(self, fd: int, size: int, at: int) -> bytes:
        data = os.pread(fd, size, at)
        if len(data) == size or not data:
            return data
        parts = [data]
        while data:
            at += len(data)
            size -= len(data)
            data = os.pread(fd, size, at)
            parts.append(data)
        return b"".join(parts)

    def size(self, fd: int) -> int:
        return os.fstat(fd).st_size

    def rename(self, old: str, new: str) -> None:
        os.replace(old, new)

    def link(self, old: str, new: str) -> None:
        os.link(old, new)

    def unlink(self, path: str) -> None:
        os.unlink(path)

    def sync_folder(self, path: str) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def list(self, path: str) -> list[str]:
        return sorted(os.listdir(path))

    def exists(self, path: str) -> bool:
        return os.path.lexists(path)

    def free(self, path: str) -> int:
        stat = os.statvfs(path)
        return stat.f_bavail * stat.f_frsize

    def lock(self, path: str) -> int:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            raise
        return fd


def read_file(disk: Disk, path: str) -> bytes:
    """All bytes of a small file."""
    fd = disk.open(path)
    try:
        return disk.read(fd, disk.size(fd), 0)
    finally:
        disk.close(fd)


def write_file(disk: Disk, path: str, data: bytes, *, mode: int = 0o644) -> None:
    """Create or replace a small file, whole or not at all, durable on return."""
    temporary = path + ".new"
    if disk.exists(temporary):
        disk.unlink(temporary)
    fd = disk.create(temporary, mode)
    try:
        disk.write(fd, [data], 0)
        disk.sync(fd)
    finally:
        disk.close(fd)
    disk.rename(temporary, path)
    disk.sync_folder(path.rpartition("/")[0])
