"""The calls that change a disk, in one place so that a test can end the world between any two."""

from __future__ import annotations

import os
from pathlib import Path


class Disk:
    """Writes, syncs, creates and renames; each as durable as its sentence says."""

    def write(self, descriptor: int, data: bytes, offset: int) -> int:
        """Write at ``offset``; behind the end where the descriptor was opened for appending."""
        return os.pwrite(descriptor, data, offset)

    def sync(self, descriptor: int) -> None:
        os.fdatasync(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        os.ftruncate(descriptor, size)

    def create(self, path: Path, flags: int) -> int:
        """Open a file that is not there; its name is durable when this returns."""
        descriptor = os.open(path, flags | os.O_CREAT, 0o666)
        self.sync_folder(path.parent)
        return descriptor

    def rename(self, old: Path, new: Path) -> None:
        os.rename(old, new)
        self.sync_folder(new.parent)

    def sync_folder(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
