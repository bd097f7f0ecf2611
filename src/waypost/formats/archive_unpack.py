"""Unpacks gzip and zip within bounds of size, ratio and number, never to disk."""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import IO

from waypost.core.errors import DataError

MOST_FILES = 10_000
GZIP, ZIP, ZIP_END = b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06"
"""How archives begin; a zip file without files is its end alone."""
_PIECE = 1 << 18
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError,
           UnicodeError, OverflowError, LookupError)  # fmt: skip


@dataclass(slots=True)
class Budget:
    """What may still be unpacked of one content."""

    limit_bytes: int
    used: int = 0

    @property
    def left(self) -> int:
        """Bytes that may still come."""
        return self.limit_bytes - self.used

    def spend(self, count: int, where: str) -> None:
        """``DataError`` once more was unpacked than allowed."""
        self.used += count
        if self.used > self.limit_bytes:
            raise DataError(f"more than {self.limit_bytes} bytes unpacked", where=where,
                            expected=f"at most {self.limit_bytes}",
                            remedy="raise unpacked_bytes where the sender is to be trusted", code="archive-size",
                            )  # fmt: skip


def gunzip(data: bytes, budget: Budget) -> bytes:
    """The content of a gzip file, all its members. ``DataError`` where it is broken or unpacks to too much."""
    made, rest = list[bytes](), data
    try:
        while rest:
            member = zlib.decompressobj(wbits=31)
            piece = member.decompress(rest, _PIECE)
            while piece or not member.eof:
                budget.spend(len(piece), "gzip")
                made.append(piece)
                if member.eof or not (piece or member.unconsumed_tail):
                    break
                piece = member.decompress(member.unconsumed_tail, _PIECE)
            if not member.eof:
                raise EOFError("it ends too early")
            rest = member.unused_data.lstrip(b"\0")
    except (zlib.error, EOFError) as wrong:
        raise broken("gzip", str(wrong)) from None
    return b"".join(made)


def unzip(data: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of a zip archive, folders left out. ``DataError`` as ``gunzip``, and for what
    ``refuse_entry`` refuses."""
    for (_, name), pieces in groupby(unzip_pieces(io.BytesIO(data), budget), key=itemgetter(0, 1)):
        yield name, b"".join(piece for _, _, piece in pieces)


def unzip_pieces(file: IO[bytes], budget: Budget) -> Iterator[tuple[int, str, bytes]]:
    """Number and name of a file and a piece of its content, file by file; of an empty file an empty piece."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_FILES:
                raise DataError(f"{len(entries)} files", where="zip", expected=f"at most {MOST_FILES}",
                                code="archive-size")  # fmt: skip
            for number, entry in enumerate(entries):
                if not entry.is_dir():
                    refuse_entry(entry.filename, entry.flag_bits, entry.compress_type)
                    for piece in _pieces(archive, entry, budget):
                        yield number, entry.filename, piece
    except _BROKEN as wrong:
        raise broken("zip", str(wrong) or type(wrong).__name__) from None


def refuse_entry(name: str, flags: int, method: int) -> None:
    """``DataError`` for a file that is encrypted, packed otherwise than stored or deflated, or named as if to leave the
    folder it is unpacked in."""
    where = f"zip, file {name[:80]!r}"
    if name.startswith("/") or "\\" in name or ".." in posixpath.normpath(name).split("/"):
        raise DataError("a name that leads out of the archive", where=where, expected="a relative path",
                        code="archive-name")  # fmt: skip
    if flags & 1:
        raise DataError("an encrypted file", where=where, expected="one that is not", code="archive-syntax")
    if method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"compression method {method}", where=where, expected="stored or deflated",
                        code="archive-syntax")  # fmt: skip


def _pieces(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: Budget) -> Iterator[bytes]:
    with archive.open(entry) as file:
        piece = file.read(_PIECE)
        yield piece
        while piece:
            budget.spend(len(piece), f"zip, file {entry.filename[:80]!r}")
            piece = file.read(_PIECE)
            yield piece


def broken(kind: str, found: str) -> DataError:
    """The refusal of an archive that is damaged."""
    return DataError(found[:200], where=kind, expected=f"a sound {kind} file", remedy="have it sent again",
                     code="archive-syntax")  # fmt: skip


def unknown_archive(begins: bytes) -> DataError:
    """The refusal of what is neither gzip nor zip."""
    return DataError(f"bytes {begins[:4].hex()}", where="byte 0", expected="a gzip or zip file",
                     remedy="read it by its own format if it is not packed", code="archive-syntax")  # fmt: skip
