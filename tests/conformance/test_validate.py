"""The validate step keeps what every step must."""

from decimal import Decimal
from typing import ClassVar

from waypost.core.component import Failed
from waypost.core.message import Message
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "validate")}

SCHEMA = b"""
type: object
required: [number, total]
properties:
  number: {type: string, maxLength: 8}
  total: {type: number, minimum: 0, multipleOf: 0.01}
  on: {type: string, format: date}
  buyer: {$ref: parts/buyer.json}
"""


class TestValidate(StepConformance):
    step, options = "validate", "schemas/order.yaml"
    files: ClassVar = {
        "schemas/order.yaml": SCHEMA,
        "schemas/parts/buyer.json": b'{"type": "object", "required": ["id"]}',
    }
    bodies = (
        {"number": "1", "total": Decimal("10.10"), "on": "2026-03-31", "buyer": {"id": 1}},
        {"number": 1, "total": Decimal("-0.001"), "on": "soon", "buyer": {}},
    )
    outcomes = (Message, Failed)
