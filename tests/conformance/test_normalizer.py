"""The normalizer step keeps what every step must."""

from typing import ClassVar

from waypost.core.component import Dropped, Failed, Split
from waypost.core.message import Message
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "normalizer")}

MAP = b"map: order\nfields:\n  number: po.id\n  total: sum([l.price for l in po.lines])\n"
PYTHON = b"""
def process(body):
    if not body["orders"]:
        return None
    return [{"number": number} for number in body["orders"]]
"""


class TestNormalizer(StepConformance):
    step = "normalizer"
    options = (
        "{variants: [{name: two, when: version > 1, map: maps/o.map.yaml}, {name: list, when: exists(orders), "
        "python: steps/o.py}, {name: own, when: exists(number)}], name_into: meta.shape}"
    )
    files: ClassVar = {"maps/o.map.yaml": MAP, "steps/o.py": PYTHON}
    bodies = (
        {"version": 2, "po": {"id": "1", "lines": [{"price": 5}]}}, {"version": 2, "po": {"lines": 5}},
        {"orders": ["1", "2"]}, {"orders": []}, {"number": "1"}, {"version": "x"}, {"other": 1},
    )  # fmt: skip
    outcomes = (Message, Split, Dropped, Failed)


class TestNormalizerThatPasses(TestNormalizer):
    options = "{variants: [{name: two, when: version == 2, jsonata: maps/o.jsonata}], otherwise: pass}"
    files: ClassVar = {"maps/o.jsonata": b'{"number": po.id}'}
    bodies = ({"version": 2, "po": {"id": "1"}}, {"version": 1})
    outcomes = (Message,)
