"""What holding a JSON document of one kilobyte against its schema adds to a message, by the step that does it."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.bench import Bench
from waypost.core.grants import Grants
from waypost.core.message import Message, id_at
from waypost.core.registry import load_components

MOST_US = 2.0
_FIRST = 0x0190_0000_0000_7000_8000_0000_0000_0000
SCHEMA = b"""
type: object
required: [number, ordered_on, currency, buyer, lines, total]
properties:
  number: {type: string, maxLength: 20}
  ordered_on: {type: string, format: date}
  currency: {enum: [EUR, USD, GBP]}
  total: {type: number, minimum: 0}
  buyer:
    type: object
    required: [id, name]
    properties: {id: {type: string}, name: {type: string, maxLength: 60}, mail: {type: string}}
  lines:
    type: array
    minItems: 1
    items:
      type: object
      required: [sku, quantity, price]
      properties: {sku: {type: string}, quantity: {type: integer, minimum: 1}, price: {type: number}}
"""


def document(number: int) -> dict[str, Any]:
    """An order of about a kilobyte."""
    lines = [
        {"sku": f"SKU-{number}-{at}", "quantity": at + 1, "price": 12.5 + at, "text": "A part of something larger"}
        for at in range(9)
    ]
    return {
        "number": f"45{number:08d}", "ordered_on": "2026-03-01", "currency": "EUR", "total": Decimal("812.40"),
        "buyer": {"id": f"C{number}", "name": "Acme Works", "mail": "orders@example.com"}, "lines": lines,
    }  # fmt: skip


def run_validation(bench: Bench) -> None:
    """Add the cost of one message to the report."""
    component = load_components().find("step", "validate")
    assert component is not None
    options = component.spec.options(schema="order.yaml")
    step = component.build(options, Grants(root=Path("."), read_file={"order.yaml": SCHEMA}.__getitem__))
    bodies = [document(number) for number in range(200)]
    size = len(msgspec.json.encode(bodies[0]))
    batch = [Message(id_at(_FIRST, at), body, 0) for at, body in enumerate(bodies)]
    if [*step.process(batch)] != batch:
        raise RuntimeError("an order of the benchmark does not fit its schema")
    samples = []
    for _ in range(bench.plan.repeats * 20):
        begun = time.process_time()
        step.process(batch)
        samples.append((time.process_time() - begun) / len(batch) * 1e6)
    cost = min(samples)
    bench.add("validation of a 1 KB document", {"us": cost, "bytes": float(size)}, target=f"≤ {MOST_US:.0f} µs",
              passed=cost <= MOST_US)  # fmt: skip
