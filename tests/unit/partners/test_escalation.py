"""Whom to tell, and when, that something with a partner is wrong."""

from __future__ import annotations

from tests.flows.trading import ACME_X12
from tests.unit.agreements.agreeing import partner
from waypost.partners.escalation import escalated
from waypost.reconcile.books import books_of
from waypost.reconcile.exchange import Exchange, Reference
from waypost.reconcile.expectation import Rule

HOUR = 3_600_000_000
ACME = partner(
    ACME_X12.replace("contacts: [", "contacts: [{name: the manager, phone: '555'}, ").replace(
        "escalation: [", "escalation: [{after: 24h, contact: the manager, by: phone, say: call}, "
    )
)
SENT = Exchange("m1", "f", "sent", "acme", "x12", 0, "1", ("7",), (("855", "0001", "7"),))
WAITS = Rule("997", "x12", "acme", "sent", lambda moment: moment + HOUR)


def answered(verdict: str) -> Exchange:
    said = (Reference("group", "7", verdict),)  # type: ignore[arg-type]
    return Exchange("m2", "f", "received", "acme", "x12", 5, "2", (), (), "997", said)


def told(now: int, *more: Exchange) -> dict[str, object] | None:
    [one] = books_of([WAITS], [SENT, *more], now).expectations
    return escalated(one.data(), {"acme": ACME}, now)


def test_what_is_not_wrong_is_told_to_nobody() -> None:
    assert told(HOUR // 2) is None
    answer = Exchange(
        "m2", "f", "received", "acme", "x12", 5, "2", (), (), "997", (Reference("group", "7", "accepted"),)
    )
    assert told(100 * HOUR, answer) is None


def test_the_steps_are_counted_from_the_moment_it_became_overdue() -> None:
    for hours, names, following in ((4, [], "EDI desk"), (5, ["EDI desk"], "the manager"),
                                    (25, ["EDI desk", "the manager"], None)):  # fmt: skip
        found = told(hours * HOUR + 1)
        assert found is not None and found["since"] == HOUR
        assert [step["contact"] for step in found["tell"]] == names
        assert (found["next"] and found["next"]["contact"]) == following
    assert found is not None and found["tell"][1]["phone"] == "555"


def test_a_rejection_is_wrong_from_the_moment_it_came() -> None:
    answer = Exchange(
        "m2", "f", "received", "acme", "x12", 5, "2", (), (), "997", (Reference("group", "7", "rejected"),)
    )
    found = told(5 * HOUR, answer)
    assert found is not None and found["since"] == 5 and [step["contact"] for step in found["tell"]] == ["EDI desk"]


def test_without_steps_or_a_partner_nobody_is_named() -> None:
    [one] = books_of([WAITS], [SENT], 9 * HOUR).expectations
    assert escalated(one.data(), {}, 9 * HOUR) is None
    quiet = partner(ACME_X12.replace("escalation: [{after: 4h, contact: EDI desk}]\n", ""))
    assert escalated(one.data(), {"acme": quiet}, 9 * HOUR) is None
