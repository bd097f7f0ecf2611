"""The blocks of Avro object container files (Avro 1.11, "Object Container Files"), cut without reading records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from waypost.core.component import Slice
from waypost.core.errors import DataError
from waypost.formats.line import too_large

MAGIC = b"Obj\x01"
SYNC_BYTES = 16
_HEADER_BYTES = 1 << 20


class Short(Exception):
    """More bytes are needed."""


def varint(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """A zigzag number at ``at`` and where it ends. ``Short`` where it does not; ``ValueError`` beyond 64 bits."""
    value = shift = 0
    while True:
        if at >= len(data):
            raise Short
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def _text(data: bytes | bytearray, at: int) -> tuple[bytes, int]:
    size, at = varint(data, at)
    if not 0 <= size <= _HEADER_BYTES:
        raise ValueError(f"a text of {size} bytes")
    if at + size > len(data):
        raise Short
    return bytes(data[at : at + size]), at + size


def read_header(data: bytes | bytearray) -> tuple[Mapping[str, bytes], int]:
    """The metadata of a container, and where its header ends, its sync marker before that."""
    if not MAGIC.startswith(bytes(data[:4])):
        raise ValueError("no Avro container: it does not begin with Obj and 1")
    if len(data) < 4:
        raise Short
    metadata: dict[str, bytes] = {}
    count, at = varint(data, 4)
    while count:
        if count < 0:
            count = -count
            _, at = varint(data, at)
        if count > 1000:
            raise ValueError(f"{count} entries of metadata")
        for _ in range(count):
            key, at = _text(data, at)
            metadata[key.decode("utf-8", "replace")], at = _text(data, at)
        count, at = varint(data, at)
    if at + SYNC_BYTES > len(data):
        raise Short
    return metadata, at + SYNC_BYTES


class AvroFramer:
    """One slice a block, its sync marker left out; the context is the header. Several containers may follow."""

    def __init__(self, limit_bytes: int, offset: int, context: bytes) -> None:
        self._limit, self._base, self._header = limit_bytes, offset, context
        self._held = bytearray()
        self._refused: DataError | None = None

    def feed(self, data: bytes) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        self._held += data
        slices: list[Slice] = []
        at = 0
        try:
            while at < len(self._held):
                at = self._step(at, slices)
        except Short:
            if len(self._held) - at > self._limit + _HEADER_BYTES:
                self._refused = too_large(self._base + at, self._limit)
        except ValueError as wrong:
            self._refused = DataError(f"{wrong}"[:200], where=f"byte {self._base + at}",
                                      expected="an Avro object container file", remedy="have it sent again",
                                      code="avro-syntax")  # fmt: skip
        except DataError as refusal:
            self._refused = refusal
        if self._refused:
            self._held = bytearray()
            if not slices:
                raise self._refused
            return slices
        del self._held[:at]
        self._base += at
        return slices

    def finish(self) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        if self._held:
            self._refused = DataError("the content ends within a header or block", where=f"byte {self._base}",
                                      expected="whole blocks", remedy="have it sent again",
                                      code="avro-syntax")  # fmt: skip
            self._held = bytearray()
            raise self._refused
        return ()

    def _step(self, at: int, slices: list[Slice]) -> int:
        """Behind the marker, header or block at ``at``."""
        held = self._held
        sync = self._header[-SYNC_BYTES:]
        start = bytes(held[at : at + SYNC_BYTES])
        if self._header and start == sync:
            return at + SYNC_BYTES  # behind the block where reading was resumed
        if self._header and sync.startswith(start):
            raise Short
        if self._header and len(start) < 4 and MAGIC.startswith(start):
            raise Short
        if held[at : at + 4] == MAGIC or not self._header:
            window = bytes(held[at : at + _HEADER_BYTES])
            _, size = read_header(window)
            self._header = window[:size]
            return at + size
        return self._block(at, slices)

    def _block(self, at: int, slices: list[Slice]) -> int:
        held = self._held
        count, body = varint(held, at)
        size, body = varint(held, body)
        if count < 0 or size < 0:
            raise ValueError(f"a block of {count} records and {size} bytes")
        end = body + size
        if end - at > self._limit:
            raise too_large(self._base + at, self._limit)
        if end > len(held):
            raise Short
        slices.append(Slice(self._base + at, self._base + end, bytes(held[at:end]), "", self._header))
        return end
