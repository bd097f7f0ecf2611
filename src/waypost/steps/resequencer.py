"""Resequencer: messages that carry a number go on in the order of their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from waypost.core.boundary import Forced, Group, LimitOptions, Made, Release, Turn
from waypost.core.clock import MICROSECONDS
from waypost.core.component import Dropped, Failed
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Duration, Expression, Option
from waypost.core.traits import StepTraits
from waypost.mapping.expression import compile_expression
from waypost.steps.correlation import Correlation
from waypost.steps.passing import unchanged, whole_number

_SEQUENCE, _LATE = "in sequence", "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResequencerOptions:
    sequence: Annotated[Expression, Option("The number of a message.", example="header.sequence")]
    correlate: Annotated[
        Expression | None, Option("What messages of one sequence have in common; without it there is one sequence.")
    ] = None
    start: Annotated[int, Option("The number a sequence begins with.")] = 1
    gap: Annotated[
        Duration | None,
        Option("How long a missing number is waited for; without it, for ever.", minimum=0.001),
    ] = None
    on_gap: Annotated[
        Literal["skip", "fail"],
        Option("What happens then: the sequence goes on without it, or what waits becomes dead letters."),
    ] = "skip"
    late: Annotated[
        Literal["fail", "drop", "release"],
        Option("What a message is whose number has passed: a dead letter, filtered, or it goes on out of turn."),
    ] = "fail"
    forget: Annotated[
        Duration | None,
        Option("So long after its last message a sequence begins anew; without it, never.", minimum=0.001),
    ] = None
    limits: Annotated[LimitOptions, Option("How much may wait.")] = field(default_factory=LimitOptions)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a group may go by itself."""
        told = {_SEQUENCE: True, "number … did not come in time": self.gap is not None, _LATE: self.late == "release"}
        return tuple(reason for reason, rule in told.items() if rule)


@registry.register(
    "step",
    "resequencer",
    options=ResequencerOptions,
    traits=StepTraits(boundary=True),
    example="{sequence: sequence_number, correlate: meter, gap: 5m}",
)
class Resequencer:
    """Put messages back into the order of their numbers.

    A message that is next goes on at once; one that comes too early waits for those before it. What one sequence
    releases keeps its order at every target, through retries too. A number that comes again while it waits is filtered.
    """

    ordered, needs_members, peeks = True, False, 0

    def __init__(self, options: ResequencerOptions, grants: Grants) -> None:
        self._options = options
        self._correlation = Correlation(options.correlate)
        self._sequence = compile_expression(options.sequence)

    def correlate(self, batch: Sequence[Message]) -> Sequence[str | Failed]:
        return self._correlation.of(batch)

    def arrived(self, group: Group, message: Message) -> Turn:
        state = group.state or {"next": self._options.start, "waiting": []}
        following, waiting = state["next"], state["waiting"]
        try:
            number = self._number(message)
        except DataError as error:
            return self._turn(group, following, waiting, fate=Failed(error))
        if number < following:
            return self._late(group, number)
        if number in waiting:
            return self._turn(group, following, waiting, fate=Dropped(f"number {number} waits already"))
        return self._run(group, following, [*waiting, number])

    def due(self, group: Group, timer: str) -> Turn:
        state = group.state or {}
        waiting = state.get("waiting", [])
        if timer == "forget":
            return Turn() if not waiting else self._turn(group, state["next"], waiting)
        if not waiting:
            return self._turn(group, state.get("next", self._options.start), [])
        reason = f"number {state['next']} did not come in time"
        if self._options.on_gap == "skip":
            return self._run(group, min(waiting), waiting, reason)
        release = Release(self._in_order(waiting), reason, "fail")
        return self._turn(group, state["next"], [], (release,))

    def forced(self, group: Group, how: Forced) -> Turn:
        state = group.state or {"next": self._options.start, "waiting": []}
        waiting = state["waiting"]
        if not waiting:
            return self._turn(group, state["next"], [])
        reason = "full" if how == "full" else "released by hand"
        return self._turn(group, max(waiting) + 1, [], (Release(self._in_order(waiting), reason),))

    def regroup(self, group: Group, members: Sequence[Message]) -> Turn:
        following = (group.state or {}).get("next", self._options.start)
        return self._run(group, following, [self._number(message) for message in members])

    def combine(self, group: Group, release: Release, members: Sequence[Message]) -> Sequence[Made] | Failed:
        if release.note == "fail":
            remedy = "find the missing message; `waypost retry` puts these into the sequence again"
            return Failed(DataError(release.reason, remedy=remedy, code="sequence-gap"))
        return unchanged(members)

    def waits_for(self, group: Group) -> str:
        return f"number {(group.state or {}).get('next', self._options.start)}"

    def _number(self, message: Message) -> int:
        found = self._sequence.evaluate(message.body, now=message.received_at)
        return whole_number(found, self._sequence.text)

    def _late(self, group: Group, number: int) -> Turn:
        state = group.state or {"next": self._options.start, "waiting": []}
        found = f"number {number} has passed: {state['next']} is next"
        if self._options.late == "drop":
            return self._turn(group, state["next"], state["waiting"], fate=Dropped(found))
        if self._options.late == "release":
            release = Release((group.count,), _LATE)
            return self._turn(group, state["next"], state["waiting"], (release,))
        error = DataError(found, where=f"`{self._sequence.text}`", remedy="cancel it", code="sequence-late")
        return self._turn(group, state["next"], state["waiting"], fate=Failed(error))

    def _run(self, group: Group, following: int, waiting: Sequence[int], reason: str = "") -> Turn:
        """Let go what is next, and what follows it without a gap."""
        places = {number: place for place, number in enumerate(waiting)}
        leaving: list[int] = []
        while following in places:
            leaving.append(places[following])
            following += 1
        left = [number for number in waiting if number >= following]
        releases = (Release(tuple(leaving), reason or _SEQUENCE),) if leaving else ()
        return self._turn(group, following, left, releases)

    def _turn(
        self, group: Group, following: int, waiting: Sequence[int], releases: tuple[Release, ...] = (),
        fate: Dropped | Failed | None = None,
    ) -> Turn:  # fmt: skip
        """The state after an event: a gap is as old as it is since the number before it went."""
        before: Mapping[str, Any] = group.state or {}
        since = before.get("since") if before.get("next") == following else None
        since = (since or group.now) if waiting else None
        timers: dict[str, int] = {}
        if since is not None and self._options.gap is not None:
            timers["gap"] = since + int(self._options.gap * MICROSECONDS)
        if self._options.forget is not None and not waiting:
            timers["forget"] = group.now + int(self._options.forget * MICROSECONDS)
        state = {"next": following, "waiting": list(waiting), "since": since}
        return Turn(state=state, releases=releases, timers=timers, fate=fate)

    def _in_order(self, waiting: Sequence[int]) -> tuple[int, ...]:
        return tuple(sorted(range(len(waiting)), key=lambda place: waiting[place]))
