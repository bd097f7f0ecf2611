"""The database of a shard's derived state: all the fold keeps, with its watermark, in one transaction a flush."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import apsw
import msgspec

from waypost.store.ledger import Activation, Arrival, Totals
from waypost.store.outputs import KeptBatch
from waypost.store.protocol import Held, Retry
from waypost.store.sqlite import bulk, checkpoint, connect, inserting, schema, select

K = TypeVar("K")
V = TypeVar("V")
_pack = msgspec.msgpack.encode
_decode_batch = msgspec.msgpack.Decoder(KeptBatch).decode
_OLD_BATCH, _OLD_DEATHS = b"\xdc\x00\x11", 14
"""A batch as it was stored at first begins with this, an array of 17: its 15th value is of no use any more."""
_SMALL_WAL = 4 << 20


def _unpack_batch(packed: bytes) -> KeptBatch:
    if packed[:3] == _OLD_BATCH:
        values = msgspec.msgpack.decode(packed)
        del values[_OLD_DEATHS]
        packed = _pack(values)
    return _decode_batch(packed)


class Table(Generic[K, V]):
    """A table of keys and values; how both are packed is said once, by their types."""

    def __init__(self, name: str, key: Any, value: Any) -> None:
        self.name = name
        self._key_is_number = key is int
        self._unpack_key = msgspec.msgpack.Decoder(key).decode
        self._unpack_value = msgspec.msgpack.Decoder(value).decode
        self._get = f"SELECT value FROM {name} WHERE key = ?"
        self._all = f"SELECT key, value FROM {name} WHERE key > ? ORDER BY key LIMIT 1000"
        self._upsert = inserting(name, "*key *value")
        self._delete = f"DELETE FROM {name} WHERE key IN (SELECT unhex(value ->> 0) FROM json_each(?1))"

    def key(self, key: K) -> bytes:
        return key.to_bytes(8, "big") if isinstance(key, int) else _pack(key)

    def get(self, connection: apsw.Connection, key: K) -> V | None:
        for (value,) in select(connection, self._get, self.key(key)):
            return self._unpack_value(value)  # type: ignore[no-any-return]
        return None

    def items(self, connection: apsw.Connection) -> Iterator[tuple[K, V]]:
        """All pairs by packed key, a page at a time so that no read stays open."""
        after = b""
        while page := select(connection, self._all, after):
            for key, value in page:
                known: Any = int.from_bytes(key, "big") if self._key_is_number else self._unpack_key(key)
                yield known, self._unpack_value(value)
            after = page[-1][0]

    def write(self, connection: apsw.Connection, changes: dict[K, V | None]) -> None:
        bulk(connection, self._delete, [(self.key(k),) for k, v in changes.items() if v is None])
        bulk(connection, self._upsert, [(self.key(k), _pack(v)) for k, v in changes.items() if v is not None])


RETRIES: Table[int, Retry] = Table("retry", int, Retry)
POSITIONS: Table[tuple[str, str, int], str] = Table("position", tuple[str, str, int], str)
ARRIVALS: Table[int, Arrival] = Table("arrival", int, Arrival)
ARRIVAL_NAMES: Table[tuple[str, str, str], int] = Table("arrival_name", tuple[str, str, str], int)
CLAIMS: Table[tuple[str, bytes], tuple[int, bytes]] = Table("claim", tuple[str, bytes], tuple[int, bytes])
SEQUENCES: Table[str, int] = Table("sequence", str, int)
TIMERS: Table[str, tuple[int, bytes]] = Table("timer", str, tuple[int, bytes])
STEP_STATES: Table[tuple[str, str, str], bytes] = Table("step_state", tuple[str, str, str], bytes)
LEGAL_HOLDS: Table[bytes, Held] = Table("legal_hold", bytes, Held)
ACTIVATIONS: Table[int, Activation] = Table("activation", int, Activation)


class Changes(msgspec.Struct):
    """What one flush writes."""

    totals: bytes
    watermark: tuple[int, int]
    batches: list[tuple[int, int, int, bytes]]
    """(seq, active, arrival, packed batch)"""
    gone: list[int]
    tables: list[tuple[Table[Any, Any], dict[Any, Any]]]


def has_all_tables(path: Path) -> bool:
    """Whether a database has the tables of today; those it lacks are made when it is opened to be written."""
    connection = connect(path, read_only=True)
    try:
        return bool(select(connection, "SELECT 1 FROM sqlite_master WHERE name = ?", LEGAL_HOLDS.name))
    finally:
        connection.close()


class StateDatabase:
    """``state.db``: a connection for the flush and one for look-ups, so that neither waits for the other."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._writer: apsw.Connection | None = None
        if not read_only:
            self._writer = connect(path)
            self._writer.execute(schema("state"))
        self.reader = connect(path, read_only=True)
        self.asker = connect(path, read_only=True)
        self.asking = threading.Lock()
        """Held while ``asker`` is used, which may be on any thread."""

    def totals(self) -> Totals:
        for (value,) in select(self.reader, "SELECT value FROM meta WHERE name = 'totals'"):
            return msgspec.msgpack.decode(value, type=Totals)
        return Totals()

    def batch(self, seq: int) -> KeptBatch | None:
        for (value,) in select(self.reader, "SELECT value FROM batch WHERE seq = ?", seq):
            return _unpack_batch(value)
        return None

    def batches(self, connection: apsw.Connection, active: bool) -> Iterator[KeptBatch]:
        """Batches with active outputs, or those with none, by ``seq``, a page at a time."""
        after = -1
        sql = f"SELECT seq, value FROM batch WHERE active = {int(active)} AND seq > ? ORDER BY seq LIMIT 500"
        while page := select(connection, sql, after):
            for _, value in page:
                yield _unpack_batch(value)
            after = page[-1][0]

    def write(self, changes: Changes) -> None:
        """Everything or nothing, synced. Runs in a thread of its own; once at a time."""
        writer = self._writer
        assert writer is not None, "opened to read"
        with writer:
            bulk(
                writer,
                "DELETE FROM batch WHERE seq IN (SELECT value ->> 0 FROM json_each(?1))",
                [(seq,) for seq in changes.gone],
            )
            bulk(writer, inserting("batch", "seq active arrival *value"), changes.batches)
            for table, changed in changes.tables:
                table.write(writer, changed)
            writer.execute("INSERT OR REPLACE INTO meta VALUES ('totals', ?)", (changes.totals,))
        self._tidy(writer)

    def _tidy(self, writer: apsw.Connection) -> None:
        wal = Path(writer.filename + "-wal")
        if wal.exists() and wal.stat().st_size > _SMALL_WAL:
            checkpoint(writer)

    def close(self) -> None:
        self.reader.close()
        with self.asking:
            self.asker.close()
        if self._writer is not None:
            checkpoint(self._writer)
            self._writer.close()
