"""Scatter-Gather: several systems are asked at once, and what they answer is gathered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from waypost.core.boundary import Ask, Forced, Group, LimitOptions, Made, Release, Turn
from waypost.core.clock import MICROSECONDS
from waypost.core.component import Failed, Request
from waypost.core.errors import DataError, WaypostError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import ConnectionRef, Duration, Expression, Option, OptionFault
from waypost.core.traits import StepTraits
from waypost.mapping.expression import Compiled, compile_expression
from waypost.steps.passing import many

_ALL, _ENOUGH, _TOO_FEW, _OVER = "all answered", "enough answered", "too few can answer", "time is over"
_NOBODY = "nobody to ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchOptions:
    """One system that is asked."""

    connection: Annotated[ConnectionRef, Option("The system to ask, as named in connections.yaml.", example="carrier")]
    parameters: Annotated[
        dict[str, Expression], Option("What is asked with, by name.", example={"weight": "parcel.weight"})
    ]
    ask: Annotated[
        dict[str, Any],
        Option("How the system is asked: the options of its requester.", example={"path": "/offers/{weight}"}),
    ] = field(default_factory=dict)
    when: Annotated[Expression | None, Option("Ask only for messages for which this is true.")] = None
    take: Annotated[Expression | None, Option("What of the answer is taken, as an expression over the answer.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScatterGatherOptions:
    branches: Annotated[
        dict[str, BranchOptions], Option("The systems, by the name under which their answers are found.", example={})
    ]
    into: Annotated[str, Option("The field that takes the answers, by branch.", example="offers")]
    timeout: Annotated[Duration, Option("How long answers are waited for.", minimum=0.001)]
    quorum: Annotated[
        int | None, Option("So many answers are enough; without it, every branch must answer.", minimum=1)
    ] = None
    incomplete: Annotated[
        Literal["fail", "release"],
        Option("What becomes of a message that too few answered: a dead letter, or it goes on with what there is."),
    ] = "fail"
    limits: Annotated[LimitOptions, Option("How much may wait.")] = field(default_factory=many)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a group may go by itself."""
        few = self.quorum is not None and self.quorum < len(self.branches)
        nobody = all(branch.when is not None for branch in self.branches.values())
        told = {_ALL: True, _ENOUGH: few, _TOO_FEW: True, _OVER: True, _NOBODY: nobody}
        return tuple(reason for reason, may in told.items() if may)

    def faults(self) -> Iterator[OptionFault]:
        if not self.branches:
            yield OptionFault("branches", "there is no branch", "at least one system to ask")
        elif self.quorum is not None and self.quorum > len(self.branches):
            yield OptionFault("quorum", f"found {self.quorum}", f"at most the number of branches, {len(self.branches)}")


