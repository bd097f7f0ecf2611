"""The database of the search index: how what the index knows is written, in a few statements a flush."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import apsw
import msgspec

from waypost.store.failure import FailedOutput, FailureGroup
from waypost.store.indexed import WORDS, IndexedBatch, unpack_states, unpacked_rows
from waypost.store.sqlite import bulk, connect, inserting, schema, select, transaction

LAYOUT = 2
"""Of the tables and of the hashes in them."""
BATCH_COLUMNS = "seq flow version targets count at arrival troubled *first *accepted *produced *story *layout *states"
_COLUMNS = ", ".join("batch." + name.lstrip("*") for name in BATCH_COLUMNS.split())
_DELIVERED = WORDS.index("delivered")


class IndexTotals(msgspec.Struct, array_like=True):
    """The small part of the index; stored whole at every flush."""

    watermark: tuple[int, int] = (0, 0)
    names: list[str] = msgspec.field(default_factory=list)
    """Of keys, in the order they first came."""


class Extent(msgspec.Struct, array_like=True):
    """What a segment's batches span."""

    first_seq: int
    last_seq: int
    messages: int
    newest: int


class Words:
    """Numbers for texts that many rows share. Few; all in memory. Safe to read while another thread adds."""

    def __init__(self, stored: Iterable[tuple[int, bytes]]) -> None:
        self._texts = dict(stored)
        self._numbers = {text: number for number, text in self._texts.items()}
        self._new: list[tuple[int, bytes]] = []

    def number(self, value: Any) -> int:
        text = msgspec.msgpack.encode(value)
        number = self._numbers.get(text)
        if number is None:
            number = len(self._texts) + 1
            self._texts[number] = text
            self._numbers[text] = number
            self._new.append((number, text))
        return number

    def known(self, value: Any) -> int:
        """The number of a value, 0 when it never came."""
        return self._numbers.get(msgspec.msgpack.encode(value), 0)

    def value(self, number: int) -> Any:
        return msgspec.msgpack.decode(self._texts[number])

    def numbers_where(self, wanted: Any) -> list[int]:
        """Numbers of the values for which ``wanted(value)`` holds."""
        return [number for number, text in tuple(self._texts.items()) if wanted(msgspec.msgpack.decode(text))]

    def take_new(self) -> list[tuple[int, bytes]]:
        new, self._new = self._new, []
        return new

    def put_back(self, new: list[tuple[int, bytes]]) -> None:
        """Words that were taken and not written."""
        self._new = new + self._new


class IndexChanges(msgspec.Struct):
    """What one flush writes; rows are in the columns of their tables."""

    totals: bytes
    words: list[tuple[int, bytes]]
    batches: list[tuple[int | bytes, ...]]
    marks: list[tuple[int, int, bytes]]
    gone: list[int]
    failures: list[tuple[int | bytes, ...]]
    healed: list[int]
    groups: list[tuple[int, bytes]]
    extents: list[tuple[int, int, int, int, int]]


def _bring_up_to_date(writer: apsw.Connection) -> None:
    """Make the tables. An index of another layout is emptied, and made again from the journal like one that is lost."""
    with transaction(writer):
        if writer.pragma("user_version") != LAYOUT:
            for (name,) in select(writer, "SELECT name FROM sqlite_schema WHERE type = 'table'"):
                writer.execute(f'DROP TABLE "{name}"')
            writer.pragma("user_version", LAYOUT)
        writer.execute(schema("index"))


class IndexDatabase:
    """``index.db`` and its connections: ``writer`` for the flush, ``fetcher`` for the fold, ``asker`` for queries."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.writer: apsw.Connection | None = None
        if not read_only:
            self.writer = connect(path, cache_kib=4096)
            _bring_up_to_date(self.writer)
        self.fetcher, self.asker = (connect(path, read_only=True, cache_kib=kib) for kib in (1024, 4096))
        self.words = Words(select(self.fetcher, "SELECT id, text FROM word"))

    def totals(self) -> IndexTotals:
        for (value,) in select(self.fetcher, "SELECT value FROM meta WHERE name = 'totals'"):
            return msgspec.msgpack.decode(value, type=IndexTotals)
        return IndexTotals()

    def batch(self, seq: int) -> IndexedBatch | None:
        found = self.batches(self.fetcher, "WHERE seq = ?", seq)
        return found[0] if found else None

    def batches(self, connection: apsw.Connection, rest: str, *arguments: Any) -> list[IndexedBatch]:
        """Batches chosen by the rest of a SELECT on ``batch``."""
        return [self._batch(row) for row in select(connection, f"SELECT {_COLUMNS} FROM batch {rest}", *arguments)]

    def _batch(self, row: tuple[Any, ...]) -> IndexedBatch:
        seq, flow, version, targets, count, at, arrival, troubled, first, accepted, produced, story, layout, states = (
            row
        )
        value = self.words.value
        rows = unpacked_rows(layout, count) if produced else b""
        return IndexedBatch(
            seq, value(flow), value(version), first, count, at, arrival, accepted, produced, tuple(value(targets)),
            story, rows, unpack_states(states, rows), bool(troubled),
        )  # fmt: skip

    def batch_row(self, b: IndexedBatch) -> tuple[int | bytes, ...]:
        number = self.words.number
        return (
            b.seq, number(b.flow), number(b.version), number(b.targets), b.count, b.at, b.arrival, int(b.troubled),
            b.first, b.accepted, b.produced, b.story, b.packed_rows() if b.produced else b"", b.packed_states(),
        )  # fmt: skip

    def failed(self, ref: int) -> FailedOutput | None:
        found = select(
            self.fetcher,
            "SELECT value, state, first_at, at, attempt, place FROM failure JOIN failure_group USING (fingerprint) "
            "WHERE ref = ?",
            ref,
        )
        return FailedOutput(msgspec.msgpack.decode(found[0][0], type=FailureGroup), *found[0][1:]) if found else None

    def write(self, changes: IndexChanges) -> None:
        """Within the caller's transaction, everything but the postings."""
        writer = self.writer
        assert writer is not None, "opened to read"
        touched = [(batch[0],) for batch in changes.batches] + [(seq,) for seq in changes.gone]
        bulk(writer, inserting("word", "id *text"), changes.words)
        bulk(writer, "DELETE FROM mark WHERE seq IN (SELECT value ->> 0 FROM json_each(?1))", touched)
        bulk(writer, inserting("batch", BATCH_COLUMNS), changes.batches)
        bulk(writer, inserting("mark", "seq word *first"), changes.marks)
        bulk(
            writer,
            "DELETE FROM batch WHERE seq IN (SELECT value ->> 0 FROM json_each(?1))",
            [(seq,) for seq in changes.gone],
        )
        bulk(writer, inserting("failure_group", "fingerprint *value"), changes.groups)
        bulk(
            writer,
            "DELETE FROM failure WHERE ref IN (SELECT value ->> 0 FROM json_each(?1))",
            [(ref,) for ref in changes.healed],
        )
        bulk(writer, inserting("failure", "ref state fingerprint first_at at attempt *place"), changes.failures)
        bulk(writer, inserting("extent", "segment first_seq last_seq messages newest"), changes.extents)
        writer.execute("INSERT OR REPLACE INTO meta VALUES ('totals', ?)", (changes.totals,))

    def marks(self, b: IndexedBatch) -> list[tuple[int, int, bytes]]:
        return [(b.seq, word, b.first) for text in b.words() if (word := WORDS.index(text)) != _DELIVERED]

    def close(self) -> None:
        self.fetcher.close()
        self.asker.close()
        if self.writer is not None:
            self.writer.close()
