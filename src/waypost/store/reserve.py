"""Room on the disk: when to stop accepting, and a reserve that lets outcomes be written after that."""

from __future__ import annotations

import errno

import apsw

from waypost.core.errors import StoreFull
from waypost.store.disk import Disk

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class Reserve:
    """A file whose only use is to be removed when the disk is full."""

    def __init__(self, disk: Disk, folder: str, *, size: int, floor: int) -> None:
        self._disk, self._folder, self._path = disk, folder, f"{folder}/reserve"
        self._size, self._floor = size, floor
        self._held = disk.exists(self._path)
        self.room = True
        """More may be accepted."""

    def look(self) -> None:
        """Find out again whether there is room."""
        self.room = self._disk.free(self._folder) >= self._floor

    @property
    def wanted(self) -> bool:
        """The file is gone and could be there again."""
        return not self._held and self._disk.free(self._folder) >= self._floor + 2 * self._size

    def restore(self) -> None:
        """Make the file anew if there is space to spare."""
        if not self.wanted:
            return
        fd = self._disk.create(self._path)
        try:
            self._disk.allocate(fd, self._size)
        except OSError as fault:
            if fault.errno not in NO_ROOM:
                raise
            self._disk.unlink(self._path)
        else:
            self._held = True
        finally:
            self._disk.close(fd)

    def release(self) -> bool:
        """Give the space up; False when that was done before."""
        self.room = False
        if not self._held:
            return False
        self._disk.unlink(self._path)
        self._held = False
        return True

    def full(self, fault: OSError | None = None) -> StoreFull:
        """The error for whoever wanted to have something accepted."""
        return StoreFull(
            f"no room left ({fault.strerror if fault else 'little free space'})",
            where=self._folder,
            expected=f"at least {self._floor >> 20} MiB free",
            remedy="free space on this disk or shorten retention; nothing is lost, and accepting goes on by itself",
        )


def is_full(fault: BaseException) -> bool:
    """Whether an error says only that there was no room: SQLite rolled back, and may try again."""
    return isinstance(fault, apsw.FullError)
