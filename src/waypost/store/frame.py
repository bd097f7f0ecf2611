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
from waypost.store.record import AnyRecord, decode, encode

MAGIC = b"WPfr"
HEADER = struct.Struct("<4sIIQQI")
PREFIX = struct.Struct("<IHBBI")

MAXIMUM = 0x7FFF_FFFF
"""Bytes of one append: a frame holds several, and its length is a u32."""

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


class Packed:
    """The records of one append, as they will lie in a frame; where the frame will lie is not known yet.

    ``items`` are the places of the records in ``data``.
    """

    __slots__ = ("data", "items", "prefixes", "records")

    def __init__(self, records: Sequence[AnyRecord], codec: Codec) -> None:
        self.records = records
        self.data = bytearray()
        self.items: list[int] = []
        self.prefixes: list[bytes] = []
        for record in records:
            self._add(record, codec)

    def _add(self, record: AnyRecord, codec: Codec) -> None:
        data, start = self.data, len(self.data)
        data += _EMPTY_PREFIX
        how = key = 0
        if codec.plain:
            _encode_into(record, data, start + PREFIX.size)
        else:
            how, key, sealed = codec.seal(encode(record))
            data += sealed
        if len(data) > MAXIMUM:
            raise ValueError(f"an append of {len(data)} bytes; at most {MAXIMUM} are possible")
        with memoryview(data) as view:
            checksum = zlib.crc32(view[start + PREFIX.size :])
        prefix = PREFIX.pack(len(data) - start - PREFIX.size, key, how, kind_of(record), checksum)
        data[start : start + PREFIX.size] = prefix
        self.items.append(start)
        self.prefixes.append(prefix)


def head(packed: Sequence[Packed], *, seed: int, at: int, before: int = 0) -> bytes:
    """The header of the frame that holds some appends, for one place in the segment whose header has the checksum
    ``seed``; their ``data`` follows it."""
    prefixes = [prefix for one in packed for prefix in one.prefixes]
    length = sum(len(one.data) for one in packed)
    raw = HEADER.pack(MAGIC, len(prefixes), length, at, before, 0)
    return raw[:-4] + _checksum(raw, prefixes, seed).to_bytes(4, "little")


_EMPTY_PREFIX = bytes(PREFIX.size)


def kind_of(record: AnyRecord) -> int:
    """The tag of a record's type."""
    tag = type(record).__struct_config__.tag
    assert isinstance(tag, int)
    return tag


def _checksum(raw: bytes, prefixes: Sequence[bytes | memoryview], seed: int) -> int:
    return zlib.crc32(b"".join(prefixes), zlib.crc32(raw[:-4], seed))


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
    raw = HEADER.pack(MAGIC, header.count, header.length, header.offset, header.before, 0)
    if _checksum(raw, prefixes, seed) != header.checksum:
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