@registry.register(
    "step",
    "scatter_gather",
    options=ScatterGatherOptions,
    traits=StepTraits(asks="branches", boundary=True),
    example="{branches: {swift: {connection: swift, parameters: {kg: weight}}}, into: offers, timeout: 5s}",
)
class ScatterGather:
    """Ask several systems the same at once, and go on with their answers.

    The message waits until all have answered, until enough have (`quorum`), or until the time is over. Each answer is
    journaled when it comes, so that a restart asks only who has not answered yet. A system that is away is asked again
    until the time is over. Messages go on in the order in which their answers are complete.
    """

    ordered, needs_members, peeks = False, False, 0

    def __init__(self, options: ScatterGatherOptions, grants: Grants) -> None:
        self._options = options
        self._parameters = {
            name: {given: compile_expression(text) for given, text in branch.parameters.items()}
            for name, branch in options.branches.items()
        }
        self._when = {n: compile_expression(b.when) for n, b in options.branches.items() if b.when is not None}
        self._take = {n: compile_expression(b.take) for n, b in options.branches.items() if b.take is not None}

    def correlate(self, batch: Sequence[Message]) -> Sequence[str | Failed]:
        return [message.id.hex() for message in batch]

    def arrived(self, group: Group, message: Message) -> Turn:
        if not isinstance(message.body, Mapping):
            found = f"the message is a {type(message.body).__name__}"
            return Turn(fate=Failed(DataError(found, expected=f"a mapping, to put {self._options.into!r} into")))
        try:
            asks = self._asks(message, self._options.branches)
        except DataError as error:
            return Turn(fate=Failed(error))
        if not asks:
            return Turn(releases=(Release((0,), _NOBODY, {}),))
        state = {
            "asked": [ask.to for ask in asks], "answers": {}, "failed": {},
            "until": group.now + int(self._options.timeout * MICROSECONDS),
        }  # fmt: skip
        return self._wait(state, tuple(asks))

    def answered(self, group: Group, name: str, answer: Any | WaypostError) -> Turn:
        state = group.state
        if not state:
            return Turn()
        if not group.count or name not in self._open(state):
            return self._wait(state)
        state = {**state, "answers": dict(state["answers"]), "failed": dict(state["failed"])}
        try:
            if isinstance(answer, WaypostError):
                raise answer
            take = self._take.get(name)
            state["answers"][name] = answer if take is None or answer is None else take.evaluate(answer, now=group.now)
        except WaypostError as error:
            state["failed"][name] = str(error)
        wanted = self._options.quorum or len(state["asked"])
        if len(state["answers"]) >= min(wanted, len(state["asked"])):
            reason = _ALL if not self._open(state) else _ENOUGH
            return Turn(releases=(Release((0,), reason, state["answers"]),))
        if len(state["answers"]) + len(self._open(state)) < min(wanted, len(state["asked"])):
            return self._incomplete(state, _TOO_FEW)
        return self._wait(state)

    def due(self, group: Group, timer: str) -> Turn:
        return self._incomplete(group.state, _OVER) if group.count and group.state else Turn()

    def forced(self, group: Group, how: Forced) -> Turn:
        answers = (group.state or {}).get("answers", {})
        return Turn(releases=(Release(tuple(range(group.count)), "released by hand", answers),) if group.count else ())

    def regroup(self, group: Group, members: Sequence[Message]) -> Turn:
        return self.arrived(group, members[0]) if members else Turn()

    def combine(self, group: Group, release: Release, members: Sequence[Message]) -> Sequence[Made] | Failed:
        if isinstance(release.note, str):
            remedy = "mend the systems, then retry the message: it asks anew"
            return Failed(DataError(release.note, remedy=remedy, code="gather-incomplete"))
        return [
            Made(body={**message.body, self._options.into: dict(release.note)}, members=(at,), headers=message.headers)
            for at, message in enumerate(members)
        ]

    def open_asks(self, group: Group, members: Sequence[Message]) -> Sequence[Ask]:
        return self._asks(members[0], self._open(group.state)) if group.state and members else []

    def waits_for(self, group: Group) -> str:
        return "answers of " + ", ".join(self._open(group.state or {"asked": [], "answers": {}, "failed": {}}))

    def _open(self, state: Mapping[str, Any]) -> list[str]:
        return [name for name in state["asked"] if name not in state["answers"] and name not in state["failed"]]

    def _asks(self, message: Message, names: Iterator[str] | Sequence[str] | Mapping[str, Any]) -> list[Ask]:
        """Questions to those branches that are asked for this message. Raises ``DataError``."""
        asks = []
        for name in names:
            when: Compiled | None = self._when.get(name)
            if when is None or when.evaluate(message.body, now=message.received_at):
                given = {
                    n: e.evaluate(message.body, now=message.received_at) for n, e in self._parameters[name].items()
                }
                asks.append(Ask(name, name, Request(parameters=given)))
        return asks

    def _wait(self, state: dict[str, Any], asks: tuple[Ask, ...] = ()) -> Turn:
        return Turn(state=state, timers={"timeout": state["until"]}, asks=asks)

    def _incomplete(self, state: Mapping[str, Any], reason: str) -> Turn:
        if self._options.incomplete == "release":
            return Turn(releases=(Release((0,), reason, state["answers"]),))
        missing = ", ".join([*self._open(state), *(f"{name} ({cause})" for name, cause in state["failed"].items())])
        return Turn(releases=(Release((0,), reason, f"{reason}: no answer of {missing}"),))
