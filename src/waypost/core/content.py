"""Content of any size, of which little is in memory: cut and joined without being copied, read in pieces.

A ``Content`` is a rope of spans of memory and of files. A ``Spool`` makes new ones: in memory while they are small,
then in a file without a name, which is gone when nobody holds the content any more, also after a crash.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from waypost.core.errors import EndpointUnavailable

PIECE_BYTES = 256 << 10
MEMORY_BYTES = 1 << 20


class _Source(Protocol):
    def read(self, start: int, length: int) -> bytes: ...


class _Memory:
    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, start: int, length: int) -> bytes:
        return self._data[start : start + length]


class _File:
    """A file by its descriptor, closed with the last content that holds it. Any thread may read."""

    __slots__ = ("descriptor",)

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def read(self, start: int, length: int) -> bytes:
        data = os.pread(self.descriptor, length, start)
        while len(data) < length:
            more = os.pread(self.descriptor, length - len(data), start + len(data))
            if not more:
                raise EndpointUnavailable("a file became shorter while it was read", where="the spool")
            data += more
        return data

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.descriptor)


class Content:
    """Some bytes, immutable. ``size`` is how many."""

    __slots__ = ("_spans", "size")

    def __init__(self, spans: Iterable[tuple[_Source, int, int]] = ()) -> None:
        self._spans = tuple((source, start, length) for source, start, length in spans if length)
        self.size = sum(length for _, _, length in self._spans)

    @staticmethod
    def of(data: bytes) -> Content:
        """Content that is in memory."""
        return Content([(_Memory(data), 0, len(data))])

    @staticmethod
    def in_file(path: Path) -> Content:
        """A file that does not change any more; it is held open."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return Content([(_File(descriptor), 0, os.fstat(descriptor).st_size)])

    @staticmethod
    def joined(parts: Iterable[Content]) -> Content:
        """One after another."""
        return Content(span for part in parts for span in part._spans)

    def part(self, start: int, end: int | None = None) -> Content:
        """The bytes from ``start`` to ``end``."""
        end, at, found = self.size if end is None else min(end, self.size), 0, []
        for source, begin, length in self._spans:
            first, last = max(start, at), min(end, at + length)
            if first < last:
                found.append((source, begin + first - at, last - first))
            at += length
        return Content(found)

    def read(self, start: int, length: int) -> bytes:
        """At most ``length`` bytes from ``start``: fewer only at the end."""
        parts = []
        for source, begin, has in self._spans:
            if start >= has:
                start -= has
                continue
            parts.append(source.read(begin + start, min(length, has - start)))
            length, start = length - len(parts[-1]), 0
            if not length:
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def pieces(self, start: int = 0) -> Iterator[bytes]:
        """The bytes from ``start`` on, in pieces of at most 256 KiB."""
        for source, begin, length in self._spans:
            if start >= length:
                start -= length
                continue
            for at in range(begin + start, begin + length, PIECE_BYTES):
                yield source.read(at, min(PIECE_BYTES, begin + length - at))
            start = 0

    def whole(self) -> bytes:
        """All of it, in memory: for what is known to be small."""
        return b"".join(self.pieces())

    def find(self, mark: bytes) -> Iterator[int]:
        """Where ``mark`` begins, each time, overlapping ones too."""
        kept, base = b"", 0
        for piece in self.pieces():
            data = kept + piece
            at = data.find(mark)
            while at >= 0:
                yield base + at
                at = data.find(mark, at + 1)
            keep = min(len(data), len(mark) - 1)
            kept, base = data[len(data) - keep :], base + len(data) - keep

    def __repr__(self) -> str:
        return f"Content of {self.size} bytes"


class Spool:
    """Where content is made. Without a folder all of it stays in memory."""

    def __init__(self, folder: Path | None = None, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self.folder, self.memory_bytes = folder, memory_bytes

    def begin(self) -> Draft:
        """Content to be written piece by piece."""
        return Draft(self)

    def keep(self, pieces: Iterable[bytes]) -> Content:
        """Content of these pieces. ``EndpointUnavailable`` when there is no room for it."""
        draft = self.begin()
        for piece in pieces:
            draft.write(piece)
        return draft.finish()


class Draft:
    """Content that is being written. One that is not finished leaves nothing behind."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._parts: list[bytes] = []
        self._file: _File | None = None
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append. Blocks. ``EndpointUnavailable`` when the disk has no room."""
        self.size += len(data)
        spool = self._spool
        if self._file is None and (spool.folder is None or self.size <= spool.memory_bytes):
            self._parts.append(data)
            return
        try:
            if self._file is None:
                self._file = _nameless(spool.folder or Path())
                data, self._parts = b"".join([*self._parts, data]), []
            view = memoryview(data)
            while view:
                view = view[os.write(self._file.descriptor, view) :]
        except OSError as error:
            raise EndpointUnavailable(
                f"{self.size} bytes cannot be kept: {error.strerror}", where=str(spool.folder),
                expected="room on its disk", remedy="make room; what was refused is sent again",
            ) from error  # fmt: skip

    def finish(self) -> Content:
        """What was written."""
        if self._file is not None:
            return Content([(self._file, 0, self.size)])
        return Content.of(b"".join(self._parts))


def _nameless(folder: Path) -> _File:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        return _File(os.dup(file.fileno()))
