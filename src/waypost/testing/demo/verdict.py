"""Judges the demonstration at the outside systems' own ledgers; the engine is asked only what it alone can say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from waypost.testing.demo.play import BROKEN, INTERCHANGES, PRICES, REPEATED, SENT_TO_ERP, TO_APPROVE, Play
from waypost.testing.demo.stage import Stage

Row = tuple[str, str, str, bool]
PAGE = 500


async def judge(stage: Stage, play: Play) -> list[Row]:
    """One row for each thing that must have come out: what, expected, found, whether it is so."""
    messages = (await stage.client.ask("messages", limit=PAGE))["messages"]
    dead = [message for message in messages if message["state"] == "dead"]
    taken = [str(order.document["number"]) for order in stage.erp.orders]
    booked = [str(number) for (number,) in stage.rows("SELECT number FROM sales_orders")]
    repeated = [m for m in messages if m["flow"] == "sales-orders" and m["state"] == "filtered"]
    return [
        _row("prices in the sales database", PRICES, len(stage.rows("SELECT sku FROM prices"))),
        _row("orders the shop was told are safe (202)", len(play.answers), play.answers.count(202)),
        judged_each("orders in the ERP's ledger, each once", SENT_TO_ERP, taken),
        judged_each("orders waiting for approval", TO_APPROVE, stage.approvals()),
        judged_each("rows in the sales database, each once", (*SENT_TO_ERP, *TO_APPROVE), booked),
        judged_each("orders that came again and went no further", REPEATED, _keys(repeated, "po")),
        *_acknowledgements(stage),
        _row("dead letters", 1, len(dead)),
        _row(f"  it is the one with {BROKEN}", "yes", "yes" if BROKEN in _keys(dead, "po") else "no"),
        _row("messages that still wait", 0, sum(m["state"] not in ("delivered", "filtered", "dead") for m in messages)),
        await _found_by_order_id(stage),
        await _proved(stage, messages),
    ]


def _acknowledgements(stage: Stage) -> list[Row]:
    """What the partner was sent: AK9 says of each group whether it was accepted as a whole."""
    sent = [content.decode() for content in stage.partner.received().values()]
    codes = Counter(line.split("*")[1] for text in sent for line in text.splitlines() if line.startswith("AK9"))
    groups = {line.split("*")[2].rstrip("~") for text in sent for line in text.splitlines() if line.startswith("AK1")}
    return [
        _row("997s at the partner, one a group", len(INTERCHANGES), len(sent) if len(groups) == len(sent) else groups),
        _row("  accepted as a whole, in part", "4, 1", f"{codes['A']}, {codes['P']}"),
    ]


async def _found_by_order_id(stage: Stage) -> Row:
    """Every order is found by the number that the ERP gave it in its answer."""
    found = 0
    for order in stage.erp.orders:
        page = await stage.client.ask("messages", key=f"order_id={order.order_id}")
        found += [_keys(page["messages"], "po")] == [[order.document["number"]]]
    return _row("orders found by the ERP's own number", len(SENT_TO_ERP), found)


async def _proved(stage: Stage, messages: list[dict[str, Any]]) -> Row:
    """Every message, recomputed from its input, is what was sent then."""
    verdicts = Counter([(await stage.client.ask("show", id=m["id"]))["verdict"] for m in messages])
    said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    return _row("messages whose history is proved", f"{len(messages)} proved", said)


def _keys(messages: Iterable[dict[str, Any]], name: str) -> list[str]:
    return [value for message in messages for value in message["keys"].get(name, ())]


def _row(what: str, expected: object, found: object) -> Row:
    return what, str(expected), str(found), expected == found


def judged_each(what: str, expected: Iterable[str], found: Iterable[str]) -> Row:
    """As a multiset: what is missing and what is there too often is said."""
    wanted, got = Counter(expected), Counter(found)
    said = [str(got.total())]
    said += [f"missing {name}" for name in sorted(wanted - got)] + [
        f"too often {name}" for name in sorted(got - wanted)
    ]
    return what, str(wanted.total()), ", ".join(said), wanted == got
