"""Keys are normalised the same way when stored and when looked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.core.key import DEFAULT_RULES, KeyRule, normalise, normalise_all


@pytest.mark.parametrize(
    ("typed", "stored"),
    [(" 000 4711a ", "4711A"), ("0", "0"), ("000", "0"), ("", ""), (" ", ""), (47, "47"), ("a 0 b", "A0B"),
     ("straße\u00a01", "STRASSE1")],
)  # fmt: skip
def test_a_key_is_normalised_by_default(typed: object, stored: str) -> None:
    assert normalise(typed) == stored
    assert normalise(typed, frozenset(set(DEFAULT_RULES))) == stored


@pytest.mark.parametrize(
    ("rules", "stored"),
    [(set(), "00 4a"), ({KeyRule.ZEROS}, " 4a"), ({KeyRule.CASE}, "00 4A"), ({KeyRule.SPACES}, "004a")],
)
def test_each_rule_can_be_chosen(rules: set[KeyRule], stored: str) -> None:
    assert normalise(" 00 4a ", frozenset(rules)) == stored


@given(st.lists(st.text(st.sampled_from("0aß\x00 \u00a0\u2003\n\x1f1"), max_size=4)))
def test_many_keys_are_normalised_as_each_alone(values: list[str]) -> None:
    assert normalise_all(values) == [normalise(value) for value in values]
