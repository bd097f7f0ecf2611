"""A small project with a flow of two maps' worth of branches."""

from __future__ import annotations

from pathlib import Path

import pytest

FILES = {
    "waypost.yaml": "name: shop\n",
    "flows/orders.yaml": """\
flow: orders
description: Orders are checked, translated and sorted.
owner: ops
source: {memory: {channel: orders}}
steps:
  - validate: schemas/order.yaml
  - filter: total > 0
  - map: maps/order.map.yaml
  - route: [{when: amount > 1000, to: large}, {to: small}]
targets:
  small: {memory: {channel: small}}
  large: {memory: {channel: large}}
""",
    "schemas/order.yaml": """\
type: object
required: [number, total]
additionalProperties: false
properties:
  number: {type: string, pattern: '^[A-Z]{1,3}-[0-9]{1,6}$'}
  total: {type: number, minimum: 0, maximum: 99999}
  rush: {type: boolean}
  note: {type: string, maxLength: 20}
""",
    "schemas/sales_order.yaml": """\
type: object
required: [id, amount]
properties: {id: {type: string}, amount: {type: number}, priority: {enum: [HIGH, LOW]}, note: {type: string}}
""",
    "maps/order.map.yaml": """\
map: order
source: schemas/order.yaml
target: schemas/sales_order.yaml
fields:
  id: number
  amount: total
  priority: {value: HIGH, when: rush}
  note: {from: note, default: "'none'"}
""",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The project's folder, without cases."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def cases(root: Path, text: str, file: str = "tests/orders.yaml") -> Path:
    """Put a file of cases there."""
    (root / file).parent.mkdir(exist_ok=True)
    (root / file).write_text(text)
    return root
