"""Aggregator: messages that belong together wait until all of them are there, and go on as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from waypost.core.boundary import Forced, Group, LimitOptions, Made, Release, Turn
from waypost.core.clock import MICROSECONDS
from waypost.core.component import Dropped, Failed
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Duration, Expression, Option, OptionFault
from waypost.core.traits import StepTraits
from waypost.mapping.expression import compile_expression
from waypost.steps.correlation import Correlation, key_text

_NAMES = ("count", "members")
_RESULT_NAMES = ("key", "count", "members", "first", "last")
_DAY = Duration(86400)
_AFTER, _IDLE = "time since its first message", "time since its last message"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteOptions:
    """When a group is complete. Several rules may stand side by side; the first that holds counts."""

    count: Annotated[int | None, Option("So many messages make a group.", minimum=1)] = None
    expected: Annotated[
        Expression | None,
        Option("How many messages make the group, as its messages say; the first that says so counts."),
    ] = None
    when: Annotated[
        Expression | None,
        Option(
            "True for the message that completes its group. `count` is how many there are with it, `members` the list "
            "of their documents."
        ),
    ] = None
    after: Annotated[Duration | None, Option("So long after the first message the group is over.", minimum=0.001)] = (
        None
    )
    idle: Annotated[Duration | None, Option("So long after the last message the group is over.", minimum=0.001)] = None

    def faults(self) -> Iterator[OptionFault]:
        if all(value is None for value in (self.count, self.expected, self.when, self.after, self.idle)):
            yield OptionFault("count", "no rule says when a group is complete", "count, expected, when, after or idle")


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatorOptions:
    correlate: Annotated[
        Expression, Option("What messages of one group have in common; a list for several fields.", example="number")
    ]
    complete: Annotated[CompleteOptions, Option("When a group is complete.")]
    produce: Annotated[
        Literal["list", "merge", "map"],
        Option("What goes on: the list of the documents, their fields in one mapping (later ones win), or `map`."),
    ] = "list"
    into: Annotated[
        str, Option("With `list`: the field that holds the list; without one the list is the document.")
    ] = ""
    map: Annotated[
        dict[str, Expression],
        Option(
            "With `map`: the fields of what goes on, as expressions over `members`, `first`, `last`, `count`, `key`.",
            example={"order": "key", "total": "sum([m.amount for m in members])"},
        ),
    ] = field(default_factory=dict)
    sort: Annotated[Expression | None, Option("What orders the members; else they stand as they came.")] = None
    unique: Annotated[
        Expression | None, Option("What tells two messages of a group apart; a second one with the same ends.")
    ] = None
    incomplete: Annotated[
        Literal["release", "fail", "drop"],
        Option("What becomes of a group that time has ended: it goes as it is, its messages are dead letters, or end."),
    ] = "release"
    late: Annotated[
        Literal["new_group", "drop", "fail"],
        Option("What a message is that comes after its group went: the first of a new one, filtered, a dead letter."),
    ] = "new_group"
    remember: Annotated[Duration, Option("How long it is known that a group went.", minimum=0.001)] = _DAY
    limits: Annotated[LimitOptions, Option("How much may wait.")] = field(default_factory=LimitOptions)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a group may go by itself."""
        rules = self.complete
        told = {
            "count": rules.count, "expected count": rules.expected, "condition": rules.when,
            _AFTER: rules.after, _IDLE: rules.idle,
        }  # fmt: skip
        return tuple(reason for reason, rule in told.items() if rule is not None)

    def faults(self) -> Iterator[OptionFault]:
        if (self.produce == "map") != bool(self.map):
            yield OptionFault("map", f"produce is {self.produce!r}", "fields under `map`, and only with `produce: map`")
        if self.into and self.produce != "list":
            yield OptionFault("into", f"produce is {self.produce!r}", "`into` with `produce: list` alone")
        if self.complete.count and self.complete.count > self.limits.members:
            yield OptionFault(
                "complete", f"count is {self.complete.count}", f"at most limits.members, {self.limits.members}"
            )


