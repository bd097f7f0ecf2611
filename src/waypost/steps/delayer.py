"""Delayer: messages wait for a time, or until one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from waypost.core.boundary import Forced, Group, LimitOptions, Made, Release, Turn
from waypost.core.clock import MICROSECONDS
from waypost.core.component import Failed
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Duration, Expression, Option, OptionFault
from waypost.core.traits import StepTraits
from waypost.mapping.expression import compile_expression
from waypost.steps.passing import many, unchanged

_COME, _PASSED = "its time has come", "its time has passed"
_AT_ONCE = 200
"""Messages looked at when a time has come; the others follow at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayerOptions:
    seconds: Annotated[Duration | None, Option("How long each message waits.", minimum=0)] = None
    until: Annotated[
        Expression | None,
        Option("Until when, as the message says: a date or time in ISO 8601 (UTC unless it says otherwise).",
               example="deliver_at"),
    ] = None  # fmt: skip
    limits: Annotated[LimitOptions, Option("How much may wait.")] = field(default_factory=many)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a group may go by itself."""
        return (_COME, _PASSED) if self.until is not None or not self.seconds else (_COME,)

    def faults(self) -> Iterator[OptionFault]:
        if (self.seconds is None) == (self.until is None):
            found = "both seconds and until" if self.until is not None else "neither seconds nor until"
            yield OptionFault("seconds", f"found {found}", "one of the two")


@registry.register(
    "step",
    "delayer",
    options=DelayerOptions,
    traits=StepTraits(boundary=True),
    shorthand="seconds",
    example="{seconds: 15m}",
)
class Delayer:
    """Hold messages back for a time, or until a time they name.

    Where the flow orders by a key, messages of one key stay in their order: one whose time has come waits for those
    before it. A time that has passed holds nothing back. Times survive a restart; what fell due meanwhile goes on then.
    """

    ordered, needs_members, peeks = False, False, _AT_ONCE

    def __init__(self, options: DelayerOptions, grants: Grants) -> None:
        self._seconds = options.seconds
        self._until = None if options.until is None else compile_expression(options.until)

    def correlate(self, batch: Sequence[Message]) -> Sequence[str | Failed]:
        return [self._group(message) for message in batch]

    def _group(self, message: Message) -> str | Failed:
        try:
            self._due(message)
        except DataError as error:
            return Failed(error)
        return message.ordering_key or message.id.hex()

    def arrived(self, group: Group, message: Message) -> Turn:
        due = self._due(message)
        if group.count:
            return self._wait(group.state["due"])
        if due <= group.now:
            return Turn(releases=(Release((0,), _PASSED),))
        return self._wait(due)

    def due(self, group: Group, timer: str) -> Turn:
        return self._run(group, group.members)

    def forced(self, group: Group, how: Forced) -> Turn:
        reason = "full" if how == "full" else "released by hand"
        return Turn(releases=(Release(tuple(range(group.count)), reason),) if group.count else ())

    def regroup(self, group: Group, members: Sequence[Message]) -> Turn:
        return self._run(group, members)

    def combine(self, group: Group, release: Release, members: Sequence[Message]) -> Sequence[Made]:
        return unchanged(members)

    def waits_for(self, group: Group) -> str:
        return "its time"

    def _run(self, group: Group, members: Sequence[Message]) -> Turn:
        """Let go those at the head whose time has come; with more behind them, look at those at once."""
        count = len(members)
        for place, message in enumerate(members):
            due = self._due(message)
            if due > group.now:
                gone = (Release(tuple(range(place)), _COME),) if place else ()
                turn = self._wait(due)
                return Turn(state=turn.state, timers=turn.timers, releases=gone)
        gone = (Release(tuple(range(count)), _COME),) if count else ()
        if group.count > count:
            return Turn(state={"due": group.now}, timers={"due": group.now}, releases=gone)
        return Turn(releases=gone)

    def _wait(self, due: int) -> Turn:
        return Turn(state={"due": due}, timers={"due": due})

    def _due(self, message: Message) -> int:
        """UTC microseconds."""
        if self._until is None:
            return message.received_at + int((self._seconds or 0) * MICROSECONDS)
        found = self._until.evaluate(message.body, now=message.received_at)
        moment = _moment(found)
        if moment is None:
            expected = "a date or time in ISO 8601, such as 2026-03-01T06:00:00Z"
            raise DataError(f"found {found!r}", where=f"`{self._until.text}`", expected=expected)
        return moment


def _moment(value: Any) -> int | None:
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.strip())
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        if isinstance(value, datetime):
            aware = value if value.tzinfo else value.replace(tzinfo=UTC)
            return int((Decimal(str(aware.timestamp())) * MICROSECONDS).to_integral_value())
    except (ValueError, OverflowError):
        return None
    return None
