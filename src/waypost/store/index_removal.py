"""Takes what is gone from the journal out of the search index, in transactions of bounded size, beside the feed."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import msgspec

from waypost.store import posting
from waypost.store.index_db import IndexTotals
from waypost.store.record import OUT_BITS
from waypost.store.sqlite import connect, select, transaction

_SEQS = 2000
"""How many batches a transaction looks at."""


class IndexRemoval:
    """A connection of its own to ``index.db``; SQLite makes it and the feed take turns."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path, synchronous="FULL")

    def close(self) -> None:
        self._connection.close()

    def durable(self) -> tuple[int, int]:
        """The watermark of the index after a sync: a crash cannot take it back."""
        connection = self._connection
        with transaction(connection):  # its sync covers all commits before it
            connection.execute("INSERT OR REPLACE INTO meta SELECT 'synced', value FROM meta WHERE name = 'totals'")
            rows = select(connection, "SELECT value FROM meta WHERE name = 'synced'")
        return msgspec.msgpack.decode(rows[0][0], type=IndexTotals).watermark if rows else (0, 0)

    def newest(self, segment: int) -> int:
        """When the last message of a segment was accepted; 0 when it holds none."""
        return self._extent(segment, "newest")

    def messages(self, segment: int) -> int:
        return self._extent(segment, "messages")

    def _extent(self, segment: int, column: str) -> int:
        rows = select(self._connection, f"SELECT {column} FROM extent WHERE segment = ?", segment)
        return int(rows[0][0]) if rows else 0

    def arrivals(self, numbers: Sequence[int]) -> set[int]:
        """Those of some arrivals of which there are messages."""
        sql = "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM batch WHERE arrival = value AND arrival > 0)"
        return {number for (number,) in select(self._connection, sql, _json(numbers))}

    def behind(self, present: Sequence[int]) -> bool:
        """Whether the index still knows segments that are gone."""
        return bool(self._gone(present))

    def _gone(self, present: Sequence[int]) -> list[tuple[int, int, int]]:
        return [
            (segment, first, last)
            for segment, first, last in select(
                self._connection,
                "SELECT segment, first_seq, last_seq FROM extent WHERE segment < ? "
                "AND segment NOT IN (SELECT value FROM json_each(?))",
                max(present, default=0),
                _json(present),
            )
        ]

    def forget(self, present: Sequence[int]) -> None:
        """Remove batches, failures and postings of segments that are not ``present``, in bounded transactions."""
        for segment, first, last in self._gone(present):
            for start in range(first, last + 1, _SEQS):
                self._forget_batches(segment, start, min(start + _SEQS - 1, last))
            self._connection.execute("DELETE FROM extent WHERE segment = ?", (segment,))
        posting.forget_segments(self._connection, present)
        while posting.delete_step(self._connection):
            pass

    def _forget_batches(self, segment: int, first: int, last: int) -> None:
        connection = self._connection
        with transaction(connection):
            gone = select(
                connection,
                "DELETE FROM batch WHERE seq BETWEEN ? AND ? AND substr(accepted, 1, 4) = ? RETURNING seq",
                first, last, struct.pack("<I", segment),
            )  # fmt: skip
            packed = _json([seq for (seq,) in gone])
            connection.execute("DELETE FROM mark WHERE seq IN (SELECT value FROM json_each(?))", (packed,))
            connection.execute(
                "DELETE FROM failure WHERE ref IN (SELECT failure.ref FROM json_each(?1) AS one CROSS JOIN failure "
                "WHERE failure.ref BETWEEN one.value << ?2 AND (one.value + 1 << ?2) - 1)",
                (packed, OUT_BITS),
            )


def _json(values: Sequence[int]) -> str:
    return msgspec.json.encode(list(values)).decode()
