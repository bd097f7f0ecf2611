"""The expire step keeps what every step must."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from waypost.core.component import Dropped, Failed, Routed
from waypost.core.message import Message
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "expire")}


class TestExpire(StepConformance):
    step, options = "expire", "{after_seconds: 2h, since: ordered_at}"
    bodies = (
        {"ordered_at": "2026-01-15T09:00:00Z"}, {"ordered_at": "2026-01-15T12:00:00+02:00"},
        {"ordered_at": Decimal("1768478400.25")}, {"ordered_at": "yesterday"}, {},
    )  # fmt: skip
    outcomes = (Message, Dropped, Failed)

    def answer(self, parameters: Mapping[str, Any]) -> Any:
        assert parameters == {"clock": "now"}
        return "2026-01-15T12:00:00.000000Z"


class TestExpireAtAMomentTheMessageNames(TestExpire):
    options = "{until: \"default(this.until, message.headers['none'])\", to: late}"
    targets = ("late",)
    bodies = ({"until": "2026-01-15T11:59:59Z"}, {"until": "2026-01-15T12:00:01"}, {})
    outcomes = (Message, Routed)
