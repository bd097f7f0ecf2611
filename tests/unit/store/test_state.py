"""The state of a shard, beyond what the property of the fold covers."""

from __future__ import annotations

import sys
from pathlib import Path

import apsw
import msgspec
import pytest

from waypost.core.clock import ManualClock
from waypost.core.errors import StoreDamaged
from waypost.store import state_db
from waypost.store.derived import CommittedGroup
from waypost.store.outputs import KeptBatch, rows_of
from waypost.store.protocol import Location
from waypost.store.record import (
    ORDER_ROW,
    OUT_ROW,
    Accepted,
    AnyRecord,
    ArrivalBegun,
    Bodies,
    Claimed,
    Decided,
    Delivered,
    Numbered,
    Produced,
    State,
    decode,
    encode,
    pack_refs,
    ref_of,
)
from waypost.store.state import StateFold


class Journal:
    """Hands records to a fold as a journal would: one group a call, decoded from their bytes."""

    def __init__(self, fold: StateFold) -> None:
        self.fold, self.place = fold, 0

    def commit(self, *records: AnyRecord) -> None:
        self.place += 100
        group = [(Location(1, self.place, item), decode(encode(record))) for item, record in enumerate(records)]
        self.fold.apply(CommittedGroup(group, (1, self.place + 100), 100))


def accepted(seq: int, count: int = 3, **more: object) -> Accepted:
    order = b"".join(ORDER_ROW.pack(seq * count + i) for i in range(count))
    first = seq.to_bytes(14, "big") + b"\0\0"
    return Accepted(seq, "orders", "v1", first, count, 1000 + seq, Bodies(b"", b""), order=order, **more)  # type: ignore[arg-type]


def produced(seq: int, count: int = 3, state: State = State.OPEN) -> Produced:
    return Produced(seq, ("erp",), b"".join(OUT_ROW.pack(i, 0, 0, state, bytes(16)) for i in range(count)))


def all_of(seq: int, count: int = 3) -> bytes:
    return pack_refs([ref_of(seq, row) for row in range(count)])


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def fold(tmp_path: Path, clock: ManualClock) -> StateFold:
    return StateFold(tmp_path / "state.db", clock.now)


def test_a_delivered_batch_leaves_nothing_but_its_count(fold: StateFold) -> None:
    journal = Journal(fold)
    journal.commit(accepted(1), produced(1))
    journal.commit(Delivered(all_of(1), 5, 5))
    assert fold.batch(1) is None
    assert list(fold.open_batches()) == []
    assert fold.counts()["orders"]["delivered"] == 3


def test_a_flush_in_the_air_hides_nothing_from_the_fold(fold: StateFold) -> None:
    journal = Journal(fold)
    journal.commit(accepted(1), produced(1, state=State.DEAD), Numbered("isa", 4))
    write = fold.stage()
    journal.commit(accepted(2), Numbered("isa", 5))
    assert fold.batch(1) is not None
    assert fold.number("isa") == 5
    assert fold.watermark == (0, 0)
    write()
    assert fold.watermark == (1, 200)
    assert fold.batch(1) is not None
    assert fold.number("isa") == 5


def test_what_was_staged_before_is_all_that_a_crash_leaves(tmp_path: Path, fold: StateFold, clock: ManualClock) -> None:
    journal = Journal(fold)
    journal.commit(accepted(1))
    write = fold.stage()
    journal.commit(accepted(2))
    write()
    reopened = StateFold(tmp_path / "state.db", clock.now)
    assert reopened.watermark == (1, 200)
    assert [batch.seq for batch in reopened.open_batches()] == [1]
    assert reopened.last_seq == 1


def test_a_claim_ends_when_its_time_is_over(fold: StateFold, clock: ManualClock) -> None:
    Journal(fold).commit(Claimed((("orders", b"k", b"m1", clock.now() + 1), ("orders", b"ever", b"m2", 0))))
    assert fold.claim("orders", b"k") == b"m1"
    clock._now += 1
    assert fold.claim("orders", b"k") is None
    assert fold.claim("orders", b"ever") == b"m2"


def test_an_outcome_for_an_output_that_never_was_is_refused_by_name(fold: StateFold) -> None:
    journal = Journal(fold)
    journal.commit(accepted(1), produced(1))
    with pytest.raises(StoreDamaged, match="an output batch 1 does not have"):
        journal.commit(Delivered(pack_refs([ref_of(1, 3)]), 5, 5))


def test_an_outcome_that_comes_twice_counts_once(fold: StateFold) -> None:
    journal = Journal(fold)
    journal.commit(accepted(1), produced(1))
    for _ in range(2):
        journal.commit(Delivered(all_of(1), 5, 5))
    assert fold.counts()["orders"]["delivered"] == 3


