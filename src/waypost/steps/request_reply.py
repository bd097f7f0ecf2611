"""Request-Reply: a request waits for its reply, which comes another way, and both go on as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from waypost.core.boundary import Forced, Group, LimitOptions, Made, Release, Turn
from waypost.core.clock import MICROSECONDS
from waypost.core.component import Dropped, Failed
from waypost.core.errors import DataError, Fault
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Duration, Expression, Option, OptionFault
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.mapping.expression import compile_expression
from waypost.steps.correlation import Correlation
from waypost.steps.field_path import path_faults, put, split_path
from waypost.steps.target_name import unknown_targets

_DAY = Duration(86_400)
_REQUEST, _REPLY, _CLOSED = "request", "reply", "closed"
_REPLIED, _NO_REPLY, _NO_REQUEST = "replied", "no reply in time", "no request came"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReplyOptions:
    request: Annotated[
        Expression, Option("True for a request; any other message is a reply.", example="kind == 'request'")
    ]
    correlate: Annotated[
        Expression, Option("The correlation identifier, of requests as of replies.", example="request_id")
    ]
    timeout: Annotated[Duration, Option("How long a request waits for its reply.", minimum=0.001, example="30m")]
    into: Annotated[
        str, Option("The field of the request that takes the reply; dots go into mappings.", example="reply")
    ] = "reply"
    on_timeout: Annotated[
        Literal["fail", "drop"], Option("What a request without a reply becomes: a dead letter, or ended.")
    ] = "fail"
    to: Annotated[tuple[str, ...], Option("Targets that get requests without a reply instead.")] = ()
    early: Annotated[
        Duration,
        Option("How long a reply waits that came before its request; then it is a dead letter.", minimum=0.001),
    ] = Duration(60)
    late: Annotated[
        Literal["fail", "drop"],
        Option("What a further reply is, or one after its time: a dead letter, or filtered."),
    ] = "fail"
    remember: Annotated[Duration, Option("How long it is known that a request is done with.", minimum=0.001)] = _DAY
    limits: Annotated[LimitOptions, Option("How much may wait.")] = field(default_factory=LimitOptions)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a group may go by itself."""
        return _REPLIED, _NO_REPLY, _NO_REQUEST

    def faults(self) -> Iterator[OptionFault]:
        yield from path_faults("into", self.into)


@registry.register(
    "step",
    "request_reply",
    options=RequestReplyOptions,
    traits=StepTraits(boundary=True, names_targets=True, diverts=True),
    example="{request: kind == 'request', correlate: request_id, timeout: 30m, into: reply}",
)
class RequestReply:
    """Pair each request with the reply that comes for it later, another way.

    A flow sends a request out and puts a copy of it into a channel; the flow that receives replies puts them into the
    same channel; the flow that reads the channel has this step. Who waits, and until when, is in the journal: it
    survives a crash. What goes on is the request with its reply, once. A request whose id is open or done with already
    is a dead letter.
    """

    needs_members = False
    peeks = 0
    ordered = True

    def __init__(self, options: RequestReplyOptions, grants: Grants) -> None:
        self._options, self._into = options, split_path(options.into)
        self._correlation, self._request = Correlation(options.correlate), compile_expression(options.request)

    def correlate(self, batch: Sequence[Message]) -> Sequence[str | Failed]:
        return self._correlation.of(batch)

    def arrived(self, group: Group, message: Message) -> Turn:
        try:
            role = _REQUEST if self._request.evaluate(message.body, now=message.received_at) else _REPLY
        except DataError as error:
            return self._same(group, Failed(error))
        waits = (group.state or {}).get("waits")
        if waits is None:
            span = self._options.timeout if role == _REQUEST else self._options.early
            due = group.now + int(span * MICROSECONDS)
            return Turn(state={"waits": role, "due": due}, timers={role: due})
        if waits in (role, _CLOSED):
            return self._same(group, self._too_many(group, role, waits))
        return self._over(group, (0, 1) if role == _REPLY else (1, 0), _REPLIED)

    def _too_many(self, group: Group, role: str, waits: str) -> Dropped | Failed:
        done = f"is done with: {group.state['why']}" if waits == _CLOSED else "has one already"
        if role == _REPLY and self._options.late == "drop":
            return Dropped(f"a reply to a request that {done}")
        found = f"a {role} with id {group.key!r}, which {done}"
        return Failed(DataError(found, remedy="cancel it, or find out who uses the id again", code="request-reply"))

    def due(self, group: Group, timer: str) -> Turn:
        if not group.count:
            return Turn()
        return self._over(group, (0,), _NO_REPLY if timer == _REQUEST else _NO_REQUEST)

    def forced(self, group: Group, how: Forced) -> Turn:
        if how == "cancel" or not group.count:
            return self._closed(group, "cancelled")
        return self._over(group, (0,), "released by hand" if how == "release" else "full")

    def regroup(self, group: Group, members: Sequence[Message]) -> Turn:
        return self._same(group) if members else Turn()

    def combine(self, group: Group, release: Release, members: Sequence[Message]) -> Sequence[Made] | Failed:
        request = members[0].body
        try:
            if len(members) > 1:
                return [Made(body=put(request, self._into, members[1].body))]
        except DataError as error:
            return Failed(error)
        if release.note == _REQUEST and self._options.to:
            return [Made(body=request, to=self._options.to)]
        if release.note == _REQUEST and self._options.on_timeout == "drop":
            return []
        found = f"the {release.note} {group.key!r} waited alone: {release.reason}"
        remedy = "find out what became of the other; `waypost retry` lets it wait again"
        return Failed(DataError(found, remedy=remedy, code="no-reply" if release.note == _REQUEST else "no-request"))

    def waits_for(self, group: Group) -> str:
        state = group.state or {}
        if state.get("waits") == _CLOSED:
            return f"nothing: {state['why']}"
        return "its reply" if state.get("waits") == _REQUEST else "its request"

    def _same(self, group: Group, fate: Dropped | Failed | None = None) -> Turn:
        """Nothing changes for the group."""
        state = group.state
        return Turn(state=state, timers={state["waits"]: state["due"]} if state else {}, fate=fate)

    def _over(self, group: Group, members: tuple[int, ...], reason: str) -> Turn:
        closed, note = self._closed(group, reason), (group.state or {}).get("waits")
        return Turn(state=closed.state, timers=closed.timers, releases=(Release(members, reason, note),))

    def _closed(self, group: Group, why: str) -> Turn:
        due = group.now + int(self._options.remember * MICROSECONDS)
        return Turn(state={"waits": _CLOSED, "why": why, "due": due}, timers={_CLOSED: due})

    @staticmethod
    def lint(
        options: RequestReplyOptions, file: YamlFile, path: Path, read: Callable[[str], bytes], targets: tuple[str, ...]
    ) -> list[Fault]:
        """Targets the flow does not have."""
        return unknown_targets(file, (*path, "to"), options.to, targets)
