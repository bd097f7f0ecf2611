"""Judges the demonstration at the outside systems' own ledgers; the engine is asked only what it alone can say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from waypost.testing.demo.partner_verdict import Row, judge_partners, judged_each, row
from waypost.testing.demo.play import BROKEN, PRICES, REPEATED, SENT_TO_ERP, TO_APPROVE, Play
from waypost.testing.demo.stage import Stage

PAGE = 500


async def judge(stage: Stage, play: Play) -> list[Row]:
    """One row for each thing that must have come out: what, expected, found, whether it is so."""
    messages = (await stage.client.ask("messages", limit=PAGE))["messages"]
    dead = [message for message in messages if message["state"] == "dead"]
    taken = [str(order.document["number"]) for order in stage.erp.orders]
    booked = [str(number) for (number,) in stage.rows("SELECT number FROM sales_orders")]
    repeated = [m for m in messages if m["flow"] == "sales-orders" and m["state"] == "filtered"]
    return [
        row("prices in the sales database", PRICES, len(stage.rows("SELECT sku FROM prices"))),
        row("shop orders answered as safe (202)", len(play.answers), play.answers.count(202)),
        judged_each("orders in the ERP's ledger, each once", SENT_TO_ERP, taken),
        judged_each("orders waiting for approval", TO_APPROVE, stage.approvals()),
        judged_each("rows in the sales database, each once", (*SENT_TO_ERP, *TO_APPROVE), booked),
        judged_each("repeated orders that went no further", REPEATED, _keys(repeated, "po")),
        row("dead letters", len(BROKEN), len(dead)),
        row("  they are the broken ones", ", ".join(BROKEN), ", ".join(po for po in BROKEN if po in _keys(dead, "po"))),
        row("messages that still wait", 0, sum(m["state"] not in ("delivered", "filtered", "dead") for m in messages)),
        await _found_by_order_id(stage),
        await _proved(stage, messages),
        *await judge_partners(stage),
    ]


async def _found_by_order_id(stage: Stage) -> Row:
    """Every order is found by the number that the ERP gave it in its answer."""
    found = 0
    for order in stage.erp.orders:
        page = await stage.client.ask("messages", key=f"order_id={order.order_id}")
        found += set(_keys(page["messages"], "po")) == {order.document["number"]}
    return row("orders found by the ERP's own number", len(SENT_TO_ERP), found)


async def _proved(stage: Stage, messages: list[dict[str, Any]]) -> Row:
    """Every message, recomputed from its input, is what was sent then."""
    verdicts = Counter([(await stage.client.ask("show", id=m["id"]))["verdict"] for m in messages])
    said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    return row("messages whose history is proved", f"{len(messages)} proved", said)


def _keys(messages: Iterable[dict[str, Any]], name: str) -> list[str]:
    return [value for message in messages for value in message["keys"].get(name, ())]
