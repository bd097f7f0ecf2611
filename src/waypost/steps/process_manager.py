"""Process Manager: a process of several calls and events, undone in reverse order where a step of it fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from waypost.core.boundary import Ask, Forced, Group, LimitOptions, Made, Release, Turn
from waypost.core.clock import MICROSECONDS
from waypost.core.component import Dropped, Failed, Request
from waypost.core.errors import DataError, WaypostError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import ConnectionRef, Duration, Expression, Option, OptionFault
from waypost.core.traits import StepTraits
from waypost.mapping.expression import Compiled, compile_expression
from waypost.steps.correlation import Correlation

_NAMES = ("process", "answers")
_DAY = Duration(86400)
State = dict[str, Any]
_COMPLETED, _COMPENSATED, _STUCK = "completed", "compensated", "compensation failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """One call to a system."""

    connection: Annotated[ConnectionRef, Option("The system that is called, as named in connections.yaml.")]
    parameters: Annotated[
        dict[str, Expression],
        Option(
            "What it is called with, as expressions over the message that began the process, `answers` by step, and "
            "`process`, its key: give it as idempotency key, for a call may be made again after a crash."
        ),
    ]
    ask: Annotated[dict[str, Any], Option("How it is called: the options of its requester.")] = field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStepOptions:
    """One step of the process: a call, an event that is waited for, or a call and then its event."""

    name: Annotated[str, Option("The step's name; its answer is found under it.", example="reserve")]
    call: Annotated[str, Option("The call that is made.")] = ""
    compensate: Annotated[str, Option("The call that undoes it, should a later step fail.")] = ""
    on: Annotated[Expression | None, Option("True for the message whose coming ends the step.")] = None
    fail_on: Annotated[Expression | None, Option("True for the message whose coming fails the step.")] = None
    timeout: Annotated[Duration | None, Option("How long the step may take before it fails.", minimum=0.001)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessManagerOptions:
    correlate: Annotated[Expression, Option("What the messages of one process have in common.", example="order.number")]
    calls: Annotated[dict[str, CallOptions], Option("The calls, by name.", example={})]
    steps: Annotated[tuple[ProcessStepOptions, ...], Option("The steps, in order.", example=[])]
    start: Annotated[
        Expression | None, Option("True for messages that may begin a process; others without one are dead letters.")
    ] = None
    unexpected: Annotated[
        Literal["fail", "drop"], Option("What a message is that no step waits for: a dead letter, or filtered.")
    ] = "fail"
    remember: Annotated[Duration, Option("How long messages of an ended process are known as late.", minimum=0.001)] = (
        _DAY
    )
    limits: Annotated[LimitOptions, Option("How much may wait.")] = field(default_factory=LimitOptions)

    @property
    def branches(self) -> Mapping[str, CallOptions]:
        """The calls, as the engine finds the branches of a boundary."""
        return self.calls

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a group may go by itself."""
        fails = any(step.call or step.timeout or step.fail_on for step in self.steps)
        undoes = any(step.compensate for step in self.steps)
        told = {_COMPLETED: True, _COMPENSATED: fails, _STUCK: undoes}
        return tuple(reason for reason, may in told.items() if may)

    def faults(self) -> Iterator[OptionFault]:
        if not self.steps:
            yield OptionFault("steps", "there is no step", "at least one")
        names = [step.name for step in self.steps]
        for step in self.steps:
            if names.count(step.name) > 1:
                yield OptionFault("steps", f"step {step.name!r} is named twice", "one step a name")
            if not step.call and step.on is None:
                yield OptionFault("steps", f"step {step.name!r} does nothing", "`call`, or `on`")
            for call in (step.call, step.compensate):
                if call and call not in self.calls:
                    yield OptionFault("steps", f"step {step.name!r} names no call {call!r}", "a name under `calls`")


