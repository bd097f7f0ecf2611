"""Write messages into a directory: a file each, or with ``append: true`` one rolling file.

A file each: written under a temporary name, synced, renamed into place, so nobody sees half of it and a repetition
lands on the same name with the same bytes. Effectively-once holds while nobody removes the file before the outcome is
committed. Appended: see ``directory_append``; a ledger beside the file recognises each delivery.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from waypost.connectors.append_ledger import writer_id
from waypost.connectors.directory_append import AppendFile
from waypost.connectors.directory_disk import Disk
from waypost.connectors.file_error import file_error
from waypost.connectors.file_look import FileSkipped
from waypost.connectors.file_name import NameTemplate, WhenExists, name_taken, template_faults, temporary_name
from waypost.core.calendar import zone_faults
from waypost.core.component import Alike, Outbound, Outcome, placed_at
from waypost.core.errors import WaypostError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Option, OptionFault
from waypost.core.traits import Repetition, TargetTraits

OPEN_FILES = 16
"""How many appended files are kept open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryTargetOptions:
    path: Annotated[str, Option("Folder written to, from the project's folder or absolute; made if missing.", "out")]
    name: Annotated[
        str,
        Option(
            "Name of each file: {id}, {key}, {keys.NAME}, {date:%Y%m%d}, {counter:06d}, {flow}, {target}, {extension}; "
            "by default {id}{extension}, appended {flow}{extension}.",
            "{keys.po}-{id}.json",
        ),
    ] = ""
    append: Annotated[bool, Option("Append every message to one file instead of making a file each.")] = False
    separator: Annotated[str, Option("Put behind each appended message that does not end in it.", advanced=True)] = "\n"
    when_exists: Annotated[
        WhenExists, Option("What happens when another message made a file of that name.", advanced=True)
    ] = WhenExists.REFUSE
    zone: Annotated[str, Option("Time zone of {date}.", "Europe/Berlin", advanced=True)] = "UTC"

    def faults(self) -> Iterable[OptionFault]:
        if not self.path or "\0" in self.path:
            yield OptionFault("path", f"found {self.path!r}", "a folder")
        if self.name:
            yield from (OptionFault("name", *fault) for fault in template_faults(self.name))
        yield from zone_faults("zone", self.zone)

    @property
    def template(self) -> str:
        return self.name or ("{flow}{extension}" if self.append else "{id}{extension}")


_EACH = TargetTraits(repetition=Repetition.SAME_PLACE, batch=64, concurrency=4)


def _traits(options: DirectoryTargetOptions) -> TargetTraits:
    numbered = "{counter" in options.template
    if options.append:
        return TargetTraits(repetition=Repetition.RECOGNISED, batch=1000, concurrency=1, numbered=numbered)
    return TargetTraits(repetition=Repetition.SAME_PLACE, batch=64, concurrency=4, numbered=numbered)


