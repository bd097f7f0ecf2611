"""Expectations open, close and become overdue as what was exchanged says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.reconcile.books import Books, books_of
from waypost.reconcile.exchange import Exchange, Reference, answers
from waypost.reconcile.expectation import Rule, state_of

HOUR = 3_600_000_000
WAIT = Rule("997", "x12", "acme", "sent", lambda moment: moment + 24 * HOUR)


def states(books: Books) -> dict[str, str]:
    """What is said of each message that opened one."""
    found = [one for one in books.expectations if not one.rule.of_document]
    return {one.opened_by.message: state_of(one.verdict, one.state) for one in found}


def sent(at: int = 0, number: str = "7", message: str = "m1", **more: object) -> Exchange:
    messages = (("855", "0001", number),)
    return Exchange(message, "out", "sent", "acme", "x12", at * HOUR, "000000041", (number,), messages,
                    **more)  # type: ignore[arg-type]  # fmt: skip


def ack(at: int, number: str = "7", verdict: str = "accepted", message: str = "a1", **more: object) -> Exchange:
    references = (Reference("group", number, verdict),)  # type: ignore[arg-type]
    given = {"kind": "997", "acknowledges": references, **more}
    return Exchange(message, "in", "received", "acme", "x12", at * HOUR, "000000900", ("1",), **given)  # type: ignore[arg-type]


def told(books: Books) -> list[tuple[str, str]]:
    return [(event["event"], event["message"]) for event in books.events()]


def test_what_was_sent_waits_until_it_is_acknowledged() -> None:
    [one] = books_of([WAIT], [sent()], now=HOUR).expectations
    assert (one.state, one.due, one.verdict) == ("open", 24 * HOUR, None)
    books = books_of([WAIT], [sent(), ack(5)], now=6 * HOUR)
    [one] = books.expectations
    assert (one.state, one.verdict, one.late) == ("closed", "accepted", False)
    assert states(books) == {"m1": "acknowledged"} and books.events() == []


def test_an_answer_may_come_before_we_know_that_it_was_delivered() -> None:
    """A partner over AS2 acknowledges while its receipt is still on its way to us."""
    early = sent(5, begun_at=2 * HOUR)
    [one] = books_of([WAIT], [early, ack(4)], now=6 * HOUR).expectations
    assert (one.state, one.due, one.late) == ("closed", 29 * HOUR, False)
    [one] = books_of([WAIT], [early, ack(1)], now=6 * HOUR).expectations
    assert one.state == "open"


def test_a_control_number_is_the_same_however_it_is_padded() -> None:
    [one] = books_of([WAIT], [sent(number="0007"), ack(5, "7")], now=HOUR).expectations
    assert one.state == "closed"


def test_missing_late_rejected_duplicate_and_unmatched_are_events() -> None:
    assert told(books_of([WAIT], [sent()], now=25 * HOUR)) == [("missing", "m1")]
    assert told(books_of([WAIT], [sent(), ack(30)], now=31 * HOUR)) == [("late", "m1")]
    assert told(books_of([WAIT], [sent(), ack(5, verdict="rejected")], now=6 * HOUR)) == [("rejected", "m1")]
    assert told(books_of([WAIT], [sent(), ack(5), ack(6, message="a2")], now=7 * HOUR)) == [("duplicate", "m1")]
    assert told(books_of([WAIT], [sent(), ack(5, "99")], now=6 * HOUR)) == [("unmatched", "a1")]


@pytest.mark.parametrize(
    ("came", "now", "state"),
    [
        ([], 6, "waiting"),
        ([], 25, "overdue"),
        ([("accepted", 5)], 6, "acknowledged"),
        ([("partly", 5)], 6, "partly"),
        ([("rejected", 5)], 6, "rejected"),
    ],
)
def test_a_message_stands_as_its_acknowledgement_says(came: list[tuple[str, int]], now: int, state: str) -> None:
    books = books_of([WAIT], [sent(), *(ack(at, verdict=verdict) for verdict, at in came)], now=now * HOUR)
    assert states(books) == {"m1": state}


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({}, "accepted"),
        ({"1": "accepted", "2": "accepted"}, "accepted"),
        ({"1": "accepted", "2": "rejected"}, "partly"),
        ({"2": "rejected"}, "partly"),  # the other is not named: accepted
        ({"1": "rejected", "2": "rejected"}, "rejected"),
        ({"1": "rejected", "2": "rejected", "3": "accepted"}, "partly"),
    ],
)
def test_a_contrl_that_rejects_a_message_does_not_accept_its_interchange(said: dict[str, str], verdict: str) -> None:
    rule = Rule("CONTRL", "edifact", "globex", "received", lambda moment: moment + 2 * HOUR)
    messages = (("ORDERS", "1", ""), ("ORDERS", "2", ""))
    order = Exchange("m1", "in", "received", "globex", "edifact", 0, "3002", (), messages)
    named = [Reference("message", number, one, "ORDERS") for number, one in said.items()]  # type: ignore[arg-type]
    other = [Reference("interchange", "3003", "accepted"), Reference("message", "2", "rejected", "ORDERS")]
    references = [Reference("interchange", "3002", "accepted"), *named, *other]
    answer = Exchange("a1", "out", "sent", "globex", "edifact", HOUR, "9", (), (), "CONTRL", references)
    books = books_of([rule], [order, answer], now=HOUR)
    assert [one.verdict for one in books.expectations] == [verdict]
    assert told(books) == ([] if verdict == "accepted" else [("rejected", "m1")])


def test_after_a_roll_over_the_newest_of_a_number_is_meant() -> None:
    books = books_of(
        [WAIT], [sent(0, message="old"), ack(1), sent(500, message="new"), ack(501, message="a2")], now=502 * HOUR
    )
    assert [(one.opened_by.message, one.closed_by and one.closed_by.message) for one in books.expectations] == [
        ("old", "a1"), ("new", "a2")]  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        Exchange("a1", "in", "received", "bolt", "x12", 5 * HOUR, "1", kind="997",
                                                      acknowledges=(Reference("group", "7", "accepted"),)),
        Exchange("a1", "in", "received", "acme", "edifact", 5 * HOUR, "1", kind="997",
                 acknowledges=(Reference("group", "7", "accepted"),)),
        Exchange("a1", "in", "received", "acme", "x12", 5 * HOUR, "1", kind="999",
                 acknowledges=(Reference("group", "7", "accepted"),)),
        Exchange("a1", "in", "sent", "acme", "x12", 5 * HOUR, "1", kind="997",
                 acknowledges=(Reference("group", "7", "accepted"),)),
        Exchange("a1", "in", "received", "acme", "x12", 5 * HOUR, "1", kind="997",
                 acknowledges=(Reference("interchange", "7", "accepted"),)),
    ],
    ids=["another partner", "another standard", "another kind", "our own", "another level"],
)  # fmt: skip
def test_what_is_about_something_else_closes_nothing(other: Exchange) -> None:
    assert books_of([WAIT], [sent(), other], now=6 * HOUR).expectations[0].state == "open"


def test_a_rejection_nobody_waited_for_is_an_event_all_the_same() -> None:
    refused = (Reference("group", "7", "rejected", codes=("5",)),)
    books = books_of([], [sent(), ack(5, acknowledges=refused)], 6 * HOUR)
    assert told(books) == [("rejected", "m1")] and states(books) == {"m1": "rejected"}
    assert books.events()[0]["codes"] == ["5"] and books.events()[0]["due"] is None
    assert told(books_of([], [sent(), ack(5)], 6 * HOUR)) == []
    assert told(books_of([], [sent(), ack(5), ack(6, message="a2")], 6 * HOUR)) == [("duplicate", "m1")]
    assert told(books_of([], [sent(9), ack(5)], 9 * HOUR)) == [("unmatched", "a1")]


def contrl(*references: Reference) -> Exchange:
    said = (Reference("interchange", "41", "accepted"), *references)
    return Exchange("c1", "in", "received", "acme", "edifact", 5 * HOUR, "9", kind="CONTRL", acknowledges=said)


@pytest.mark.parametrize(
    ("refused", "verdict"),
    [
        ([Reference("group", "1", "accepted"), Reference("group", "2", "accepted")], "accepted"),
        ([Reference("group", "1", "rejected", codes=("18",)), Reference("group", "2", "accepted")], "partly"),
        ([Reference("group", "1", "rejected"), Reference("group", "2", "rejected")], "rejected"),
        ([Reference("message", "1", "rejected", "INVOIC", "1"), Reference("group", "2", "rejected")], "rejected"),
        ([Reference("message", "1", "rejected", "INVOIC", "2")], "partly"),
    ],
)
def test_a_contrl_may_reject_groups_of_an_interchange(refused: list[Reference], verdict: str) -> None:
    rule = Rule("CONTRL", "edifact", "acme", "sent", lambda moment: moment + HOUR)
    messages = (("INVOIC", "1", "1"), ("INVOIC", "1", "2"))
    one = Exchange("m1", "out", "sent", "acme", "edifact", HOUR, "41", ("1", "2"), messages)
    [found] = books_of([rule], [one, contrl(*refused)], 6 * HOUR).expectations
    assert found.verdict == verdict
    assert found.codes == (["18"] if refused[0].codes else [])


def test_messages_taken_one_by_one_all_stand_as_their_group() -> None:
    owed = Rule("CONTRL", "edifact", "acme", "received", lambda moment: moment + HOUR)
    came = [
        Exchange(f"m{n}", "in", "received", "acme", "edifact", n, "41", (), (("ORDERS", f"{n}", ""),)) for n in (1, 2)
    ]
    said = (Reference("interchange", "41", "accepted"), Reference("message", "1", "rejected", "ORDERS"))
    answer = Exchange("a", "out", "sent", "acme", "edifact", 9, "55", kind="CONTRL", acknowledges=said)
    [one] = books_of([owed], [*came, answer], now=2 * HOUR).expectations
    assert one.verdict == "partly" and one.data()["messages"] == ["m1", "m2"]


def test_an_acknowledgement_before_the_message_closes_nothing() -> None:
    [one] = books_of([WAIT], [sent(9), ack(5)], now=10 * HOUR).expectations
    assert one.state == "open"


def test_acknowledgements_themselves_are_not_waited_for() -> None:
    assert books_of([WAIT], [sent(kind="997")], now=0).expectations == []


def test_what_is_owed_opens_once_for_all_messages_of_a_group() -> None:
    owed = Rule("997", "x12", "acme", "received", lambda moment: moment + HOUR)
    came = [
        Exchange(f"m{n}", "in", "received", "acme", "x12", n, "41", ("7",), (("850", f"000{n}", "7"),)) for n in (1, 2)
    ]
    answer = Exchange("a", "out", "sent", "acme", "x12", 9, "55", ("3",), kind="997",
                      acknowledges=(Reference("group", "7", "accepted"),))  # fmt: skip
    [one] = books_of([owed], came, now=2 * HOUR).expectations
    assert one.state == "overdue"
    [one] = books_of([owed], [*came, answer], now=2 * HOUR).expectations
    assert one.state == "closed" and one.data()["direction"] == "owed by us"


EXCHANGES = st.lists(
    st.builds(
        lambda kind, at, number, verdict, n: sent(at, number, f"m{n}") if kind else ack(at, number, verdict, f"a{n}"),
        st.booleans(), st.integers(0, 60), st.sampled_from("123"), st.sampled_from(["accepted", "rejected"]),
        st.integers(0, 10**9),
    ),
    max_size=12,
    unique_by=lambda one: one.message,
)  # fmt: skip


@given(EXCHANGES, st.randoms(), st.integers(0, 100))
def test_the_books_do_not_depend_on_the_order_of_what_is_told(
    exchanges: list[Exchange], random: object, now: int
) -> None:
    shuffled = list(exchanges)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (books_of([WAIT], given, now * HOUR) for given in (exchanges, shuffled))
    assert [e.data() for e in one.expectations] == [e.data() for e in other.expectations]
    assert one.events() == other.events()
    closing = [id(e.closed_by) for e in one.expectations if e.closed_by is not None]
    assert len(closing) == len(set(closing))  # no acknowledgement of one group closes two


def test_a_claim_acknowledgement_names_claims_by_their_own_reference() -> None:
    rule = Rule("277CA", "x12", "acme", "sent", lambda moment: moment + 10)
    sent = Exchange("m1", "claims", "sent", "acme", "x12", 1, "1", ("1",), (("837", "0001", "1", "REF77"),))
    answer = Exchange("m2", "in", "received", "acme", "x12", 2, "9", ("9",), (("277", "0001", "9"),), "277CA",
                      (Reference("message", "REF77", "partly", "837"),))  # fmt: skip
    [one] = books_of([rule], [sent, answer], 20).expectations
    assert (one.number, one.state, one.verdict) == ("REF77", "closed", "partly")
    other = Exchange("m1", "claims", "sent", "acme", "x12", 1, "1", ("1",), (("850", "0001", "1"),))
    assert books_of([rule], [other], 20).expectations == []


def order(at: int, message: str = "o1", po: str = "4711", **more: object) -> Exchange:
    given = {"keys": {"po": (po,)}, "messages": (("850", "0001", "3"),), **more}
    return Exchange(message, "orders", "received", "acme", "x12", at * HOUR, "1", ("3",), **given)  # type: ignore[arg-type]


def shipped(at: int, message: str = "s1", po: str = "4711", what: str = "856", **more: object) -> Exchange:
    given = {"keys": {"po": (po,)}, "messages": ((what, "0001", "4"),), **more}
    return Exchange(message, "out", "sent", "acme", "x12", at * HOUR, "2", ("4",), **given)  # type: ignore[arg-type]


def moved(one: Exchange) -> Exchange:
    """The same with another partner."""
    return replace(one, partner="bolt")


NOTICE = Rule("856", "x12", "acme", "received", lambda moment: moment + 24 * HOUR, sets=frozenset({"850"}))


@pytest.mark.parametrize(
    ("came", "now", "state"),
    [
        ([], 20, "open"),
        ([], 30, "overdue"),
        ([shipped(5)], 30, "closed"),
        ([shipped(26)], 30, "closed"),
        ([shipped(5, po="4712")], 30, "overdue"),
        ([shipped(5, what="855")], 30, "overdue"),
        ([shipped(5, keys={"invoice": ("4711",)})], 30, "overdue"),
        ([moved(shipped(5))], 30, "overdue"),
        ([order(5, "o2", messages=(("860", "0001", "3"),))], 30, "overdue"),
    ],
    ids=["waits", "late", "in-time", "too-late", "other-order", "other-set", "other-key", "other-partner", "same-way"],
)  # fmt: skip
def test_a_document_is_known_by_a_business_key(came: list[Exchange], now: int, state: str) -> None:
    (one,) = books_of([NOTICE], [order(0), *came], now * HOUR).expectations
    assert (one.state, one.late) == (state, state == "closed" and came[0].at > 24 * HOUR)


def test_further_documents_are_no_duplicates_and_no_key_waits_for_nothing() -> None:
    books = books_of([NOTICE], [order(0), shipped(1), shipped(2, "s2")], HOUR * 30)
    assert books.events() == [] and states(books) == {}
    assert books_of([NOTICE], [order(0, keys={})], HOUR * 30).expectations == []


def test_only_the_key_that_is_named_counts() -> None:
    rule = Rule("856", "x12", "acme", "received", NOTICE.due, by="po")
    both = {"po": ("4711",), "buyer": ("9",)}
    (one,) = books_of([rule], [order(0, keys=both), shipped(1, keys={"buyer": ("9",)})], HOUR).expectations
    assert one.state == "open" and one.number == "4711"


def test_answers_are_of_the_partner_the_direction_and_the_numbers_they_name() -> None:
    def row(message: str, direction: str, partner: str = "acme", **more: object) -> dict[str, object]:
        return {"message": message, "direction": direction, "partner": partner, "interchange": "41", "groups": ["7"],
                "acknowledges": [], **more}  # fmt: skip

    def says(level: str, number: str) -> list[dict[str, str]]:
        return [{"level": level, "number": number, "verdict": "accepted"}]

    rows = [
        row("m", "sent"), row("group", "received", acknowledges=says("group", "007")),
        row("interchange", "received", acknowledges=says("interchange", "000041")),
        row("other number", "received", acknowledges=says("group", "8")),
        row("other partner", "received", "globex", acknowledges=says("group", "7")),
        row("of ours", "sent", acknowledges=says("group", "7")),
    ]  # fmt: skip
    assert [found["message"] for found in answers(rows, "m")] == ["group", "interchange"]
    assert answers(rows, "nobody") == []
