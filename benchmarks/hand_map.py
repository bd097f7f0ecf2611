"""The translation of the scenario ``mapping`` as a programmer writes it by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

UNITS = {"EA": "PCE", "KG": "KGM", "M": "MTR"}
CENT = Decimal("0.01")


def read_date(text: str) -> str:
    """A date as the standard library reads it by a pattern."""
    return datetime.strptime(text, "%Y%m%d").date().isoformat()


def cut_date(text: str) -> str:
    """A date cut by position, which is about eight times as fast."""
    return date(int(text[:4]), int(text[4:6]), int(text[6:8])).isoformat()


def _party(party: dict[str, Any]) -> dict[str, Any]:
    address = party["address"]
    return {
        "name": party["name"].strip(), "street": address["street"], "city": address["city"], "zip": address["zip"],
        "country": address["country"].upper(),
    }  # fmt: skip


def by_hand(order: dict[str, Any], iso: Callable[[str], str] = read_date) -> dict[str, Any]:
    """The sales order of one purchase order; ``iso`` reads its dates."""
    po, buyer, bill_to = order["po"], order["buyer"], order["bill_to"]
    contact = buyer["contact"]
    lines = []
    total, pieces = Decimal(0), 0
    for number, line in enumerate(order["lines"], 1):
        quantity, price = line["quantity"], line["price"]
        amount = (quantity * price).quantize(CENT, ROUND_HALF_EVEN)
        total += amount
        pieces += quantity
        lines.append({
            "line": number, "sku": line["sku"], "text": line["text"][:40], "gtin": line["gtin"], "quantity": quantity,
            "unit": UNITS.get(line["unit"], line["unit"]), "price": price, "amount": amount, "plant": line["plant"],
            "batch": line["batch"],
        })  # fmt: skip
    return {
        "number": po["number"], "kind": "standard", "origin": "acme", "ordered_on": iso(po["date"]),
        "currency": po.get("currency") or "EUR", "contract": po["contract"], "terms": po["terms"],
        "season": po["season"].upper(), "rush": po["priority"] == "R",
        "customer": {
            "number": buyer["id"], **_party(buyer), "contact": f"{contact['first']} {contact['last']}",
            "mail": contact["mail"].lower(),
        },
        "delivery": {**_party(order["ship_to"]), "date": iso(po["delivery"]), "route": po["route"]},
        "invoice": {"to": bill_to["id"], "name": bill_to["name"].strip(), "vat": bill_to["vat"]},
        "lines": lines, "count": len(lines), "total": total, "pieces": pieces,
    }  # fmt: skip
