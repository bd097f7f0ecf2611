"""What a simulated ERP says happened to an order: confirmed, shipped, invoiced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

DOCUMENT_OFFSETS = {"shipped": 400_000, "invoiced": 900_000}
"""Shipments and invoices have numbers of their own, made from the order's."""
_DAYS_TO_DELIVER = 3


@dataclass(frozen=True, slots=True)
class TakenOrder:
    """One order the simulator took. ``key`` is its idempotency key, '' where none was sent."""

    order_id: int
    key: str
    body: bytes
    document: Mapping[str, Any]
    received_at: int


def event_of(event: str, order: TakenOrder, now: int, quantities: Mapping[int, Any]) -> dict[str, Any]:
    """The event as the ERP posts it. ``now`` is UTC µs; ``quantities`` by line replace those ordered."""
    ordered, at = order.document, datetime.fromtimestamp(now / 1_000_000, UTC)
    lines = [_line(line, quantities.get(line["line"], line["quantity"])) for line in ordered["lines"]]
    made: dict[str, Any] = {
        "event": event, "number": ordered["number"], "order_id": order.order_id, "origin": ordered["origin"],
        "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "ordered_on": ordered["date"], "currency": ordered["currency"],
        "customer": ordered["customer"], "delivery": ordered.get("delivery") or {}, "lines": lines,
    }  # fmt: skip
    if event in DOCUMENT_OFFSETS:
        made["document"] = str(DOCUMENT_OFFSETS[event] + order.order_id)
    if event == "confirmed":
        promised = (at + timedelta(days=_DAYS_TO_DELIVER)).date().isoformat()
        made["lines"] = [{**line, "promised": promised} for line in lines]
    if event == "shipped":
        made["tracking"] = f"TR{order.order_id}"
    if event == "invoiced":
        made["total"] = float(sum(Decimal(str(line["amount"])) for line in lines))
    return made


def _line(line: Mapping[str, Any], quantity: Any) -> dict[str, Any]:
    amount = round(Decimal(str(line["price"])) * Decimal(str(quantity)), 2)
    return {
        "line": line["line"], "sku": line["sku"], "quantity": quantity, "unit": line["unit"], "price": line["price"],
        "amount": float(amount),
    }  # fmt: skip
