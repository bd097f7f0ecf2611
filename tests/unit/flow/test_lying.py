"""A file is forgotten only when its source looked for long and did not see it."""

from __future__ import annotations

from waypost.flow.batch.lying import ABSENT_SECONDS, Lying


def test_a_name_is_gone_when_no_look_saw_it_for_long() -> None:
    now = [1000.0]
    lying = Lying(lambda: now[0])
    assert not lying.gone("orders", "a")  # nobody has looked
    lying.saw("orders", ["a", "b"])
    assert not lying.gone("orders", "c")  # not for long
    now[0] += ABSENT_SECONDS - 1
    lying.saw("orders", ["a"])
    assert not lying.gone("orders", "b")
    now[0] += 1
    assert lying.gone("orders", "c")
    assert lying.gone("orders", "b")
    assert not lying.gone("orders", "a")
    assert not lying.gone("other", "c")


def test_a_folder_that_looks_empty_for_a_moment_has_lost_nothing() -> None:
    now = [1000.0]
    lying = Lying(lambda: now[0])
    lying.saw("orders", ["a"])
    now[0] += 2 * ABSENT_SECONDS
    lying.saw("orders", ["a"])
    now[0] += ABSENT_SECONDS / 2
    lying.saw("orders", [])
    assert not lying.gone("orders", "a")
    now[0] += ABSENT_SECONDS / 4
    lying.saw("orders", ["a"])
    now[0] += ABSENT_SECONDS - 1
    assert not lying.gone("orders", "a")
