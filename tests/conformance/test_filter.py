"""The filter step keeps what every step must."""

from waypost.core.component import Dropped, Failed
from waypost.core.message import Message
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "filter")}


class TestFilter(StepConformance):
    step, options = "filter", "default(n, 0) >= 0 and name in ['a', 'ä']"
    bodies = ({"n": 1, "name": "a"}, {"n": -1, "name": "a"}, {"name": "ä"}, {"n": "x"})
    outcomes = (Message, Dropped, Failed)
