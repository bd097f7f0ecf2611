"""The exchanges of a shard, folded from its journal: which interchange went to a partner, which message came from one.

What is told again, because it was carried to another segment, changes nothing; so the fold may begin anew anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from waypost.core.message import id_at, id_text
from waypost.store.chunk import unpack
from waypost.store.derived import CommittedGroup, Watermark
from waypost.store.exchange_db import ExchangeDatabase, ExchangeRow
from waypost.store.outputs import LAYOUT_SIZE, row_layout
from waypost.store.record import (
    OUT_BITS,
    OUT_MASK,
    Accepted,
    AnyRecord,
    Delivered,
    OutboundBody,
    Produced,
    Retold,
    decode,
    unpack_refs,
)

_REMEMBERED = 20_000
Said = Mapping[str, Any]
"""What a content is in the books, as ``StampingFormat.exchange`` says it."""


class Trade(Protocol):
    """What is known of the flows that trade under agreements."""

    def trades(self, flow: str) -> bool:
        """Whether a flow reads or writes contents of partners."""
        ...

    def received(self, flow: str, content: bytes) -> Said | None:
        """What a message is that came in through a flow."""
        ...

    def sent(self, flow: str, target: str, content: bytes) -> Said | None:
        """What an output is that goes to a target of a flow."""
        ...


class TradingBatch(msgspec.Struct, array_like=True):
    """What outcomes that name a batch's outputs need of it. ``keys``: business keys by message. ``fresh``: it was
    accepted since the fold was opened, so that nothing of it is in the database that is not in memory."""

    seq: int
    flow: str
    first: bytes
    at: int
    keys: dict[int, dict[str, list[str]]]
    targets: tuple[str, ...] = ()
    rows: bytes = b""
    fresh: bool = False

    def message_of(self, row: int) -> int:
        """The message an output row belongs to."""
        return int.from_bytes(self.rows[row * LAYOUT_SIZE : row * LAYOUT_SIZE + 2], "little")

    def target_of(self, row: int) -> str:
        """The name of the target of an output row; '' where it goes nowhere."""
        number = self.rows[row * LAYOUT_SIZE + 2] if (row + 1) * LAYOUT_SIZE <= len(self.rows) else len(self.targets)
        return self.targets[number] if number < len(self.targets) else ""

    def add_key(self, message: int, name: str, values: Iterable[str]) -> None:
        known = self.keys.setdefault(message, {}).setdefault(name, [])
        known += [value for value in values if value not in known]


class ExchangeFold:
    """Takes in committed groups and writes ``exchanges.db``. For one thread."""

    def __init__(self, path: Path, trade: Trade, whole: Callable[[AnyRecord], AnyRecord]) -> None:
        """``whole`` puts back bodies that lie in files of their own."""
        self.database = ExchangeDatabase(path)
        self.trade, self._whole = trade, whole
        self.applied: Watermark = self.database.watermark
        self._batches: dict[int, TradingBatch | None] = {}
        self._rows: dict[int, ExchangeRow] = {}
        self._changed_batches: set[int] = set()
        self._changed_rows: set[int] = set()

    @property
    def watermark(self) -> Watermark:
        """Everything before it is in the database."""
        return self.database.watermark

    @property
    def waiting(self) -> int:
        """Rows taken in that are not written yet."""
        return len(self._changed_rows) + len(self._changed_batches)

    def apply(self, group: CommittedGroup) -> None:
        if group.end <= self.applied:
            return
        for _, record in group.records:
            self._apply(decode(record.record) if isinstance(record, Retold) else record)
        self.applied = group.end

    def _apply(self, record: AnyRecord) -> None:
        match record:
            case Accepted():
                self._accepted(record)
            case Produced():
                self._produced(record)
            case OutboundBody():
                self._outbound(record)
            case Delivered():
                self._delivered(record)

    def reached(self, end: Watermark) -> None:
        """Nothing more is to come up to ``end``."""
        self.applied = max(self.applied, end)

    def flush(self) -> None:
        """Write what was taken in."""
        if self.applied == self.watermark:
            return
        known = ((seq, self._batches[seq]) for seq in sorted(self._changed_batches))
        batches = [(seq, batch.at, msgspec.msgpack.encode(batch)) for seq, batch in known if batch is not None]
        self.database.write([self._rows[identity] for identity in sorted(self._changed_rows)], batches, self.applied)
        self._changed_batches, self._changed_rows = set(), set()
        if len(self._batches) > _REMEMBERED:
            self._batches = dict(list(self._batches.items())[_REMEMBERED // 2 :])
            self._rows = {
                identity: row for identity, row in self._rows.items() if identity >> 1 + OUT_BITS in self._batches
            }

    def close(self) -> None:
        self.database.close()

    # records

    def _accepted(self, r: Accepted) -> None:
        if not self.trade.trades(r.flow):
            self._batches[r.seq] = None
            return
        if self._batch(r.seq) is not None:
            return  # told again
        batch = TradingBatch(r.seq, r.flow, r.first_id, r.at, {}, fresh=True)
        for name, values in r.keys:
            for message in range(r.count):
                if values[message]:
                    batch.add_key(message, name, values[message])
        self._batches[r.seq] = batch
        self._changed_batches.add(r.seq)
        if r.stage or r.moved_from >= 0:
            return  # written by the engine, or told by the shard it came from
        whole = self._whole(r)
        assert isinstance(whole, Accepted)
        for message, body in enumerate(unpack(whole.bodies)):
            said = self.trade.received(r.flow, r.context + body)
            if said is not None:
                identity = (r.seq << OUT_BITS | message) << 1
                self._enter(identity, batch, message, "", said, r.at)

    def _produced(self, r: Produced) -> None:
        batch = self._batch(r.seq)
        if batch is None or r.first_row * LAYOUT_SIZE < len(batch.rows):
            return
        batch.targets, batch.rows = r.targets, batch.rows + row_layout(r.rows)
        self._changed_batches.add(r.seq)
        for name, message, value in r.keys:
            batch.add_key(message, name, [value])
            row = self._row((r.seq << OUT_BITS | message) << 1, batch)
            if row is not None:
                row.keys = batch.keys[message]
                self._changed_rows.add(row.id)

    def _outbound(self, r: OutboundBody) -> None:
        batch = self._batch(r.ref >> OUT_BITS) if r.numbers else None
        if batch is None:
            return
        identity, number = r.ref << 1 | 1, r.ref & OUT_MASK
        known = self._row(identity, batch)
        if known is not None and known.times:
            return  # resent as it is
        whole = self._whole(r)
        assert isinstance(whole, OutboundBody)
        target = batch.target_of(number)
        said = self.trade.sent(batch.flow, target, whole.bodies.data) if target else None
        if said is not None:
            self._enter(identity, batch, batch.message_of(number), target, said, 0)

    def _enter(self, identity: int, batch: TradingBatch, message: int, target: str, said: Said, at: int) -> None:
        text = id_text(id_at(int.from_bytes(batch.first, "big"), message))
        inside = {name: said.get(name) or [] for name in ("groups", "messages", "acknowledges")}
        others = {
            name: said[name] for name in said if name not in {*inside, "partner", "standard", "kind", "interchange"}
        }
        self._rows[identity] = ExchangeRow(
            identity, 0, text, batch.flow, target, str(said["partner"]), str(said["standard"]), str(said["kind"]), at,
            at, batch.at, 0, str(said["interchange"]), {**others, **inside}, batch.keys.get(message, {}),
        )  # fmt: skip
        self._changed_rows.add(identity)

    def _delivered(self, r: Delivered) -> None:
        refs = unpack_refs(r.refs)
        for place, ref in enumerate(refs):
            batch = self._batch(ref >> OUT_BITS)
            if batch is None:
                continue
            message = batch.message_of(ref & OUT_MASK)
            for name, at, value in r.keys:
                if at == place:
                    batch.add_key(message, name, [value])
                    self._changed_batches.add(batch.seq)
            row = self._row(ref << 1 | 1, batch)
            if row is None or (row.times and r.at <= row.last_at):
                continue  # told again
            row.at, row.last_at, row.times = row.at if row.times else r.at, r.at, row.times + 1
            row.keys = batch.keys.get(message, {})
            self._changed_rows.add(row.id)

    def _batch(self, seq: int) -> TradingBatch | None:
        if seq not in self._batches:
            stored = self.database.batch(seq)
            self._batches[seq] = msgspec.msgpack.decode(stored, type=TradingBatch) if stored is not None else None
            if (found := self._batches[seq]) is not None:
                found.fresh = False
        return self._batches[seq]

    def _row(self, identity: int, batch: TradingBatch) -> ExchangeRow | None:
        if identity not in self._rows and not batch.fresh:
            stored = self.database.row(identity)
            if stored is not None:
                self._rows[identity] = stored
        return self._rows.get(identity)
