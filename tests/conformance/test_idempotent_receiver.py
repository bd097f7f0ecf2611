"""The idempotent_receiver step keeps what every step must."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from waypost.core.component import Dropped, Failed
from waypost.core.message import Message
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "idempotent_receiver")}


class TestIdempotentReceiver(StepConformance):
    step, options = "idempotent_receiver", "{key: '[buyer, number]', keep_seconds: 7d}"
    bodies = ({"buyer": "A", "number": 1}, {"buyer": "A", "number": Decimal("2.50")}, {"n": 1})
    outcomes = (Message, Dropped, Failed)

    def answer(self, parameters: Mapping[str, Any]) -> Any:
        assert parameters["scope"] == "kit.the-step" and parameters["keep_seconds"] == 7 * 86400
        return None if parameters["claim"] == '["A",1]' else {"original": "018f3c1e-7a2b-7000-8000-000000010000"}
