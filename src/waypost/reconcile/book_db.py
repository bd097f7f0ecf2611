"""``books.db`` of a store: what is waited for and owed, and what somebody should know of it, as rows.

One process writes it; any may read. It is made anew from the ledgers of exchanges when it is lost, or of another
layout; which events were told outlives a change of layout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import apsw
import msgspec

from waypost.store.exchange_db import plain
from waypost.store.sqlite import checkpoint, connect, select, transaction

FILE = "books.db"
LAYOUT = 2
_SMALL_WAL = 16 << 20
_AT_ONCE = 500
TROUBLE = "(word IN ('partly', 'rejected') OR late = 1 OR again = 1)"
_GONE = (
    "DELETE FROM expectation WHERE id IN (SELECT e.id FROM json_each(?) AS one CROSS JOIN expectation AS e "
    "WHERE e.partner = one.value ->> 0 AND e.level = one.value ->> 1 AND e.plain = one.value ->> 2 "
    "AND +e.opened_at BETWEEN one.value ->> 3 AND one.value ->> 4)"
)
_CURSOR = "INSERT OR REPLACE INTO cursor SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)"
Cursor = tuple[str, int]
"""(birth of a ledger, turn up to which it was taken in)."""


class BookedRow(msgspec.Struct):
    """One expectation; see ``book.sql``."""

    id: int
    partner: str
    flow: str
    level: str
    plain: str
    opened_at: int
    due: int
    word: str
    late: int
    again: int
    data: Mapping[str, Any]

    def names(self) -> set[str]:
        """Everything it can be found by."""
        keys = {value for values in self.data["keys"].values() for value in values}
        return {*self.data["messages"], plain(self.data["number"]), plain(self.data["interchange"]), *keys}


class EventRow(msgspec.Struct):
    """Something somebody should know; see ``book.sql``."""

    id: int
    kind: str
    partner: str
    item: str
    at: int
    told: int
    data: Mapping[str, Any]


class Asked(msgspec.Struct, kw_only=True):
    """Which expectations are meant; '' and 0 mean all. ``before``: (opened_at, id) of the last of the page before."""

    partner: str = ""
    flow: str = ""
    state: str = ""
    key: str = ""
    since: int = 0
    now: int = 0
    before: tuple[int, int] | None = None
    limit: int = 100


def identity(*parts: str) -> int:
    """A number for what these words name."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


