"""One process owns a shard: a lock that the system lets go when the process ends."""

from __future__ import annotations

import os

from waypost.store.disk import Disk
from waypost.store.layout import lock_folder


class ShardLock:
    """Held from creation to ``release``. Raises ``StoreLocked`` naming the holder's process id."""

    def __init__(self, disk: Disk, path: str) -> None:
        self._disk = disk
        self._fd = lock_folder(disk, path)
        try:
            disk.truncate(self._fd, 0)
            disk.write(self._fd, [f"{os.getpid()}\n".encode()], 0)
        except BaseException:
            disk.close(self._fd)
            raise

    def release(self) -> None:
        self._disk.close(self._fd)
