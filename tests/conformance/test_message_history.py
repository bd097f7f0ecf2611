"""The message_history step keeps what every step must."""

from waypost.core.component import Failed
from waypost.core.message import Message
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "message_history")}


class TestMessageHistory(StepConformance):
    step, options = "message_history", "{field: been, note: 1 + n, most: 2}"
    bodies = ({"n": 1}, {"n": 1, "been": [{"flow": "a"}, {"flow": "b"}]}, {"n": "x"}, {"n": 1, "been": "everywhere"})
    outcomes = (Message, Failed)
