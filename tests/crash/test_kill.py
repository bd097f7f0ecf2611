"""Killed again and again, nothing is lost, nothing comes twice, and every key keeps its order."""

from __future__ import annotations

from pathlib import Path

import pytest

from waypost.testing.ledger.judge import shortened, sink_faults
from waypost.testing.ledger.trial import Plan, tried


@pytest.mark.parametrize(
    ("workers", "seed"),
    [
        pytest.param((1,), 11, id="one worker"),
        pytest.param((2, 3, 1, 2), 12, id="another number of workers on every restart"),
    ],
)
def test_both_ends_agree_after_many_kills(tmp_path: Path, workers: tuple[int, ...], seed: int) -> None:
    plan = Plan(
        messages=2000, workers=workers, seed=seed, kill_every=1.0, per_second=1000, erp_down_seconds=2,
        timeout_seconds=80,
    )  # fmt: skip
    result = tried(tmp_path / "trial", plan)
    assert shortened(result.faults) == []
    assert sum(result.kills.values()) >= 3


@pytest.mark.parametrize(
    ("came", "fault"),
    [
        ([("a", 0), ("a", 1), ("a", 2)], []),
        ([("a", 0), ("a", 1)], ["sink: a 2 is lost"]),
        ([("a", 0), ("a", 1), ("a", 1), ("a", 2)], ["sink: a 1 came 2 times"]),
        ([("a", 1), ("a", 0), ("a", 2)], ["sink: a had 0 after 1"]),
        ([("a", 0), ("a", 1), ("a", 2), ("b", 0)], ["sink: 1 that were never sent"]),
    ],
)
def test_the_judge_sees_what_is_wrong_at_a_sink(came: list[tuple[str, int]], fault: list[str]) -> None:
    assert sink_faults("sink", came, {"a": range(3)}) == fault
