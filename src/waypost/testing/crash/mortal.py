"""A process that dies at a given change of the disk: SIGKILL from within, at a place that can be counted and named.

Every change the store makes to its files counts; of SQLite's, a run of writes to one file counts once. Each process
that begins (this one, and each one forked from it) takes the next number of a schedule, and dies when it comes to its
change of that number: before it, or, if it is a write, when half of it is done. With the schedule used up, or no longer
``armed``, processes live on.
"""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import apsw

from waypost.store.disk import Buffer, RealDisk
from waypost.testing.crash.log import site_of

CHANGES = {
    "make_folder": "folder", "create": "create", "datasync": "sync", "sync": "sync", "truncate": "truncate",
    "rename": "rename", "link": "link", "unlink": "unlink", "sync_folder": "names",
}  # fmt: skip
"""What counts, beside writes, under the names the explorer gives it."""


class Schedule:
    """At which changes processes die, one after the other; a folder, so that all of them see the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers, self._taken, self._died = folder / "numbers", folder / "taken", folder / "died"

    def write(self, numbers: Sequence[int]) -> None:
        """Begin, armed."""
        self.folder.mkdir()
        self._numbers.write_text("".join(f"{number}\n" for number in numbers))
        self._taken.touch()

    def take(self) -> int:
        """The next number, 0 when there is none."""
        with self._taken.open("ab") as taken:
            fcntl.flock(taken, fcntl.LOCK_EX)
            numbers = self._numbers.read_text().split()
            place = os.fstat(taken.fileno()).st_size
            if place >= len(numbers):
                return 0
            taken.write(b".")
            return int(numbers[place])

    @property
    def left(self) -> int:
        """How many numbers nobody has taken."""
        return len(self._numbers.read_text().split()) - self._taken.stat().st_size

    @property
    def armed(self) -> bool:
        return self._numbers.exists()

    def disarm(self) -> None:
        """Nobody dies any more."""
        self._numbers.unlink()

    def died(self, site: str) -> None:
        """Note where the calling process is about to die."""
        fd = os.open(self._died, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(fd, f"{site}\n".encode())
        os.close(fd)

    def deaths(self) -> Counter[str]:
        """How many processes died at each call site."""
        return Counter(self._died.read_text().splitlines()) if self._died.exists() else Counter()


class Mortal:
    """The life of this process, and of those forked from it. ``root``: where the store's files are."""

    def __init__(self, schedule: Schedule, root: str) -> None:
        self.schedule, self.root = schedule, root
        self._lock = threading.Lock()
        self._left = 0

    def begin(self, *, itself: bool = True) -> None:
        """Count from here: in each process that this one forks, and in this one unless ``itself`` is to live."""
        if itself:
            self._begin()
        os.register_at_fork(after_in_child=self._begin)
        for name, kind in CHANGES.items():
            setattr(RealDisk, name, self._counted(getattr(RealDisk, name), kind))
        RealDisk.write = self._counted_write(RealDisk.write)  # type: ignore[method-assign]
        self._vfs = MortalVfs(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._left = self.schedule.take() if self.schedule.armed else 0

    def is_last(self) -> bool:
        """Count one change; whether it is the one to die at."""
        with self._lock:
            self._left -= 1
            return self._left == 0 and self.schedule.armed

    def die(self, kind: str, path: str) -> NoReturn:
        """Now."""
        self.schedule.died(f"{site_of(path)} {kind}")
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("a killed process goes on")

    def _counted(self, call: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def counted(disk: RealDisk, *arguments: Any, **options: Any) -> Any:
            if self.is_last():
                self.die(kind, "")
            return call(disk, *arguments, **options)

        return counted

    def _counted_write(self, write: Callable[..., None]) -> Callable[..., None]:
        def counted(disk: RealDisk, fd: int, buffers: Sequence[Buffer], at: int) -> None:
            if self.is_last():
                data = b"".join(buffers)
                write(disk, fd, [data[: len(data) // 2]], at)
                self.die("write", "")
            write(disk, fd, buffers, at)

        return counted


class MortalVfs(apsw.VFS):
    """SQLite's files of the store; the default VFS from when it is made."""

    def __init__(self, mortal: Mortal) -> None:
        self.mortal = mortal
        super().__init__("waypost-mortal", "unix", makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None or not path.startswith(self.mortal.root):
            return super().xOpen(name, flags)
        return MortalFile(self.mortal, name, flags, path)

    def xDelete(self, path: str, sync_folder: bool) -> None:
        if path.startswith(self.mortal.root) and self.mortal.is_last():
            self.mortal.die("unlink", path)
        super().xDelete(path, sync_folder)


class MortalFile(apsw.VFSFile):
    """One open file of SQLite's."""

    def __init__(self, mortal: Mortal, name: Any, flags: list[int], path: str) -> None:
        super().__init__("unix", name, flags)
        self._mortal, self._path, self._writing = mortal, path, False

    def xWrite(self, data: Any, offset: int) -> None:
        begins, self._writing = not self._writing, True
        if begins and self._mortal.is_last():
            super().xWrite(bytes(data)[: len(data) // 2], offset)
            self._mortal.die("write", self._path)
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        if self._mortal.is_last():
            self._mortal.die("truncate", self._path)
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        self._writing = False
        if self._mortal.is_last():
            self._mortal.die("sync", self._path)
        super().xSync(flags)
