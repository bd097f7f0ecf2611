"""The scorecard: volume, rejections, times, promises."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from waypost.core.calendar import zone_of
from waypost.partners.scorecard import Card, card, period_of
from waypost.partners.scorecard_page import document_row, scorecard_page
from waypost.reconcile.books import books_of
from waypost.reconcile.chain.document import Due
from waypost.reconcile.exchange import Exchange
from waypost.reconcile.expectation import Rule

DAY = 86_400_000_000
T0 = round(datetime(2026, 3, 30, 12, tzinfo=UTC).timestamp() * 1_000_000)


def row(number: int, direction: str = "sent", at: int = 0, **more: Any) -> dict[str, Any]:
    """One document 855 in group ``number``."""
    return {
        "message": f"m{number}{direction}", "flow": "f", "direction": direction, "partner": "acme", "standard": "x12",
        "at": T0 + at, "interchange": str(number), "groups": [str(number)],
        "messages": [["855", "0001", str(number)]], "kind": "", "state": "delivered", **more,
    }  # fmt: skip


def ack(
    number: int, verdict: str = "accepted", direction: str = "received", at: int = 0, **more: Any
) -> dict[str, Any]:
    """The 997 of group ``number``."""
    said = [{"level": "message", "number": "0001", "verdict": verdict, "set": "855", "group": str(number)},
            {"level": "group", "number": str(number), "verdict": verdict, "set": "", "group": ""}]  # fmt: skip
    given = {"kind": "997", "messages": [["997", "0001", "9"]], "groups": ["9"], "acknowledges": said}
    return row(number + 900, direction, at, **{**given, **more})


def made(*rows: dict[str, Any], period: str = "month", zone: str = "UTC", dues: Any = ()) -> Card:
    waits = Rule("997", "x12", "acme", "sent", lambda moment: moment + DAY)
    books = books_of([waits], map(Exchange.of, rows), T0 + 10 * DAY)
    return card(rows, books.expectations, dues, period, lambda partner: zone_of(zone))


def test_volume_rejections_and_times_are_told_by_document_and_period() -> None:
    found = made(row(1), row(2, at=1), row(3, at=2 * DAY), ack(1, at=60_000_000), ack(2, "rejected", at=120_000_001))
    [march, april] = [one.data() for one in found.documents]
    assert (march["period"], march["messages"], march["rejected"], march["reject_rate"]) == ("2026-03", 2, 1, 0.5)
    assert march["acknowledged_after_seconds"] == {"median": 90.0, "most": 120.0} and march["interchanges"] == 2
    assert (april["period"], april["messages"], april["answered"], april["reject_rate"]) == ("2026-04", 1, 0, 0.0)


def test_what_was_promised_is_kept_late_or_overdue() -> None:
    found = made(row(1), row(2), row(3), ack(1, at=DAY // 2), ack(2, at=2 * DAY))
    [one] = [each.data() for each in found.promises]
    assert (one["kept"], one["late"], one["overdue"], one["kept_share"]) == (1, 1, 1, 0.3333)
    assert (one["whose"], one["name"]) == ("theirs", "997 in time")


def test_promises_of_documents_that_follow_others_come_from_the_chains() -> None:
    states = ("closed", "late", "overdue")
    dues = [("acme", Due("856", "850", T0, state, "ship notice", "150 USD")) for state in states]
    [one] = [each.data() for each in made(dues=dues).promises]
    assert (one["name"], one["kept"], one["late"], one["overdue"], one["penalty"]) == (
        "ship notice",
        1,
        1,
        1,
        "150 USD",
    )


def test_a_document_we_rejected_or_could_not_take_counts_as_rejected() -> None:
    found = made(
        row(1, "received"), ack(1, "rejected", "sent", at=5), row(2, "received", state="parked"), row(3, "received")
    )
    [one] = [each for each in found.documents if each.direction == "received"]
    assert (one.messages, one.rejected, one.answered) == (3, 2, 1)


def test_control_numbers_that_come_again_are_answered_each_by_what_came_after_it() -> None:
    found = made(row(1), ack(1, at=10), row(1, at=DAY), ack(1, "rejected", at=DAY + 10))
    assert sum(one.rejected for one in found.documents) == 1 and sum(one.answered for one in found.documents) == 2


def test_a_message_of_another_group_or_partner_is_not_taken_for_this_one() -> None:
    assert made(row(1), ack(2)).documents[0].answered == 0
    other = made(row(1), ack(1, partner="globex"))
    assert [one.answered for one in other.documents] == [0]


def test_an_interchange_accepted_by_ta1_is_not_yet_an_accepted_message() -> None:
    said = [{"level": "interchange", "number": "1", "verdict": "accepted", "set": "", "group": ""}]
    assert made(row(1), ack(1, kind="TA1", acknowledges=said)).documents[0].answered == 0
    said[0]["verdict"] = "rejected"
    assert made(row(1), ack(1, kind="TA1", acknowledges=said)).documents[0].rejected == 1


def test_edifact_messages_are_told_apart_by_their_interchange() -> None:
    said = [{"level": "interchange", "number": "2", "verdict": "accepted", "set": "", "group": ""},
            {"level": "message", "number": "0001", "verdict": "rejected", "set": "855", "group": ""}]  # fmt: skip
    rows = [row(1, standard="edifact", groups=[]), row(2, standard="edifact", groups=[])]
    rows = [{**one, "messages": [["855", "0001", ""]]} for one in rows]
    found = made(*rows, ack(2, standard="edifact", kind="CONTRL", acknowledges=said))
    assert (found.documents[0].messages, found.documents[0].answered, found.documents[0].rejected) == (2, 1, 1)


@pytest.mark.parametrize(
    ("period", "zone", "name"),
    [("day", "UTC", "2026-03-30"), ("week", "UTC", "2026-W14"), ("month", "UTC", "2026-03"),
     ("day", "Pacific/Auckland", "2026-03-31")],
)  # fmt: skip
def test_periods_are_those_of_the_partner_s_time_zone(period: str, zone: str, name: str) -> None:
    assert period_of(T0, period, zone_of(zone)) == name


def test_the_page_and_the_rows_say_the_same() -> None:
    found = made(row(1, partner="<b>acme"), ack(1, partner="<b>acme", at=60_000_000))
    assert document_row(found.documents[0])[4:] == ("1", "1", "0", "0.0 %", "1", "1m 0s", "1m 0s")
    page = scorecard_page(found, "Scorecard", "30d")
    assert "&lt;b&gt;acme" in page and "<b>acme" not in page
    assert "Nothing was exchanged" in scorecard_page(made(), "Scorecard", "30d")


@pytest.mark.parametrize(("named", "rejected"), [(["0002"], 1), (["0001", "0002"], 2), ([], 2)])
def test_of_a_group_that_was_taken_in_part_only_what_is_named_is_rejected(named: list[str], rejected: int) -> None:
    two = row(1, messages=[["855", "0001", "1"], ["855", "0002", "1"]])
    said = [{"level": "message", "number": one, "verdict": "rejected", "set": "855", "group": "1"} for one in named]
    said.append({"level": "group", "number": "1", "verdict": "partly", "set": "", "group": ""})
    [found] = [one.data() for one in made(two, ack(1, at=9, acknowledges=said)).documents]
    assert (found["messages"], found["answered"], found["rejected"]) == (2, 2, rejected)


def test_groups_a_contrl_rejects_are_those_of_its_interchange() -> None:
    def sent(interchange: int) -> dict[str, Any]:
        messages = [["INVOIC", "1", "1"], ["INVOIC", "2", "2"]]
        return row(interchange, standard="edifact", groups=["1", "2"], messages=messages)

    def contrl(interchange: int, verdict: str) -> dict[str, Any]:
        told = (("interchange", str(interchange), "accepted"), ("group", "1", verdict))
        said = [{"level": level, "number": n, "verdict": v, "set": "", "group": ""} for level, n, v in told]
        return ack(interchange, at=9, standard="edifact", kind="CONTRL", acknowledges=said, groups=[])

    found = made(sent(41), sent(42), contrl(41, "rejected"), contrl(42, "accepted"))
    assert [(one.messages, one.answered, one.rejected) for one in found.documents] == [(4, 4, 1)]
