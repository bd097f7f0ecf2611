"""Write each message to a file on an SFTP server, whole or not at all.

A file is uploaded under a temporary name, synced where the server can, and renamed into place (``posix-rename``), so
nobody sees half of it and a repetition lands on the same name with the same bytes. A server without that extension
gets a plain rename, and where a file must be replaced a remove before it: for a moment it is not there.
Effectively-once holds while nobody takes the file away before the outcome is committed.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from waypost.connectors.file_name import (
    NameTemplate,
    WhenExists,
    name_taken,
    raw_name,
    template_faults,
    temporary_name,
)
from waypost.connectors.sftp_connection import SftpConnection
from waypost.core.calendar import zone_faults
from waypost.core.component import Outbound, Outcome
from waypost.core.errors import WaypostError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import ConnectionRef, Option, OptionFault
from waypost.core.traits import Repetition, TargetTraits

PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpTargetOptions:
    connection: Annotated[ConnectionRef, Option("The SFTP server, as named in connections.yaml.", kinds=("sftp",))]
    path: Annotated[str, Option("Folder there; it must exist.", example="/inbound")]
    name: Annotated[
        str,
        Option(
            "Name of each file: {id}, {key}, {keys.NAME}, {date:%Y%m%d}, {counter:06d}, {flow}, {target}, {extension}.",
            "{keys.po}-{id}.edi",
        ),
    ] = "{id}{extension}"
    when_exists: Annotated[
        WhenExists, Option("What happens when another message made a file of that name.", advanced=True)
    ] = WhenExists.REFUSE
    zone: Annotated[str, Option("Time zone of {date}.", "Europe/Berlin", advanced=True)] = "UTC"

    def faults(self) -> Iterable[OptionFault]:
        if not self.path or "\0" in self.path:
            yield OptionFault("path", f"found {self.path!r}", "a folder")
        yield from (OptionFault("name", *fault) for fault in template_faults(self.name))
        yield from zone_faults("zone", self.zone)


def _traits(options: SftpTargetOptions) -> TargetTraits:
    numbered = "{counter" in options.name
    return TargetTraits(repetition=Repetition.SAME_PLACE, batch=16, concurrency=4, numbered=numbered)


@registry.register(
    "target",
    "sftp",
    options=SftpTargetOptions,
    traits=TargetTraits(repetition=Repetition.SAME_PLACE, batch=16, concurrency=4),
    traits_for=_traits,
    example="{connection: acme-sftp, path: /inbound, name: '{keys.po}-{id}.edi'}",
)
class SftpTarget:
    """Write each message to a file on an SFTP server."""

    def __init__(self, options: SftpTargetOptions, grants: Grants) -> None:
        self._options = options
        self._connection: SftpConnection = grants.connections[options.connection].pool
        self._template = NameTemplate(options.name, flow=grants.flow, target=grants.name, zone=options.zone)
        self._replaces = self._template.unique or options.when_exists is WhenExists.REPLACE

    async def open(self) -> None:
        await self._connection.open()
        where = self._connection.place(self._options.path)
        await self._connection.call(where, "look into", lambda sftp: sftp.stat(self._options.path))

    async def send(self, batch: Sequence[Outbound]) -> Sequence[Outcome]:
        """Upload all, then rename all in their order. A message whose name cannot be made, or is taken, fails by
        itself; an endpoint error means the whole batch, which may be sent again as it is."""
        names = [self._name(message) for message in batch]
        uploads = [
            asyncio.ensure_future(self._upload(message, name))
            for message, name in zip(batch, names, strict=True)
            if not isinstance(name, Outcome)
        ]
        try:
            await asyncio.gather(*uploads)
        finally:
            for upload in uploads:
                upload.cancel()
            await asyncio.gather(*uploads, return_exceptions=True)
        return [
            name if isinstance(name, Outcome) else await self._finish(message, name)
            for message, name in zip(batch, names, strict=True)
        ]

    async def close(self) -> None:
        """The connection belongs to all who name it."""

    def _name(self, message: Outbound) -> str | Outcome:
        try:
            return self._template.name_of(message)
        except WaypostError as error:
            return Outcome.failed(error, address=self._connection.place(self._options.path))

    def _path(self, name: str) -> str:
        return posixpath.join(self._options.path, name)

    async def _upload(self, message: Outbound, name: str) -> None:
        half = raw_name(self._path(temporary_name(name, message.idempotency_key)))
        where = self._connection.place(self._path(name))
        client, file = await self._connection.call(where, "write", _opening(half))
        try:
            for start in range(0, len(message.body), PIECE_BYTES):
                await self._connection.call(where, "write", _writing(file, message.body, start))
            await self._connection.call(where, "sync", _syncing(file))
        finally:
            if self._connection.is_current(client):  # else it went with its connection
                await self._connection.call(where, "close", lambda _: file.close())

    async def _finish(self, message: Outbound, name: str) -> Outcome:
        path = self._path(name)
        where = self._connection.place(path)
        half = self._path(temporary_name(name, message.idempotency_key))
        put = _Putting(raw_name(half), raw_name(path), message.body, replaces=self._replaces)
        if not await self._connection.call(where, "rename", put):
            return Outcome.failed(name_taken(where), address=where)
        return Outcome(delivered=True, address=where, status="written")


def _opening(path: bytes) -> Any:
    async def opened(sftp: Any) -> tuple[Any, Any]:
        return sftp, await sftp.open(path, "wb", encoding=None)

    return opened


def _writing(file: Any, body: bytes, start: int) -> Any:
    async def written(sftp: Any) -> None:
        await file.write(body[start : start + PIECE_BYTES], start)

    return written


def _syncing(file: Any) -> Any:
    async def synced(sftp: Any) -> None:
        import asyncssh

        try:
            await file.fsync()
        except asyncssh.SFTPOpUnsupported:
            return  # said in the module: synced where the server can

    return synced


class _Putting:
    """Renames a whole file into its place. False when another message's file is there and must stay."""

    def __init__(self, half: bytes, path: bytes, body: bytes, *, replaces: bool) -> None:
        self._half, self._path, self._body, self._replaces = half, path, body, replaces

    async def __call__(self, sftp: Any) -> bool:
        import asyncssh

        if self._replaces:
            await self._replace(sftp)
            return True
        try:
            await sftp.rename(self._half, self._path)
        except asyncssh.SFTPError:
            if not await sftp.lexists(self._path):
                raise
            same = await self._holds_the_same(sftp)
            await sftp.remove(self._half)
            return same
        return True

    async def _replace(self, sftp: Any) -> None:
        import asyncssh

        try:
            await sftp.posix_rename(self._half, self._path)
        except asyncssh.SFTPOpUnsupported:
            if await sftp.lexists(self._path):
                await sftp.remove(self._path)
            await sftp.rename(self._half, self._path)

    async def _holds_the_same(self, sftp: Any) -> bool:
        if (await sftp.stat(self._path)).size != len(self._body):
            return False
        async with sftp.open(self._path, "rb", encoding=None) as file:
            for start in range(0, len(self._body), PIECE_BYTES):
                if await file.read(PIECE_BYTES, start) != self._body[start : start + PIECE_BYTES]:
                    return False
        return True
