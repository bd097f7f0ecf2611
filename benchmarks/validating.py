"""What holding a JSON document of one kilobyte against its schema adds to a message, by the step that does it."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec

from benchmarks.bench import Bench
from benchmarks.project import FIELDS, order
from waypost.core.grants import Grants
from waypost.core.message import Message, id_at
from waypost.core.registry import registry
from waypost.core.yamlfile import parse_yaml

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
    """An order of about a kilobyte, its numbers as the format JSON reads them."""
    lines = [
        {
            "sku": f"SKU-{number}-{at}", "quantity": at + 1, "price": Decimal("12.5") + at,
            "text": "A part of something larger",
        }
        for at in range(9)
    ]  # fmt: skip
    return {
        "number": f"45{number:08d}", "ordered_on": "2026-03-01", "currency": "EUR", "total": Decimal("812.40"),
        "buyer": {"id": f"C{number}", "name": "Acme Works", "mail": "orders@example.com"}, "lines": lines,
    }  # fmt: skip


_KINDS = {"total": "number", "tax": "number", "weight": "number", "priority": "integer"}
FLAT = b"{type: object, required: [order_id, customer, total], properties: {" + b", ".join(
    f"{name}: {{type: {_KINDS.get(name, 'string')}}}".encode() for name in FIELDS
) + b"}}"  # fmt: skip


def run_validation(bench: Bench) -> None:
    """Add the cost of one message to the report: the flat order of the other scenarios, and one with nine lines."""
    decode = msgspec.json.Decoder(float_hook=Decimal).decode
    flat, nested = [decode(order(number)) for number in range(200)], [document(number) for number in range(200)]
    size = float(len(msgspec.json.Encoder(decimal_format="number").encode(nested[0])))
    for case, schema, bodies, length in (
        ("validation of a 1 KB document of 20 fields", FLAT, flat, 1024.0),
        ("validation of an order with nine lines", SCHEMA, nested, size),
    ):
        step, alone = _cost(bench, schema, bodies)
        bench.add(case, {"us": step, "jsonschema_rs_us": alone, "bytes": length},
                  target=f"≤ {MOST_US:.0f} µs", passed=step <= MOST_US)  # fmt: skip


def _cost(bench: Bench, schema: bytes, bodies: list[Any]) -> tuple[float, float]:
    """Processor microseconds a message of the step and of jsonschema-rs alone, turn by turn, at best."""
    component = registry.find("step", "validate")
    assert component is not None
    options = component.spec.options(schema="order.yaml")
    step = component.build(options, Grants(root=Path("."), read_file={"order.yaml": schema}.__getitem__))
    batch = [Message(id_at(_FIRST, at), body, 0) for at, body in enumerate(bodies)]
    fits = jsonschema_rs.validator_for(parse_yaml(schema.decode(), "", []).data, validate_formats=True).is_valid
    if [*step.process(batch)] != batch or not all(map(fits, bodies)):
        raise RuntimeError("an order of the benchmark does not fit its schema")
    taken: tuple[list[float], list[float]] = [], []
    for _ in range(bench.plan.repeats * 20):
        for samples, way in zip(taken, (lambda: step.process(batch), lambda: [*map(fits, bodies)]), strict=True):
            begun = time.process_time()
            way()
            samples.append((time.process_time() - begun) / len(batch) * 1e6)
    return min(taken[0]), min(taken[1])
