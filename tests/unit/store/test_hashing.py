"""Keyed hashes of a whole column are those of its values one by one, and say nothing to who has no secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.store.hashing import _PIECE, ENTRY, Hasher
from waypost.store.posting import bounds, reference, scan

values = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=30)


def one_by_one(hasher: Hasher, values: list[str], counts: list[int]) -> bytes:
    numbers = [number for number, count in enumerate(counts) for _ in range(count)]
    return b"".join(hasher.one("po", 7 << 20 | n, value) for n, value in zip(numbers, values, strict=True))


@given(values)
def test_a_column_is_its_values_one_by_one(column: list[str]) -> None:
    hasher = Hasher(b"s" * 32, [])
    assert hasher.column("po", 7 << 20, column) == one_by_one(hasher, column, [1] * len(column))


@given(st.lists(st.integers(0, 3), max_size=20))
def test_a_message_may_have_several_values_or_none(counts: list[int]) -> None:
    hasher, column = Hasher(b"s" * 32, []), [str(n) for n in range(sum(counts))]
    assert hasher.column("po", 7 << 20, column, counts) == one_by_one(hasher, column, counts)


@pytest.mark.parametrize("counted", [True, False])
def test_a_column_longer_than_what_is_hashed_at_once_leads_to_every_message(counted: bool) -> None:
    hasher, column = Hasher(b"s" * 32, []), [f"PO{n}" for n in range(2 * _PIECE + 5)]
    packed = hasher.column("po", 9 << 20, column, [1] * len(column) if counted else ())
    assert len(packed) == ENTRY * len(column)
    for number in (0, _PIECE - 1, _PIECE, len(column) - 1):
        wanted = [bounds(hasher.hash(f"PO{number}"), hasher.number("po"))]
        assert [reference(packed[at : at + ENTRY]) for at in (number * ENTRY,)] == [9 << 20 | number]
        assert scan([packed], wanted) == [9 << 20 | number]


@pytest.mark.parametrize("value", ["4711", "a value of more than sixteen characters", "Größe"])
def test_another_secret_gives_another_hash(value: str) -> None:
    assert Hasher(b"a" * 32, []).hash(value) != Hasher(b"b" * 32, []).hash(value)
    assert Hasher(b"a" * 32, []).hash(value) == Hasher(b"a" * 32, ["other"]).hash(value)
    assert value.encode()[:7] not in Hasher(b"a" * 32, []).hash(value)


def test_values_that_differ_behind_the_sixteenth_character_have_other_hashes() -> None:
    hasher = Hasher(b"s" * 32, [])
    assert hasher.hash("0123456789abcdefX") != hasher.hash("0123456789abcdefY")
