"""Orders are followed through every document: figures by line, differences, what is due, and no memory for it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.reconcile.retail import (
    CONFIRMED,
    EDIFACT_CHAIN,
    INVOICED,
    ORDER,
    PAID,
    SHIPPED,
    X12_CHAIN,
    edifact,
    x12,
)
from waypost.core.errors import DataError
from waypost.reconcile.chain.book import Book
from waypost.reconcile.chain.document import Document
from waypost.reconcile.chain.entry import Entered, enter
from waypost.reconcile.chain.orders import OrderChain, Promise, Terms, Tolerance, order_chains
from waypost.reconcile.chain.reading import Source, moment
from waypost.reconcile.chain.retail import READERS

LATE = moment("20260601")
HOUR = 3_600_000_000


def chains(contents: Sequence[bytes], terms: Terms = Terms(), now: int = LATE) -> list[OrderChain]:
    said = Entered()
    with Book() as book:
        for content in contents:
            enter(book, READERS, [content], Source("a file"), said)
        return list(order_chains(book, lambda document: terms, now))


def whats(chain: OrderChain) -> list[tuple[str, str]]:
    return [(one.what, one.line) for one in chain.differences]


@pytest.mark.parametrize("turned", [False, True], ids=["in order", "backwards"])
def test_an_order_is_followed_to_its_payment(turned: bool) -> None:
    contents = list(reversed(X12_CHAIN)) if turned else X12_CHAIN
    (chain,) = chains(contents)
    assert (chain.order, chain.state, chain.invoiced, chain.paid) == ("PO1", "differs", Decimal("203.40"), Decimal(200))
    first, second = chain.lines
    assert first.quantities == dict.fromkeys(("ordered", "confirmed", "shipped", "invoiced"), Decimal(12))
    assert [second.quantities[stage] for stage in ("ordered", "confirmed", "shipped", "invoiced")] == [5, 4, 4, 4]
    assert whats(chain) == [("confirmed-quantity", "2"), ("invoiced-price", "2"), ("paid-amount", "")]


def test_an_edifact_order_is_followed_too() -> None:
    (chain,) = chains(EDIFACT_CHAIN)
    assert (chain.order, chain.invoiced, chain.paid) == ("4711", Decimal(25), Decimal(25))
    assert whats(chain) == [("confirmed-quantity", "2")]
    assert chain.lines[0].quantities["shipped"] == 10 and chain.lines[1].quantities["confirmed"] == 0


def test_tolerances_are_kept_and_no_more() -> None:
    within = Terms(tolerance=Tolerance(Decimal(20), Decimal(5), Decimal("3.40")))
    (chain,) = chains(X12_CHAIN, within)
    assert whats(chain) == [] and chain.state == "invoiced"
    short = Terms(tolerance=Tolerance(Decimal("19.9"), Decimal("4.9"), Decimal("3.39")))
    assert len(chains(X12_CHAIN, short)[0].differences) == 3


def test_a_ship_notice_is_due_before_the_goods_arrive() -> None:
    def back(moment_: int) -> int:
        return moment_ - 120 * HOUR

    promise = Promise("856", "850", back, "delivery", "ship notice", "chargeback 250 USD", "acme.yaml:9")
    terms = Terms("acme", promises=[promise])
    (chain,) = chains([ORDER], terms, moment("20260304", "2359"))
    assert [(one.what, one.state, one.due) for one in chain.due] == [("856", "open", moment("20260305"))]
    (chain,) = chains([ORDER], terms, moment("20260305", "0001"))
    assert chain.state == "overdue" and whats(chain) == [("overdue-856", "")]
    (chain,) = chains([ORDER, SHIPPED], terms)
    assert chain.due[0].state == "late" and chain.troubled
    assert chain.data()["due"][0]["penalty"] == "chargeback 250 USD"
    (chain,) = chains([ORDER, SHIPPED], Terms(promises=[Promise("856", "850", lambda at: at, "delivery")]))
    assert chain.due[0].state == "closed"


def test_lines_meet_by_item_and_not_by_the_number_others_gave_them() -> None:
    renumbered = INVOICED.replace(b"IT1*1*12", b"IT1*20*12").replace(b"IT1*2*4*", b"IT1*1*4*")
    (chain,) = chains([ORDER, CONFIRMED, SHIPPED, renumbered])
    assert [line.quantities["invoiced"] for line in chain.lines] == [12, 4]
    strange = INVOICED.replace(b"SKU2", b"SKU9")
    (chain,) = chains([ORDER, CONFIRMED, SHIPPED, strange])
    assert ("not-ordered", "2") in whats(chain)


def test_one_item_on_two_lines_stays_two_lines() -> None:
    twice = x12("850", "PO", "BEG*00*SA*PO2**20260302\nPO1*1*3*EA*2**VP*A\nPO1*2*4*EA*2**VP*A\nCTT*2")
    invoice = x12(
        "810", "IN", "BIG*20260307*I2**PO2\nIT1*7*3*EA*2**VP*A\nIT1*8*4*EA*2**VP*A\nTDS*1400\nCTT*2", to_us=False
    )
    (chain,) = chains([twice, invoice])
    assert [(line.quantities["ordered"], line.quantities["invoiced"]) for line in chain.lines] == [(3, 3), (4, 4)]
    assert whats(chain) == []


def test_a_change_of_the_order_is_what_binds() -> None:
    change = x12("860", "PC", "BCH*04*SA*PO1***20260303\nPOC*2*QD*4*0*CA*20**VP*SKU2\nCTT*1", "20260302", "1000")
    assert ("confirmed-quantity", "2") not in whats(chains([ORDER, change, CONFIRMED])[0])


def test_several_notices_and_invoices_add_up_and_copies_do_not() -> None:
    half = SHIPPED.replace(b"SN1**12*EA", b"SN1**6*EA")
    rest = half.replace(b"S77", b"S78").replace(b"SN1**4*CA", b"SN1**0*CA")
    (chain,) = chains([ORDER, CONFIRMED, half, rest])
    assert chain.lines[0].quantities["shipped"] == 12 and whats(chain) == [("confirmed-quantity", "2")]
    (chain,) = chains([ORDER, INVOICED, INVOICED, INVOICED.replace(b"*7*X*", b"*8*X*").replace(b"GE*1*7", b"GE*1*8")])
    assert chain.invoiced == Decimal("203.40") and ("duplicate", "") in whats(chain)


def test_an_invoice_of_two_orders_bills_each_for_its_lines() -> None:
    both = x12("810", "IN", """
        BIG*20260307*I9**PO1
        IT1*1*12*EA*9.95**VP*SKU1
        REF*PO*PO1
        IT1*2*7*EA*3**VP*B
        REF*PO*PO7
        TDS*14040
        CTT*2""", "20260307", "0800", to_us=False)  # fmt: skip
    one, other = chains([ORDER, both])
    assert (one.order, one.invoiced, other.order, other.invoiced) == ("PO1", Decimal("119.40"), "PO7", Decimal(21))


def test_orders_of_the_same_number_between_others_are_other_orders() -> None:
    others = ORDER.replace(b"BUYER ", b"CHAIN ").replace(b"*BUYER*", b"*CHAIN*")
    assert [len(chain.documents) for chain in chains([ORDER, others, CONFIRMED])] == [2, 1]


def test_a_bank_pays_for_the_buyer_where_the_invoice_is_known_once() -> None:
    bank = PAID.replace(b"BUYER ", b"BANK  ").replace(b"*BUYER*", b"*BANK*")
    assert chains([ORDER, INVOICED, bank])[0].paid == 200


def test_a_total_other_than_its_lines_is_told() -> None:
    assert ("invoice-total", "") in whats(chains([ORDER, INVOICED.replace(b"TDS*20340", b"TDS*20440")])[0])


def test_units_that_differ_are_told_and_not_compared() -> None:
    told = whats(chains([ORDER, SHIPPED.replace(b"SN1**12*EA", b"SN1**1*CA")])[0])
    assert ("unit", "1") in told


def test_a_named_book_keeps_what_it_was_given_and_takes_it_once(tmp_path: Path) -> None:
    path, said = tmp_path / "book", Entered()
    for contents in (X12_CHAIN[:2], X12_CHAIN):
        with Book(path) as book:
            for content in contents:
                enter(book, READERS, [content], Source("a file"), said)
    with Book(path) as book:
        (chain,) = order_chains(book, lambda document: Terms(), LATE)
    assert len(chain.documents) == 5 and chain.paid == 200


def test_a_file_that_is_no_book_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a ledger, but longer than a header of one would be" * 40)
    with pytest.raises(DataError, match="no chain ledger"):
        Book(tmp_path / "text")


def test_what_names_no_order_is_counted() -> None:
    said = Entered()
    with Book() as book:
        nameless = edifact("INVOIC", "BGM+380+V9+9\nLIN+1++4006381333931:EN\nQTY+47:1\nUNS+S\nMOA+77:5")
        enter(book, READERS, [nameless, x12("997", "FA", "AK1*PO*1\nAK9*A*1*1*1")], Source("a file"), said)
    assert (said.nameless, dict(said.entered), dict(said.passed)) == (1, {"INVOIC": 1}, {"997": 1})


def test_strange_rows_are_read_without_failing() -> None:
    strange = x12("856", "SH", "BSN*00\nHL*1*1*O\nLIN\nSN1\nPRF\nHL\nSN1**x*EA", to_us=False)
    weird = x12("810", "IN", "BIG*x**x*PO1\nIT1\nIT1*1*NaN*EA*Infinity\nTDS*-x\nREF*PO*\nSAC*A****9", to_us=False)
    assert all(isinstance(chain.data(), dict) for chain in chains([ORDER, strange, weird]))


def test_documents_carry_where_they_came_from() -> None:
    (chain,) = chains([ORDER])
    document: Document = chain.documents[0]
    assert (document.source, document.sender, document.pair) == ("a file", "BUYER", "BUYER|SUPPLIER")