@registry.register(
    "step",
    "process_manager",
    options=ProcessManagerOptions,
    traits=StepTraits(asks="branches", boundary=True),
    example="{correlate: order, calls: {book: {connection: carrier, parameters: {id: process}}}, "
    "steps: [{name: book, call: book, timeout: 1m}, {name: shipped, on: status == 'shipped'}]}",
)
class ProcessManager:
    """Lead a process through its steps, and undo what was done when one of them fails (a saga).

    The first message of a key begins a process. Each step makes a call, waits for a message, or both. When a call is
    refused, a message says so, or time is over, the calls made until then are compensated, the last one first. That a
    call is about to be made is journaled before it, its answer after it; after a crash in between it is made again.
    At the end one message goes on: what began the process, with `process`: its `key`, its `status` (`completed`,
    `compensated`, `compensation failed`, `stopped`), the `failure` and the `answers` by step.
    """

    ordered, needs_members, peeks = True, False, 0

    def __init__(self, options: ProcessManagerOptions, grants: Grants) -> None:
        self._options, self._steps = options, options.steps
        self._correlation = Correlation(options.correlate)
        self._start = None if options.start is None else compile_expression(options.start)
        self._on = {s.name: compile_expression(s.on, names=_NAMES) for s in options.steps if s.on is not None}
        self._fail_on = {s.name: compile_expression(s.fail_on, names=_NAMES) for s in options.steps if s.fail_on}
        self._parameters = {
            name: {given: compile_expression(text, names=_NAMES) for given, text in call.parameters.items()}
            for name, call in options.calls.items()
        }

    def correlate(self, batch: Sequence[Message]) -> Sequence[str | Failed]:
        return self._correlation.of(batch)

    # ── events ──

    def arrived(self, group: Group, message: Message) -> Turn:
        state = _copied(group.state)
        try:
            if state is None:
                return self._begun(group, message)
            if "ended" in state:
                return self._as_it_is(state, Dropped(f"its process ended before: {state['ended']}"))
            step = self._steps[state["at"]]
            if not state["undo"] and self._holds(self._fail_on.get(step.name), group.key, state, message):
                return self._failed(group, state, f"{step.name}: a message failed it", 1)
            if state["undo"] or not self._holds(self._on.get(step.name), group.key, state, message):
                return self._as_it_is(state, self._unexpected(state))
            state["answers"][step.name] = message.body
            state["event"] = True
            return self._as_it_is(state) if state["call"] else self._next(group, state, 1)
        except DataError as error:
            return Turn(fate=Failed(error)) if state is None else self._as_it_is(state, Failed(error))

    def answered(self, group: Group, name: str, answer: Any | WaypostError) -> Turn:
        state = _copied(group.state)
        if state is None:
            return Turn()
        if "ended" in state or name != state["call"]:
            return self._as_it_is(state)
        state["call"] = ""
        if state["undo"]:
            undone = state["undo"].pop(0)
            if isinstance(answer, WaypostError):
                state["failure"] += f"; {undone} could not be undone: {answer}"
                state["stuck"] = True
            return self._undo(group, state)
        step = self._steps[state["at"]]
        if isinstance(answer, WaypostError):
            state["done"].remove(step.name)
            return self._failed(group, state, f"{step.name}: {answer}")
        state["answers"].setdefault(step.name, answer)
        return self._as_it_is(state) if step.on is not None and not state["event"] else self._next(group, state)

    def due(self, group: Group, timer: str) -> Turn:
        state = _copied(group.state)
        if state is None or "ended" in state:
            return Turn()
        return self._failed(group, state, f"{self._steps[state['at']].name}: its time is over")

    def forced(self, group: Group, how: Forced) -> Turn:
        state = _copied(group.state)
        if state is None or "ended" in state or how == "cancel":
            return Turn()
        return self._ended(group, state, "stopped")

    def regroup(self, group: Group, members: Sequence[Message]) -> Turn:
        state = _copied(group.state)
        if state is not None:
            return self._as_it_is(state)
        return self._restarted(group, members) if members else Turn()

    def combine(self, group: Group, release: Release, members: Sequence[Message]) -> Sequence[Made]:
        begun = release.note["data"]
        body = begun if isinstance(begun, Mapping) else {"message": begun}
        told = {name: value for name, value in release.note.items() if name != "data"}
        return [Made(body={**body, "process": {"key": group.key, **told}})]

    def open_asks(self, group: Group, members: Sequence[Message]) -> Sequence[Ask]:
        state = _copied(group.state)
        if state is None or not state.get("call"):
            return ()
        return (self._ask(group.key, state),)

    def waits_for(self, group: Group) -> str:
        state = group.state
        if not state or "ended" in state:
            return "nothing"
        if state["undo"]:
            return f"{state['undo'][0]} to be undone ({state['failure']})"
        step = self._steps[state["at"]]
        return f"the answer to {step.call} in {step.name}" if state["call"] else f"a message for {step.name}"

    # ── the process ──

    def _begun(self, group: Group, message: Message) -> Turn:
        if self._start is not None and not self._start.evaluate(message.body, now=message.received_at):
            remedy = "retry it once its process has begun"
            raise DataError("no process waits for it", where=f"`{self._options.correlate}`", remedy=remedy)
        state: State = {
            "data": message.body, "at": 0, "call": "", "event": False, "done": [], "undo": [], "answers": {},
            "failure": "", "stuck": False, "until": None,
        }  # fmt: skip
        return self._enter(group, state, 1)

    def _restarted(self, group: Group, members: Sequence[Message]) -> Turn:
        """The first of those that are left begins the process anew."""
        return self._begun(Group(key=group.key, now=group.now, count=len(members) - 1), members[0])

    def _enter(self, group: Group, state: State, arriving: int = 0) -> Turn:
        """Begin the step the process is at; at the end of all, end."""
        if state["at"] == len(self._steps):
            return self._ended(group, state, _COMPLETED, arriving)
        step = self._steps[state["at"]]
        state["event"] = False
        state["until"] = None if step.timeout is None else group.now + int(step.timeout * MICROSECONDS)
        if not step.call:
            return self._as_it_is(state)
        state["call"] = step.name
        state["done"].append(step.name)
        return self._calling(group, state, arriving)

    def _calling(self, group: Group, state: State, arriving: int = 0) -> Turn:
        """Make the call the state names; where its parameters cannot be computed, it counts as refused."""
        try:
            ask = self._ask(group.key, state)
        except DataError as error:
            state["call"] = ""
            if state["undo"]:
                state["failure"] += f"; {state['undo'].pop(0)} could not be undone: {error}"
                state["stuck"] = True
                return self._undo(group, state, arriving)
            step = self._steps[state["at"]]
            state["done"].remove(step.name)
            return self._failed(group, state, f"{step.name}: {error}", arriving)
        turn = self._as_it_is(state)
        return Turn(state=turn.state, timers=turn.timers, asks=(ask,))

    def _ask(self, key: str, state: State) -> Ask:
        step = {one.name: one for one in self._steps}[state["undo"][0] if state["undo"] else state["call"]]
        call = step.compensate if state["undo"] else step.call
        given = {
            name: e.evaluate(state["data"], process=key, answers=state["answers"])
            for name, e in self._parameters[call].items()
        }
        return Ask(state["call"], call, Request(parameters=given))

    def _next(self, group: Group, state: State, arriving: int = 0) -> Turn:
        state["at"] += 1
        return self._enter(group, state, arriving)

    def _failed(self, group: Group, state: State, failure: str, arriving: int = 0) -> Turn:
        """Undo what was done: a call that was made counts, though its answer is not known."""
        compensated = {step.name for step in self._steps if step.compensate}
        state["failure"], state["until"] = failure, None
        state["undo"] = [name for name in reversed(state["done"]) if name in compensated]
        return self._undo(group, state, arriving)

    def _undo(self, group: Group, state: State, arriving: int = 0) -> Turn:
        if not state["undo"]:
            status = _STUCK if state["stuck"] else _COMPENSATED
            return self._ended(group, state, status, arriving)
        state["call"] = f"undo {state['undo'][0]}"
        return self._calling(group, state, arriving)

    def _ended(self, group: Group, state: State, status: str, arriving: int = 0) -> Turn:
        until = group.now + int(self._options.remember * MICROSECONDS)
        note = {
            "data": state["data"], "status": status, "failure": state["failure"] or None, "answers": state["answers"],
        }  # fmt: skip
        release = Release(tuple(range(group.count + arriving)), status, note)
        ended = {"ended": status, "until": until}
        return Turn(state=ended, timers={"forget": until}, releases=(release,))

    def _as_it_is(self, state: State, fate: Dropped | Failed | None = None) -> Turn:
        name = "forget" if "ended" in state else "timeout"
        return Turn(state=state, timers={name: state["until"]} if state["until"] else {}, fate=fate)

    def _unexpected(self, state: State) -> Dropped | Failed:
        found = f"the process does not wait for it: {self._steps[min(state['at'], len(self._steps) - 1)].name} goes on"
        if self._options.unexpected == "drop":
            return Dropped(found)
        return Failed(DataError(found, remedy="retry it later, or cancel it", code="process-unexpected"))

    def _holds(self, rule: Compiled | None, key: str, state: State, message: Message) -> bool:
        if rule is None:
            return False
        return bool(rule.evaluate(message.body, now=message.received_at, process=key, answers=state["answers"]))


def _copied(state: Any) -> State | None:
    """A state that may be changed."""
    if state is None:
        return None
    return {
        name: dict(value) if isinstance(value, dict) and name == "answers" else list(value) if isinstance(value, list)
        and name in ("done", "undo") else value
        for name, value in state.items()
    }  # fmt: skip
