"""Take away a file that was read: move it to the archive, delete it, set it aside; never a file that came later.

Every act can be repeated: after a crash the file may be gone already, or stand in both places for a moment.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path

from waypost.connectors.file_name import namesakes

Stamp = tuple[int, int, int]
"""Size, modification time and inode of the file that was read."""

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)


class Disposal:
    """Disposes of files below ``folder``; ``archive`` and ``rejected`` are made when first needed."""

    def __init__(self, folder: Path, *, archive: Path, rejected: Path) -> None:
        self._folder, self._archive, self._rejected = folder, archive, rejected
        self._own = {os.path.normpath(archive), os.path.normpath(rejected)}

    def owns(self, folder: str) -> bool:
        """Whether ``folder`` holds what was disposed of, and so is not read."""
        return os.path.normpath(folder) in self._own

    def archive(self, name: str, stamp: Stamp) -> bool:
        """Move the file into the archive. False when another file has taken its name since."""
        return self._move(name, stamp, self._archive)

    def set_aside(self, name: str, stamp: Stamp) -> bool:
        """Move the file to the rejected ones. False when another file has taken its name since."""
        return self._move(name, stamp, self._rejected)

    def delete(self, name: str, stamp: Stamp) -> bool:
        """Remove the file. False when another file has taken its name since."""
        if (present := self._present(name, stamp)) is True:
            os.unlink(self._folder / name)
        return present is not None

    def _present(self, name: str, stamp: Stamp) -> bool | None:
        """Whether the file is still there; None when another one is."""
        try:
            found = os.lstat(self._folder / name)
        except FileNotFoundError:
            return False
        return True if (found.st_size, found.st_mtime_ns, found.st_ino) == stamp else None

    def _move(self, name: str, stamp: Stamp, to: Path) -> bool:
        if (present := self._present(name, stamp)) is not True:
            return present is False
        source, wanted = self._folder / name, to / name
        wanted.parent.mkdir(parents=True, exist_ok=True)
        for place in namesakes(str(wanted), f"{stamp[1]:x}-{stamp[2]:x}"):
            if self._put(source, Path(place), stamp):
                return True
        raise FileExistsError(errno.EEXIST, "every name for it is taken", str(wanted))

    def _put(self, source: Path, place: Path, stamp: Stamp) -> bool:
        """Move ``source`` to ``place`` without replacing anything. False when the place is taken."""
        try:
            os.link(source, place, follow_symlinks=False)
        except FileExistsError:
            if os.lstat(place).st_ino != stamp[2]:
                return False
        except OSError as error:
            if error.errno == errno.EXDEV:
                return _copy_over(source, place)
            if error.errno not in _NO_LINKS:
                raise
            if os.path.lexists(place):
                return False
            os.rename(source, place)
            return True
        os.unlink(source)
        return True


def _copy_over(source: Path, place: Path) -> bool:
    """Move to another disk. A copy of an earlier try that was cut short stands under a name nobody reads."""
    if os.path.lexists(place):
        return False
    half = place.with_name(f".{place.name}.part")
    shutil.copy2(source, half)
    with open(half, "rb") as copied:
        os.fsync(copied.fileno())
    os.rename(half, place)
    with contextlib.closing(_Folder(place.parent)) as folder:
        os.fsync(folder.descriptor)
    os.unlink(source)
    return True


class _Folder:
    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self.descriptor)
