"""A map of forty fields, with ten lines an order, beside the same translation written by hand and interpreted.

All run in one process on the same documents, turn by turn, and must give the same result. The one by hand is what a
programmer would write: dictionary reads, the standard library for dates, exact decimals. It makes no promise about
documents of another shape; a map says which rule failed and leaves out what is missing. Reading the two dates by a
pattern is about 40 % of its time; a row without a target stands beside it in which they are cut by position.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from benchmarks.bench import Bench
from benchmarks.hand_map import UNITS, by_hand, cut_date
from benchmarks.validating import run_validation
from waypost.mapping.bundle import Bundle
from waypost.mapping.compile import CompiledMap
from waypost.mapping.lookup import read_table
from waypost.mapping.reader import read_map
from waypost.mapping.replay import apply_slowly

MOST_TO_HAND = 1.3
LEAST_TO_INTERPRETED = 15.0
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


def run(bench: Bench) -> None:
    """Add the ratios to the report; raises where the three do not agree."""
    faults: list[Any] = []
    document = read_map(MAP, "order40.map.yaml", faults, lambda *_: None)
    assert document is not None, faults
    table = "k,v\n" + "".join(f"{key},{value}\n" for key, value in UNITS.items())
    bundle = Bundle(document, {"units": read_table("units.csv", table.encode(), [])})
    compiled = CompiledMap(bundle)
    orders = [order(number) for number in range(200)]
    ways: dict[str, Callable[[Any], Any]] = {
        "hand": by_hand,
        "hand_cut": lambda each: by_hand(each, cut_date),
        "map": compiled.apply,
        "interpreted": lambda each: apply_slowly(bundle, each, 0),
    }
    for each in orders:
        wanted = by_hand(each)
        if any(way(each) != wanted for way in ways.values()):
            raise RuntimeError("the map, the interpreter and the function by hand do not give the same")
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(bench.plan.repeats * 8):
        for name, way in ways.items():
            part = orders[:20] if name == "interpreted" else orders
            taken[name].append(_each(way, part))
    cost = {name: min(samples) for name, samples in taken.items()}
    to_hand, to_cut = (
        statistics.median(a / b for a, b in zip(taken["map"], taken[name], strict=True))
        for name in ("hand", "hand_cut")
    )
    to_interpreted = cost["interpreted"] / cost["map"]
    figures = {f"{name}_us": seconds * 1e6 for name, seconds in cost.items()}
    bench.add(
        "map to hand-written",
        {**figures, "times": to_hand},
        target=f"≤ {MOST_TO_HAND}×",
        passed=to_hand <= MOST_TO_HAND,
    )
    bench.add(
        "map to hand-written, dates cut by position", {"times": to_cut},
        note="the map keeps dates it has read; by hand a line's amount is computed once, by the map twice",
    )  # fmt: skip
    bench.add(
        "interpreted to map", {"times": to_interpreted}, target=f"≥ {LEAST_TO_INTERPRETED:.0f}×",
        passed=to_interpreted >= LEAST_TO_INTERPRETED,
    )  # fmt: skip

    run_validation(bench)


def _each(way: Callable[[Any], Any], orders: list[dict[str, Any]]) -> float:
    """Processor seconds for one order."""
    begun = time.process_time()
    for each in orders:
        way(each)
    return (time.process_time() - begun) / len(orders)
