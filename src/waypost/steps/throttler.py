"""Throttler: no more messages go on in a span of time than a system can take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from waypost.core.boundary import Forced, Group, LimitOptions, Made, Release, Turn
from waypost.core.clock import MICROSECONDS
from waypost.core.component import Failed
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Duration, Expression, Option
from waypost.core.traits import StepTraits
from waypost.steps.correlation import Correlation
from waypost.steps.passing import many, unchanged

_WITHIN = "within the rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottlerOptions:
    rate: Annotated[int, Option("How many messages may go on within `per`.", minimum=1, example=100)]
    per: Annotated[Duration, Option("The span of time the rate is meant for.", minimum=0.001)] = Duration(1)
    burst: Annotated[
        int, Option("How many may go on at once after a time of quiet; more than one bunches them.", minimum=1)
    ] = 1
    correlate: Annotated[
        Expression | None, Option("What the rate is meant for each of, such as a customer; without it, for all.")
    ] = None
    limits: Annotated[LimitOptions, Option("How much may wait.")] = field(default_factory=many)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a group may go by itself."""
        return (_WITHIN,)


@registry.register(
    "step",
    "throttler",
    options=ThrottlerOptions,
    traits=StepTraits(boundary=True),
    example="{rate: 100, per: 1m, burst: 10}",
)
class Throttler:
    """Let messages go on at a rate, in the order they came.

    The rate is kept in the journal and holds for all workers together, through restarts too: one worker counts for each
    key, or for all where there is none. Messages beyond the rate wait; the source pauses at `delivery.max_open`.
    """

    ordered, needs_members, peeks = False, False, 0

    def __init__(self, options: ThrottlerOptions, grants: Grants) -> None:
        self._options, self._correlation = options, Correlation(options.correlate)
        self._span = max(1, round(options.per * MICROSECONDS / options.rate))
        """Microseconds between two messages."""
        self._slack = self._span * (options.burst - 1)

    def correlate(self, batch: Sequence[Message]) -> Sequence[str | Failed]:
        return self._correlation.of(batch)

    def arrived(self, group: Group, message: Message) -> Turn:
        return self._run(group, group.count + 1)

    def due(self, group: Group, timer: str) -> Turn:
        return self._run(group, group.count)

    def forced(self, group: Group, how: Forced) -> Turn:
        reason = "full" if how == "full" else "released by hand"
        turn = self._wait(group, self._spent(group), 0)
        gone = (Release(tuple(range(group.count)), reason),) if group.count else ()
        return Turn(state=turn.state, timers=turn.timers, releases=gone)

    def regroup(self, group: Group, members: Sequence[Message]) -> Turn:
        return self._run(group, len(members))

    def combine(self, group: Group, release: Release, members: Sequence[Message]) -> Sequence[Made]:
        return unchanged(members)

    def waits_for(self, group: Group) -> str:
        return f"its turn: {self._options.rate} in {self._options.per:g} seconds"

    def _spent(self, group: Group) -> int:
        """Up to when the rate is used up (the generic cell rate algorithm, ITU-T I.371)."""
        return max(int((group.state or {}).get("spent", 0)), group.now)

    def _run(self, group: Group, count: int) -> Turn:
        spent, leaving = self._spent(group), 0
        while leaving < count and spent - self._slack <= group.now:
            spent += self._span
            leaving += 1
        turn = self._wait(group, spent, count - leaving)
        gone = (Release(tuple(range(leaving)), _WITHIN),) if leaving else ()
        return Turn(state=turn.state, timers=turn.timers, releases=gone)

    def _wait(self, group: Group, spent: int, waiting: int) -> Turn:
        """With nothing left that waits, a group is forgotten once its rate is whole again."""
        if not waiting and spent <= group.now:
            return Turn()
        return Turn(state={"spent": spent}, timers={"next": spent - self._slack if waiting else spent})
