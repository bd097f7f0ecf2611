"""The wire_tap step keeps what every step must."""

from waypost.core.component import Failed, Tapped
from waypost.core.message import Message
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "wire_tap")}


class TestWireTap(StepConformance):
    step, options = "wire_tap", "{to: [audit, copy], when: n > 1}"
    bodies = ({"n": 2}, {"n": 1}, {"n": "x"})
    outcomes = (Tapped, Message, Failed)


class TestWireTapOfAll(TestWireTap):
    options = "audit"
    outcomes = (Tapped,)
