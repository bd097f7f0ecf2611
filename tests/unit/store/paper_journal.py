"""A journal on paper: commits go to a state fold and an index as a shard would give them, and can be read back."""

from __future__ import annotations

from pathlib import Path

from waypost.core.errors import StoreDamaged
from waypost.store.derived import CommittedGroup
from waypost.store.index import SearchIndex
from waypost.store.protocol import Location
from waypost.store.reader import ShardView, StoreReader
from waypost.store.record import (
    OUT_ROW,
    Accepted,
    AnyRecord,
    Bodies,
    Delivered,
    DeliveryFailed,
    Produced,
    State,
    decode,
    encode,
    pack_refs,
    ref_of,
)
from waypost.store.search import ShardSearch
from waypost.store.state import StateFold

SECRET = b"s" * 32


class PaperJournal:
    """One shard. ``segment`` is where the next commit goes."""

    def __init__(self, folder: Path, number: int = 0) -> None:
        self.folder, self.number, self.segment, self.place = folder, number, 1, 0
        self.written: dict[Location, bytes] = {}
        self.groups: list[CommittedGroup] = []
        self.open()

    def open(self) -> None:
        self.folder.mkdir(exist_ok=True, parents=True)
        self.state = StateFold(self.folder / "state.db", lambda: 0)
        self.index = SearchIndex(self.folder / "index.db", SECRET)

    def reopen(self) -> None:
        """As after a crash: the databases as they were flushed, then the groups they missed."""
        self.state._database.close()
        self.index.database.close()
        self.open()
        for derived in (self.state, self.index):
            for group in self.groups:
                if group.end > derived.watermark:
                    derived.apply(group)

    def commit(self, *records: AnyRecord) -> None:
        self.place += 100
        places = [Location(self.segment, self.place, item) for item in range(len(records))]
        self.written.update(zip(places, map(encode, records), strict=True))
        group = CommittedGroup([(at, self.record(at)) for at in places], (self.segment, self.place + 100), 100)
        self.groups.append(group)
        self.state.apply(group)
        self.index.apply(group)

    def segments(self) -> list[int]:
        return sorted({at.segment for at in self.written})

    def record(self, at: Location) -> AnyRecord:
        if at not in self.written:
            raise StoreDamaged(f"no segment {at.segment}")
        return decode(self.written[at])

    def flush(self) -> None:
        self.state.flush()
        self.index.flush()

    def view(self) -> ShardView:
        return ShardView(number=self.number, state=self.state, search=ShardSearch(self.index), journal=self)

    def reader(self) -> StoreReader:
        return StoreReader([self.view()])


def first_id(seq: int, shard: int = 0) -> bytes:
    """Ids that rise with ``seq``, in blocks."""
    return ((1000 + seq) << 80 | 7 << 76 | shard << 64 | 2 << 62).to_bytes(16, "big")


def id_of(seq: int, index: int = 0, shard: int = 0) -> bytes:
    return (int.from_bytes(first_id(seq, shard), "big") + index).to_bytes(16, "big")


def accepted(
    seq: int, count: int = 3, *, flow: str = "orders", shard: int = 0, at: int = 0, **more: object
) -> Accepted:
    """A batch whose message i of batch s carries po = 's-i'."""
    keys = (("po", tuple((f"{seq}-{i}",) for i in range(count))),)
    bodies = Bodies(b"".join((4 * (i + 1)).to_bytes(4, "little") for i in range(count)), b"body" * count)
    given: dict[str, object] = {"keys": keys, "bodies": bodies, **more}
    return Accepted(seq, flow, "v1", first_id(seq, shard), count, at or 1000 + seq, **given)  # type: ignore[arg-type]


def produced(seq: int, states: list[State] | int = 3, targets: tuple[str, ...] = ("erp",), **more: object) -> Produced:
    """One output per message and target, in order; ``states`` per output, or how many messages, all open."""
    if isinstance(states, int):
        states = [State.OPEN] * (states * len(targets))
    rows = [divmod(place, len(targets)) for place in range(len(states))]
    packed = b"".join(OUT_ROW.pack(m, t, 0, state, bytes(16)) for (m, t), state in zip(rows, states, strict=True))
    return Produced(seq, targets, packed, **more)  # type: ignore[arg-type]


def refs(seq: int, *rows: int) -> bytes:
    return pack_refs([ref_of(seq, row) for row in rows])


def delivered(seq: int, *rows: int, **more: object) -> Delivered:
    return Delivered(refs(seq, *(rows or (0, 1, 2))), 5000, 12, **more)  # type: ignore[arg-type]


def failed(
    seq: int, row: int, state: State, text: str = "no such item 4711", attempt: int = 1, at: int = 6000
) -> DeliveryFailed:
    return DeliveryFailed(ref_of(seq, row), at, attempt, state, at + 10, "transient", "http-500", text)
