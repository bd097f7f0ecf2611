"""The map step keeps what every step must."""

from decimal import Decimal
from typing import ClassVar

from waypost.core.component import Failed
from waypost.core.message import Message
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "map")}

MAP = """
map: order
lookups: {units: lookups/units.csv}
fields:
  number: upper(number)
  on: format_date(date, '%d %b %Y')
  received: now()
  third: 1 / 3
  buyer: {from: buyer.name, default: "'nobody'"}
  names: unique([l.sku for l in lines])
  lines: {each: lines as line, where: line.q > 0, fields: {sku: line.sku, cost: 'round(line.q * line.p, 2)',
          unit: "lookup('units', line.unit, '?')"}}
"""


class TestMap(StepConformance):
    step, options = "map", "maps/order.map.yaml"
    files: ClassVar = {"maps/order.map.yaml": MAP.encode(), "lookups/units.csv": b"code,name\nPC,piece\n"}
    bodies = (
        {"number": "ıi-1", "date": "2026-03-31", "lines": [{"sku": "A", "q": 2, "p": Decimal("1.005"), "unit": "PC"}]},
        {"number": "2", "buyer": {"name": "Acme"}, "lines": [{"sku": "B", "q": 0}, {"sku": "B", "q": 1, "p": 3}]},
        {"number": "3", "lines": [{"q": "many"}]},
    )
    outcomes = (Message, Failed)