def test_an_arrival_shows_what_became_of_its_messages(fold: StateFold) -> None:
    journal = Journal(fold)
    journal.commit(ArrivalBegun(1, "orders", "p", "1.edi", "i", 9, 1000))
    journal.commit(accepted(1, arrival=1), produced(1), accepted(2, arrival=1), produced(2, state=State.DEAD))
    journal.commit(Delivered(all_of(1), 5, 5), accepted(3, arrival=1))
    fold.flush()
    [(arrival, words)] = fold.arrivals()
    assert arrival.name == "1.edi"
    assert words == {"delivered": 3, "dead": 3, "received": 3}
    assert fold.arrival("orders", "1.edi", "i") == (1, False, False)


def test_a_finished_batch_is_open_again_when_told_again_with_a_decision(fold: StateFold) -> None:
    journal = Journal(fold)
    journal.commit(accepted(1), produced(1))
    journal.commit(Delivered(all_of(1), 5, 5))
    resend = Decided(pack_refs([ref_of(1, 1)]), State.OPEN, 6, "ann", "asked by the partner", "resend")
    journal.commit(resend)
    assert fold.batch(1) is None
    journal.commit(accepted(1), produced(1, state=State.DELIVERED), resend)
    batch = fold.batch(1)
    assert batch is not None
    assert list(batch.states) == [State.DELIVERED, State.OPEN, State.DELIVERED]
    assert fold.counts()["orders"]["accepted"] == 3
    assert (fold.counts()["orders"]["delivered"], fold.counts()["orders"]["open"]) == (2, 1)


def test_dead_batches_take_no_memory_once_flushed(fold: StateFold) -> None:
    journal = Journal(fold)
    for seq in range(1, 2000):
        journal.commit(accepted(seq), produced(seq, state=State.DEAD))
    fold.flush()
    kept = fold._fold.kept
    assert len(kept) == 0
    assert len(kept._cache) <= 512
    assert fold._fold.active == {}
    assert sum(1 for _ in fold.kept_batches()) == 1999


def test_a_million_open_messages_fit_in_sixty_megabytes(fold: StateFold) -> None:
    """Batches of 100, each message with an ordering key of its own; counted object by object for 200 batches."""
    journal, batches, size = Journal(fold), 200, 100
    for seq in range(1, batches + 1):
        journal.commit(accepted(seq, size), produced(seq, size))
    seen: set[int] = set()
    taken = sys.getsizeof(fold._fold.active)
    for batch in fold._fold.active.values():
        for part in parts(batch):
            if id(part) not in seen:
                seen.add(id(part))
                taken += sys.getsizeof(part)
    assert taken / (batches * size) * 1_000_000 < 60_000_000


def parts(batch: KeptBatch) -> list[object]:
    found: list[object] = [batch]
    for name in batch.__struct_fields__:
        value = getattr(batch, name)
        found.append(value)
        if isinstance(value, Location):
            found += [value.segment, value.offset, value.item]
    return found


@pytest.mark.parametrize(
    ("refs", "expected"),
    [
        ((5,), [(0, slice(5, 6, 1))]),
        ((5, 6, 7), [(0, slice(5, 8, 1))]),
        ((4, 6, 8), [(0, slice(4, 9, 2))]),
        ((5, 9, 7), [(0, (5, 9, 7))]),
        ((7, 6, 5), [(0, (7, 6, 5))]),
        ((5, 5), [(0, (5,))]),
        ((ref_of(1, 2), ref_of(2, 2)), [(1, (2,)), (2, (2,))]),
    ],
    ids=["one", "a run", "every second", "no run though the ends fit", "falling", "twice", "two batches"],
)
def test_references_are_taken_by_batch(refs: tuple[int, ...], expected: list[object]) -> None:
    assert list(rows_of(refs)) == expected


def test_a_long_reader_does_not_stop_a_flush(tmp_path: Path, fold: StateFold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_db, "_SMALL_WAL", 0)
    journal = Journal(fold)
    journal.commit(accepted(1))
    fold.flush()
    reader = apsw.Connection(str(tmp_path / "state.db"))
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM batch").fetchall()
    for seq in (2, 3):
        journal.commit(accepted(seq))
        fold.flush()
    assert fold.watermark == (1, 400)
    reader.execute("ROLLBACK")
    assert reader.execute("SELECT count(*) FROM batch").fetchall() == [(3,)]


def test_a_batch_stored_with_the_deaths_it_lived_through_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    journal = Journal(StateFold(path, ManualClock().now))
    journal.commit(accepted(1, arrival=7), produced(1))
    journal.fold.flush()
    before = msgspec.msgpack.encode(journal.fold.batch(1))
    journal.fold.close()
    values = msgspec.msgpack.decode(before)
    assert len(values) == 16  # 17 is how the old layout is told from this one: whoever adds a field changes that
    connection = apsw.Connection(str(path))
    old = msgspec.msgpack.encode([*values[:14], 2, *values[14:]])
    connection.execute("UPDATE batch SET value = ?", (old,))
    connection.close()
    again = StateFold(path, ManualClock().now)
    assert msgspec.msgpack.encode(again.batch(1)) == before
    assert [batch.arrival for batch in again.open_batches()] == [7]
    again.close()
