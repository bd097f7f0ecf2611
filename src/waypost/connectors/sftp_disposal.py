"""Take away a file that was read on an SFTP server: archive it, delete it, set it aside; never one that came later.

Every act can be repeated: after a crash or a lost answer the file may be gone already.
"""

from __future__ import annotations

import posixpath
from typing import Any

from waypost.connectors.file_name import namesakes, raw_name
from waypost.connectors.sftp_connection import SftpConnection, SftpMissing
from waypost.core.errors import EndpointUnavailable

Stamp = tuple[int, int, int]


class SftpDisposal:
    """Disposes of files below ``folder``; ``archive`` and ``rejected`` are made when first needed."""

    def __init__(self, connection: SftpConnection, folder: str, *, archive: str, rejected: str) -> None:
        self._connection, self._folder = connection, folder
        self._archive = archive or posixpath.join(folder, "archive")
        self._rejected = rejected or posixpath.join(folder, "rejected")

    def owns(self, path: str) -> bool:
        """Whether ``path`` holds what was disposed of, and so is not read."""
        return posixpath.normpath(path) in map(posixpath.normpath, (self._archive, self._rejected))

    async def archive(self, name: str, stamp: Stamp, mark: str) -> bool:
        """Move the file into the archive. False when another file has taken its name since."""
        return await self._move(name, stamp, self._archive, mark)

    async def set_aside(self, name: str, stamp: Stamp, mark: str) -> bool:
        """Move the file to the rejected ones. False when another file has taken its name since."""
        return await self._move(name, stamp, self._rejected, mark)

    async def delete(self, name: str, stamp: Stamp) -> bool:
        """Remove the file. False when another file has taken its name since."""
        if (present := await self._present(name, stamp)) is True:
            path = raw_name(self._path(name))
            await self._connection.call(self._place(name), "delete", lambda sftp: sftp.remove(path))
        return present is not None

    async def _present(self, name: str, stamp: Stamp) -> bool | None:
        """Whether the file is still there; None when another one is."""
        path = raw_name(self._path(name))
        try:
            found = await self._connection.call(self._place(name), "look at", lambda sftp: sftp.lstat(path))
        except SftpMissing:
            return False
        return True if (found.size or 0, (found.mtime or 0) * 1_000_000_000, 0) == stamp else None

    async def _move(self, name: str, stamp: Stamp, to: str, mark: str) -> bool:
        if (present := await self._present(name, stamp)) is not True:
            return present is False
        wanted = posixpath.join(to, name)
        where = self._connection.place(wanted)
        if not await self._connection.call(where, "move a file to", _moving(self._path(name), wanted, mark)):
            raise EndpointUnavailable("every name for it is taken", where=where, remedy="clear this folder")
        return True

    def _path(self, name: str) -> str:
        return posixpath.join(self._folder, name)

    def _place(self, name: str) -> str:
        return self._connection.place(self._path(name))


def _moving(source: str, wanted: str, mark: str) -> Any:
    async def moved(sftp: Any) -> bool:
        import asyncssh

        await sftp.makedirs(raw_name(posixpath.dirname(wanted)), exist_ok=True)
        for path in map(raw_name, namesakes(wanted, mark)):
            if await sftp.lexists(path):
                continue
            try:
                await sftp.rename(raw_name(source), path)
            except asyncssh.SFTPError:
                if await sftp.lexists(path):
                    continue  # somebody was quicker
                raise
            return True
        return False

    return moved
