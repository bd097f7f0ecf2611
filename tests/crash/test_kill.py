"""Killed again and again, nothing is lost, nothing comes twice, and every key keeps its order."""

from __future__ import annotations

import re
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
        messages=2000, workers=workers, seed=seed, least_kills=5, supervisor_share=0.5, per_second=1000,
        peer_down_seconds=2, timeout_seconds=80,
    )  # fmt: skip
    result = tried(tmp_path / "trial", plan)
    assert shortened(result.faults) == []
    assert result.kills.total() >= 5
    assert result.starts[: len(workers)] == list(workers[: len(result.starts)])


@pytest.mark.parametrize(
    ("workers", "die_at"),
    [
        pytest.param((1,), range(1, 200, 45), id="one worker"),
        pytest.param((2,), range(1, 260, 20), id="two workers"),
    ],
)
def test_both_ends_agree_after_deaths_at_changes_of_the_disk(
    tmp_path: Path, workers: tuple[int, ...], die_at: range
) -> None:
    plan = Plan(messages=1500, workers=workers, kill_every=0, die_at=die_at, per_second=2000, timeout_seconds=80)
    result = tried(tmp_path / "trial", plan)
    assert shortened(result.faults) == []
    assert result.deaths.total() >= len(die_at) - 4, "those begun last need not have come to theirs"
    assert any(site.startswith("commit.") for site in result.deaths)


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        pytest.param("fresh-key", r"http: k\d+ \d+ came \d+ times", id="a retry with another key"),
        pytest.param("recomputed", "http: .* came again with another body", id="a retry with other bytes"),
        pytest.param("early-outcome", r"http: k\d+ \d+ is lost", id="an outcome before the delivery"),
    ],
)
def test_a_planted_bug_is_found(tmp_path: Path, plant: str, said: str) -> None:
    plan = Plan(messages=1000, workers=(2,), plant=plant, per_second=500, peer_down_seconds=1, timeout_seconds=12)
    assert re.search(said, "\n".join(tried(tmp_path / "trial", plan).faults))


@pytest.mark.timeout(360)
@pytest.mark.parametrize(
    ("workers", "seed"), [pytest.param((1,), 21, id="one worker"), pytest.param((2, 3, 2), 22, id="several workers")]
)
def test_what_waits_at_boundaries_comes_out_as_if_nothing_had_been_killed(
    tmp_path: Path, workers: tuple[int, ...], seed: int
) -> None:
    plan = Plan(
        scene="boundaries", messages=40, workers=workers, seed=seed, least_kills=4, most_kills=6, kill_every=3,
        per_second=10, supervisor_share=0.5, peer_down_seconds=2, timeout_seconds=240,
    )  # fmt: skip
    result = tried(tmp_path / "trial", plan)
    assert shortened(result.faults) == []
    assert result.kills.total() >= 4


@pytest.mark.timeout(360)
def test_a_group_whose_going_is_journaled_apart_is_found_by_kills(tmp_path: Path) -> None:
    plan = Plan(
        scene="boundaries", messages=100, workers=(1,), kill_every=2, least_kills=4, plant="apart", per_second=10,
        peer_down_seconds=1, timeout_seconds=60,
    )  # fmt: skip
    found = "\n".join(tried(tmp_path / "trial", plan).faults)
    assert re.search(r"(groups|batches|slow|pairs|processes|offers|sequence): k\d+ \d+ came \d+ times", found), found


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
