"""What ``run --once`` leaves undone: where, why, and what helps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from waypost.core.event import RunUnfinished
from waypost.flow.boundary.lane import GroupLane

if TYPE_CHECKING:
    from waypost.flow.delivery.lane import Lane
    from waypost.flow.running.engine import Engine
    from waypost.flow.running.intake import Intake


def unfinished(engine: Engine) -> Iterator[RunUnfinished]:
    """One event for each source of which no more could be read, for what is not processed, and for each target that
    has not taken everything."""
    for name, intake in engine.intakes.items():
        if cause := engine.trouble.get(f"source of {name}") or intake.paused or intake.crowded:
            found = f"nothing more was read from its source: {cause}"
            yield RunUnfinished(place=f"flow {name}", found=found, remedy=_for_source(engine, intake))
    for name, runner in engine.runners.items():
        if runner.behind:
            found = f"{runner.behind} batches are accepted and not processed: {runner.waits or 'their turn comes'}"
            yield RunUnfinished(place=f"flow {name}", found=found, remedy="mend what it asks, then run again")
    for (flow, target), lane in engine.lanes.items():
        if lane.open_count:
            if isinstance(lane, GroupLane):
                found = f"{lane.open_count} messages wait in groups that are not complete"
                remedy = "`waypost groups` says what for; they go on when it comes"
                yield RunUnfinished(place=f"flow {flow}, step {lane.boundary.name}", found=found, remedy=remedy)
                continue
            cause, remedy = _of_lane(lane)
            found = f"{lane.open_count} outputs are not delivered: {cause}"
            yield RunUnfinished(place=f"flow {flow}, target {target}", found=found, remedy=remedy)


def _for_source(engine: Engine, intake: Intake) -> str:
    if intake.paused:
        return "mend what is said there, or resume it, then run again"
    if not engine.shard.room:
        return "free some space, then run again"
    if intake.crowded:
        return "mend what keeps the flow from delivering, or raise its max_open, then run again"
    return "mend the source, then run again"


def _of_lane(lane: Lane) -> tuple[str, str]:
    if lane.held:
        return lane.held, "mend what is said there, or resume it, then run again"
    if not lane.circuit.closed:
        return lane.circuit.cause, "mend it, then run again"
    return "they wait for another attempt", "run again, or with --wait"
