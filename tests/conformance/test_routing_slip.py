"""The routing_slip step keeps what every step must."""

from waypost.core.component import Failed, Routed
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "routing_slip")}


class TestRoutingSlip(StepConformance):
    step, options = "routing_slip", "{slip: stops, end: erp}"
    targets = ("check", "price", "erp")
    bodies = (
        {"stops": ["check", "price"]}, {"routing_slip": {"next": ["price"], "made": ["check"]}},
        {"routing_slip": {"next": []}}, {"stops": ["chek"]}, {"stops": ["check"] * 101}, {"routing_slip": "check"},
    )  # fmt: skip
    outcomes = (Routed, Failed)


class TestRoutingSlipOnTheWay(TestRoutingSlip):
    options = "{field: slip, end: erp, keep: true}"
    bodies = ({"slip": {"next": ["price"]}}, {"slip": {"next": [], "made": ["price"]}}, {})
