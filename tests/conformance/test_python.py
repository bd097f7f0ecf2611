"""The python step keeps what every step must."""

from decimal import Decimal
from typing import ClassVar

from waypost.core.component import Dropped, Failed, Split
from waypost.core.message import Message
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "python")}

STEP = b"""
from decimal import Decimal

from waypost.core.errors import DataError


def process(body, received_at):
    if not isinstance(body, dict):
        raise DataError("no mapping")
    if "n" not in body:
        return None
    if body["n"] == 2:
        return [{"part": part} for part in range(3)]
    if body["n"] == 3:
        raise DataError("three is refused")
    return {**body, "year": received_at.year, "gross": Decimal(str(body["n"])) * 2}
"""


class TestPython(StepConformance):
    step, options = "python", "steps/order.py"
    files: ClassVar = {"steps/order.py": STEP}
    bodies = ({"n": Decimal("1.5")}, {"n": 2}, {"n": 3}, {})
    outcomes = (Message, Split, Failed, Dropped)
