"""The route step keeps what every step must."""

from decimal import Decimal

from waypost.core.component import Dropped, Failed, Routed
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "route")}


class TestRoute(StepConformance):
    step, options = "route", "[{when: total > 100.50, to: approval}, {when: total > 0, to: [erp, audit]}]"
    bodies = ({"total": Decimal("100.51")}, {"total": 100}, {"total": 0}, {"total": "x"})
    outcomes = (Routed, Failed)


class TestRouteThatDrops(TestRoute):
    options = "{rules: [{when: total > 0, to: erp}], otherwise: drop}"
    outcomes = (Routed, Failed, Dropped)
