"""How the records of a piece are made into batches."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from waypost.core.component import Slice
from waypost.flow.running.intake import in_batches


def slices(count: int) -> list[Slice]:
    return [Slice(b"x", at, at + 1) for at in range(count)]


@given(st.integers(0, 3000), st.sampled_from([1, 200, 400]))
def test_batches_hold_all_slices_in_order_and_are_about_alike(count: int, usual: int) -> None:
    given_slices = slices(count)
    parts = in_batches(given_slices, usual)
    assert [one for part in parts for one in part] == given_slices
    lengths = [len(part) for part in parts]
    assert all(lengths)
    assert max(lengths, default=0) <= 1.5 * usual
    if len(parts) > 1:
        assert min(lengths) >= usual / 2


def test_a_piece_that_holds_a_little_more_than_a_batch_makes_one() -> None:
    assert [len(part) for part in in_batches(slices(256), 200)] == [256]
