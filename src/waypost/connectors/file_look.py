"""Look for files again and again: which may be read now, in which order, and when to look next."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Protocol

import msgspec

from waypost.connectors.file_name import pattern_faults
from waypost.core.clock import Clock, sleep_unless
from waypost.core.component import Delivery
from waypost.core.errors import EndpointError
from waypost.core.event import Event, Level
from waypost.core.spec import Option, OptionFault

TEMPORARY_ENDINGS = (".tmp", ".part", ".filepart")


class Disposition(StrEnum):
    """What happens to a file once the flow has accepted it."""

    ARCHIVE = "archive"
    DELETE = "delete"
    LEAVE = "leave"


class FileOrder(StrEnum):
    """In which order files are read."""

    NAME = "name"
    MTIME = "mtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSourceOptions:
    """What every source of files asks; each says itself where its files are."""

    path: str
    after: Annotated[Disposition, Option("What happens to a file once the flow has accepted it.")] = Disposition.ARCHIVE
    archive_path: Annotated[
        str, Option("Folder accepted files are moved to; by default 'archive' beside them.", "done")
    ] = ""
    rejected_path: Annotated[
        str, Option("Folder files are moved to that can never be read; by default 'rejected' beside them.", "bad")
    ] = ""
    order: Annotated[FileOrder, Option("In which order files are read.")] = FileOrder.NAME
    keys_from_name: Annotated[
        str, Option("Pattern that reads headers 'file.NAME' from a file's name.", "{partner}_{po}.edi")
    ] = ""
    poll_seconds: Annotated[float, Option("Pause between two looks.", minimum=0.01)] = 1.0
    settle_seconds: Annotated[
        float, Option("How long a file must have been unchanged before it is read.", minimum=0)
    ] = 0.0

    def faults(self) -> Iterable[OptionFault]:
        if self.keys_from_name:
            yield from (OptionFault("keys_from_name", *fault) for fault in pattern_faults(self.keys_from_name))
        if self.path.endswith("/") or not self.path or "\0" in self.path:
            yield OptionFault("path", f"found {self.path!r}", "a glob of files", "write in/* for every file in 'in'")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSkipped(Event):
    """A file was seen and not read."""

    metric = "waypost_files_skipped_total"
    level = Level.WARNING
    sentence = "{flow}: skipped {name}: {cause}"
    flow: str
    name: str
    cause: str


class FileSeen(msgspec.Struct, frozen=True):
    """A file at one look. Whatever changes its content changes its stamp, as far as the system can tell."""

    name: str
    size: int
    mtime_ns: int
    inode: int = 0

    @property
    def stamp(self) -> tuple[int, int, int]:
        return self.size, self.mtime_ns, self.inode


def readable_name(name: str) -> bool:
    """Whether a file of that base name is finished as far as its name tells."""
    return not name.startswith(".") and not name.lower().endswith(TEMPORARY_ENDINGS)


class Glob:
    """A pattern of paths: ``*`` and ``?`` stay within one folder, ``**`` stands for any number of folders.

    >>> Glob("/data/in/*.edi").folder
    '/data/in'
    """

    def __init__(self, pattern: str) -> None:
        parts = pattern.split("/")
        first = next((i for i, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts) - 1)
        self.folder = "/".join(parts[:first]) or ("/" if pattern.startswith("/") else ".")
        """The folder before the first wildcard."""
        self._parts = [part for part in parts[first:] if part]
        self._deep = "**" in self._parts
        joined = "".join("(?:[^/]+/)*" if part == "**" else _part(part) + "/" for part in self._parts)
        self._whole = re.compile(joined.removesuffix("/"), re.DOTALL)

    def matches(self, name: str) -> bool:
        """Whether ``name``, relative to the folder, is meant."""
        return self._whole.fullmatch(name) is not None

    def enters(self, folder: str) -> bool:
        """Whether files below ``folder``, relative to the folder, may be meant."""
        depth = folder.count("/")
        if self._deep:
            return True
        return depth < len(self._parts) - 1 and bool(re.fullmatch(_part(self._parts[depth]), folder.rpartition("/")[2]))


def _part(pattern: str) -> str:
    made, at = "", 0
    for match in re.finditer(r"\*+|\?|\[!?\]?[^\]/]*\]", pattern):
        found = match[0]
        made += re.escape(pattern[at : match.start()])
        if found[0] == "[":
            inner = found[1:-1].replace("\\", r"\\")
            made += f"[^/{inner[1:]}]" if inner[:1] == "!" else f"[{inner}]"
        else:
            made += "[^/]" if found == "?" else "[^/]*"
        at = match.end()
    return made + re.escape(pattern[at:])


class FilePlace(Protocol):
    """Where files are looked for."""

    async def look(self) -> Iterable[FileSeen]:
        """Every file that fits, finished or not."""
        ...

    async def fetch(self, seen: FileSeen) -> Delivery | None:
        """The delivery of that file; None when there is nothing to deliver (gone, changed, already accepted)."""
        ...


class FileFeed:
    """Hands out the files of a place one by one.

    A look that finds nothing gives None, and the call after it waits ``poll_seconds`` before it looks again. While a
    file is settling, a call waits for it rather than give None.
    """

    def __init__(
        self, place: FilePlace, clock: Clock, *, poll_seconds: float, settle_seconds: float, order: FileOrder
    ) -> None:
        self._place, self._clock = place, clock
        self._poll_seconds, self._settle_seconds, self._order = poll_seconds, settle_seconds, order
        self._queue: deque[FileSeen] = deque()
        self._held: set[str] = set()
        self._finished: dict[str, tuple[int, int, int]] = {}
        self._settling: dict[str, tuple[tuple[int, int, int], float]] = {}
        self._failed: dict[str, tuple[int, int, int]] = {}
        self._failure: EndpointError | None = None
        self._rest, self._closed = False, asyncio.Event()

    async def next(self) -> Delivery | None:
        """The next file that is ready."""
        while not self._closed.is_set():
            if (delivery := await self._next_queued()) is not None:
                return delivery
            if self._rest:
                await sleep_unless(self._clock, self._poll_seconds, self._closed)
                self._rest = False
            await self._look()
            if (delivery := await self._next_queued()) is not None:
                return delivery
            if self._settling:
                await sleep_unless(self._clock, self._settled_in(), self._closed)
                continue
            self._rest = True
            if self._failure is None:
                return None
            failure, self._failure = self._failure, None
            raise failure
        return None

    async def _next_queued(self) -> Delivery | None:
        while self._queue:
            seen = self._queue.popleft()
            self._held.add(seen.name)
            delivery = None
            try:
                delivery = await self._place.fetch(seen)
                self._failed.pop(seen.name, None)
            except EndpointError as error:
                # The other files go first; what is wrong with this one is said once, after them.
                if self._failed.get(seen.name) != seen.stamp:
                    self._failed[seen.name], self._failure = seen.stamp, error
            finally:
                if delivery is None:
                    self._held.discard(seen.name)
            if delivery is not None:
                return delivery
        return None

    def release(self, seen: FileSeen, *, finished: bool) -> None:
        """The delivery of ``seen`` has ended. ``finished``: it is not offered again as long as it is the same."""
        self._held.discard(seen.name)
        if finished:
            self._finished[seen.name] = seen.stamp
        else:
            self._rest = True

    def close(self) -> None:
        """End a waiting ``next``; it gives None from now on."""
        self._closed.set()
        self._queue.clear()

    def reopen(self) -> None:
        self._closed.clear()
        self._rest = False

    async def _look(self) -> None:
        seen = {file.name: file for file in await self._place.look()}
        self._finished = {n: stamp for n, stamp in self._finished.items() if n in seen and seen[n].stamp == stamp}
        self._failed = {n: stamp for n, stamp in self._failed.items() if n in seen}
        ready = self._settled([f for n, f in seen.items() if n not in self._finished and n not in self._held])
        by_name = self._order is FileOrder.NAME
        ready.sort(key=lambda file: (0 if by_name else file.mtime_ns, file.name))
        self._queue.extend(ready)

    def _settled(self, offered: Sequence[FileSeen]) -> list[FileSeen]:
        if self._settle_seconds <= 0:
            return list(offered)
        now, before, ready = self._clock.monotonic(), self._settling, []
        self._settling = {}
        for file in offered:
            stamp, since = before.get(file.name, (None, now))
            if stamp == file.stamp and now - since >= self._settle_seconds:
                ready.append(file)
            else:
                self._settling[file.name] = (file.stamp, since if stamp == file.stamp else now)
        return ready

    def _settled_in(self) -> float:
        """Seconds until the file that has been still for longest can be ready, at least a hundredth."""
        first = min(since for _, since in self._settling.values())
        return max(first + self._settle_seconds - self._clock.monotonic(), 0.01)
