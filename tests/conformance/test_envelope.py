"""The envelope and unwrap steps keep what every step must."""

from decimal import Decimal

from waypost.core.component import Failed
from waypost.core.message import Message
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "envelope"), ("step", "unwrap")}


class TestEnvelope(StepConformance):
    step = "envelope"
    options = (
        "{header: {id: message.id, reply: message.correlation_id, by: \"message.headers['from']\", half: total / 2},"
        " content: order}"
    )
    bodies = ({"total": Decimal("1.50")}, {"total": "much"})
    outcomes = (Message, Failed)


class TestUnwrap(StepConformance):
    step, options = "unwrap", "{content: order, keep: {at: at}}"
    bodies = ({"order": {"total": Decimal("1.50")}, "at": 5}, {"order": [1]}, {"at": 5})
    outcomes = (Message, Failed)


class TestUnwrapOfAnything(TestUnwrap):
    options = "order"