class BookDatabase:
    """The database at ``path``. To be used by one thread at a time."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self.connection = connect(path, read_only=read_only, cache_kib=16_384)
        if not read_only:
            _bring_up_to_date(self.connection)
        self._meta = dict(select(self.connection, "SELECT name, value FROM meta"))

    @property
    def born(self) -> int:
        """What happened before is not told any more; 0 where that was never said."""
        return int(self._meta.get("born", "0"))

    @property
    def missed_to(self) -> int:
        """Deadlines up to here were looked at."""
        return int(self._meta.get("missed_to", "0"))

    def begin(self, now: int) -> None:
        """Say when these books were made, unless it was said."""
        if not self.born:
            self._set("born", str(now))

    def _set(self, name: str, value: str) -> None:
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
        self._meta[name] = value

    def cursors(self) -> dict[int, Cursor]:
        """How far each shard was taken in."""
        return {shard: (birth, turn) for shard, birth, turn in select(self.connection, "SELECT * FROM cursor")}

    def write(
        self, *, gone: Sequence[tuple[str, str, str, int, int]], rows: Collection[BookedRow],
        named: Collection[tuple[str, int]], unmatched: Mapping[str, Sequence[int]], events: Collection[EventRow],
        cursors: Mapping[int, Cursor],
    ) -> None:  # fmt: skip
        """In one transaction: remove what stood under ``gone`` (partner, level, number, opened from, opened to), enter
        ``rows`` with what they are found by (``named``) and their ``events``, of ``unmatched`` items keep these ids
        alone, and say how far ledgers are in."""
        with transaction(self.connection):
            self._each(gone, _GONE)
            self._put("expectation", BookedRow, rows)
            self._each(sorted(named), "INSERT OR IGNORE INTO named SELECT value ->> 0, value ->> 1 FROM json_each(?)")
            self.connection.execute(
                "DELETE FROM event WHERE kind = 'unmatched' AND item IN (SELECT value FROM "
                "json_each(?)) AND id NOT IN (SELECT value FROM json_each(?))",
                (_json(list(unmatched)), _json([one for ids in unmatched.values() for one in ids])),
            )
            self._put("event", EventRow, events, "IGNORE")
            self._each([(shard, *cursor) for shard, cursor in cursors.items()], _CURSOR)
        self._tidy()

    def _put(self, table: str, kind: type[msgspec.Struct], rows: Iterable[Any], otherwise: str = "REPLACE") -> None:
        names = kind.__struct_fields__
        packed = [[_json(v) if isinstance(v := getattr(row, name), Mapping) else v for name in names] for row in rows]
        values = ", ".join(f"value ->> {number}" for number in range(len(names)))
        self._each(packed, f"INSERT OR {otherwise} INTO {table} ({', '.join(names)}) SELECT {values} FROM json_each(?)")

    def _each(self, rows: Sequence[Any], sql: str) -> None:
        if rows:
            self.connection.execute(sql, (_json(rows),))

    def _tidy(self) -> None:
        wal = Path(f"{self._path}-wal")
        if wal.exists() and wal.stat().st_size > _SMALL_WAL:
            checkpoint(self.connection)

    def due(self, until: int) -> list[BookedRow]:
        """What was due since the last look, up to a moment, and did not come."""
        return self._booked("WHERE word = 'open' AND due > ? AND due <= ? ORDER BY due LIMIT ?", self.missed_to, until,
                            _AT_ONCE)  # fmt: skip

    def enter_missing(self, events: Collection[EventRow], until: int) -> None:
        """Enter that something did not come, and up to where was looked."""
        with transaction(self.connection):
            self._put("event", EventRow, events, "IGNORE")
            self._set("missed_to", str(until))

    def untold(self, until: int) -> list[EventRow]:
        """Events nobody was told of; of what answers nothing only those from before ``until``, for what it answers may
        still come."""
        return self._events("WHERE told = 0 AND (kind != 'unmatched' OR at < ?) ORDER BY at LIMIT ?", until, _AT_ONCE)

    def tell(self, ids: Iterable[int]) -> None:
        """Remember that these events were told."""
        self._each(list(ids), "UPDATE event SET told = 1 WHERE id IN (SELECT value FROM json_each(?))")

    def forget(self, before: int) -> None:
        """Remove what was opened before a moment, open or not, and its events."""
        with transaction(self.connection):
            self.connection.execute("DELETE FROM expectation WHERE opened_at < ?", (before,))
            self.connection.execute("DELETE FROM event WHERE at < ?", (before,))
            self.connection.execute("DELETE FROM named WHERE expectation NOT IN (SELECT id FROM expectation)")

    # asking

    def page(self, asked: Asked) -> list[BookedRow]:
        """The newest first."""
        where, values = ["1"], list[Any]()
        for clause, value in (
            ("partner = ?", asked.partner), ("flow = ?", asked.flow), ("opened_at >= ?", asked.since),
            ("(opened_at, id) < (?, ?)", asked.before),
        ):  # fmt: skip
            if value:
                where.append(clause)
                values += value if isinstance(value, tuple) else [value]
        if asked.key:
            where.append("id IN (SELECT expectation FROM named WHERE value IN (?, ?))")
            values += [plain(asked.key), asked.key]
        clause, more = _STATES.get(asked.state, ("1", 0))
        where.append(clause)
        values += [asked.now] * more
        return self._booked(
            f"WHERE {' AND '.join(where)} ORDER BY opened_at DESC, id DESC LIMIT ?", *values, asked.limit
        )

    def counts(self, partner: str, since: int, now: int) -> dict[str, int]:
        """How many are open, overdue and closed, and of the closed how many in which way."""
        where, values = ("partner = ? AND opened_at >= ?", [partner, since]) if partner else ("opened_at >= ?", [since])
        found = dict.fromkeys(("open", "overdue", "accepted", "partly", "rejected", "late", "duplicate"), 0)

        def count(index: str, more: str = "", *given: int) -> int:
            sql = f"SELECT count(*) FROM expectation INDEXED BY expectation_{index} WHERE {where} {more}"
            return int(select(self.connection, sql, *values, *given)[0][0])

        by = ("trouble", "waiting", "time") if partner else ("troubles", "open", "all")
        sql = (
            f"SELECT word, late, again, count(*) FROM expectation INDEXED BY expectation_{by[0]} "
            f"WHERE {where} AND {TROUBLE} GROUP BY 1, 2, 3"
        )
        for word, late, again, number in select(self.connection, sql, *values):
            found[word] += number if word in ("partly", "rejected") else 0
            found["late"] += number * late
            found["duplicate"] += number * again
        waiting = count(by[1], "AND word = 'open'")
        found["overdue"] = count(by[1], "AND word = 'open' AND due BETWEEN 1 AND ?", now - 1)
        found["open"] = waiting - found["overdue"]
        found["accepted"] = count(by[2]) - waiting - found["partly"] - found["rejected"]
        return found

    def of_messages(self, messages: Collection[str]) -> dict[str, list[BookedRow]]:
        """What each of some messages opened."""
        sql = "SELECT value, expectation FROM named WHERE value IN (SELECT value FROM json_each(?))"
        opened = select(self.connection, sql, _json(list(messages)))
        rows = self._booked("WHERE id IN (SELECT value FROM json_each(?))", _json([number for _, number in opened]))
        known = {row.id: row for row in rows}
        found: dict[str, list[BookedRow]] = {}
        for message, number in opened:
            if number in known:
                found.setdefault(message, []).append(known[number])
        return found

    def events(self, partner: str, since: int, limit: int) -> list[EventRow]:
        """The newest first."""
        where, values = ("partner = ? AND ", [partner]) if partner else ("", [])
        return self._events(f"WHERE {where} at >= ? ORDER BY at DESC, id LIMIT ?", *values, since, limit)

    def event_counts(self, partner: str, since: int) -> dict[str, int]:
        """How many events of each kind."""
        where, values = ("partner = ? AND ", [partner]) if partner else ("", [])
        sql = f"SELECT kind, count(*) FROM event WHERE {where} at >= ? GROUP BY kind"
        return dict(select(self.connection, sql, *values, since))

    def _booked(self, where: str, *values: Any) -> list[BookedRow]:
        names = BookedRow.__struct_fields__
        found = select(self.connection, f"SELECT {', '.join(names)} FROM expectation {where}", *values)
        return [BookedRow(**dict(zip(names, _read(row), strict=True))) for row in found]

    def _events(self, where: str, *values: Any) -> list[EventRow]:
        names = EventRow.__struct_fields__
        found = select(self.connection, f"SELECT {', '.join(names)} FROM event {where}", *values)
        return [EventRow(**dict(zip(names, _read(row), strict=True))) for row in found]

    def close(self) -> None:
        self.connection.close()


_STATES = {
    "open": ("word = 'open' AND NOT due BETWEEN 1 AND ? - 1", 1),
    "overdue": ("word = 'open' AND due BETWEEN 1 AND ? - 1", 1),
    "closed": ("word != 'open'", 0),
    "accepted": ("word = 'accepted'", 0),
    "partly": (f"word = 'partly' AND {TROUBLE}", 0),
    "rejected": (f"word = 'rejected' AND {TROUBLE}", 0),
    "late": (f"late = 1 AND {TROUBLE}", 0),
    "duplicate": (f"again = 1 AND {TROUBLE}", 0),
}
STATES = tuple(_STATES)


def is_current(path: Path) -> bool:
    """Whether there is a database of this layout."""
    if not path.exists():
        return False
    connection = connect(path, read_only=True)
    try:
        return bool(connection.pragma("user_version") == LAYOUT)
    finally:
        connection.close()


def _read(row: Sequence[Any]) -> list[Any]:
    """A row with its last column, JSON, read."""
    return [*row[:-1], msgspec.json.decode(row[-1])]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _bring_up_to_date(writer: apsw.Connection) -> None:
    with transaction(writer):
        if writer.pragma("user_version") != LAYOUT:
            for (name,) in select(writer, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name != 'event'"):
                writer.execute(f'DROP TABLE "{name}"')
            writer.execute(resources.files(__package__).joinpath("book.sql").read_text("utf-8"))
            writer.pragma("user_version", LAYOUT)
