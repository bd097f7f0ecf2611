"""The jsonata step keeps what every step must."""

from decimal import Decimal
from typing import ClassVar

from waypost.core.component import Dropped, Failed
from waypost.core.message import Message
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "jsonata")}

EXPRESSION = b"""
number = 4 ? nothing : {
  'number': $uppercase(number),
  'total': $sum(lines.(price * quantity)),
  'exact': price,
  'at': $now(),
  'chance': $random(),
  'skus': lines[quantity > 1].sku[]
}
"""


class TestJsonata(StepConformance):
    step, options = "jsonata", "maps/order.jsonata"
    files: ClassVar = {"maps/order.jsonata": EXPRESSION}
    bodies = (
        {"number": "a-1", "price": Decimal("1.10"), "lines": [{"sku": "A", "quantity": 2, "price": Decimal("1.25")}]},
        {"number": 3, "lines": []},
        {"number": 4},
        {"number": "b", "lines": [{"price": "much", "quantity": 1}]},
    )
    outcomes = (Message, Failed, Dropped)
