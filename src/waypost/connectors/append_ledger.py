"""The append ledger's entries: what was appended to a file, by whom, and which deliveries it held.

A ledger is a first line and entries, each a head of 56 bytes and 8 bytes per delivery (a hash of its idempotency key).
All numbers are little-endian; the check sum covers head and hashes, except the one byte that says the entry is done.
"""

from __future__ import annotations

import hashlib
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

FIRST_LINE = b"waypost append ledger 1\n"
_HEAD = struct.Struct("<4sBBHIQQQIQI4x")
_MAGIC, _DATA = b"WPAL", 1
HEAD_BYTES = _HEAD.size
DONE_AT = 5
"""Where in an entry the byte stands that says it is done."""
HASH_BYTES = 8

KEPT_PER_WRITER = 65_536
"""Deliveries of each writer that compaction keeps at least: no more of one writer may be in doubt."""


class Entry(NamedTuple):
    """One append: ``length`` bytes with check sum ``data_crc`` at ``offset`` of the file ``inode``.
    ``start`` and ``end`` are the entry's own place in the ledger."""

    start: int
    end: int
    done: bool
    inode: int
    offset: int
    length: int
    data_crc: int
    writer: int
    hashes: bytes

    @property
    def file_end(self) -> int:
        return self.offset + self.length


def key_hashes(idempotency_keys: Iterable[str]) -> list[bytes]:
    """The eight bytes each delivery is known by."""
    blake2b = hashlib.blake2b
    return [blake2b(key.encode(), digest_size=HASH_BYTES).digest() for key in idempotency_keys]


def writer_id(*names: str | int) -> int:
    """The number of a writer: a flow's target in one worker process."""
    digest = hashlib.blake2b("\0".join(map(str, names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def encode_entry(*, inode: int, offset: int, length: int, data_crc: int, writer: int, hashes: bytes) -> bytes:
    """The bytes of an entry that is not done yet."""
    count = len(hashes) // HASH_BYTES
    fields = (_MAGIC, _DATA, 0, 0, count, inode, offset, length, data_crc, writer)
    crc = zlib.crc32(hashes, zlib.crc32(_HEAD.pack(*fields, 0)))
    return _HEAD.pack(*fields, crc) + hashes


def decode_entries(data: bytes, start: int = 0) -> Iterator[Entry]:
    """The sound entries of ``data``, which stands at ``start`` of its ledger; ends at the first that is not."""
    at = 0
    while at + HEAD_BYTES <= len(data):
        magic, kind, done, spare, count, inode, offset, length, data_crc, writer, crc = _HEAD.unpack_from(data, at)
        end = at + HEAD_BYTES + count * HASH_BYTES
        if magic != _MAGIC or end > len(data):
            return
        hashes = data[at + HEAD_BYTES : end]
        head = _HEAD.pack(magic, kind, 0, spare, count, inode, offset, length, data_crc, writer, 0)
        if zlib.crc32(hashes, zlib.crc32(head)) != crc:
            return
        yield Entry(start + at, start + end, bool(done), inode, offset, length, data_crc, writer, hashes)
        at = end


def known_hashes(entries: Iterable[Entry], sought: Iterable[bytes]) -> set[bytes]:
    """Which of ``sought`` are in ``entries``; holds no more than ``sought`` in memory."""
    numbers = {int.from_bytes(each, sys.byteorder): each for each in sought}
    wanted, found = set(numbers), set[int]()
    for entry in entries:
        found |= wanted.intersection(_numbers(entry.hashes))
    return {numbers[number] for number in found}


def kept_by_compaction(entries: list[Entry]) -> list[Entry]:
    """The newest entries of each writer, ``KEPT_PER_WRITER`` deliveries or a little more, in their order."""
    kept: list[Entry] = []
    deliveries: dict[int, int] = {}
    for entry in reversed(entries):
        if deliveries.get(entry.writer, 0) < KEPT_PER_WRITER:
            kept.append(entry)
            deliveries[entry.writer] = deliveries.get(entry.writer, 0) + len(entry.hashes) // HASH_BYTES
    return kept[::-1]


def _numbers(hashes: bytes) -> array[int]:
    numbers = array("Q")
    numbers.frombytes(hashes)
    return numbers
