"""Folds and stores in memory for the tests of the journal and the shard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from waypost.core.clock import ManualClock, SeededRandom
from waypost.store.chunk import pack
from waypost.store.commit import Limits
from waypost.store.derived import CommittedGroup, Watermark
from waypost.store.embedded import EmbeddedStore
from waypost.store.layout import ShardFolder
from waypost.store.protocol import Location, OpenBatch
from waypost.store.record import (
    Accepted,
    AnyRecord,
    ArrivalBegun,
    Closed,
    Delivered,
    Opened,
    Produced,
    pack_refs,
    ref_of,
)


class MemoryFold:
    """Keeps every record; its "database" is ``saved``, which outlives it when handed on."""

    def __init__(self, saved: dict[str, Any] | None = None) -> None:
        self.saved = saved if saved is not None else {}
        self.records: list[tuple[Location, AnyRecord]] = list(self.saved.get("records", []))
        self.stands: Watermark = self.saved.get("watermark", (0, 0))
        self.applied = self.stands
        self.open = True

    @property
    def watermark(self) -> Watermark:
        return self.stands

    def apply(self, group: CommittedGroup) -> None:
        assert self.applied < group.end
        self.records += group.records
        self.applied = group.end

    def stage(self) -> Callable[[], None]:
        records, end = list(self.records), self.applied

        def write() -> None:
            self.saved.update(records=records, watermark=end)
            self.stands = end

        return write

    def flush(self) -> None:
        self.stage()()

    def close(self) -> None:
        self.flush()
        self.open = False

    def of(self, kind: type) -> list[Any]:
        return [record for _, record in self.records if isinstance(record, kind)]

    @property
    def last_seq(self) -> int:
        return max((record.seq for record in self.of(Accepted)), default=0)

    @property
    def last_arrival(self) -> int:
        return max((record.number for record in self.of(ArrivalBegun)), default=0)

    @property
    def incarnation(self) -> int:
        return max((record.incarnation for record in self.of(Opened)), default=0)

    @property
    def clean(self) -> bool:
        ends = [record for _, record in self.records if isinstance(record, Opened | Closed)]
        return not ends or isinstance(ends[-1], Closed)

    def batch(self, seq: int) -> OpenBatch:
        found = [(at, r) for at, r in self.records if isinstance(r, Accepted | Produced) and r.seq == seq]
        at, accepted = found[0]
        produced = tuple(at for at, _ in found[1:])
        return OpenBatch(
            seq, accepted.flow, accepted.version, accepted.count, accepted.at, accepted.first_id, at, produced=produced
        )


class MemoryFolds:
    """Opens folds whose databases stay in memory, so that a shard can be closed or abandoned and opened again."""

    def __init__(self) -> None:
        self.databases: dict[tuple[str, str], dict[str, Any]] = {}

    def __call__(self, folder: ShardFolder, secret: bytes) -> tuple[Any, Any]:
        return tuple(MemoryFold(self.databases.setdefault((folder.path, name), {})) for name in ("state", "index"))


def limits(**changes: Any) -> Limits:
    """Small ones: a full suite writes no gigabytes."""
    defaults = {"reserve_bytes": 1 << 16, "free_bytes": 1 << 16, "index_seconds": 1.0}
    return Limits(**{**defaults, **changes})


def store(folder: object, **changes: Any) -> EmbeddedStore:
    changes.setdefault("folds", MemoryFolds())
    changes.setdefault("clock", ManualClock())
    changes.setdefault("random", SeededRandom(1))
    changes.setdefault("limits", limits())
    made = EmbeddedStore(str(folder), **changes)
    made.create()
    return made


def accepted(seq: int, bodies: list[bytes] | None = None) -> Accepted:
    bodies = [b"body"] if bodies is None else bodies
    return Accepted(seq, "orders", "v1", (seq << 64).to_bytes(16, "big"), len(bodies), 1000 + seq, pack(bodies))


def produced(seq: int, count: int = 1) -> Produced:
    return Produced(seq, ("erp",), bytes(22 * count))


def delivered(seq: int, row: int = 0) -> Delivered:
    return Delivered(pack_refs([ref_of(seq, row)]), 2000 + seq, 12)


def replace(record: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(record, **changes)
