"""A frame of the journal: the records of one commit, written and found again whole or not at all.

::

    header   magic, count of records, length of the payload, offset of the frame, before, checksum
    payload  per record: length, key id, codec, kind (the record's tag), checksum; then its encoded bytes

``before`` is where the segment before ended, in the first frame of a segment; 0 in all others. The header's checksum
covers the header, what stands before each record, and the header of the segment it was written into: a frame copied
to another place, segment, shard or store is not a frame. Each record has a checksum of its own, so one can be read
without the rest of its frame.

A frame is written only after the one before it was synced. So a torn write has no good frame behind it; where there is
one, bytes that were durable have changed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import msgspec

from waypost.core.errors import StoreDamaged
from waypost.store.codec import Codec
from waypost.store.record import AnyRecord, decode

MAGIC = b"WPfr"
HEADER = struct.Struct("<4sIIQQI")
PREFIX = struct.Struct("<IHBBI")

MAXIMUM = 0xFFFF_FFF0

_encode_into = msgspec.msgpack.Encoder().encode_into


class BadFrame(ValueError):
    """These bytes are not a frame; says why."""


class Header(msgspec.Struct, frozen=True):
    """The checked first part of a frame."""

    count: int
    length: int
    offset: int
    before: int
    checksum: int

    @property
    def size(self) -> int:
        """Bytes of the whole frame."""
        return HEADER.size + self.length


class FrameBuilder:
    """Builds one frame in one buffer."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._prefixes: list[bytes] = []
        self.buffer = bytearray(HEADER.size)

    def add(self, record: AnyRecord) -> int:
        """Encode a record at the end; its place in the frame."""
        buffer, start = self.buffer, len(self.buffer)
        buffer += _EMPTY_PREFIX
        codec = key = 0
        if self._codec.plain:
            _encode_into(record, buffer, start + PREFIX.size)
        else:
            codec, key, sealed = self._codec.seal(msgspec.msgpack.encode(record))
            buffer += sealed
        if len(buffer) > MAXIMUM:
            raise ValueError(f"a frame of {len(buffer)} bytes; at most {MAXIMUM} are possible")
        length = len(buffer) - start - PREFIX.size
        with memoryview(buffer) as view:
            checksum = zlib.crc32(view[start + PREFIX.size :])
        prefix = PREFIX.pack(length, key, codec, kind_of(record), checksum)
        buffer[start : start + PREFIX.size] = prefix
        self._prefixes.append(prefix)
        return start

    def finish(self, *, seed: int, at: int, before: int = 0) -> bytearray:
        """The bytes of the frame for one place in the segment whose header has the checksum ``seed``."""
        head = HEADER.pack(MAGIC, len(self._prefixes), len(self.buffer) - HEADER.size, at, before, 0)
        checksum = _checksum(head, self._prefixes, seed)
        self.buffer[: HEADER.size] = head[:-4] + checksum.to_bytes(4, "little")
        return self.buffer


_EMPTY_PREFIX = bytes(PREFIX.size)


def kind_of(record: AnyRecord) -> int:
    """The tag of a record's type."""
    tag = type(record).__struct_config__.tag
    assert isinstance(tag, int)
    return tag


def _checksum(head: bytes, prefixes: Sequence[bytes | memoryview], seed: int) -> int:
    return zlib.crc32(b"".join(prefixes), zlib.crc32(head[:-4], seed))


def parse_header(raw: bytes | memoryview, at: int) -> Header:
    """The header of a frame at offset ``at``; its checksum is still to be compared (``parts``)."""
    if len(raw) < HEADER.size:
        raise BadFrame("the file ends within a frame")
    magic, count, length, offset, before, checksum = HEADER.unpack_from(raw)
    if magic != MAGIC:
        raise BadFrame("no frame begins here")
    if offset != at:
        raise BadFrame(f"a frame of offset {offset}")
    return Header(count, length, offset, before, checksum)


class Part(msgspec.Struct, frozen=True):
    """One record as it lies in a frame: ``item`` is its place there."""

    item: int
    kind: int
    codec: int
    key: int
    data: memoryview


def parts(header: Header, payload: memoryview, seed: int) -> list[Part]:
    """Every record of a frame, with all checksums compared. Raises ``BadFrame``."""
    if len(payload) < header.length:
        raise BadFrame("the file ends within a frame")
    found: list[Part] = []
    prefixes: list[memoryview] = []
    at = 0
    while at < header.length and len(found) < header.count:
        prefix = payload[at : at + PREFIX.size]
        part = _part(prefix, payload, at, header.length)
        prefixes.append(prefix)
        found.append(part)
        at += PREFIX.size + len(part.data)
    if at != header.length or len(found) != header.count:
        raise BadFrame("records and length do not agree")
    head = HEADER.pack(MAGIC, header.count, header.length, header.offset, header.before, 0)
    if _checksum(head, prefixes, seed) != header.checksum:
        raise BadFrame("the checksum of the frame does not agree")
    return found


def _part(prefix: memoryview, payload: memoryview, at: int, end: int) -> Part:
    if len(prefix) < PREFIX.size:
        raise BadFrame("records and length do not agree")
    length, key, codec, kind, checksum = PREFIX.unpack(prefix)
    start = at + PREFIX.size
    if start + length > end:
        raise BadFrame("records and length do not agree")
    data = payload[start : start + length]
    if zlib.crc32(data) != checksum:
        raise BadFrame("the checksum of a record does not agree")
    return Part(at + HEADER.size, kind, codec, key, data)


def single(prefix: bytes, data: bytes) -> Part:
    """One record read by its prefix alone. Raises ``BadFrame``."""
    if len(prefix) < PREFIX.size:
        raise BadFrame("the file ends within a record")
    length, key, codec, kind, checksum = PREFIX.unpack(prefix)
    if len(data) != length or zlib.crc32(data) != checksum:
        raise BadFrame("the checksum of a record does not agree")
    return Part(0, kind, codec, key, memoryview(data))


def record_of(part: Part, codec: Codec, where: str) -> AnyRecord:
    """The record, opened and decoded. Raises ``StoreDamaged`` for bytes that were not written as a record."""
    data = part.data if part.codec == 0 and part.key == 0 else codec.open(part.codec, part.key, part.data, where)
    try:
        return decode(data)
    except msgspec.MsgspecError as fault:
        raise StoreDamaged(f"a record that cannot be read: {fault}", where=where) from fault