@registry.register(
    "step",
    "aggregator",
    options=AggregatorOptions,
    traits=StepTraits(boundary=True),
    example="{correlate: order.number, complete: {expected: order.lines, after: 1h}, produce: list, into: lines}",
)
class Aggregator:
    """Collect messages by a key until their group is complete, and make one message of them.

    The messages wait in the journal; who waits, and until when, survives a crash, and moves with the key when the
    number of workers changes. What goes on is a new message; `waypost show` names its members, and of each member the
    message that took it.
    """

    ordered, peeks = True, 0

    def __init__(self, options: AggregatorOptions, grants: Grants) -> None:
        rules = options.complete
        self._options, self._rules = options, rules
        self._correlation = Correlation(options.correlate)
        self._expected = None if rules.expected is None else compile_expression(rules.expected)
        self._when = None if rules.when is None else compile_expression(rules.when, names=_NAMES)
        self._unique = None if options.unique is None else compile_expression(options.unique)
        self._sort = None if options.sort is None else compile_expression(options.sort)
        self._map = {name: compile_expression(text, names=_RESULT_NAMES) for name, text in options.map.items()}
        self.needs_members = rules.when is not None and any(
            path.split(".")[0].split("[")[0] == "members" for path in compile_expression(rules.when).paths
        )

    def correlate(self, batch: Sequence[Message]) -> Sequence[str | Failed]:
        return self._correlation.of(batch)

    def arrived(self, group: Group, message: Message) -> Turn:
        state = dict(group.state or {})
        if "closed" in state:
            if self._options.late != "new_group":
                return self._late(group, message)
            state = {}
        try:
            if self._unique is not None:
                own = key_text(self._unique.evaluate(message.body, now=message.received_at), self._unique.text)
                if isinstance(own, DataError):
                    return self._same(group, Failed(own))
                if own in state.get("seen", ()):
                    return self._same(group, Dropped("a repetition within its group"))
                state["seen"] = [*state.get("seen", ()), own]
            if self._expected is not None and state.get("expected") is None:
                state["expected"] = self._number(self._expected.evaluate(message.body, now=message.received_at))
            complete = self._complete(group, message, state)
        except DataError as error:
            return self._same(group, Failed(error))
        state.setdefault("first", group.now)
        state["last"] = group.now
        if complete:
            return self._over(group, tuple(range(group.count + 1)), complete)
        return Turn(state=state, timers=self._timers(state))

    def due(self, group: Group, timer: str) -> Turn:
        if timer == "forget" or not group.count:
            return Turn() if not group.count else self._same(group)
        reason = _AFTER if timer == "after" else _IDLE
        return self._over(group, tuple(range(group.count)), reason, timed_out=self._options.incomplete)

    def forced(self, group: Group, how: Forced) -> Turn:
        if how == "cancel":
            return self._closed(group, "cancelled")
        reason = "released by hand" if how == "release" else "full"
        return self._over(group, tuple(range(group.count)), reason)

    def regroup(self, group: Group, members: Sequence[Message]) -> Turn:
        if not members:
            return Turn()
        state = {**(group.state or {}), "first": min(m.received_at for m in members)}
        state.setdefault("last", group.now)
        state.pop("closed", None)
        if self._unique is not None:
            texts = [key_text(self._unique.evaluate(m.body, now=m.received_at), self._unique.text) for m in members]
            state["seen"] = [text for text in texts if isinstance(text, str)]
        return Turn(state=state, timers=self._timers(state))

    def combine(self, group: Group, release: Release, members: Sequence[Message]) -> Sequence[Made] | Failed:
        if release.note == "drop":
            return []
        if release.note == "fail":
            found = f"group {group.key!r} ended incomplete, with {len(members)} messages: {release.reason}"
            remedy = "find out what is missing; `waypost retry` puts a message into its group again"
            return Failed(DataError(found, remedy=remedy, code="group-incomplete"))
        try:
            documents = [message.body for message in self._sorted(members)]
            return [Made(body=self._made(group.key, documents, members[-1].received_at))]
        except DataError as error:
            return Failed(error)

    def waits_for(self, group: Group) -> str:
        state, rules, said = group.state or {}, self._rules, []
        if "closed" in state:
            return f"nothing: {state['closed']}"
        if rules.count:
            said.append(f"{rules.count - group.count} more messages")
        if rules.expected is not None:
            known = state.get("expected")
            said.append(f"{known - group.count} more messages" if known else "a message that says how many there are")
        if rules.when is not None:
            said.append(f"a message for which `{rules.when}`")
        return " or ".join([*said, "its time"] if rules.after or rules.idle else said)

    # ── rules ──

    def _complete(self, group: Group, message: Message, state: Mapping[str, Any]) -> str:
        """Why the group is complete with this message, or ''."""
        count = group.count + 1
        if self._rules.count is not None and count >= self._rules.count:
            return "count"
        if state.get("expected") is not None and count >= state["expected"]:
            return "expected count"
        if self._when is not None:
            members = [*(m.body for m in group.members), message.body] if self.needs_members else []
            if self._when.evaluate(message.body, now=message.received_at, count=count, members=members):
                return "condition"
        return ""

    def _number(self, value: Any) -> int | None:
        if value is None:
            return None
        try:
            number = int(value)
        except (TypeError, ValueError, ArithmeticError):
            number = 0
        if isinstance(value, bool) or number < 1 or (number != value and str(number) != str(value).strip()):
            raise DataError(
                f"found {value!r}", where=f"`{self._rules.expected}`", expected="a whole number from 1 on"
            )  # fmt: skip
        return number

    def _timers(self, state: Mapping[str, Any]) -> dict[str, int]:
        spans = {"after": (self._rules.after, "first"), "idle": (self._rules.idle, "last")}
        return {
            name: state[since] + int(span * MICROSECONDS) for name, (span, since) in spans.items() if span is not None
        }

    def _same(self, group: Group, fate: Dropped | Failed | None = None) -> Turn:
        """Nothing changes for the group."""
        state, timers = group.state, dict[str, int]()
        if state:
            timers = {"forget": state["until"]} if "closed" in state else self._timers(state)
        return Turn(state=state, timers=timers, fate=fate)

    def _late(self, group: Group, message: Message) -> Turn:
        found = f"its group went before: {group.state['closed']}"
        if self._options.late == "drop":
            return self._same(group, Dropped(found))
        remedy = "cancel it, or `waypost retry` it once its group is forgotten"
        return self._same(group, Failed(DataError(found, remedy=remedy, code="group-closed")))

    def _over(self, group: Group, members: tuple[int, ...], reason: str, timed_out: str = "") -> Turn:
        closed = self._closed(group, reason)
        note = timed_out if timed_out in ("fail", "drop") else None
        return Turn(
            state=closed.state, timers=closed.timers, releases=(Release(members, reason, note),) if members else ()
        )

    def _closed(self, group: Group, reason: str) -> Turn:
        if self._options.late == "new_group":
            return Turn()
        until = group.now + int(self._options.remember * MICROSECONDS)
        return Turn(state={"closed": reason, "until": until}, timers={"forget": until})

    # ── what goes on ──

    def _sorted(self, members: Sequence[Message]) -> Sequence[Message]:
        if self._sort is None:
            return members
        keys = [self._sort.evaluate(m.body, now=m.received_at) for m in members]
        try:
            return [members[at] for at in sorted(range(len(members)), key=lambda at: keys[at])]
        except TypeError as error:
            raise DataError(f"the members cannot be ordered: {error}", where=f"`{self._sort.text}`") from None

    def _made(self, key: str, documents: list[Any], now: int) -> Any:
        if self._options.produce == "list":
            return {self._options.into: documents} if self._options.into else documents
        if self._options.produce == "merge":
            return _merged(documents)
        names = {
            "key": key, "count": len(documents), "members": documents, "first": documents[0], "last": documents[-1],
        }  # fmt: skip
        return {name: rule.evaluate(documents[0], now=now, **names) for name, rule in self._map.items()}


def _merged(documents: Sequence[Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for at, document in enumerate(documents):
        if not isinstance(document, Mapping):
            found = f"member {at} is a {type(document).__name__}"
            raise DataError(found, expected="mappings, to merge their fields", remedy="say `produce: list`")
        made.update(document)
    return made
