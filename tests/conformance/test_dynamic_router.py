"""The dynamic_router step keeps what every step must."""

from typing import ClassVar

from waypost.core.component import Dropped, Failed, Routed
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "dynamic_router")}

TABLE = b"key,when,to,priority,from,until\nA,,crm,,,\nA,total > 100,erp;crm,5,,\n,total < 0,archive,9,2000-01-01,\n"


class TestDynamicRouter(StepConformance):
    step, options = "dynamic_router", "{table: lookups/routes.csv, key: buyer, otherwise: drop}"
    files: ClassVar = {"lookups/routes.csv": TABLE}
    targets = ("erp", "crm", "archive")
    bodies = (
        {"buyer": "A", "total": 500}, {"buyer": "A", "total": 5}, {"buyer": "B", "total": -1}, {"buyer": "B"},
        {"buyer": "A", "total": "much"},
    )  # fmt: skip
    outcomes = (Routed, Failed, Dropped)
