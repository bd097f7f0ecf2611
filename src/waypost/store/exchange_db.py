"""``exchanges.db`` of a shard: what was exchanged with partners, found by number, key, partner and time.

One process writes it; any may read, also while it is written.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from waypost.store.derived import Watermark
from waypost.store.sqlite import checkpoint, connect, schema, select, transaction

FILE = "exchanges.db"
LAYOUT = 1
_SMALL_WAL = 16 << 20
NEAR = 100
"""Rows looked at before and behind a moment for one number: some partners use the same number over and over."""
AT_ONCE_MICROSECONDS = 3_600_000_000
"""Messages of one interchange that are taken one by one come within this time."""
_AT_ONCE = 500

Item = tuple[str, str]
"""(kind, value): a control number (of a message within its group) or a business key."""


class ExchangeRow(msgspec.Struct):
    """One interchange that was sent, or one message that was received; see ``exchange.sql``. Times are UTC µs."""

    id: int
    turn: int
    message: str
    flow: str
    target: str
    partner: str
    standard: str
    kind: str
    at: int
    last_at: int
    begun_at: int
    times: int
    interchange: str
    said: dict[str, Any]
    keys: dict[str, list[str]]

    @property
    def sent(self) -> bool:
        return bool(self.id & 1)

    def items(self) -> set[Item]:
        """Everything it can be found by."""
        found: set[Item] = {("interchange", plain(self.interchange))}
        found |= {("group", plain(number)) for number in self.said.get("groups", ())}
        found |= {item for one in self.said.get("messages", ()) for item in message_items(self.standard, one)}
        found |= {
            named(self.standard, one["level"], one["number"], one.get("group", ""))
            for one in self.said.get("acknowledges", ())
        }  # fmt: skip
        return found | {("key", f"{name}={value}") for name, values in self.keys.items() for value in values}

    def data(self) -> dict[str, Any]:
        """As the control channel tells it."""
        way = {"target": self.target, "times_sent": self.times, "begun_at": self.begun_at} if self.sent else {}
        named = ("id", "message", "flow", "partner", "standard", "kind", "interchange", "at", "keys")
        told = {name: getattr(self, name) for name in named}
        return {**self.said, **told, **way, "direction": "sent" if self.sent else "received"}


_COLUMNS = ExchangeRow.__struct_fields__
_NAMES = ", ".join(_COLUMNS)


def plain(number: str) -> str:
    """A control number as it is compared: without padding."""
    return number.strip().lstrip("0") or "0"


def named(standard: str, level: str, number: str, group: str = "") -> Item:
    """What an interchange, group or message is known by. In X12 messages of all groups have the same numbers.

    >>> named("x12", "message", "0001", "0007"), named("edifact", "group", "07")
    (('message', '7/1'), ('group', '7'))
    """
    if level != "message":
        return level, plain(number)
    return level, f"{plain(group) if group and standard == 'x12' else ''}/{plain(number)}"


def message_items(standard: str, message: Sequence[str]) -> list[Item]:
    """What a message (set, number, group, own reference if any) is known by."""
    group = message[2] if len(message) > 2 else ""
    own = [named(standard, "message", one) for one in message[3:] if one]
    return [named(standard, "message", message[1], group), *own]


class ExchangeDatabase:
    """The database at ``path``. To be used by one thread at a time."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self.connection = connect(path, read_only=read_only)
        if not read_only:
            _bring_up_to_date(self.connection)
        self._meta = dict(select(self.connection, "SELECT name, value FROM meta"))

    @property
    def birth(self) -> str:
        """Another for each time it was made anew: turns of one say nothing of those of another."""
        return str(self._meta.get("birth", ""))

    @property
    def watermark(self) -> Watermark:
        """Everything of the journal before it is in."""
        segment, _, offset = self._meta.get("watermark", "0 0").partition(" ")
        return int(segment), int(offset)

    @property
    def turn(self) -> int:
        """The last one given."""
        return int(self._meta.get("turn", "0"))

    def newest(self) -> int:
        """The last turn there is, also where another process gave it."""
        found = select(self.connection, "SELECT value FROM meta WHERE name = 'turn'")
        return int(found[0][0]) if found else 0

    def write(
        self, rows: Iterable[ExchangeRow], batches: Iterable[tuple[int, int, bytes]], watermark: Watermark
    ) -> None:
        """Write changed rows and batches and where they come to, in one transaction."""
        turn, packed, items = self.turn, list[Sequence[Any]](), list[Sequence[Any]]()
        for row in rows:
            if row.times or not row.sent:
                turn += 1
                row.turn = turn
                items += [(row.partner, *item, row.at, row.id) for item in row.items()]
            packed.append([_text(getattr(row, name)) for name in _COLUMNS])
        listed = [(seq, at, value.hex()) for seq, at, value in batches]
        now = {"watermark": f"{watermark[0]} {watermark[1]}", "turn": str(turn)}
        with transaction(self.connection):
            self._put("batch", "seq, at, value", "value ->> 0, value ->> 1, unhex(value ->> 2)", listed)
            self._put("exchange", _NAMES, ", ".join(f"value ->> {n}" for n in range(len(_COLUMNS))), packed)
            self._put("item", "partner, kind, value, at, exchange",
                      "value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4", items)  # fmt: skip
            self._put("meta", "name, value", "value ->> 0, value ->> 1", list(now.items()))
        self._meta.update(now)
        self.tidy()

    def _put(self, table: str, columns: str, values: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:  # in one statement: each step of one takes the interpreter's lock
            sql = f"INSERT OR REPLACE INTO {table} ({columns}) SELECT {values} FROM json_each(?)"
            self.connection.execute(sql, (msgspec.json.encode(rows).decode(),))

    def tidy(self) -> None:
        """Keep the write-ahead log small."""
        wal = f"{self._path}-wal"
        if os.path.exists(wal) and os.path.getsize(wal) > _SMALL_WAL:
            checkpoint(self.connection)

    def batch(self, seq: int) -> bytes | None:
        found = select(self.connection, "SELECT value FROM batch WHERE seq = ?", seq)
        return found[0][0] if found else None

    def row(self, identity: int) -> ExchangeRow | None:
        """One row by its id."""
        return next(self._rows("WHERE id = ?", identity), None)

    def changed(self, turn: int, limit: int) -> list[ExchangeRow]:
        """What changed after a turn, in the order of change."""
        return list(self._rows("WHERE turn > ? AND turn > 0 ORDER BY turn LIMIT ?", turn, limit))

    def of_message(self, message: str) -> list[ExchangeRow]:
        """What a message was, or became, in the exchange with partners."""
        return list(self._rows("WHERE message = ? AND +turn > 0", message))

    def related(self, partner: str, item: Item, at: int) -> list[ExchangeRow]:
        """Those of a partner that carry or name an item, nearest to a moment: ``NEAR`` up to it, as many behind, and
        the first of those that came at once with it."""
        sql = "SELECT exchange FROM item WHERE partner = ?1 AND kind = ?2 AND value = ?3 AND at {} LIMIT ?5"
        sides = [("<= ?4 ORDER BY at DESC, exchange DESC", at, NEAR), ("> ?4 ORDER BY at, exchange", at, NEAR)]
        sides.append(("> ?4 ORDER BY at, exchange", at - AT_ONCE_MICROSECONDS, 1))
        found = [
            one for side, *given in sides for one in select(self.connection, sql.format(side), partner, *item, *given)
        ]
        packed = msgspec.json.encode([number for (number,) in found]).decode()
        return list(self._rows("WHERE id IN (SELECT value FROM json_each(?)) AND +turn > 0", packed))

    def page(self, since: int, after: tuple[int, int], partner: str, limit: int) -> list[ExchangeRow]:
        """Rows in the order of time, from ``since`` on and behind ``after`` (at, id)."""
        where = "turn > 0 AND at >= ? AND (at, id) > (?, ?)" + (" AND partner = ?" if partner else "")
        named = (partner,) if partner else ()
        return list(self._rows(f"WHERE {where} ORDER BY at, id LIMIT ?", since, *after, *named, limit))

    def forget(self, before: int) -> int:
        """Remove some of what is older than a moment; how many. To be called until that is 0."""
        old = list(self._rows("WHERE at < ? AND (turn > 0 OR begun_at < ?) LIMIT ?", before, before, _AT_ONCE))
        ids = [row.id for row in old]
        items = [(row.partner, *item, row.at, row.id) for row in old for item in row.items()]
        with transaction(self.connection):
            self.connection.execute(
                "DELETE FROM item WHERE (partner, kind, value, at, exchange) IN (SELECT value ->> 0, value ->> 1, "
                "value ->> 2, value ->> 3, value ->> 4 FROM json_each(?))", (msgspec.json.encode(items).decode(),)
            )  # fmt: skip
            self.connection.execute("DELETE FROM exchange WHERE id IN (SELECT value FROM json_each(?))",
                                    (msgspec.json.encode(ids).decode(),))  # fmt: skip
            if not ids:
                self.connection.execute("DELETE FROM batch WHERE at < ?", (before,))
        return len(ids)

    def _rows(self, where: str, *arguments: Any) -> Iterator[ExchangeRow]:
        return map(_row, select(self.connection, f"SELECT {_NAMES} FROM exchange {where}", *arguments))

    def close(self) -> None:
        self.connection.close()


def read(path: Path) -> ExchangeDatabase | None:
    """The database of a shard, to be read; None where there is none of this layout."""
    if not path.exists():
        return None
    connection = connect(path, read_only=True)
    current = connection.pragma("user_version") == LAYOUT
    connection.close()
    return ExchangeDatabase(path, read_only=True) if current else None


def _row(columns: Sequence[Any]) -> ExchangeRow:
    values = dict(zip(_COLUMNS, columns, strict=True))
    values |= {name: msgspec.json.decode(values[name]) for name in ("said", "keys")}
    return ExchangeRow(**values)


def _text(value: Any) -> Any:
    return msgspec.json.encode(value).decode() if isinstance(value, Mapping) else value


def _bring_up_to_date(writer: apsw.Connection) -> None:
    """Make the tables. One of another layout is emptied, and made again from the journal like one that is lost."""
    with transaction(writer):
        if writer.pragma("user_version") != LAYOUT:
            for (name,) in select(writer, "SELECT name FROM sqlite_schema WHERE type = 'table'"):
                writer.execute(f'DROP TABLE "{name}"')
            writer.execute(schema("exchange"))
            writer.execute("INSERT INTO meta VALUES ('birth', ?)", (os.urandom(8).hex(),))
            writer.pragma("user_version", LAYOUT)
