"""The book of a chain ledger: documents by their key, kept in a file so that memory does not grow with them.

A document is entered once, however often its file is read. The file is an SQLite database; without a name it is a
temporary one that goes with the process.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from waypost.core.errors import DataError
from waypost.reconcile.chain.document import Document

_VERSION = 1
_BATCH = 2_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, pair TEXT NOT NULL, key TEXT NOT NULL,
    number TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS by_key ON document (kind, key);
CREATE INDEX IF NOT EXISTS by_chain ON document (key, pair);
CREATE INDEX IF NOT EXISTS by_number ON document (number, kind);
"""


class Book:
    """Documents by kind and key. Use it as a context."""

    def __init__(self, path: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="waypost-chain-") if path is None else None
        self._path = path or Path(self._folder.name if self._folder else ".") / "book.sqlite"
        try:
            self._base = sqlite3.connect(self._path)
            found = self._base.execute("PRAGMA user_version").fetchone()[0]
            if found not in (0, _VERSION):
                raise DataError(f"a chain ledger of version {found}", where=str(path), expected=f"version {_VERSION}",
                                remedy="name another file", code="chain-ledger")  # fmt: skip
            self._base.executescript(f"{_SCHEMA}PRAGMA user_version = {_VERSION}; PRAGMA cache_size = -8000;"
                                     f"PRAGMA synchronous = {'OFF' if path is None else 'NORMAL'};")  # fmt: skip
        except sqlite3.Error as wrong:
            raise DataError(f"no chain ledger: {wrong}", where=str(path), expected="a file this command made, or none",
                            remedy="name another file", code="chain-ledger") from None  # fmt: skip
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Document)
        self._waiting: list[tuple[str, str, str, str, str, int, bytes]] = []

    def __enter__(self) -> Book:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._base.close()
        if self._folder:
            self._folder.cleanup()

    def add(self, digest: str, documents: Iterable[Document]) -> None:
        """Enter the documents of one message; those that are there already stay as they are."""
        for number, one in enumerate(documents):
            row = (f"{digest}/{number}", one.kind, one.pair, one.key, one.number, one.at, self._encoder.encode(one))
            self._waiting.append(row)
        if len(self._waiting) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            sql = "INSERT OR IGNORE INTO document (digest, kind, pair, key, number, at, body) VALUES (?,?,?,?,?,?,?)"
            with self._base:
                self._base.executemany(sql, self._waiting)
            self._waiting.clear()

    def chains(self, kinds: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Every key with its pair that a document of one of ``kinds`` has, in order."""
        self._flush()
        marks = ",".join("?" * len(kinds))
        sql = f"SELECT DISTINCT key, pair FROM document WHERE kind IN ({marks}) ORDER BY key, pair"
        with closing(self._base.execute(sql, kinds)) as rows:
            yield from rows

    def of_key(self, key: str, pair: str = "") -> list[Document]:
        """The documents of a key, in the order of time; of one pair where it is given."""
        self._flush()
        sql = "SELECT body FROM document WHERE key = ? AND (? = '' OR pair = ?) ORDER BY at, id"
        return [self._decoder.decode(body) for (body,) in self._base.execute(sql, (key, pair, pair))]

    def about(self, kind: str, key: str) -> list[Document]:
        """The documents of a kind about a key, whoever exchanged them."""
        self._flush()
        sql = "SELECT body FROM document WHERE kind = ? AND key = ? ORDER BY at, id"
        return [self._decoder.decode(body) for (body,) in self._base.execute(sql, (kind, key))]

    def numbered(self, kind: str, number: str) -> list[Document]:
        """The documents of a kind that are called ``number``."""
        self._flush()
        sql = "SELECT body FROM document WHERE number = ? AND kind = ? ORDER BY at, id"
        return [self._decoder.decode(body) for (body,) in self._base.execute(sql, (number, kind))]

    def pairs_of(self, kind: str, number: str) -> int:
        """How many pairs exchanged documents of a kind under that number."""
        self._flush()
        sql = "SELECT COUNT(DISTINCT pair) FROM document WHERE kind = ? AND number = ?"
        return int(self._base.execute(sql, (kind, number)).fetchone()[0])
