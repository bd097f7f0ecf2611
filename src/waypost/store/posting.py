"""Where business keys lead: postings of keyed hashes, in chunks that each flush adds and a merge joins.

A posting is 16 bytes: 7 of the value's keyed hash, the number of the key's name, and the message's reference. They
sort by value, so that a value is found with its name or without. A chunk is what one flush wrote, in sorted order, so
writing never jumps about; when 64 chunks of a level are there they become one of the next, a slice of hashes a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import apsw
import msgspec

from waypost.store.sqlite import select, transaction

ENTRY = 16
HASH = 7
FANOUT = 64
LIVE, BUILDING, DEAD = 0, 1, 2
"""Stages of a chunk: looked into; being merged, not looked into; being deleted."""
SLICE = 100_000
"""About how many postings a step of a merge moves."""

_INSERT = """
INSERT INTO posting SELECT ?1, substr(?2, n * 16 + 1, 16) AS entry
FROM (WITH RECURSIVE i(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n + 1 < ?3) SELECT n FROM i)
WHERE true ORDER BY entry ON CONFLICT DO NOTHING
"""
_FIND = """
SELECT entry FROM chunk CROSS JOIN posting
WHERE stage = 0 AND posting.chunk = chunk.id AND entry BETWEEN ? AND ?
"""
_MERGE = """
INSERT INTO posting SELECT ?1, entry FROM chunk CROSS JOIN posting
WHERE successor = ?1 AND posting.chunk = chunk.id AND entry >= ?2 AND entry < ?3 ORDER BY entry ON CONFLICT DO NOTHING
"""


class Found(msgspec.Struct, frozen=True, order=True):
    """A message that may carry the key; ``seq`` and ``message`` number it."""

    seq: int
    message: int


class Hasher:
    """Makes postings for one store; ``names`` numbers the key names in the order they first came."""

    def __init__(self, secret: bytes, names: list[str]) -> None:
        self._secret, self._names = secret, names
        self._numbers = {name: 1 + number % 255 for number, name in enumerate(names)}

    def number(self, name: str) -> int:
        """The number of a key's name, 1 to 255; 0 for a name never seen."""
        return self._numbers.get(name, 0)

    def column(self, name: str, ref: int, values: Sequence[str], counts: Sequence[int]) -> bytes:
        """Postings of a key in consecutive messages, the first being ``ref``; ``counts`` values belong to each."""
        secret, first = self._secret, self._tail(name, ref)
        tails: Iterable[int] = range(first, first + len(counts))
        if counts.count(1) != len(counts):
            tails = [tail for tail, count in zip(tails, counts, strict=True) for _ in range(count)]
        return b"".join(
            [
                blake2b(secret + value.encode(), digest_size=HASH).digest() + tail.to_bytes(9, "big")
                for value, tail in zip(values, tails, strict=True)
            ]
        )

    def one(self, name: str, ref: int, value: str) -> bytes:
        return self.hash(value) + self._tail(name, ref).to_bytes(9, "big")

    def hash(self, value: str) -> bytes:
        return blake2b(self._secret + value.encode(), digest_size=HASH).digest()

    def _tail(self, name: str, ref: int) -> int:
        if name not in self._numbers:
            self._numbers[name] = 1 + len(self._names) % 255
            self._names.append(name)
        return self._numbers[name] << 64 | ref


def bounds(hashed: bytes, name: int) -> tuple[bytes, bytes]:
    """The first and last posting of a value under the name with this number, or under any for 0."""
    low, high = (name, name) if name else (0, 255)
    return hashed + bytes((low,)) + bytes(8), hashed + bytes((high,)) + b"\xff" * 8


def reference(entry: bytes) -> int:
    """The message a posting leads to: its batch and its index there, as in a reference of an output."""
    return int.from_bytes(entry[8:], "big")


def scan(blobs: Iterable[bytes], low: bytes, high: bytes) -> list[int]:
    """References of postings between two bounds with the same hash, in packed unsorted postings."""
    found, hashed = [], low[:HASH]
    for blob in blobs:
        at = blob.find(hashed)
        while at >= 0:
            entry = blob[at : at + ENTRY]
            if at % ENTRY == 0 and low <= entry <= high:
                found.append(reference(entry))
            at = blob.find(hashed, at + 1)
    return found


def find(connection: apsw.Connection, low: bytes, high: bytes) -> list[int]:
    """References in all live chunks."""
    return [reference(entry) for (entry,) in select(connection, _FIND, low, high)]


