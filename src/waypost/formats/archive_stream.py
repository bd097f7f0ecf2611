"""Unpacks gzip and zip files as they are read, a bounded piece at a time.

A zip file is read from its front, by what stands before each file in it; the directory at its end must name as many. So
a file of any length needs no more memory than a piece, and nothing in it can be unpacked twice.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

from waypost.core.errors import DataError
from waypost.formats.archive_unpack import GZIP, MOST_FILES, ZIP, ZIP_END, broken, refuse_entry, unknown_archive

PIECE = 1 << 18
"""Most bytes unpacked in one turn."""
_DESCRIPTOR, _DIRECTORY, _LONG_END = b"PK\x07\x08", b"PK\x01\x02", b"PK\x06\x06"
_HEADER = struct.Struct("<4s5H3I2H")
_DEFLATED = 8
_LATER, _UTF8, _LONG = 1 << 3, 1 << 11, 0xFFFFFFFF


class Packed:
    """What is packed, as it comes: the bytes not looked at yet, and whether they are the last."""

    def __init__(self) -> None:
        self.held = bytearray()
        self.last = False

    def need(self, count: int, kind: str) -> Iterator[None]:
        """Wait until so many bytes are held."""
        while len(self.held) < count:
            if self.last:
                raise broken(kind, "it ends too early")
            yield None

    def take(self, count: int) -> bytes:
        """The first bytes held, which are then looked at."""
        taken = bytes(self.held[:count])
        del self.held[:count]
        return taken


@dataclass(frozen=True, slots=True)
class Begun:
    """A file begins."""

    name: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A file is over, and it is what was packed."""


Found = Begun | Ended | bytes


def unpacked(packed: Packed) -> Iterator[Found | None]:
    """The files and their bytes in order; None where more is needed. ``DataError`` where it is no sound archive."""
    while len(packed.held) < 4 and not packed.last:
        yield None
    begins = bytes(packed.held[:4])
    if begins.startswith(GZIP):
        yield from _gzip(packed)
    elif begins in (ZIP, ZIP_END):
        yield from _zip(packed)
    elif begins:
        raise unknown_archive(begins)


def _gzip(packed: Packed) -> Iterator[Found | None]:
    """Members that follow each other are one file; zeros between and behind them are padding."""
    yield Begun("")
    while packed.held or not packed.last:
        rest = len(packed.held.lstrip(b"\0"))
        packed.take(len(packed.held) - rest)
        if rest:
            yield from _inflated(packed, zlib.decompressobj(wbits=31), "gzip")
        elif not packed.last:
            yield None
    yield Ended()


def _zip(packed: Packed) -> Iterator[Found | None]:
    files = listed = 0
    while True:
        yield from packed.need(4, "zip")
        mark = bytes(packed.held[:4])
        if mark == ZIP and not listed:
            files += 1
            if files > MOST_FILES:
                raise DataError(f"more than {MOST_FILES} files", where="zip", expected=f"at most {MOST_FILES}",
                                code="archive-size")  # fmt: skip
            yield from _file(packed)
        elif mark == _DIRECTORY:
            yield from packed.need(46, "zip")
            count = 46 + sum(struct.unpack_from("<3H", packed.held, 28))
            yield from packed.need(count, "zip")
            packed.take(count)
            listed += 1
        elif mark in (ZIP_END, _LONG_END):
            break
        else:
            raise broken("zip", f"bytes {mark.hex()} where a file or the directory begins")
    if listed != files:
        raise broken("zip", f"{files} files, of which its directory names {listed}")
    while packed.held or not packed.last:
        packed.held.clear()
        yield None


