"""The model of a lane has teeth: each of these bugs, put into the engine on purpose, is found."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.test_dispatch import Dispatch
from tests.unit.flow.lane_bench import PaperShard
from waypost.flow.delivery.backlog import Backlog
from waypost.flow.delivery.lane import Lane
from waypost.store.record import Delivered

Plant = Callable[[], AbstractContextManager[object]]


def lost_outcome() -> AbstractContextManager[object]:
    """What was delivered is not journaled."""
    real = PaperShard.append_later
    return patch.object(
        PaperShard, "append_later", lambda shard, records: real(shard, [r for r in records if type(r) is not Delivered])
    )


def sent_twice() -> AbstractContextManager[object]:
    """An output that was taken to be sent is taken once more."""
    real, done = Lane._take, set[tuple[int, int]]()

    def twice(lane: Lane) -> Any:
        refs, keys = real(lane)
        if refs and (id(lane), refs[0]) not in done:
            done.add((id(lane), refs[0]))
            lane.backlog.add(refs[:1], keys[:1])
        return refs, keys

    return patch.object(Lane, "_take", twice)


def overtaken_in_a_retry() -> AbstractContextManager[object]:
    """An output that waits for a retry does not hold back its key."""
    return patch.object(Backlog, "block", lambda backlog, key: None)


def forgotten_in_a_restart() -> AbstractContextManager[object]:
    """What waited for a retry when the process died is not taken up again."""
    return patch.object(Lane, "add_waiting", lambda lane, ref, key, attempt, due: None)


def not_told_as_repetition() -> AbstractContextManager[object]:
    """After a crash what may have arrived is sent as if it were new."""
    return patch.object(Lane, "_suspect", lambda lane, ref: False)


def hold_ignored() -> AbstractContextManager[object]:
    """A pause is heard and nothing follows from it."""
    return patch.object(Lane, "hold", lambda lane, cause: None)


def cancel_ignored() -> AbstractContextManager[object]:
    """What a person took away is sent all the same."""
    return patch.object(Lane, "drop", lambda lane, entries, state: None)


PLANTS: dict[Plant, str] = {
    lost_outcome: "lost|twice|possible duplicate",
    sent_twice: "twice|two outputs of a key|possible duplicate|arrived as",
    overtaken_in_a_retry: "arrived as|two outputs of a key",
    forgotten_in_a_restart: "lost",
    not_told_as_repetition: "not marked as a possible duplicate",
    hold_ignored: "though nothing was to be",
    cancel_ignored: "though cancelled",
}
"""Bug → what the model says of it."""


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found(plant: Plant) -> None:
    budget = settings(
        Dispatch.TestCase.settings, max_examples=60, derandomize=True, database=None, phases=[Phase.generate],
        report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    with plant(), pytest.raises(Exception, match=PLANTS[plant]):
        run_state_machine_as_test(Dispatch, settings=budget)
