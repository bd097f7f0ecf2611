"""The go-live checklist and its score."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.flows.trading import ACME_X12
from tests.unit.agreements.agreeing import partner
from waypost.partners.certificate import Checked
from waypost.partners.checklist import Evidence, Score, lines, score
from waypost.partners.checklist_page import checklist_page
from waypost.partners.samples import NotMade, Sample
from waypost.reconcile.books import Books, books_of
from waypost.reconcile.exchange import Exchange, Reference
from waypost.reconcile.expectation import Rule

SENDING = ACME_X12.replace(
    "x12:\n", 'x12:\n  send: {messages: [{set: "855"}], expect: [{what: "997"}], numbers: {interchange: {first: 41}}}\n'
)
FULL = (
    SENDING.replace("contacts: [", "contacts: [{name: we, side: us, phone: '1'}, ")
    + "owner: edi\ncalendar: us\nservice_levels: [{name: notice, what: '856'}]\nendpoints: {as2: {connection: c}}\n"
)
SAMPLE = Sample("receive/850.edi", "receive", "x12", "850", "004010", "x12/004010/850", b"")
WAITS = Rule("997", "x12", "acme", "sent", lambda moment: moment + 10)
SENT = Exchange("m1", "f", "sent", "acme", "x12", 100, "1", ("7",), (("855", "0001", "7"),))


def acknowledged(verdict: str = "accepted", now: int = 200) -> Books:
    answer = Exchange(
        "m2", "f", "received", "acme", "x12", 105, "2", (), (), "997", (Reference("group", "7", verdict),)
    )
    return books_of([WAITS], [SENT, answer] if verdict else [SENT], now)


def whole(**changed: object) -> Evidence:
    given: dict[str, object] = {
        "partner": partner(FULL), "accepted": {"850": 2, "ORDERS": 1}, "samples": [SAMPLE],
        "certificates": [Checked("ok", "c", "fine")], "reached": {"c": (True, "reached")}, "books": acknowledged(),
    }  # fmt: skip
    return Evidence(**{**given, **changed})  # type: ignore[arg-type]


def missing(found: Score) -> list[str]:
    return [one.name for one in found.items if one.state == "missing"]


def test_with_all_evidence_the_score_is_full_and_the_partner_ready() -> None:
    found = score(whole())
    assert (found.percent, found.ready, missing(found)) == (100, True, [])
    assert all(not one.next for one in found.items)


@pytest.mark.parametrize(
    ("changed", "item"),
    [
        ({"accepted": {"850": 2}, "rejected": {"ORDERS": 3}}, "test file of ORDERS accepted"),
        ({"samples": [SAMPLE, NotMade("receive", "ORDERS", "no schema")]}, "samples round-tripped"),
        ({"samples": []}, "samples round-tripped"),
        ({"certificates": [Checked("fail", "c", "expired")]}, "certificates"),
        ({"reached": {"c": (False, "refused")}}, "connection c tried"),
        ({"reached": {}}, "connection c tried"),
        ({"books": Books()}, "acknowledgements received and matched"),
        ({"books": acknowledged("rejected")}, "acknowledgements received and matched"),
        ({"books": acknowledged("")}, "acknowledgements received and matched"),
        ({"partner": partner(FULL.replace('expect: [{what: "997"}]', "expect: []"))}, "expectation set"),
        ({"partner": partner(FULL.replace(", numbers: {interchange: {first: 41}}", ""))}, "control numbers set"),
        ({"partner": partner(FULL.replace(", email: edi@acme.example", ""))}, "contact, theirs"),
        ({"partner": partner(FULL.replace("escalation: [{after: 4h, contact: EDI desk}]\n", ""))}, "escalation"),
        ({"partner": partner(FULL.replace("endpoints: {as2: {connection: c}}\n", ""))}, "endpoint named"),
    ],
)
def test_each_piece_of_evidence_decides_its_item(changed: dict[str, object], item: str) -> None:
    found = score(whole(**changed))
    assert missing(found) == [item] and not found.ready and found.percent < 100
    assert next(one.next for one in found.items if one.name == item)


def test_what_only_counts_for_the_score_does_not_hold_anybody_back() -> None:
    found = score(whole(partner=partner(FULL.replace("owner: edi\n", ""))))
    assert missing(found) == ["owner"] and found.ready and 90 <= found.percent < 100
    assert [row[0] for row in lines(found) if row[1] == "owner"] == ["open"]


def test_a_partner_we_send_nothing_needs_no_acknowledgement() -> None:
    found = score(whole(partner=partner(FULL.replace(SENDING, ACME_X12)), books=Books()))
    unneeded = {one.name for one in score(whole(partner=partner(ACME_X12))).items if one.state == "unneeded"}
    assert {"acknowledgements received and matched", "expectation set", "control numbers set"} <= unneeded
    assert found.items


def test_the_page_says_what_is_missing_and_escapes_it() -> None:
    hostile = score(whole(reached={"c": (False, "<script>alert(1)</script>")}))
    page = checklist_page(partner(FULL), hostile, datetime.now(UTC))
    assert "not yet: 1 left" in page and "<script" not in page and "&lt;script&gt;" in page