def _file(packed: Packed) -> Iterator[Found | None]:
    yield from packed.need(_HEADER.size, "zip")
    _, _, flags, method, _, _, crc, size, whole, name_size, extra_size = _HEADER.unpack_from(packed.held)
    yield from packed.need(_HEADER.size + name_size + extra_size, "zip")
    packed.take(_HEADER.size)
    name = packed.take(name_size).decode("utf-8" if flags & _UTF8 else "cp437", "replace")
    size, whole = _long_sizes(packed.take(extra_size), size, whole)
    later = bool(flags & _LATER)
    refuse_entry(name, flags, method)
    if method != _DEFLATED and later and not name.endswith("/"):
        raise DataError("a file that is stored without its size", where=f"zip, file {name[:80]!r}",
                        expected="a file whose size stands before it", remedy="have it packed by deflate",
                        code="archive-syntax")  # fmt: skip
    yield Begun(name)
    counted = _Counted()
    if method == _DEFLATED:
        pieces = _inflated(packed, zlib.decompressobj(wbits=-15), "zip")
    else:
        pieces = _stored(packed, 0 if later else size)
    yield from counted.through(pieces)
    said = (yield from _said_later(packed, counted)) if later else (crc, size, whole)
    if said != counted.told:
        raise broken("zip", f"a file {name[:80]!r} that is not what was packed")
    yield Ended()


class _Counted:
    """Counts what comes through it."""

    def __init__(self) -> None:
        self._crc = self._whole = self._size = 0

    @property
    def told(self) -> tuple[int, int, int]:
        """Checksum, packed and unpacked size."""
        return self._crc, self._size, self._whole

    def through(self, pieces: Generator[bytes | None, None, int]) -> Iterator[bytes | None]:
        self._size = yield from self._looked_at(pieces)

    def _looked_at(self, pieces: Generator[bytes | None, None, int]) -> Generator[bytes | None, None, int]:
        while True:
            try:
                piece = next(pieces)
            except StopIteration as over:
                return int(over.value)
            if piece:
                self._crc, self._whole = zlib.crc32(piece, self._crc), self._whole + len(piece)
            yield piece


def _said_later(packed: Packed, counted: _Counted) -> Generator[None, None, tuple[int, int, int]]:
    """What stands behind a file whose sizes were not known before it, of 32 or 64 bits; nothing says which."""
    yield from packed.need(24, "zip")  # there is a directory behind it, at the least
    if packed.held[:4] == _DESCRIPTOR:
        packed.take(4)
    short: tuple[int, int, int] = struct.unpack_from("<3I", packed.held)
    long: tuple[int, int, int] = struct.unpack_from("<IQQ", packed.held)
    of_64_bits = long == counted.told and packed.held[12:14] != b"PK"
    packed.take(20 if of_64_bits else 12)
    return long if of_64_bits else short


def _stored(packed: Packed, size: int) -> Generator[bytes | None, None, int]:
    left = size
    while left:
        yield from packed.need(1, "zip")
        piece = packed.take(min(left, PIECE))
        left -= len(piece)
        yield piece
    return size


def _inflated(packed: Packed, packer: Any, kind: str) -> Generator[bytes | None, None, int]:
    """What deflated bytes unpack to; how many there were."""
    size, more = 0, False
    while not packer.eof:
        if not more:
            yield from packed.need(1, kind)
        part, before = bytes(packed.held[:PIECE]), packer.copy()
        try:
            piece = packer.decompress(part, PIECE)
        except zlib.error:
            yield from _sound_part(before, part, kind)
            continue
        used = len(part) - len(packer.unused_data if packer.eof else packer.unconsumed_tail)
        packed.take(used)
        size, more = size + used, len(piece) == PIECE
        if piece:
            yield piece
    return size


def _sound_part(packer: Any, part: bytes, kind: str) -> Iterator[bytes]:
    """What stands before a fault: the same whatever the pieces in which the content came."""
    made = bytearray()
    for at in range(len(part)):
        try:
            made += packer.decompress(part[at : at + 1])
        except zlib.error as wrong:
            if made:
                yield bytes(made)
            raise broken(kind, str(wrong)) from None
        if len(made) >= PIECE:
            yield bytes(made)
            made.clear()


def _long_sizes(extra: bytes, size: int, whole: int) -> tuple[int, int]:
    """Packed and unpacked size, those beyond 4 GiB from where ZIP64 says them."""
    at = 0
    while _LONG in (size, whole) and at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1 and length >= 16 and at + 20 <= len(extra):
            whole, size = struct.unpack_from("<2Q", extra, at + 4)
        at += 4 + length
    return size, whole
