"""The recipient_list step keeps what every step must."""

from typing import ClassVar

from waypost.core.component import Dropped, Failed, Routed
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "recipient_list")}


class TestRecipientList(StepConformance):
    step, options = "recipient_list", "{recipients: copies, empty: drop}"
    targets = ("erp", "crm", "archive")
    bodies = ({"copies": ["erp", "crm", "erp"]}, {"copies": "archive"}, {"copies": ["eerp"]}, {"copies": 5}, {})
    outcomes = (Routed, Failed, Dropped)


class TestRecipientListOfWords(TestRecipientList):
    options = "{recipients: copies, names: {eerp: erp, all: [crm, archive]}, unknown: ignore}"
    bodies: ClassVar = ({"copies": ["eerp", "all"]}, {"copies": ["erp"]})
    outcomes = (Routed, Failed)
