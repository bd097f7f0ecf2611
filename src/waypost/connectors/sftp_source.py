"""Read files from an SFTP server: each file is one arrival, disposed of there once the flow has accepted it.

A file is known by path, size, modification time and the digest of its first 4 KiB. Never read: names that begin with a
dot or end in ``.tmp``, ``.part`` or ``.filepart``, and symbolic links. Many partners upload under the final name:
``settle_seconds`` waits until a file has been still.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import stat
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from waypost.connectors.file_look import (
    Disposition,
    FileFeed,
    FileSeen,
    FileSkipped,
    FileSourceOptions,
    Glob,
    readable_name,
)
from waypost.connectors.file_name import CONTENT_TYPES, NamePattern, printable_name, raw_name
from waypost.connectors.sftp_connection import SftpConnection, SftpMissing
from waypost.connectors.sftp_disposal import SftpDisposal
from waypost.core.component import Answer, Arrival, Received
from waypost.core.errors import BugError, EndpointError, EndpointUnavailable, ErrorClass, WaypostError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import ConnectionRef, Option
from waypost.core.traits import SourceTraits

PIECE_BYTES = 1 << 20
PREFIX_BYTES = 4096
MAX_NAMES_SAID = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpSourceOptions(FileSourceOptions):
    connection: Annotated[ConnectionRef, Option("The SFTP server, as named in connections.yaml.", kinds=("sftp",))]
    path: Annotated[str, Option("Glob of the files to fetch, on the server.", example="/outbound/*.edi")]
    poll_seconds: Annotated[float, Option("Pause between two looks.", minimum=0.01)] = 10.0


@registry.register(
    "source",
    "sftp",
    options=SftpSourceOptions,
    traits=SourceTraits(ordered=True, redelivers=True, polling=True, resumes=True),
    example="{connection: acme-sftp, path: /outbound/*.edi}",
)
class SftpSource:
    """Fetch each file that appears on an SFTP server."""

    def __init__(self, options: SftpSourceOptions, grants: Grants) -> None:
        self.options, self.grants = options, grants
        self.connection: SftpConnection = grants.connections[options.connection].pool
        self._glob = Glob(options.path)
        self.folder = self._glob.folder
        self.disposal = SftpDisposal(
            self.connection, self.folder, archive=options.archive_path, rejected=options.rejected_path
        )
        self.names = NamePattern(options.keys_from_name) if options.keys_from_name else None
        self.feed = FileFeed(
            self,
            grants.clock,
            poll_seconds=options.poll_seconds,
            settle_seconds=options.settle_seconds,
            order=options.order,
        )
        self._said: set[str] = set()

    async def open(self) -> None:
        await self.connection.open()
        await self.connection.call(self.place(""), "look into", lambda sftp: sftp.stat(self.folder))
        self.feed.reopen()

    async def receive(self) -> SftpDelivery | None:
        """The next file. See ``FileFeed`` for when it is None and when it waits."""
        delivery = await self.feed.next()
        assert delivery is None or isinstance(delivery, SftpDelivery)
        return delivery

    async def close(self) -> None:
        self.feed.close()

    def path(self, name: str) -> str:
        return posixpath.join(self.folder, name)

    def place(self, name: str) -> str:
        return self.connection.place(self.path(name) if name else self.folder)

    def skip(self, name: str, cause: str) -> None:
        """Say once that ``name`` is not read."""
        if name not in self._said:
            if len(self._said) >= MAX_NAMES_SAID:
                self._said.clear()
            self._said.add(name)
            self.grants.events.emit(FileSkipped(flow=self.grants.flow, name=self.place(name), cause=cause))

    async def look(self) -> Iterable[FileSeen]:
        seen: list[FileSeen] = []
        folders = [""]
        while folders:
            prefix = folders.pop()
            folder = self.path(prefix) if prefix else self.folder
            try:
                entries = await self.connection.call(self.connection.place(folder), "look into", _listing(folder))
            except SftpMissing:
                if prefix:
                    continue  # gone since its parent was read
                raise
            for name, attributes in entries:
                self._sort_out(posixpath.join(prefix, name), attributes, seen, folders)
        self.grants.positions.present([self.arrival_name(file.name) for file in seen])
        return seen

    def arrival_name(self, name: str) -> str:
        """What the arrival of a file is called."""
        return f"{self.options.connection}:{printable_name(self.path(name))}"

    def _sort_out(self, name: str, attributes: Any, seen: list[FileSeen], folders: list[str]) -> None:
        mode = attributes.permissions or 0
        if stat.S_ISLNK(mode):
            if self._glob.matches(name) or self._glob.enters(name):
                self.skip(name, "it is a symbolic link; put the file itself there")
        elif stat.S_ISDIR(mode):
            if self._glob.enters(name) and not self.disposal.owns(self.path(name)):
                folders.append(name)
        elif stat.S_ISREG(mode) and self._glob.matches(name):
            seen.append(FileSeen(name, attributes.size or 0, (attributes.mtime or 0) * 1_000_000_000))

    async def fetch(self, seen: FileSeen) -> SftpDelivery | None:
        try:
            client, file = await self.connection.call(self.place(seen.name), "read", _opening(self.path(seen.name)))
        except SftpMissing:
            return None
        delivery = SftpDelivery(self, seen, client, file)
        try:
            arrival = await delivery.identify()
            if not await delivery.unchanged():
                await delivery.let_go()
                return None
        except BaseException:
            await delivery.let_go()
            raise
        if self.grants.positions.arrival_done(arrival.name, arrival.identity):
            await delivery.accept()  # the disposal was still owed
            return None
        return delivery


def _opening(path: str) -> Any:
    async def opened(sftp: Any) -> tuple[Any, Any]:
        return sftp, await sftp.open(raw_name(path), "rb", encoding=None)

    return opened


def _listing(folder: str) -> Any:
    async def listed(sftp: Any) -> list[tuple[str, Any]]:
        found = [(os.fsdecode(entry.filename), entry.attrs) async for entry in sftp.scandir(raw_name(folder))]
        return [(name, attributes) for name, attributes in found if readable_name(name)]

    return listed


class SftpDelivery:
    """One remote file, kept open from the look until it is accepted or rejected."""

    records: Sequence[Received] | None = None
    arrival: Arrival | None = None
    partition = ""
    _mark = ""

    def __init__(self, source: SftpSource, seen: FileSeen, client: Any, file: Any) -> None:
        self._source, self._seen, self._client, self._file = source, seen, client, file
        self._where = source.place(seen.name)

    async def identify(self) -> Arrival:
        """Read the prefix; ``arrival`` and ``partition`` are there afterwards, and given back."""
        seen, base = self._seen, posixpath.basename(printable_name(self._seen.name))
        prefix = await self._call("read", lambda file: file.read(PREFIX_BYTES, 0))
        headers = {"file.name": base}
        if self._source.names:
            headers |= {f"file.{key}": value for key, value in self._source.names.keys_of(base).items()}
        digest = hashlib.blake2b(prefix, digest_size=8).hexdigest()
        arrival = self.arrival = Arrival(
            name=self._source.arrival_name(seen.name),
            identity=f"{seen.size}-{seen.mtime_ns // 1_000_000_000}-{digest}",
            size=seen.size,
            headers=headers,
            content_type=CONTENT_TYPES.get(posixpath.splitext(base)[1].lower(), ""),
        )
        self._mark = f"{seen.mtime_ns // 1_000_000_000:x}-{digest}"
        self.partition = f"{arrival.name}#{arrival.identity}"
        return arrival

    async def unchanged(self) -> bool:
        """Whether the open file is still what was seen."""
        found = await self._call("look at", lambda file: file.stat())
        return (found.size or 0, (found.mtime or 0) * 1_000_000_000, 0) == self._seen.stamp

    async def read(self, offset: int) -> AsyncIterator[bytes]:
        """The content in pieces of 1 MiB. ``EndpointUnavailable`` when somebody has changed the file meanwhile,
        noticed at the latest before its last piece is given."""
        size = self._seen.size
        while offset < size:
            wanted = min(PIECE_BYTES, size - offset)
            piece = await self._call("read", partial(_piece, offset, wanted))
            last = offset + len(piece) >= size
            if not piece or (last and not await self.unchanged()):
                raise EndpointUnavailable(
                    f"the file changed while it was read (byte {offset} of {size})", where=self._where,
                    remedy="let the partner rename finished files, or set settle_seconds; it is offered again",
                )  # fmt: skip
            yield piece
            offset += len(piece)

    async def accept(self) -> None:
        if self._file is None:
            return
        disposal, seen, after = self._source.disposal, self._seen, self._source.options.after
        gone = True
        if after is Disposition.DELETE:
            gone = await disposal.delete(seen.name, seen.stamp)
        elif after is Disposition.ARCHIVE:
            gone = await disposal.archive(seen.name, seen.stamp, self._mark)
        if not gone:
            self._source.skip(seen.name, "it changed after it was accepted; it is read as a new file")
        await self._end(finished=True)

    async def reject(self, cause: WaypostError) -> None:
        """Offered again at a later look; set aside in ``rejected`` when its content is at fault."""
        hopeless = cause.error_class in (ErrorClass.DATA, ErrorClass.CONTRACT)
        try:
            if hopeless and self._source.options.after is not Disposition.LEAVE:
                await self._source.disposal.set_aside(self._seen.name, self._seen.stamp, self._mark)
        finally:
            await self._end(finished=hopeless)

    async def answer(self, answers: Sequence[Answer]) -> None:
        raise BugError("nobody waits for an answer to a file", where=self._where)

    async def let_go(self) -> None:
        """Close the file, as far as the connection is still there; safe to call twice."""
        file, self._file = self._file, None
        connection = self._source.connection
        if file is not None and connection.is_current(self._client):  # else it went with its connection
            with contextlib.suppress(EndpointError):
                await connection.call(self._where, "close", lambda _: file.close())

    async def _end(self, *, finished: bool) -> None:
        if self._file is not None:
            await self.let_go()
            self._source.feed.release(self._seen, finished=finished)

    async def _call(self, act: str, do: Any) -> Any:
        async def done(client: Any) -> Any:
            if client is not self._client or self._file is None:
                raise EndpointUnavailable(
                    f"cannot {act}: the connection it was opened on was lost", where=self._where,
                    remedy="it is offered again",
                )  # fmt: skip
            return await do(self._file)

        return await self._source.connection.call(self._where, act, done)


async def _piece(offset: int, size: int, file: Any) -> bytes:
    data: bytes = await file.read(size, offset)
    return data
