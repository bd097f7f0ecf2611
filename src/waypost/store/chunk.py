"""Bodies: joined in one column of a record, and those too large for the journal in files of their own.

A chunk file is durable, with its name, before the frame that mentions it is written. Its name begins with the number
of the segment that frame is in: the files of a segment go when it goes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence

import msgspec

from waypost.core.errors import StoreDamaged
from waypost.store.codec import Codec
from waypost.store.disk import Disk, read_file
from waypost.store.record import Accepted, AnyRecord, Bodies, OutboundBody

LARGE = 256 * 1024
"""Bytes above which a body gets a file of its own."""

MAGIC = b"WPchunk1"
HEADER = struct.Struct("<8s16sHBxIQ")
"""Magic, store id, key, codec, checksum, length."""


def pack(bodies: Sequence[bytes]) -> Bodies:
    """The column of some bodies."""
    end, ends = 0, []
    for body in bodies:
        end += len(body)
        ends.append(end)
    return Bodies(struct.pack(f"<{len(ends)}I", *ends), b"".join(bodies))


def unpack(bodies: Bodies) -> list[bytes]:
    """Every body of a column whose bodies are all in ``data``."""
    start, found = 0, []
    for (end,) in struct.iter_unpack("<I", bodies.ends):
        found.append(bodies.data[start:end])
        start = end
    return found


def body_at(bodies: Bodies, index: int) -> bytes:
    """One body of a column whose bodies are all in ``data``."""
    end = struct.unpack_from("<I", bodies.ends, 4 * index)[0]
    start = struct.unpack_from("<I", bodies.ends, 4 * index - 4)[0] if index else 0
    return bodies.data[start:end]


def take_out(records: Iterable[AnyRecord], store: Callable[[bytes], str]) -> list[AnyRecord]:
    """The records with every large body handed to ``store``, which answers with the name to keep."""
    return [_without_large(record, store) for record in records]


def _without_large(record: AnyRecord, store: Callable[[bytes], str]) -> AnyRecord:
    if not isinstance(record, Accepted | OutboundBody) or not has_large(record):
        return record
    bodies = unpack(record.bodies)
    large = [(store(body), len(body)) if len(body) > LARGE else ("", 0) for body in bodies]
    rest = pack([b"" if name else body for body, (name, _) in zip(bodies, large, strict=True)])
    column = msgspec.structs.replace(record.bodies, ends=rest.ends, data=rest.data, chunks=tuple(large))
    return msgspec.structs.replace(record, bodies=column)


def has_large(record: AnyRecord) -> bool:
    """Whether some body of the record needs a file of its own."""
    if not isinstance(record, Accepted | OutboundBody) or len(record.bodies.data) <= LARGE:
        return False
    start = 0
    for (end,) in struct.iter_unpack("<I", record.bodies.ends):
        if end - start > LARGE:
            return True
        start = end
    return False


def put_back(bodies: Bodies, load: Callable[[str], bytes]) -> Bodies:
    """The column with all bodies in ``data``; ``load`` reads a chunk file by name."""
    if not bodies.chunks:
        return bodies
    inline = unpack(bodies)
    whole = [load(name) if name else body for body, (name, _) in zip(inline, bodies.chunks, strict=True)]
    column = pack(whole)
    return msgspec.structs.replace(bodies, ends=column.ends, data=column.data, chunks=())


def whole(record: AnyRecord, load: Callable[[str], bytes]) -> AnyRecord:
    """A record with its large bodies."""
    if isinstance(record, Accepted | OutboundBody) and record.bodies.chunks:
        return msgspec.structs.replace(record, bodies=put_back(record.bodies, load))
    return record


class ChunkFolder:
    """The chunk files of a shard. One thread stores; any may load."""

    def __init__(self, disk: Disk, folder: str, store_id: bytes, codec: Codec) -> None:
        self._disk, self._folder, self._store_id, self._codec = disk, folder, store_id, codec
        self._count = 0
        self._unnamed = False

    def store(self, segment: int, body: bytes) -> str:
        """Write a body and sync it; its name is durable only after ``settle``."""
        codec, key, data = self._codec.seal(body)
        head = HEADER.pack(MAGIC, self._store_id, key, codec, zlib.crc32(data), len(data))
        name = self._free_name(segment)
        fd = self._disk.create(f"{self._folder}/{name}")
        try:
            self._disk.write(fd, [head, data], 0)
            self._disk.datasync(fd)
        except OSError:
            self._disk.unlink(f"{self._folder}/{name}")
            raise
        finally:
            self._disk.close(fd)
        self._unnamed = True
        return name

    def settle(self) -> None:
        """Make the names of all files stored so far durable."""
        if self._unnamed:
            self._disk.sync_folder(self._folder)
            self._unnamed = False

    def load(self, name: str) -> bytes:
        """A body. Raises ``StoreDamaged`` when it is not what was stored."""
        path = f"{self._folder}/{name}"
        try:
            raw = read_file(self._disk, path)
        except FileNotFoundError as fault:
            raise StoreDamaged("no such file", where=path, expected="a large body of the journal") from fault
        if len(raw) >= HEADER.size:
            magic, store_id, key, codec, checksum, length = HEADER.unpack_from(raw)
            data = memoryview(raw)[HEADER.size :]
            if (magic, store_id, length) == (MAGIC, self._store_id, len(data)) and zlib.crc32(data) == checksum:
                return bytes(self._codec.open(codec, key, data, path))
        raise StoreDamaged(
            "not what was written", where=path, expected="a chunk file of this store", remedy="restore it from a backup"
        )

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; those already gone are no error."""
        for name in names:
            if self._disk.exists(f"{self._folder}/{name}"):
                self._disk.unlink(f"{self._folder}/{name}")

    def of_segment(self, segment: int) -> list[str]:
        """The names of the files that go with a segment."""
        return [name for name in self._disk.list(self._folder) if name.startswith(f"{segment:08d}-")]

    def _free_name(self, segment: int) -> str:
        """A name never used: a file left by a commit that was not finished is not written over."""
        while True:
            self._count += 1
            name = f"{segment:08d}-{self._count:06d}"
            if not self._disk.exists(f"{self._folder}/{name}"):
                return name
