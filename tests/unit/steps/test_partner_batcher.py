"""What the partner batcher makes of documents that nobody meant for it, and what it keeps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.agreements.agreeing import ACME
from waypost.core.boundary import Group
from waypost.core.component import Failed
from waypost.testing.step_kit import build_step, messages_of

FILES = {"partners/acme.yaml": ACME.encode()}


def batcher() -> Any:
    return build_step("partner_batcher", "{partner: any, standard: x12}", FILES)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"partner": ["acme"]}, "partner ['acme']"), ({"partner": {"name": "acme"}}, "one of acme"),
        ({"partner": "acme", "interchange": "AB"}, "interchange: a str"),
        ({"partner": "acme", "interchange": [1]}, "interchange: a list"),
    ],
)  # fmt: skip
def test_one_document_that_is_wrong_is_refused_and_those_beside_it_are_not(wrong: Any, where: str) -> None:
    sound, refused = batcher().correlate(messages_of([{"partner": "acme"}, wrong]))
    assert sound == "acme"
    assert isinstance(refused, Failed) and where in str(refused.error)


def test_what_is_kept_does_not_grow_with_the_identities_documents_name() -> None:
    step = batcher()
    for number in range(50):
        [message] = messages_of([{"partner": "acme", "interchange": {"receiver": f"R{number}"}}])
        [key] = step.correlate([message])
        step.arrived(Group(key=key, now=0), message)
    assert len(step._batchers) == 1
