from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from waypost.store.turn import SHORT_SECONDS, USUAL_SECONDS, Turns


@pytest.fixture(autouse=True)
def interval_as_before() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


def interval() -> float:
    return pytest.approx(sys.getswitchinterval())  # type: ignore[no-any-return]


def test_turns_are_short_while_little_is_to_do() -> None:
    turns = Turns()
    turns.load(light=True)
    assert interval() == SHORT_SECONDS
    turns.load(light=False)
    assert interval() == USUAL_SECONDS


def test_turns_are_short_until_nobody_waits_for_an_answer() -> None:
    turns = Turns()
    with turns.hurried():
        with turns.hurried():
            turns.load(light=True)
            turns.load(light=False)
        assert interval() == SHORT_SECONDS
    assert interval() == USUAL_SECONDS


def test_turns_are_as_usual_again_after_an_answer_that_failed() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="no answer"), turns.hurried():
        raise ValueError("no answer")
    assert interval() == USUAL_SECONDS
