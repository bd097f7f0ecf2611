"""Read files from a directory: each file is one arrival, disposed of once the flow has accepted it.

A file is known by path, size, modification time, inode and the digest of its first 4 KiB, so the same name with other
content is another file. Never read: names that begin with a dot or end in ``.tmp``, ``.part`` or ``.filepart``, and
symbolic links, which could lead anywhere. Writers put a finished file in place by renaming it; for those who cannot,
``settle_seconds`` waits until a file has been still. A file that changes while it is read is refused and offered anew;
following a file that grows (``tail``) is not supported.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from waypost.connectors.directory_disposal import Disposal
from waypost.connectors.file_error import file_error
from waypost.connectors.file_look import (
    Disposition,
    FileFeed,
    FileSeen,
    FileSkipped,
    FileSourceOptions,
    Glob,
    readable_name,
)
from waypost.connectors.file_name import CONTENT_TYPES, NamePattern, printable_name
from waypost.core.component import Answer, Arrival, Received
from waypost.core.errors import BugError, EndpointUnavailable, ErrorClass, WaypostError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Option
from waypost.core.traits import SourceTraits

PIECE_BYTES = 256 << 10
PREFIX_BYTES = 4096
MAX_NAMES_SAID = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorySourceOptions(FileSourceOptions):
    path: Annotated[str, Option("Glob of the files to read, from the project's folder or absolute.", "in/*.ndjson")]


@registry.register(
    "source",
    "directory",
    options=DirectorySourceOptions,
    traits=SourceTraits(ordered=True, redelivers=True, polling=True, resumes=True),
    shorthand="path",
    example="{path: in/*.ndjson, after: archive}",
)
class DirectorySource:
    """Read each file that appears in a folder."""

    def __init__(self, options: DirectorySourceOptions, grants: Grants) -> None:
        self.options, self.grants = options, grants
        self._glob = Glob(options.path)
        self._folder = grants.root / self._glob.folder
        self._prefix = "" if self._glob.folder == "." else self._glob.folder.rstrip("/") + "/"
        self.names = NamePattern(options.keys_from_name) if options.keys_from_name else None
        self.disposal = Disposal(
            self._folder,
            archive=grants.root / options.archive_path if options.archive_path else self._folder / "archive",
            rejected=grants.root / options.rejected_path if options.rejected_path else self._folder / "rejected",
        )
        self.feed = FileFeed(
            self,
            grants.clock,
            poll_seconds=options.poll_seconds,
            settle_seconds=options.settle_seconds,
            order=options.order,
        )
        self._said: set[str] = set()

    async def open(self) -> None:
        try:
            with os.scandir(self._folder):
                self.feed.reopen()
        except OSError as error:
            raise file_error(error, self._folder, "read") from error

    async def receive(self) -> DirectoryDelivery | None:
        """The next file. See ``FileFeed`` for when it is None and when it waits."""
        delivery = await self.feed.next()
        assert delivery is None or isinstance(delivery, DirectoryDelivery)
        return delivery

    async def close(self) -> None:
        self.feed.close()

    async def look(self) -> Iterable[FileSeen]:
        seen = await asyncio.to_thread(lambda: list(self._walk(self._folder, "")))
        self.grants.positions.present([printable_name(self._prefix + file.name) for file in seen])
        return seen

    async def fetch(self, seen: FileSeen) -> DirectoryDelivery | None:
        path = self._folder / seen.name
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise file_error(error, path, "read") from error
        try:
            delivery = DirectoryDelivery(self, seen, path, descriptor, self._prefix + seen.name)
        except OSError as error:
            os.close(descriptor)
            raise file_error(error, path, "read") from error
        arrival = delivery.arrival
        if not delivery.unchanged():
            delivery.let_go()
            return None
        if self.grants.positions.arrival_done(arrival.name, arrival.identity):
            await delivery.accept()  # the disposal was still owed
            return None
        return delivery

    def skip(self, name: str, cause: str) -> None:
        """Say once that ``name`` is not read."""
        if name not in self._said:
            if len(self._said) >= MAX_NAMES_SAID:
                self._said.clear()
            self._said.add(name)
            self.grants.events.emit(FileSkipped(flow=self.grants.flow, name=printable_name(name), cause=cause))

    def _walk(self, folder: Path, prefix: str) -> Iterator[FileSeen]:
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            if prefix and isinstance(error, FileNotFoundError):
                return
            raise file_error(error, folder, "read") from error
        for entry in entries:
            if readable_name(entry.name):
                try:
                    yield from self._entry(entry, prefix + entry.name)
                except FileNotFoundError:
                    continue  # gone since the folder was read

    def _entry(self, entry: os.DirEntry[str], name: str) -> Iterator[FileSeen]:
        if entry.is_symlink():
            if self._glob.matches(name) or self._glob.enters(name):
                self.skip(name, "it is a symbolic link; put the file itself there")
        elif entry.is_dir(follow_symlinks=False):
            if self._glob.enters(name) and not self.disposal.owns(entry.path):
                yield from self._walk(Path(entry.path), name + "/")
        elif self._glob.matches(name):
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(found.st_mode):
                yield FileSeen(name, found.st_size, found.st_mtime_ns, found.st_ino)


class DirectoryDelivery:
    """One file, kept open from the look until it is accepted or rejected."""

    records: Sequence[Received] | None = None

    def __init__(self, source: DirectorySource, seen: FileSeen, path: Path, descriptor: int, name: str) -> None:
        self._source, self._seen, self._path, self._descriptor = source, seen, path, descriptor
        found = os.fstat(descriptor)
        prefix = hashlib.blake2b(os.pread(descriptor, PREFIX_BYTES, 0), digest_size=8).hexdigest()
        self._stamp = (found.st_size, found.st_mtime_ns, found.st_ino)
        name, base = printable_name(name), printable_name(path.name)
        headers = {"file.name": base}
        if source.names:
            headers |= {f"file.{key}": value for key, value in source.names.keys_of(base).items()}
        self.arrival = Arrival(
            name=name,
            identity=f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}-{prefix}",
            size=found.st_size,
            headers=headers,
            content_type=CONTENT_TYPES.get(path.suffix.lower(), ""),
        )
        self.partition = f"{name}#{self.arrival.identity}"

    def unchanged(self) -> bool:
        """Whether the open file is still what was seen."""
        found = os.fstat(self._descriptor)
        return (found.st_size, found.st_mtime_ns, found.st_ino) == self._stamp == self._seen.stamp

    async def read(self, offset: int) -> AsyncIterator[bytes]:
        """The content in pieces of 256 KiB. ``EndpointUnavailable`` as soon as somebody has changed the file."""
        size = self.arrival.size
        while offset < size:
            try:
                piece = os.pread(self._descriptor, min(PIECE_BYTES, size - offset), offset)
            except OSError as error:
                raise file_error(error, self._path, "read") from error
            if not piece or not self.unchanged():
                raise EndpointUnavailable(
                    f"the file changed while it was read (byte {offset} of {size})",
                    where=str(self._path),
                    remedy="rename finished files into place, or set settle_seconds; it is offered again",
                )
            yield piece
            offset += len(piece)

    async def accept(self) -> None:
        if self._descriptor < 0:
            return
        if self._source.options.after is not Disposition.LEAVE:
            try:
                if not await self._dispose():
                    self._source.skip(self.arrival.name, "it changed after it was accepted; it is read as a new file")
            except OSError as error:
                raise file_error(error, self._path, "dispose of") from error
        self._end(finished=True)

    async def _dispose(self) -> bool:
        disposal = self._source.disposal
        if self._source.options.after is Disposition.DELETE:
            return disposal.delete(self._seen.name, self._stamp)
        return await asyncio.to_thread(disposal.archive, self._seen.name, self._stamp)

    async def reject(self, cause: WaypostError) -> None:
        """Offered again at a later look; set aside in ``rejected`` when its content is at fault."""
        hopeless = cause.error_class in (ErrorClass.DATA, ErrorClass.CONTRACT)
        if hopeless and self._source.options.after is not Disposition.LEAVE:
            try:
                await asyncio.to_thread(self._source.disposal.set_aside, self._seen.name, self._stamp)
            except OSError as error:
                raise file_error(error, self._path, "set aside") from error
        self._end(finished=hopeless)

    async def answer(self, answers: Sequence[Answer]) -> None:
        raise BugError("nobody waits for an answer to a file", where=self.arrival.name)

    def let_go(self) -> None:
        """Close the file; safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _end(self, *, finished: bool) -> None:
        if self._descriptor >= 0:
            self.let_go()
            self._source.feed.release(self._seen, finished=finished)