def add_chunk(connection: apsw.Connection, blob: bytes, segments: tuple[int, int]) -> None:
    """Write the postings of one flush, within the transaction of the caller."""
    count = len(blob) // ENTRY
    if not count:
        return
    number = _new_chunk(connection, 0, LIVE, segments, count, 0)
    connection.execute(_INSERT, (number, blob, count)).fetchall()


def step(connection: apsw.Connection) -> bool:
    """Do one bounded piece of merging or deleting, in a transaction; False when there is nothing to do."""
    with transaction(connection):
        building = select(connection, "SELECT id, slices, done FROM chunk WHERE stage = 1 LIMIT 1")
        if building:
            _merge_slice(connection, *building[0])
        return bool(building) or _delete_some(connection) or _begin_merge(connection)


def delete_step(connection: apsw.Connection) -> bool:
    """Delete a bounded piece of a dead chunk, in a transaction; False when there is none."""
    with transaction(connection):
        return _delete_some(connection)


def _delete_some(connection: apsw.Connection) -> bool:
    dead = select(connection, "SELECT id, slices, done FROM chunk WHERE stage = 2 LIMIT 1")
    if dead:
        _delete_slice(connection, *dead[0])
    return bool(dead)


def forget_segments(connection: apsw.Connection, kept: Sequence[int]) -> None:
    """Let chunks die whose postings all come from segments that are gone; ``kept`` are those that are there."""
    with transaction(connection):
        held = msgspec.json.encode(list(kept)).decode()
        connection.execute(
            "UPDATE chunk SET stage = 2, done = 0, slices = postings / ?2 + 1 "
            "WHERE stage = 0 AND successor = 0 AND NOT EXISTS ("
            "SELECT 1 FROM json_each(?1) WHERE value BETWEEN first_segment AND last_segment)",
            (held, SLICE),
        )


def _new_chunk(
    connection: apsw.Connection, level: int, stage: int, segments: tuple[int, int], count: int, slices: int
) -> int:
    rows = select(
        connection,
        "INSERT INTO chunk (level, stage, first_segment, last_segment, postings, slices) VALUES (?, ?, ?, ?, ?, ?) "
        "RETURNING id",
        level, stage, *segments, count, slices,
    )  # fmt: skip
    return int(rows[0][0])


def _begin_merge(connection: apsw.Connection) -> bool:
    full = select(
        connection,
        "SELECT level FROM chunk WHERE stage = 0 GROUP BY level HAVING count(*) >= ? ORDER BY level LIMIT 1",
        FANOUT,
    )
    if not full:
        return False
    level = full[0][0]
    members = select(
        connection,
        "SELECT id, first_segment, last_segment, postings FROM chunk WHERE stage = 0 AND level = ? ORDER BY id LIMIT ?",
        level, FANOUT,
    )  # fmt: skip
    count = sum(member[3] for member in members)
    segments = min(member[1] for member in members), max(member[2] for member in members)
    number = _new_chunk(connection, level + 1, BUILDING, segments, count, count // SLICE + 1)
    packed = msgspec.json.encode([member[0] for member in members]).decode()
    connection.execute("UPDATE chunk SET successor = ? WHERE id IN (SELECT value FROM json_each(?))", (number, packed))
    return True


def _slice(done: int, slices: int) -> tuple[bytes, bytes]:
    low, high = (number * (1 << 56) // slices for number in (done, done + 1))
    return low.to_bytes(HASH, "big"), high.to_bytes(HASH, "big") if done + 1 < slices else b"\xff" * (ENTRY + 1)


def _merge_slice(connection: apsw.Connection, number: int, slices: int, done: int) -> None:
    connection.execute(_MERGE, (number, *_slice(done, slices))).fetchall()
    if done + 1 < slices:
        connection.execute("UPDATE chunk SET done = done + 1 WHERE id = ?", (number,))
        return
    connection.execute("UPDATE chunk SET stage = 0, slices = 0, done = 0 WHERE id = ?", (number,))
    connection.execute(
        "UPDATE chunk SET stage = 2, done = 0, slices = postings / ? + 1 WHERE successor = ?", (SLICE, number)
    )


def _delete_slice(connection: apsw.Connection, number: int, slices: int, done: int) -> None:
    connection.execute(
        "DELETE FROM posting WHERE chunk = ? AND entry >= ? AND entry < ?", (number, *_slice(done, slices))
    ).fetchall()
    if done + 1 < slices:
        connection.execute("UPDATE chunk SET done = done + 1 WHERE id = ?", (number,))
    else:
        connection.execute("DELETE FROM chunk WHERE id = ?", (number,))
