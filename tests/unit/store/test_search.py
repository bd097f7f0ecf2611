"""What the index and the reader find, before a flush, after it, and after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.store.paper_journal import PaperJournal, accepted, delivered, failed, id_of, produced, refs
from waypost.core.message import id_text
from waypost.store import posting, search
from waypost.store.chunk import pack as pack_bodies
from waypost.store.chunk import unpack
from waypost.store.embedded import EmbeddedStore
from waypost.store.failure import mask
from waypost.store.folds import live_reader, open_folds
from waypost.store.protocol import Found, Location, Query
from waypost.store.reader import StoreReader
from waypost.store.record import (
    ArrivalBegun,
    ArrivalEnded,
    Decided,
    Delivered,
    DeliveryFailed,
    Effects,
    Failure,
    Intended,
    Linked,
    MovedAway,
    State,
)
from waypost.store.retelling import told_again
from waypost.store.search import key_forms

Settle = Callable[[PaperJournal], None]


@pytest.fixture
def journal(tmp_path: Path) -> PaperJournal:
    return PaperJournal(tmp_path)


@pytest.fixture(params=["fresh", "flushed", "flushed and late", "reopened", "reopened after a flush"])
def settle(request: pytest.FixtureRequest) -> Settle:
    """Bring the journal into each condition a question may find it in."""

    def apply(journal: PaperJournal) -> None:
        if "flush" in request.param:
            journal.flush()
        if "reopened" in request.param:
            journal.reopen()
        if "late" in request.param:
            journal.commit(accepted(99, 1, flow="other"))

    return apply


def ids(found: object) -> list[str]:
    return [id_text(one.message) for one in found]  # type: ignore[attr-defined]


def texts(*messages: bytes) -> list[str]:
    return [id_text(message) for message in messages]


def test_a_message_is_found_by_its_key_however_it_is_typed(journal: PaperJournal, settle: Settle) -> None:
    journal.commit(accepted(1, keys=(("po", (("4711A",), ("4712",), ())), ("vendor", (("4711A",), (), ())))))
    journal.commit(produced(1), delivered(1))
    settle(journal)
    reader = journal.reader()
    assert ids(reader.find(Query(key=("po", " 0047 11a ")))) == texts(id_of(1, 0))
    assert ids(reader.find(Query(key=("", "4711A")))) == texts(id_of(1, 0))
    assert ids(reader.find(Query(key=("vendor", "4712")))) == []
    assert reader.find(Query(key=("po", "4712")))[0].keys == {"po": ["4712"]}


def test_a_key_found_in_what_was_produced_or_answered_leads_to_the_message(
    journal: PaperJournal, settle: Settle
) -> None:
    journal.commit(accepted(1), produced(1, keys=(("so", 1, "88123"),)))
    journal.commit(Delivered(refs(1, 0, 2), 5000, 1, keys=(("order-id", 1, "E-7"),)))
    settle(journal)
    reader = journal.reader()
    assert ids(reader.find(Query(key=("so", "88123")))) == texts(id_of(1, 1))
    assert ids(reader.find(Query(key=("order-id", "E-7")))) == texts(id_of(1, 2))
    assert reader.find(Query(key=("order-id", "E-7")))[0].keys["order-id"] == ["E-7"]


def test_a_hash_that_only_looks_like_the_key_is_not_taken_for_it(
    journal: PaperJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal.index.hasher, "_padded", lambda values: bytes(16) * len(values))
    journal.commit(accepted(1), produced(1), delivered(1))
    journal.flush()
    assert ids(journal.reader().find(Query(key=("po", "1-2")))) == texts(id_of(1, 2))


def test_a_listing_is_newest_first_and_goes_on_where_it_stopped(journal: PaperJournal, settle: Settle) -> None:
    for seq in range(1, 61):
        journal.commit(accepted(seq), produced(seq))
        if seq < 50:
            journal.commit(delivered(seq))
        if seq in (20, 40):
            journal.flush()
    settle(journal)
    reader = journal.reader()
    listed, before = [], b""
    while page := reader.find(Query(flow="orders", before=before, limit=7)):
        listed += ids(page)
        before = page[-1].message
    assert listed == texts(*(id_of(seq, i) for seq in range(60, 0, -1) for i in (2, 1, 0)))


def test_a_state_lists_just_the_messages_in_it(journal: PaperJournal, settle: Settle) -> None:
    journal.commit(accepted(1), produced(1, [State.OPEN, State.FILTERED, State.OPEN]))
    journal.commit(delivered(1, 0), failed(1, 2, State.DEAD))
    journal.commit(accepted(2), produced(2), delivered(2))
    journal.commit(accepted(3))
    settle(journal)
    reader = journal.reader()
    by_state = {
        state: ids(reader.find(Query(state=state, flow="orders")))
        for state in ("dead", "filtered", "delivered", "received", "parked")
    }
    assert by_state == {
        "dead": texts(id_of(1, 2)),
        "filtered": texts(id_of(1, 1)),
        "delivered": texts(id_of(2, 2), id_of(2, 1), id_of(2, 0), id_of(1, 0)),
        "received": texts(id_of(3, 2), id_of(3, 1), id_of(3, 0)),
        "parked": [],
    }


def test_a_state_that_was_left_lists_nothing_any_more(journal: PaperJournal, settle: Settle) -> None:
    journal.commit(accepted(1), produced(1), failed(1, 1, State.DEAD))
    journal.flush()
    journal.commit(Decided(refs(1, 1), State.OPEN, 7, "ann", "", "retry"), delivered(1))
    settle(journal)
    reader = journal.reader()
    assert reader.find(Query(state="dead")) == []
    assert len(reader.find(Query(state="delivered"))) == 3


def test_each_target_has_its_state_and_attempts(journal: PaperJournal, settle: Settle) -> None:
    journal.commit(accepted(1, 1), produced(1, 1, ("erp", "crm")))
    journal.commit(delivered(1, 0), failed(1, 1, State.RETRYING), failed(1, 1, State.RETRYING, attempt=2))
    settle(journal)
    [found] = journal.reader().find(Query(state="retrying"))
    assert found.targets == [("erp", 0, State.DELIVERED, 1), ("crm", 0, State.RETRYING, 2)]
    assert [(f.place, f.code, f.text) for f in found.failures] == [("crm", "http-500", "no such item 4711")]
    assert ids(journal.reader().find(Query(target="crm", state="retrying"))) == texts(id_of(1))
    assert journal.reader().find(Query(target="erp", state="retrying")) == []
    assert journal.reader().find(Query(target="nowhere")) == []


def test_times_limit_a_listing(journal: PaperJournal, settle: Settle) -> None:
    for seq in (1, 2, 3):
        journal.commit(accepted(seq, 1, at=seq * 1000))
    settle(journal)
    found = journal.reader().find(Query(flow="orders", since=2000, until=3000))
    assert ids(found) == texts(id_of(2))


def test_an_arrival_leads_to_its_messages_and_their_states(journal: PaperJournal, settle: Settle) -> None:
    journal.commit(ArrivalBegun(1, "orders", "p", "1.edi", "i1", 9, 1000), accepted(1, arrival=1))
    journal.commit(ArrivalBegun(2, "orders", "p", "2.edi", "i2", 9, 1001), accepted(2, arrival=2), produced(1))
    journal.commit(ArrivalEnded(1, 1002, 3, 9, "ab"), delivered(1, 0), failed(1, 1, State.DEAD))
    settle(journal)
    reader = journal.reader()
    assert ids(reader.find(Query(arrival="1.edi"))) == texts(id_of(1, 2), id_of(1, 1), id_of(1, 0))
    assert reader.find(Query(arrival="3.edi")) == []
    second, first = reader.arrivals()
    assert (first.name, first.records, first.delivered, first.dead, first.open) == ("1.edi", 3, 1, 1, 1)
    assert (second.name, second.open, second.ended_at) == ("2.edi", 3, 0)
    assert reader.arrivals(name="1.edi") == [first]
    assert reader.find(Query(arrival="1.edi"))[0].arrival == "1.edi"


def test_failures_that_look_alike_are_one_group(journal: PaperJournal, settle: Settle) -> None:
    step = Failure(1, "enrich", "data", "no-price", "no price for 'A-1'")
    states = [State.OPEN, State.DEAD, State.OPEN]
    journal.commit(accepted(1), produced(1, states, failures=(step,), at=1500), accepted(2), produced(2))
    journal.commit(failed(1, 0, State.RETRYING, at=2000), failed(2, 0, State.PARKED, "no such item 9", at=3000))
    journal.commit(failed(2, 1, State.DEAD, "no such item 10", at=4000))
    settle(journal)
    journal.commit(delivered(2, 1))
    reader = journal.reader()
    assert reader.groups(Query()) == [
        ("orders", "erp", "http-500: no such item #", 2, 2000, 3000),
        ("orders", "enrich", "no-price: no price for #", 1, 1500, 1500),
    ]
    assert len(reader.groups(Query(target="enrich"))) == 1
    assert ids(reader.find(Query(error="no-price"))) == texts(id_of(1, 1))
    assert ids(reader.find(Query(error="such item"))) == texts(id_of(2, 0), id_of(1, 0))


def test_a_history_has_everything_that_names_the_message_and_nothing_else(
    journal: PaperJournal, settle: Settle
) -> None:
    journal.commit(accepted(1), Effects(1, ()), produced(1))
    journal.commit(Intended(refs(1, 0, 1)), failed(1, 0, State.PARKED), delivered(1, 1, 2))
    journal.commit(Decided(refs(1, 0), State.OPEN, 7, "ann", "why", "retry"))
    journal.commit(Linked(id_of(1, 0), "edit-of", id_of(1, 2), 8))
    settle(journal)
    history = journal.reader().history(id_of(1, 0))
    assert history is not None
    assert [type(record) for record in history.records] == [Intended, DeliveryFailed, Decided, Linked]
    assert len(history.batch.effects) == 1
    assert history.batch.accepted.seq == 1
    other = journal.reader().history(id_of(1, 2))
    assert other is not None
    assert [type(record) for record in other.records] == [Delivered, Linked]
    assert journal.reader().history(id_of(1, 3)) is None
    assert journal.reader().history(id_of(7)) is None


def test_a_message_that_moved_is_found_where_it_is_now(tmp_path: Path, settle: Settle) -> None:
    old, new = PaperJournal(tmp_path / "0"), PaperJournal(tmp_path / "1", 1)
    old.commit(accepted(1, 1), produced(1, 1), accepted(2, 1))
    old.commit(MovedAway(refs(1, 0), (2,), 1, 9))
    new.commit(accepted(1, 1, origin="moved"), produced(1, 1), accepted(2, 1, origin="moved"))
    settle(old)
    settle(new)
    reader = StoreReader([old.view(), new.view()])
    found = [(one.shard, one.seq) for one in reader.find(Query(flow="orders"))]
    assert found == [(1, 2), (1, 1)]
    history = reader.history(id_of(1))
    assert history is not None
    assert history.found.shard == 1


def test_shards_are_listed_as_one(tmp_path: Path) -> None:
    shards = [PaperJournal(tmp_path / str(number), number) for number in range(2)]
    for seq in range(1, 5):
        for shard in shards:
            shard.commit(accepted(seq, 1, shard=shard.number))
    reader = StoreReader([shard.view() for shard in shards])
    found: list[Found] = list(reader.find(Query(limit=5)))
    assert [(one.seq, one.shard) for one in found] == [(4, 1), (4, 0), (3, 1), (3, 0), (2, 1)]


def test_chunks_are_merged_a_bounded_step_at_a_time_and_lose_nothing(
    journal: PaperJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "FANOUT", 4)
    monkeypatch.setattr(posting, "SLICE", 5)
    reader = journal.reader()
    for seq in range(1, 60):
        journal.commit(accepted(seq))
        journal.flush()
        for wanted in (seq, 1, max(1, seq - 7)):
            assert ids(reader.find(Query(key=("po", f"{wanted}-1")))) == texts(id_of(wanted, 1))
    database = journal.index.database
    while posting.step(database.writer):  # type: ignore[arg-type]
        pass
    chunks = [row[0] for row in database.asker.execute("SELECT level FROM chunk")]
    assert len(chunks) < 12
    assert max(chunks) >= 2
    assert len(posting.everything(database.asker)) == 59 * 3


def test_a_delivered_batch_costs_one_row_and_no_state(journal: PaperJournal) -> None:
    journal.commit(accepted(1, 100), produced(1, 100), delivered(1, *range(100)))
    journal.flush()
    stored = journal.index.database.asker.execute("SELECT layout, states FROM batch").fetchall()
    marks = journal.index.database.asker.execute("SELECT count(*) FROM mark").fetchall()
    assert (stored, marks) == ([(b"", b"")], [(0,)])


def test_a_batch_told_again_is_found_in_its_new_place(journal: PaperJournal, settle: Settle) -> None:
    journal.commit(accepted(1), produced(1), failed(1, 1, State.DEAD))
    journal.flush()
    journal.segment = 2
    decided = Decided(refs(1, 0), State.CANCELLED, 7, "ann", "", "cancel")
    journal.commit(decided)
    history = journal.reader().history(id_of(1, 1))
    assert history is not None
    journal.commit(*told_again(history.batch, history.states, history.story))
    settle(journal)
    journal.written = {at: raw for at, raw in journal.written.items() if at.segment == 2}
    history = journal.reader().history(id_of(1, 1))
    assert history is not None
    assert [type(record) for record in history.records] == [DeliveryFailed]
    assert list(history.story) == [failed(1, 1, State.DEAD), decided]
    assert list(history.states) == [State.CANCELLED, State.DEAD, State.OPEN]
    assert journal.state.counts()["orders"]["dead"] == 1
    assert journal.state.batch(1).produced == (Location(2, 300, 1),)  # type: ignore[union-attr]
    assert journal.reader().find(Query(key=("po", "1-1")))[0].failures[0].text == "no such item 4711"


def test_a_flush_that_fails_is_made_up_for(journal: PaperJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.commit(accepted(1), produced(1), failed(1, 0, State.DEAD))
    with monkeypatch.context() as broken, pytest.raises(OSError, match="disk"):
        broken.setattr(posting, "add_chunk", lambda *_: (_ for _ in ()).throw(OSError("disk")))
        journal.index.flush()
    assert journal.index.watermark == (0, 0)
    assert ids(journal.reader().find(Query(key=("po", "1-0")))) == texts(id_of(1, 0))
    journal.flush()
    journal.groups.clear()
    journal.reopen()
    assert ids(journal.reader().find(Query(key=("po", "1-0"), state="dead"))) == texts(id_of(1, 0))


def test_the_words_of_an_error_are_masked_where_they_name_values() -> None:
    text = "order 'A 1' of 2024-01-02: 0192f3c1-7a2b-7000-8000-000000010000 got 12.50 for item9"
    assert mask(text) == "order # of #: # got # for item#"


def test_every_form_a_key_may_have_been_stored_in_is_looked_for() -> None:
    assert key_forms("4711") == ["4711"]
    assert set(key_forms(" 00 7a")) == {"00 7a", "007a", "00 7A", "007A", " 7a", "7a", " 7A", "7A"}


async def test_a_running_shard_is_read_a_moment_after_the_commit(tmp_path: Path) -> None:
    store = EmbeddedStore(str(tmp_path), folds=open_folds)
    store.create()
    shard = await store.open_shard(0, 1)
    seq = shard.next_seq()
    large = pack_bodies([b"x" * 300_000, b"y"])
    await shard.append([accepted(seq, 2, bodies=large), produced(seq, 2)])
    await shard.append([delivered(seq, 0, 1)])
    reader = live_reader([shard])
    for _ in range(100_000):
        if reader.find(Query(key=("po", "1-0"), state="delivered")):
            break
        await asyncio.sleep(0)
    history = reader.history(id_of(1, 0))
    assert history is not None
    assert unpack(history.batch.accepted.bodies) == [b"x" * 300_000, b"y"]
    assert history.found.size == 300_000
    await shard.close()
    again = await store.open_shard(0, 1)
    assert [type(record) for record in live_reader([again]).history(id_of(1, 0)).records] == [Delivered]  # type: ignore[union-attr]
    await again.close()


def test_a_key_that_very_many_messages_carry_is_listed_newest_first(
    journal: PaperJournal, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "PAGE", 20)
    for seq in range(1, 99):
        journal.commit(accepted(seq, 2, keys=(("country", (("US",), ("US",))),)))
        if seq in (40, 70):
            journal.flush()
    settle(journal)
    reader = journal.reader()
    found, before = list[str](), b""
    while page := reader.find(Query(key=("country", "us"), limit=60, before=before)):
        found += ids(page)
        before = page[-1].message
    assert found == texts(*(id_of(seq, i) for seq in range(98, 0, -1) for i in (1, 0)))


def test_an_index_of_an_earlier_layout_is_made_again(journal: PaperJournal) -> None:
    journal.commit(accepted(1), produced(1), delivered(1))
    journal.flush()
    journal.index.database.writer.execute("CREATE TABLE posting (chunk INTEGER); PRAGMA user_version = 0")  # type: ignore[union-attr]
    journal.reopen()
    assert ids(journal.reader().find(Query(key=("po", "1-2")))) == texts(id_of(1, 2))
    journal.index.flush()
    tables = journal.index.database.asker.execute("SELECT name FROM sqlite_schema").fetchall()
    assert ("posting",) not in tables


def test_what_is_taken_in_during_a_flush_counts_with_what_is_being_written(journal: PaperJournal) -> None:
    def extents() -> list[tuple[int, ...]]:
        return journal.index.database.asker.execute("SELECT * FROM extent").fetchall()

    journal.commit(accepted(1))
    write = journal.index.stage()
    journal.commit(accepted(2))
    write()
    assert extents() == [(1, 1, 1, 3, 1001)]
    journal.index.flush()
    assert extents() == [(1, 1, 2, 6, 1002)]
    assert ids(journal.reader().find(Query(key=("po", "2-0")))) == texts(id_of(2, 0))


def test_a_flush_that_fails_keeps_the_segments_of_what_came_meanwhile(journal: PaperJournal) -> None:
    journal.commit(accepted(1))
    write, journal.segment = journal.index.stage(), 2
    journal.commit(accepted(2))
    writer = journal.index.database.writer
    journal.index.database.writer = None
    with pytest.raises(AssertionError):
        write()
    journal.index.database.writer = writer
    journal.index.flush()
    chunks = writer.execute("SELECT first_segment, last_segment FROM chunk").fetchall()  # type: ignore[union-attr]
    assert chunks == [(1, 2)]
    assert sorted(writer.execute("SELECT segment, messages FROM extent").fetchall()) == [(1, 3), (2, 3)]  # type: ignore[union-attr]