@registry.register(
    "target",
    "directory",
    options=DirectoryTargetOptions,
    traits=_EACH,
    traits_for=_traits,
    shorthand="path",
    example="{path: out, append: true}",
)
class DirectoryTarget:
    """Write each message to a file in a folder, or append it to one."""

    def __init__(self, options: DirectoryTargetOptions, grants: Grants) -> None:
        self._options, self._grants, self._folder = options, grants, grants.root / options.path
        self._template = NameTemplate(
            options.template, flow=grants.flow, target=grants.name, zone=options.zone,
            lines=options.append and options.separator == "\n",
        )  # fmt: skip
        self._replaces = self._template.unique or options.when_exists is WhenExists.REPLACE
        self._writer = writer_id(grants.flow, grants.name, grants.worker)
        self._appended: dict[str, AppendFile] = {}
        self._disk = Disk()

    async def open(self) -> None:
        try:
            await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        except OSError as error:
            raise file_error(error, self._folder, "write to") from error

    async def send(self, batch: Sequence[Outbound]) -> Sequence[Outcome]:
        """See the module. A message whose name cannot be made fails by itself; all others go, or none."""
        work = self._append if self._options.append else self._put
        writing = asyncio.get_running_loop().run_in_executor(None, work, batch)
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            # A thread cannot be stopped; sent again, the same message would meet its own temporary file.
            await asyncio.wait((writing,))
            if not writing.cancelled() and (error := writing.exception()):
                raise asyncio.CancelledError from error
            raise

    async def close(self) -> None:
        """Let go of the files, after a send that still runs."""
        while self._appended:
            await asyncio.to_thread(self._appended.popitem()[1].close)

    # ── appended ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _append(self, batch: Sequence[Outbound]) -> Sequence[Outcome]:
        name = self._template.shared_name(batch)
        if name is not None:
            return self._outcomes(name, self._file(name).append(batch))
        return self._append_apart(batch)

    def _outcomes(self, name: str, offsets: Sequence[int]) -> Sequence[Outcome]:
        path = str(self._folder / name)
        if min(offsets) >= 0:
            return Alike(path, "appended", offsets)
        return [
            Outcome(delivered=True, address=path, status="recognised")
            if offset < 0
            else Outcome(delivered=True, address=placed_at(path, offset), status="appended")
            for offset in offsets
        ]

    def _append_apart(self, batch: Sequence[Outbound]) -> Sequence[Outcome]:
        """To as many files as the batch has names."""
        outcomes: list[Outcome | None] = [None] * len(batch)
        by_name: dict[str, list[int]] = {}
        for index, message in enumerate(batch):
            name = self._name(message)
            if isinstance(name, Outcome):
                outcomes[index] = name
            else:
                by_name.setdefault(name, []).append(index)
        for name, places in by_name.items():
            offsets = self._file(name).append([batch[index] for index in places])
            for index, outcome in zip(places, self._outcomes(name, offsets), strict=True):
                outcomes[index] = outcome
        return [outcome for outcome in outcomes if outcome is not None]

    def _file(self, name: str) -> AppendFile:
        file = self._appended.pop(name, None)
        if file is None:
            if len(self._appended) >= OPEN_FILES:
                self._appended.pop(next(iter(self._appended))).close()
            path = self._folder / name
            file = AppendFile(
                path,
                separator=self._options.separator.encode(),
                writer=self._writer,
                report=lambda said: self._report(path, said),
            )
        self._appended[name] = file
        return file

    def _report(self, path: Path, said: str) -> None:
        self._grants.events.emit(FileSkipped(flow=self._grants.flow, name=str(path), cause=said))

    def _name(self, message: Outbound) -> str | Outcome:
        try:
            return self._template.name_of(message)
        except WaypostError as error:
            return Outcome.failed(error, address=str(self._folder))

    # ── a file each ──────────────────────────────────────────────────────────────────────────────────────────────

    def _put(self, batch: Sequence[Outbound]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        halves: list[tuple[Path, Path] | None] = []
        try:
            for message in batch:
                name = self._name(message)
                halves.append(None if isinstance(name, Outcome) else self._write_half(message, name))
                outcomes.append(name if isinstance(name, Outcome) else Outcome(delivered=True))
            for index, half in enumerate(halves):
                if half is not None:
                    outcomes[index] = self._finish(*half)
            self._disk.sync_folder(self._folder)
        except OSError as error:
            for half in halves:
                if half is not None:
                    half[0].unlink(missing_ok=True)
            raise file_error(error, self._folder, "write to") from error
        return outcomes

    def _write_half(self, message: Outbound, name: str) -> tuple[Path, Path]:
        half = self._folder / temporary_name(name, message.idempotency_key)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(half, flags, 0o666)
        try:
            rest = memoryview(message.body)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fdatasync(descriptor)
        except OSError:
            half.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        return half, self._folder / name

    def _finish(self, half: Path, path: Path) -> Outcome:
        if self._replaces:
            os.rename(half, path)
            return Outcome(delivered=True, address=str(path), status="written")
        try:
            os.link(half, path)
            same = True
        except FileExistsError:
            same = path.stat().st_size == half.stat().st_size and path.read_bytes() == half.read_bytes()
        half.unlink()
        if same:
            return Outcome(delivered=True, address=str(path), status="written")
        return Outcome.failed(name_taken(str(path)), address=str(path))
