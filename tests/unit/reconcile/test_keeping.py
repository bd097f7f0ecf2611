"""The kept books say what the pure books say, in whatever order, portions and shards the exchanges come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waypost.reconcile import keeping
from waypost.reconcile.book_db import Asked, BookDatabase
from waypost.reconcile.books import books_of
from waypost.reconcile.exchange import Exchange
from waypost.reconcile.expectation import Rule
from waypost.reconcile.keeping import Keeping, booked
from waypost.store.exchange_db import ExchangeDatabase, ExchangeRow

HOUR = 3_600_000_000
RULES = [
    Rule("997", "x12", "acme", "sent", lambda moment: moment + 24 * HOUR),
    Rule("824", "x12", "acme", "sent", lambda moment: moment + 48 * HOUR, sets=frozenset({"810"})),
    Rule("997", "x12", "acme", "received", lambda moment: moment + HOUR),
    Rule("856", "x12", "acme", "received", lambda moment: moment + 30 * HOUR, sets=frozenset({"850"})),
]


def row(number: int, sent: bool, at: int, **more: Any) -> ExchangeRow:
    """One exchange; it is in its ledger from the start."""
    said = {"groups": more.pop("groups", []), "messages": more.pop("messages", []),
            "acknowledges": more.pop("acknowledges", [])}  # fmt: skip
    given = {"flow": "f", "target": "", "partner": "acme", "standard": "x12", "kind": "", "interchange": str(number),
             "keys": {}, "message": f"m{number}", **more}  # fmt: skip
    times = dict.fromkeys(("at", "last_at", "begun_at"), at * HOUR)
    return ExchangeRow(id=number << 1 | sent, turn=0, times=int(sent), said=said, **times, **given)


def confirmation(number: int, at: int, group: str = "7", **more: Any) -> ExchangeRow:
    return row(number, True, at, groups=[group], messages=[["855", "1", group]], **more)


def ack(number: int, at: int, group: str = "7", verdict: str = "accepted", sent: bool = False) -> ExchangeRow:
    said = [{"level": "group", "number": group, "verdict": verdict, "set": "", "group": ""}]
    return row(number, sent, at, kind="997", acknowledges=said, groups=["900"])


@pytest.fixture
def books(tmp_path: Path) -> Iterator[BookDatabase]:
    database = BookDatabase(tmp_path / "books.db")
    yield database
    database.close()


def kept(books: BookDatabase, ledgers: dict[int, ExchangeDatabase]) -> Keeping:
    found = Keeping(books, lambda partner: RULES if partner == "acme" else [])
    while found.advance(ledgers):
        pass
    return found


def told(books: BookDatabase) -> list[str]:
    return [event.kind for event in reversed(books.events("", 0, 99))]


numbers = st.sampled_from("789")
EXCHANGES = st.lists(
    st.tuples(st.sampled_from(["confirm", "invoice", "order", "notice", "ack", "our ack", "advice"]),
              st.integers(0, 60), numbers, st.sampled_from(["accepted", "rejected", "partly"]), st.sampled_from("AB")),
    max_size=10,
)  # fmt: skip


def made(number: int, kind: str, at: int, named: str, verdict: str, po: str) -> ExchangeRow:
    keys, at = {"po": [po]}, at * 100 + number  # no two at one moment
    match kind:
        case "confirm":
            return row(number, True, at, groups=[named], messages=[["855", "1", named]], keys=keys)
        case "invoice":
            return row(number, True, at, groups=[named], messages=[["810", named, named]], keys=keys)
        case "order":
            return row(number, False, at, groups=[named], messages=[["850", "1", named]], keys=keys)
        case "notice":
            return row(number, True, at, groups=[named], messages=[["856", "1", named]], keys=keys)
        case "advice":
            said = [{"level": "message", "number": named, "verdict": verdict, "set": "810", "group": named}]
            return row(number, False, at, kind="824", acknowledges=said, groups=["901"])
    return ack(number, at, named, verdict, sent=kind == "our ack")


@settings(deadline=None, max_examples=25)
@given(EXCHANGES, st.randoms(use_true_random=False))
def test_kept_books_are_the_pure_books(exchanged: list[tuple[Any, ...]], random: Any) -> None:
    rows = [made(number, *one) for number, one in enumerate(exchanged, 1)]
    pure = books_of(RULES, [Exchange.of(one.data()) for one in rows], 0)
    random.shuffle(rows)
    with TemporaryDirectory() as folder:
        ledgers = {shard: ExchangeDatabase(Path(folder, f"{shard}.db")) for shard in (0, 1)}
        books = BookDatabase(Path(folder, "books.db"))
        for one in rows:
            enter(ledgers[random.randrange(2)], [one])
            if random.random() < 0.5:
                kept(books, ledgers)
        kept(books, ledgers)
        found, unmatched = books.page(Asked(limit=999)), told(books).count("unmatched")
        for database in (*ledgers.values(), books):
            database.close()
    assert sorted(map(plainly, found)) == sorted(plainly(booked(one)) for one in pure.expectations)
    assert unmatched == [event["event"] for event in pure.events()].count("unmatched")


def plainly(one: Any) -> str:
    return repr({**one.data, "word": one.word, "late": one.late, "again": one.again, "due": one.due})


@pytest.fixture
def ledgers(tmp_path: Path) -> Iterator[dict[int, ExchangeDatabase]]:
    made = {shard: ExchangeDatabase(tmp_path / f"{shard}.db") for shard in (0, 1)}
    yield made
    for ledger in made.values():
        ledger.close()


def enter(ledger: ExchangeDatabase, rows: Sequence[ExchangeRow]) -> None:
    ledger.write(rows, [], (1, ledger.turn + 1))


def test_an_acknowledgement_in_another_shard_closes_what_was_sent(
    books: BookDatabase, ledgers: dict[int, ExchangeDatabase]
) -> None:
    enter(ledgers[1], [ack(2, 5, verdict="rejected")])
    kept(books, ledgers)
    assert told(books) == ["unmatched"]
    enter(ledgers[0], [confirmation(1, 1)])
    kept(books, ledgers)
    [one] = books.page(Asked())
    assert one.word == "rejected" and told(books) == ["rejected"]
    assert books.of_messages(["m1", "m9"]).keys() == {"m1"}


def test_what_is_missing_late_rejected_and_repeated_is_an_event_once(
    books: BookDatabase, ledgers: dict[int, ExchangeDatabase]
) -> None:
    enter(ledgers[0], [confirmation(1, 1)])
    kept(books, ledgers).miss(20 * HOUR)
    assert told(books) == []
    for until in (26 * HOUR, 27 * HOUR, 26 * HOUR):
        kept(books, ledgers).miss(until)
    assert told(books) == ["missing"]
    enter(ledgers[1], [ack(2, 30, verdict="partly"), ack(3, 31)])
    kept(books, ledgers)
    assert sorted(told(books)) == ["duplicate", "late", "missing", "rejected"]
    books.tell([event.id for event in books.untold(99 * HOUR)])
    books.connection.execute("DELETE FROM cursor")
    kept(books, ledgers).miss(99 * HOUR)
    assert books.untold(99 * HOUR) == [] and len(told(books)) == 4


def test_what_comes_to_be_known_after_its_deadline_was_passed_is_missing_too(
    books: BookDatabase, ledgers: dict[int, ExchangeDatabase]
) -> None:
    kept(books, ledgers).miss(90 * HOUR)
    enter(ledgers[0], [confirmation(1, 1)])
    kept(books, ledgers)
    assert told(books) == ["missing"]


def test_what_was_before_the_books_were_made_is_known_and_not_told(
    books: BookDatabase, ledgers: dict[int, ExchangeDatabase]
) -> None:
    books.begin(50 * HOUR)
    books.begin(1)
    enter(
        ledgers[0],
        [confirmation(1, 1), ack(2, 5, verdict="rejected"), confirmation(3, 40, "8"), ack(4, 60, "8", "rejected")],
    )
    kept(books, ledgers).miss(99 * HOUR)
    assert [(event.kind, event.at // HOUR) for event in books.untold(99 * HOUR)] == [("rejected", 60)]
    assert len(told(books)) == 2


def test_a_ledger_that_was_made_anew_is_taken_in_again(
    books: BookDatabase, ledgers: dict[int, ExchangeDatabase], tmp_path: Path
) -> None:
    enter(ledgers[0], [confirmation(1, 1), ack(2, 5)])
    keeping = kept(books, ledgers)
    assert keeping.is_current(ledgers)
    other = {0: ExchangeDatabase(tmp_path / "other.db")}
    enter(other[0], [confirmation(1, 1)])
    assert not keeping.is_current(other)
    kept(books, other)
    assert keeping.is_current(other)
    assert [one.word for one in books.page(Asked())] == ["open"]
    other[0].close()


def test_a_number_used_over_and_over_is_told_apart_by_time(
    books: BookDatabase, ledgers: dict[int, ExchangeDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    folding = keeping.books_of
    monkeypatch.setattr(keeping, "books_of", lambda *given, now: looked.append(len(given[1])) or folding(*given, now))  # type: ignore[func-returns-value]
    for number in range(1, 1001, 2):
        enter(ledgers[number % 4 // 3], [confirmation(number, number * 10), ack(number + 1, number * 10 + 5)])
    kept(books, ledgers)
    counts = {word: count for word, count in books.counts("acme", 0, 0).items() if count}
    assert counts == {"accepted": 500}
    assert max(looked) <= 400 and told(books) == []


def test_messages_taken_one_by_one_are_one_expectation_however_many(
    books: BookDatabase, ledgers: dict[int, ExchangeDatabase]
) -> None:
    for number in range(1, 401):
        came = row(number, False, 0, groups=["7"], messages=[["850", str(number), "7"]], interchange="41")
        came.at = came.last_at = came.begun_at = 1000 + number
        enter(ledgers[0], [came])
    enter(ledgers[1], [ack(500, 1, sent=True)])
    kept(books, ledgers)
    owed = [one for one in books.page(Asked(limit=999)) if one.level == "group"]
    assert [(one.word, one.data["message"]) for one in owed] == [("accepted", "m1")]
    assert all(books.of_messages([f"m{number}"]) for number in (1, 99, 250, 400))


def test_expectations_are_found_by_state_key_and_page(
    books: BookDatabase, ledgers: dict[int, ExchangeDatabase]
) -> None:
    enter(
        ledgers[0],
        [confirmation(n, n, str(n), keys={"po": [f"PO{n}"]}) for n in range(1, 6)]
        + [ack(9, 90, "1"), ack(8, 7, "2", "rejected")],
    )
    kept(books, ledgers)
    now = 28 * HOUR

    def found(**asked: Any) -> list[str]:
        return [one.data["message"] for one in books.page(Asked(now=now, **asked))]

    assert found(partner="acme") == ["m5", "m4", "m3", "m2", "m1"] and found(partner="bolt") == []
    assert found(state="overdue") == ["m3"] and found(state="open") == ["m5", "m4"]
    assert found(state="late") == ["m1"] and found(state="rejected") == ["m2"] and found(state="accepted") == ["m1"]
    assert found(key="PO4") == ["m4"] and found(key="0004") == ["m4"] and found(key="PO") == []
    assert found(since=4 * HOUR) == ["m5", "m4"] and found(flow="f", limit=1) == ["m5"]
    last = books.page(Asked(limit=2))[-1]
    assert found(before=(last.opened_at, last.id)) == ["m3", "m2", "m1"]
    assert books.counts("", 0, now)["overdue"] == 1


def test_books_of_another_layout_are_made_anew_and_remember_what_was_told(
    books: BookDatabase, ledgers: dict[int, ExchangeDatabase], tmp_path: Path
) -> None:
    enter(ledgers[0], [confirmation(1, 1), ack(2, 5, verdict="rejected")])
    kept(books, ledgers)
    books.tell([event.id for event in books.untold(HOUR)])
    books.connection.pragma("user_version", 99)
    again = BookDatabase(tmp_path / "books.db")
    assert again.page(Asked()) == [] and again.cursors() == {}
    kept(again, ledgers)
    assert len(again.page(Asked())) == 1 and again.untold(99 * HOUR) == []
    again.close()


def test_what_is_old_is_forgotten(books: BookDatabase, ledgers: dict[int, ExchangeDatabase]) -> None:
    enter(ledgers[0], [confirmation(1, 1), ack(2, 5, verdict="rejected"), confirmation(3, 9, "8")])
    kept(books, ledgers)
    books.forget(8 * HOUR)
    assert [one.data["message"] for one in books.page(Asked())] == ["m3"]
    assert told(books) == [] and books.of_messages(["m1"]) == {}
