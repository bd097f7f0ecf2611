"""The split step keeps what every step must."""

from waypost.core.component import Dropped, Failed, Split
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "split")}


class TestSplit(StepConformance):
    step, options = "split", "{items: lines, keep: {order: number}}"
    bodies = ({"number": "1", "lines": [{"sku": "A"}, {"sku": "B"}]}, {"lines": []}, {"lines": 3}, {"lines": [1]})
    outcomes = (Split, Dropped, Failed)


class TestSplitInto(TestSplit):
    options = "{items: lines, keep: {order: number}, into: line}"


class TestSplitNumbered(TestSplit):
    options = "{items: lines, sequence: part}"
