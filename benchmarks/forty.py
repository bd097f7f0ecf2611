"""The map of forty fields of the scenario ``mapping``, the same in JSONata, and the orders they translate."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

LINES = 10
MAP = """
map: order40
lookups: {units: units.csv}
fields:
  number: po.number
  kind: {value: standard}
  origin: {value: acme}
  ordered_on: format_date(parse_date(po.date, '%Y%m%d'), '%Y-%m-%d')
  currency: {from: po.currency, default: "'EUR'"}
  contract: po.contract
  terms: po.terms
  season: upper(po.season)
  rush: po.priority == 'R'
  customer.number: buyer.id
  customer.name: trim(buyer.name)
  customer.street: buyer.address.street
  customer.city: buyer.address.city
  customer.zip: buyer.address.zip
  customer.country: upper(buyer.address.country)
  customer.contact: concat(buyer.contact.first, ' ', buyer.contact.last)
  customer.mail: lower(buyer.contact.mail)
  delivery.name: trim(ship_to.name)
  delivery.street: ship_to.address.street
  delivery.city: ship_to.address.city
  delivery.zip: ship_to.address.zip
  delivery.country: upper(ship_to.address.country)
  delivery.date: format_date(parse_date(po.delivery, '%Y%m%d'), '%Y-%m-%d')
  delivery.route: po.route
  invoice.to: bill_to.id
  invoice.name: trim(bill_to.name)
  invoice.vat: bill_to.vat
  lines:
    each: lines as line
    fields:
      line: index + 1
      sku: line.sku
      text: left(line.text, 40)
      gtin: line.gtin
      quantity: line.quantity
      unit: lookup('units', line.unit, line.unit)
      price: line.price
      amount: round(line.quantity * line.price, 2)
      plant: line.plant
      batch: line.batch
  count: count(lines)
  total: sum([round(l.quantity * l.price, 2) for l in lines])
  pieces: sum([l.quantity for l in lines])
"""
JSONATA = """(
$units := {units};
$iso := function($d) {{ $substring($d, 0, 4) & "-" & $substring($d, 4, 2) & "-" & $substring($d, 6, 2) }};
{{
  "number": po.number, "kind": "standard", "origin": "acme", "ordered_on": $iso(po.date),
  "currency": po.currency ? po.currency : "EUR", "contract": po.contract, "terms": po.terms,
  "season": $uppercase(po.season), "rush": po.priority = "R",
  "customer": {{
    "number": buyer.id, "name": $trim(buyer.name), "street": buyer.address.street, "city": buyer.address.city,
    "zip": buyer.address.zip, "country": $uppercase(buyer.address.country),
    "contact": buyer.contact.first & " " & buyer.contact.last, "mail": $lowercase(buyer.contact.mail)
  }},
  "delivery": {{
    "name": $trim(ship_to.name), "street": ship_to.address.street, "city": ship_to.address.city,
    "zip": ship_to.address.zip, "country": $uppercase(ship_to.address.country), "date": $iso(po.delivery),
    "route": po.route
  }},
  "invoice": {{"to": bill_to.id, "name": $trim(bill_to.name), "vat": bill_to.vat}},
  "lines": lines#$at.{{
    "line": $at + 1, "sku": sku, "text": $substring(text, 0, 40), "gtin": gtin, "quantity": quantity,
    "unit": $lookup($units, unit), "price": price, "amount": $round(quantity * price, 2), "plant": plant,
    "batch": batch
  }},
  "count": $count(lines), "total": $sum(lines.$round(quantity * price, 2)), "pieces": $sum(lines.quantity)
}})"""


def order(number: int) -> dict[str, Any]:
    """One order of ten lines."""
    party = {
        "id": f"C{number}", "name": " Acme Works ", "vat": "DE123456789",
        "address": {"street": "Long Road 5", "city": "Ulm", "zip": "89073", "country": "de"},
        "contact": {"first": "Jane", "last": "Doe", "mail": "Jane.Doe@EXAMPLE.com"},
    }  # fmt: skip
    lines = [
        {
            "sku": f"A-{at}", "text": "A part with a long description that is cut", "gtin": "04006381333931",
            "quantity": at + 1, "price": Decimal("12.34") + at, "unit": "EA" if at % 2 else "KG", "plant": "0100",
            "batch": f"B{number}{at}",
        }
        for at in range(LINES)
    ]  # fmt: skip
    po = {
        "number": f"45{number:08d}", "date": f"202603{1 + number % 28:02d}", "delivery": f"202604{1 + number % 28:02d}",
        "currency": "USD", "contract": "K-1", "terms": "30 days", "season": "spring", "priority": "R", "route": "R7",
    }  # fmt: skip
    return {"po": po, "buyer": party, "ship_to": party, "bill_to": party, "lines": lines}
