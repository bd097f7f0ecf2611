"""The claim_check and claim_redeem steps keep what every step must."""

from collections.abc import Mapping
from typing import Any

from waypost.core.component import Failed
from waypost.core.message import Message
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "claim_check"), ("step", "claim_redeem")}


class TestClaimCheck(StepConformance):
    step, options = "claim_check", "{content: document.pdf, ticket: document.ticket, when: total > 5}"
    bodies = ({"total": 6, "document": {"pdf": "x" * 50, "n": 1}}, {"total": 6}, {"total": "much"}, {"total": 1})
    outcomes = (Message, Failed)

    def answer(self, parameters: Mapping[str, Any]) -> Any:
        return {"ticket": "20260101-ab", "bytes": 50}


class TestClaimCheckOfTheWholeMessage(TestClaimCheck):
    options = "{keep: {half: total / 2}, keep_seconds: 7d}"
    bodies = ({"total": 6}, {"total": "much"})

    def answer(self, parameters: Mapping[str, Any]) -> Any:
        assert parameters["keep_seconds"] == 7 * 86400
        return {"ticket": "20260101-ab", "bytes": 50}


class TestClaimRedeem(StepConformance):
    step, options = "claim_redeem", "{ticket: document.ticket, into: document.pdf}"
    bodies = ({"document": {"ticket": "20260101-ab", "n": 1}}, {"document": {}}, {"document": {"ticket": 5}})
    outcomes = (Message, Failed)

    def answer(self, parameters: Mapping[str, Any]) -> Any:
        return {"content": {"pages": [1, 2]}}


class TestClaimRedeemWhereThereIsATicket(TestClaimRedeem):
    options = "{ticket: ticket, missing: pass}"
    bodies = ({"ticket": "20260101-ab"}, {"n": 1})
    outcomes = (Message,)
