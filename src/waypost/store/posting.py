"""Where business keys lead: postings of keyed hashes, in chunks that each flush adds and a merge joins.

A posting is 16 bytes: 7 of the value's keyed hash, the number of the key's name, and the message's reference. They
sort by value, so that a value is found with its name or without. A chunk is what one flush wrote, in sorted order and
in pages that each fill one of the database, so writing never jumps about and costs one row for hundreds of postings;
when 64 chunks of a level are there they become one of the next, a slice of hashes a step.

Sorting holds Python's interpreter lock, so it is done some thousand postings at a time.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import apsw
import msgspec

from waypost.store.hashing import ENTRY, HASH
from waypost.store.sqlite import select, transaction

FANOUT = 64
LIVE, BUILDING, DEAD = 0, 1, 2
"""Stages of a chunk: looked into; being merged, not looked into; being deleted."""
SLICE = 100_000
"""About how many postings a step of a merge moves."""
DELETED = 20
"""How many times as many a step of a deletion takes: it need not read them."""
SORTED = 4096
"""About how many postings are sorted at a time."""
PAGE = 3968
"""Bytes of postings in a row: as many as fit in a page of the database, with what stands before them."""

_INSERT = """
INSERT INTO page (chunk, first, data) SELECT ?1, substr(?2, at, 16), substr(?2, at, ?3)
FROM (WITH RECURSIVE i(at) AS (SELECT 1 UNION ALL SELECT at + ?3 FROM i WHERE at + ?3 <= length(?2)) SELECT at FROM i)
"""
_FIND = """
SELECT data FROM (
    SELECT unhex(value ->> 0) AS low, unhex(value ->> 1) AS high, unhex(value ->> 2) AS hash FROM json_each(?)
) CROSS JOIN chunk CROSS JOIN page
WHERE stage = 0 AND page.chunk = chunk.id AND page.first <= high AND page.first >= ifnull(
    (SELECT first FROM page AS one WHERE one.chunk = chunk.id AND one.first < low ORDER BY first DESC LIMIT 1), low
) AND instr(data, hash)
"""
_MEMBERS = """
SELECT chunk.id, data FROM chunk CROSS JOIN page
WHERE successor = ?1 AND page.chunk = chunk.id AND page.first < ?3 AND page.first >= ifnull(
    (SELECT first FROM page AS one WHERE one.chunk = chunk.id AND one.first < ?2 ORDER BY first DESC LIMIT 1), ?2
) ORDER BY chunk.id, page.first
"""
_ONE, _MANY = struct.Struct(f"{ENTRY}s"), struct.Struct(f"{ENTRY}s" * 128)


Bounds = tuple[bytes, bytes]
"""The first and last posting that are meant; both have the same hash."""


def bounds(hashed: bytes, name: int) -> Bounds:
    """The first and last posting of a value under the name with this number, or under any for 0."""
    low, high = (name, name) if name else (0, 255)
    return hashed + bytes((low,)) + bytes(8), hashed + bytes((high,)) + b"\xff" * 8


def reference(entry: bytes) -> int:
    """The message a posting leads to: its batch and its index there, as in a reference of an output."""
    return int.from_bytes(entry[8:], "big")


def scan(blobs: Iterable[bytes], wanted: Iterable[Bounds]) -> list[int]:
    """References of postings within bounds, in packed postings in any order."""
    found = []
    meant = [(low, high, low[:HASH]) for low, high in wanted]
    for blob in blobs:
        for low, high, hashed in meant:
            at = blob.find(hashed)
            while at >= 0:
                entry = blob[at : at + ENTRY]
                if at % ENTRY == 0 and low <= entry <= high:
                    found.append(reference(entry))
                at = blob.find(hashed, at + 1)
    return found


def find(connection: apsw.Connection, wanted: Sequence[Bounds]) -> list[int]:
    """References in all live chunks."""
    packed = [(low.hex(), high.hex(), low[:HASH].hex()) for low, high in wanted]
    pages = select(connection, _FIND, msgspec.json.encode(packed).decode())
    return scan((page for (page,) in pages), wanted)


def everything(connection: apsw.Connection) -> list[bytes]:
    """All postings of live chunks."""
    pages = select(connection, "SELECT data FROM chunk JOIN page ON page.chunk = chunk.id WHERE stage = 0")
    return [entry for (page,) in pages for entry in _entries(page)]


def add_chunk(connection: apsw.Connection, blobs: Sequence[bytes], segments: tuple[int, int]) -> None:
    """Write the postings of one flush, within the transaction of the caller."""
    count = sum(map(len, blobs)) // ENTRY
    if not count:
        return
    number = _new_chunk(connection, 0, LIVE, segments, count, 0)
    runs = [sorted(_entries(piece)) for piece in _pieces(blobs)]
    _insert(connection, number, b"".join(map(b"".join, _merged(runs, b"", b"\xff" * (ENTRY + 1)))))


def _insert(connection: apsw.Connection, number: int, postings: bytes) -> None:
    if postings:
        connection.execute(_INSERT, (number, postings, PAGE)).fetchall()


def _pieces(blobs: Iterable[bytes]) -> Iterator[bytes]:
    """Blobs joined to about as many postings as are sorted at a time."""
    some, size = list[bytes](), 0
    for blob in blobs:
        some.append(blob)
        size += len(blob)
        if size >= SORTED * ENTRY:
            yield b"".join(some)
            some, size = [], 0
    yield b"".join(some)


def _entries(blob: bytes) -> list[bytes]:
    whole = len(blob) - len(blob) % _MANY.size
    with memoryview(blob) as view:
        many = list(chain.from_iterable(_MANY.iter_unpack(view[:whole])))
        return many + [entry for (entry,) in _ONE.iter_unpack(view[whole:])]


def _merged(runs: Sequence[list[bytes]], low: bytes, high: bytes) -> Iterator[list[bytes]]:
    """Sorted runs as one, from ``low`` to before ``high``, some thousand postings at a time."""
    count = sum(map(len, runs))
    longest = max(runs, key=len)
    step = max(1, len(longest) * SORTED // max(count, 1))
    cuts = [low, *(cut for cut in longest[step::step] if low < cut < high), high]
    places = [[bisect_left(run, cut) for cut in cuts] for run in runs]
    for part in range(len(cuts) - 1):
        slices = (run[at[part] : at[part + 1]] for run, at in zip(runs, places, strict=True))
        yield sorted(chain.from_iterable(slices))


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
    """Let chunks die whose postings all come from segments that are gone; ``kept`` are those that were there when
    somebody looked. What comes from a later one was written since."""
    with transaction(connection):
        held = msgspec.json.encode(list(kept)).decode()
        connection.execute(
            "UPDATE chunk SET stage = 2, done = 0, slices = postings / ?2 + 1 "
            "WHERE stage = 0 AND successor = 0 AND last_segment < ?3 AND NOT EXISTS ("
            "SELECT 1 FROM json_each(?1) WHERE value BETWEEN first_segment AND last_segment)",
            (held, SLICE * DELETED, max(kept, default=0)),
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


def _slice(done: int, slices: int) -> Bounds:
    low, high = (number * (1 << 56) // slices for number in (done, done + 1))
    return low.to_bytes(HASH, "big"), high.to_bytes(HASH, "big") if done + 1 < slices else b"\xff" * (ENTRY + 1)


def _merge_slice(connection: apsw.Connection, number: int, slices: int, done: int) -> None:
    low, high = _slice(done, slices)
    members: dict[int, list[bytes]] = {}
    for member, page in select(connection, _MEMBERS, number, low, high):
        members.setdefault(member, []).append(page)
    if members:
        runs = [_entries(b"".join(pages)) for pages in members.values()]
        # A batch that was told again is in several.
        _insert(connection, number, b"".join(b"".join(dict.fromkeys(part)) for part in _merged(runs, low, high)))
    if done + 1 < slices:
        connection.execute("UPDATE chunk SET done = done + 1 WHERE id = ?", (number,))
        return
    connection.execute("UPDATE chunk SET stage = 0, slices = 0, done = 0 WHERE id = ?", (number,))
    connection.execute(
        "UPDATE chunk SET stage = 2, done = 0, slices = postings / ? + 1 WHERE successor = ?",
        (SLICE * DELETED, number),
    )


def _delete_slice(connection: apsw.Connection, number: int, slices: int, done: int) -> None:
    connection.execute(
        "DELETE FROM page WHERE chunk = ? AND first >= ? AND first < ?", (number, *_slice(done, slices))
    ).fetchall()
    if done + 1 < slices:
        connection.execute("UPDATE chunk SET done = done + 1 WHERE id = ?", (number,))
    else:
        connection.execute("DELETE FROM chunk WHERE id = ?", (number,))
