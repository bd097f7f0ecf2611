"""A segment: one file of the journal. A header, frames one after the other, and a footer once it is sealed.

::

    header   magic, format version, shard, number, store id, created, checksum; 64 bytes
    frames   (``waypost.store.frame``)
    footer   when sealed: magic, count, offset of every frame, checksum, and its own offset at the very end

The checksum of the header is where the checksum of every frame in the segment begins.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence

import msgspec

from waypost.core.errors import StoreDamaged, StoreTooNew
from waypost.store.disk import Disk
from waypost.store.frame import HEADER as FRAME
from waypost.store.frame import PREFIX, BadFrame, Header, Part, parse_header, parts, single
from waypost.store.record import FORMAT_VERSION

MAGIC = b"WPsegmnt"
HEADER = struct.Struct("<8sHHI16sq20xI")
START = HEADER.size
"""Where the first frame of a segment begins."""

FOOT_MAGIC = b"WPft"
FOOT = struct.Struct("<4sI")
TRAILER = struct.Struct("<IQ4s")
"""Checksum of the footer, its offset, magic."""

SUFFIX = ".seg"


class Identity(msgspec.Struct, frozen=True):
    """Whose journal it is: bytes of another store or shard are refused."""

    store_id: bytes
    shard: int


class UnfinishedSegment(ValueError):
    """The header was never written whole, and nothing behind it."""


def segment_name(number: int) -> str:
    """The file name of a segment."""
    return f"{number:08d}{SUFFIX}"


class Segment:
    """An open segment file. Reading is safe from several threads."""

    def __init__(self, disk: Disk, path: str, fd: int, number: int, created: int, seed: int) -> None:
        self.disk, self.path, self.fd = disk, path, fd
        self.number, self.created, self.seed = number, created, seed

    @classmethod
    def create(cls, disk: Disk, folder: str, number: int, identity: Identity, now: int) -> Segment:
        """A new, empty segment, durable with its name on return."""
        path = f"{folder}/{segment_name(number)}"
        head = HEADER.pack(MAGIC, FORMAT_VERSION, identity.shard, number, identity.store_id, now, 0)
        seed = zlib.crc32(head[:-4])
        fd = disk.create(path)
        try:
            disk.write(fd, [head[:-4] + seed.to_bytes(4, "little")], 0)
            disk.sync(fd)
            disk.sync_folder(folder)
        except OSError:
            disk.close(fd)
            disk.unlink(path)
            raise
        return cls(disk, path, fd, number, now, seed)

    @classmethod
    def open(cls, disk: Disk, folder: str, number: int, identity: Identity, *, write: bool = False) -> Segment:
        """An existing segment. Raises ``UnfinishedSegment``, ``StoreDamaged`` or ``StoreTooNew``."""
        path = f"{folder}/{segment_name(number)}"
        fd = disk.open(path, write=write)
        try:
            created, seed = _read_head(disk, fd, path, number, identity)
        except BaseException:
            disk.close(fd)
            raise
        return cls(disk, path, fd, number, created, seed)

    def close(self) -> None:
        self.disk.close(self.fd)

    @property
    def size(self) -> int:
        return self.disk.size(self.fd)

    def frame(self, at: int) -> tuple[Header, list[Part]]:
        """The frame at an offset, every checksum compared. Raises ``BadFrame``."""
        header = parse_header(self.disk.read(self.fd, FRAME.size, at), at)
        payload = self.disk.read(self.fd, header.length, at + FRAME.size)
        return header, parts(header, memoryview(payload), self.seed)

    def part(self, at: int, item: int) -> Part:
        """One record, read without the rest of its frame. Raises ``StoreDamaged``."""
        prefix = self.disk.read(self.fd, PREFIX.size, at + item)
        length = PREFIX.unpack(prefix)[0] if len(prefix) == PREFIX.size else 0
        try:
            return single(prefix, self.disk.read(self.fd, length, at + item + PREFIX.size))
        except BadFrame as fault:
            raise self.damaged(at + item, str(fault)) from fault

    def damaged(self, at: int, found: str) -> StoreDamaged:
        """The error that names a place in this segment."""
        return StoreDamaged(
            found,
            where=f"{self.path} offset {at}",
            expected="what was written there",
            remedy="restore the store from a backup; `waypost verify` lists every damaged place",
        )

    def frames(self, start: int, end: int) -> Iterator[tuple[Header, list[Part]]]:
        """All frames from ``start`` up to ``end``, which are known to be good. Raises ``StoreDamaged``."""
        at = start
        while at < end:
            try:
                header, found = self.frame(at)
            except BadFrame as fault:
                raise self.damaged(at, str(fault)) from fault
            yield header, found
            at += header.size
        if at != end:
            raise self.damaged(end, "a frame that reaches beyond the end of the segment")

    def seal(self, offsets: Sequence[int], end: int) -> None:
        """Write the footer after the last frame and make the file read-only; the frames are durable already."""
        body = FOOT.pack(FOOT_MAGIC, len(offsets)) + struct.pack(f"<{len(offsets)}Q", *offsets)
        trailer = TRAILER.pack(zlib.crc32(body, self.seed), end, FOOT_MAGIC)
        self.disk.write(self.fd, [body, trailer], end)
        self.disk.datasync(self.fd)
        self.disk.protect(self.fd)
        self.disk.sync(self.fd)

    def footer(self) -> tuple[list[int], int] | None:
        """(offsets of the frames, end of the last) of a sealed segment; None when it is not sealed."""
        size = self.size
        if size < START + TRAILER.size + FOOT.size:
            return None
        checksum, end, magic = TRAILER.unpack(self.disk.read(self.fd, TRAILER.size, size - TRAILER.size))
        if magic != FOOT_MAGIC or not START <= end <= size - TRAILER.size - FOOT.size:
            return None
        body = self.disk.read(self.fd, size - TRAILER.size - end, end)
        if zlib.crc32(body, self.seed) != checksum:
            return None
        count = FOOT.unpack_from(body)[1]
        return list(struct.unpack_from(f"<{count}Q", body, FOOT.size)), end


def _read_head(disk: Disk, fd: int, path: str, number: int, identity: Identity) -> tuple[int, int]:
    raw = disk.read(fd, START, 0)
    if len(raw) == START:
        magic, version, shard, stored, store_id, created, checksum = HEADER.unpack(raw)
        if magic == MAGIC and version > FORMAT_VERSION:
            raise StoreTooNew(
                f"format {version}", where=path, expected=f"at most {FORMAT_VERSION}", remedy="run a newer waypost"
            )
        if magic == MAGIC and zlib.crc32(raw[:-4]) == checksum:
            if (store_id, shard, stored) != (identity.store_id, identity.shard, number):
                raise StoreDamaged(
                    f"segment {stored} of shard {shard} of store {store_id.hex()}",
                    where=path,
                    expected=f"segment {number} of shard {identity.shard} of store {identity.store_id.hex()}",
                    remedy="put back the file that belongs here",
                )
            return created, checksum
    if disk.size(fd) <= START:
        raise UnfinishedSegment(path)
    raise StoreDamaged(
        "a header that cannot be read", where=f"{path} offset 0", remedy="restore the store from a backup"
    )
