"""Records what SQLite does to its files: an apsw VFS over the system's own.

Made the default VFS while it lives, so that it catches every database the store opens. The shared memory of a
write-ahead log is not recorded: SQLite makes it anew after a stop.
"""

from __future__ import annotations

from typing import Any

import apsw

from waypost.testing.crash.log import Log

_NAMED_BY_SYNC = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL
"""Files whose folder SQLite's unix VFS syncs together with their first sync (UNIXFILE_DIRSYNC in os_unix.c)."""


class RecordingVfs(apsw.VFS):
    """Use as a context manager. ``files`` gives every path its inode's number."""

    def __init__(self, log: Log, root: str, files: dict[str, int]) -> None:
        self._name = f"waypost-crash-{id(self)}"
        self.log, self.root, self.files = log, root, files
        super().__init__(self._name, "unix", makedefault=True)

    def __enter__(self) -> RecordingVfs:
        return self

    def __exit__(self, *_: object) -> None:
        apsw.set_default_vfs("unix")
        self.unregister()

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None or not path.startswith(self.root):
            return super().xOpen(name, flags)
        named_by_sync = False
        if path not in self.files and flags[0] & apsw.SQLITE_OPEN_CREATE:
            self.files[path] = self.log.inode()
            self.log.add("create", path, self.files[path])
            named_by_sync = bool(flags[0] & _NAMED_BY_SYNC)
        return RecordingFile(self, name, flags, path, named_by_sync)

    def xDelete(self, path: str, sync_folder: bool) -> None:
        super().xDelete(path, sync_folder)
        if path.startswith(self.root):
            self.files.pop(path, None)
            self.log.add("unlink", path)
            if sync_folder:
                self.log.add("names", path.rpartition("/")[0])


class RecordingFile(apsw.VFSFile):
    """One open file of SQLite's."""

    def __init__(self, vfs: RecordingVfs, name: Any, flags: list[int], path: str, named_by_sync: bool) -> None:
        super().__init__("unix", name, flags)
        self._log, self._path, self._named_by_sync = vfs.log, path, named_by_sync
        self._inode = vfs.files.get(path, 0)

    def xWrite(self, data: Any, offset: int) -> None:
        super().xWrite(data, offset)
        self._log.add("write", self._path, self._inode, at=offset, data=bytes(data))

    def xTruncate(self, size: int) -> None:
        super().xTruncate(size)
        self._log.add("truncate", self._path, self._inode, at=size)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._log.add("sync", self._path, self._inode)
        if self._named_by_sync:
            self._named_by_sync = False
            self._log.add("names", self._path.rpartition("/")[0])
