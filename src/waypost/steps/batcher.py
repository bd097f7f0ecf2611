"""Batcher: messages are collected, whatever they are, and go on together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from waypost.core.boundary import Forced, Group, LimitOptions, Made, Release, Turn
from waypost.core.clock import MICROSECONDS
from waypost.core.component import Failed
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Duration, Expression, Option, OptionFault, Size
from waypost.core.traits import StepTraits
from waypost.steps.correlation import Correlation


@dataclass(frozen=True, slots=True, kw_only=True)
class BatcherOptions:
    count: Annotated[int | None, Option("So many messages make a batch.", minimum=1)] = None
    bytes: Annotated[
        Size | None, Option("A batch has no more bytes than this, but for a message that alone has more.", minimum=1)
    ] = None
    after: Annotated[
        Duration | None, Option("So long after its first message a batch goes, however small.", minimum=0.001)
    ] = None
    correlate: Annotated[
        Expression | None, Option("What messages of one batch have in common; without it all share one batch.")
    ] = None
    into: Annotated[str, Option("The field that holds the list; without one the list is the document.")] = ""
    limits: Annotated[LimitOptions, Option("How much may wait.")] = field(default_factory=LimitOptions)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a group may go by itself."""
        told = {"count": self.count, "bytes": self.bytes, "time": self.after}
        return tuple(reason for reason, rule in told.items() if rule is not None)

    def faults(self) -> Iterator[OptionFault]:
        if self.count is None and self.bytes is None and self.after is None:
            yield OptionFault("count", "nothing says when a batch goes", "count, bytes or after")
        if self.count is not None and self.count > self.limits.members:
            yield OptionFault("count", f"found {self.count}", f"at most limits.members, {self.limits.members}")


@registry.register(
    "step",
    "batcher",
    options=BatcherOptions,
    traits=StepTraits(boundary=True),
    example="{count: 500, bytes: 1MiB, after: 30s, into: orders}",
)
class Batcher:
    """Collect messages into batches by number, size and time.

    Each batch is one message, the list of the documents in the order they came. Without `correlate` all messages of a
    flow come to one worker, which makes the batches.
    """

    ordered, needs_members, peeks = False, False, 0

    def __init__(self, options: BatcherOptions, grants: Grants) -> None:
        self._options, self._correlation = options, Correlation(options.correlate)

    def correlate(self, batch: Sequence[Message]) -> Sequence[str | Failed]:
        return self._correlation.of(batch)

    def arrived(self, group: Group, message: Message) -> Turn:
        limit = self._options.bytes
        if limit is not None and group.count and group.size + group.arriving > limit:
            first = Release(tuple(range(group.count)), "bytes")
            if group.arriving >= limit or self._options.count == 1:
                return Turn(releases=(first, Release((group.count,), "bytes")))
            return self._open(group.now, (first,))
        if self._options.count is not None and group.count + 1 >= self._options.count:
            return Turn(releases=(Release(tuple(range(group.count + 1)), "count"),))
        if limit is not None and group.size + group.arriving >= limit:
            return Turn(releases=(Release(tuple(range(group.count + 1)), "bytes"),))
        return self._open((group.state or {}).get("first", group.now))

    def due(self, group: Group, timer: str) -> Turn:
        return self._all(group, "time")

    def forced(self, group: Group, how: Forced) -> Turn:
        return self._all(group, "full" if how == "full" else "released by hand")

    def regroup(self, group: Group, members: Sequence[Message]) -> Turn:
        return self._open(min(message.received_at for message in members)) if members else Turn()

    def combine(self, group: Group, release: Release, members: Sequence[Message]) -> Sequence[Made]:
        documents = [message.body for message in members]
        return [Made(body={self._options.into: documents} if self._options.into else documents)]

    def waits_for(self, group: Group) -> str:
        said: list[str] = []
        if self._options.count is not None:
            said.append(f"{self._options.count - group.count} more messages")
        if self._options.bytes is not None:
            said.append(f"{self._options.bytes - group.size} more bytes")
        return " or ".join([*said, *(["its time"] if self._options.after is not None else [])])

    def _open(self, first: int, releases: tuple[Release, ...] = ()) -> Turn:
        span = self._options.after
        timers = {} if span is None else {"after": first + int(span * MICROSECONDS)}
        state: Any = {"first": first}
        return Turn(state=state, timers=timers, releases=releases)

    def _all(self, group: Group, reason: str) -> Turn:
        return Turn(releases=(Release(tuple(range(group.count)), reason),) if group.count else ())
