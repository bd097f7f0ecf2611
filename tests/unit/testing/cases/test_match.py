"""Matchers accept what they say and nothing else, and tell where a document differs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from waypost.testing.cases.match import MATCHERS, faulty, mismatches


def check(schema: str, document: Any) -> str:
    return "" if document == "fits" else "it is no such thing"


def told(wanted: Any, got: Any) -> list[str]:
    return [f"{path}: {text}" for path, text in mismatches(wanted, got, check)]


@pytest.mark.parametrize(
    "wanted, got",
    [
        ({"a": 1.50}, {"a": Decimal("1.5")}),
        ({"$any": True}, None),
        ({"a": {"$any": True}}, {"a": [1]}),
        ({"a": {"$absent": True}}, {}),
        ({"a": {"$regex": "WEB-[0-9]+"}}, {"a": "WEB-17"}),
        ({"a": {"$regex": "[0-9.]+"}}, {"a": Decimal("3.95")}),
        ({"$partial": {"a": {"b": 1}}}, {"a": {"b": 1, "c": 2}, "d": 3}),
        ({"$partial": {"lines": [{"sku": "A"}]}}, {"lines": [{"sku": "A", "no": 1}, {"sku": "B"}]}),
        ({"a": {"$schema": "s.yaml"}}, {"a": "fits"}),
        ({"$exact": {"$any": True}}, {"$any": True}),
    ],
)
def test_what_fits_is_no_difference(wanted: Any, got: Any) -> None:
    assert told(wanted, got) == []


@pytest.mark.parametrize(
    "wanted, got, text",
    [
        ({"a": {"$any": True}}, {}, "a: expected something, found nothing"),
        ({"a": {"$absent": True}}, {"a": None}, "a: expected nothing, found null"),
        ({"a": {"$regex": "WEB"}}, {"a": "WEB-17"}, 'a: expected what fits /WEB/, found "WEB-17"'),
        ({"a": {"$regex": ".*"}}, {"a": ["x"]}, 'a: expected what fits /.*/, found ["x"]'),
        ({"$partial": {"a": 1}}, {"b": 1}, 'a: expected 1, found "(nothing)"'),
        ({"$partial": {"a": [1, 2]}}, {"a": [1]}, 'a[1]: expected 2, found "(nothing)"'),
        ({"a": {"$schema": "s.yaml"}}, {"a": 1}, "a: does not fit s.yaml: it is no such thing"),
        ({"a": {"$schema": "s.yaml"}}, {}, "a: expected what fits s.yaml, found nothing"),
        ({"$exact": {"$any": True}}, {"x": 1}, '$any: expected true, found "(nothing)"'),
        ({"a": 1}, {"a": 1, "b": 2}, 'b: expected "(nothing)", found 2'),
        ([1], [1, 2], '[1]: expected "(nothing)", found 2'),
        ({"a": 1}, [1], '(whole): expected {"a": 1}, found [1]'),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(wanted: Any, got: Any, text: str) -> None:
    assert text in told(wanted, got)


@pytest.mark.parametrize(
    "wanted, found",
    [
        ({"a": {"$regx": "x"}}, "no matcher '$regx'"),
        ({"a": [{"$any": True, "b": 1}]}, "$any beside other names"),
        ({"$regex": "("}, "the pattern '(' is none"),
        ({"$absent": False}, "$absent: False"),
        ({"$partial": {"a": {"$nothing": 1}}}, "no matcher '$nothing'"),
    ],
)
def test_a_matcher_that_is_none_is_a_fault(wanted: Any, found: str) -> None:
    (fault,) = faulty(wanted)
    assert fault[1].startswith(found)


def test_each_matcher_is_told_a_mistake_apart() -> None:
    assert [fault for name in MATCHERS for fault in faulty({name: True})] == []
