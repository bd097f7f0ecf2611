"""The enrich step keeps what every step must."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from waypost.core.component import Failed
from waypost.core.message import Message
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "enrich")}


class TestEnrich(StepConformance):
    step = "enrich"
    options = (
        "{connection: prices, parameters: {skus: '[l.sku for l in lines]'}, into: found.prices, when: exists(lines)}"
    )
    bodies = ({"lines": [{"sku": "A"}]}, {"n": 1}, {"lines": [{"sku": "?"}]}, {"lines": 5})
    outcomes = (Message, Failed)

    def answer(self, parameters: Mapping[str, Any]) -> Any:
        return [{"sku": "A", "price": Decimal("1.50")}] if parameters["skus"] == ["A"] else None


class TestEnrichWithDefault(TestEnrich):
    options = (
        "{connection: prices, parameters: {skus: lines}, into: price, take: price, missing: default, default: [0]}"
    )
    bodies = ({"lines": ["A"]}, {"lines": ["B"]})
    outcomes = (Message,)

    def answer(self, parameters: Mapping[str, Any]) -> Any:
        return {"price": Decimal("1.50")} if parameters["skus"] == ["A"] else None
