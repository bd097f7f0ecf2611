"""Routing Slip: each message carries the list of its stops, and goes to the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from waypost.core.component import Failed, Result, Routed
from waypost.core.errors import DataError, Fault
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Expression, Option, OptionFault
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.mapping.expression import compile_expression
from waypost.steps.target_name import names_in, remedy_for, unknown_targets

MOST_STOPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSlipOptions:
    end: Annotated[
        tuple[str, ...], Option("The target, or list of targets, of messages that made all their stops.", example="erp")
    ]
    slip: Annotated[
        Expression | None,
        Option("The stops of a message that carries no slip yet: a list of targets' names.", example="itinerary"),
    ] = None
    field: Annotated[str, Option("The field of the message that carries the slip.")] = "routing_slip"
    keep: Annotated[bool, Option("Whether messages keep the slip when they have made all their stops.")] = False

    def faults(self) -> Iterator[OptionFault]:
        if not self.end:
            yield OptionFault("end", "there is no target", "where messages go in the end")
        if not self.field:
            yield OptionFault("field", "found ''", "the name of a field")


@registry.register(
    "step",
    "routing_slip",
    options=RoutingSlipOptions,
    traits=StepTraits(names_targets=True, itinerary=True),
    example="{slip: itinerary, end: erp}",
)
class RoutingSlip:
    """Send each message to the next stop of the slip it carries.

    The slip is a field of the message, `{next: [names], made: [names]}`. Each flow at which a message stops ends with
    this step, which takes the first name off `next`. A stop is a target of the flow: a channel that leads to the flow
    of that stop, or the last system of all. Message and slip are journaled at every stop, so a restart goes on at the
    stop where it was. A slip of more than 100 stops is refused.
    """

    def __init__(self, options: RoutingSlipOptions, grants: Grants) -> None:
        self._slip = None if options.slip is None else compile_expression(options.slip)
        self._options, self._targets = options, grants.targets

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        return [self._sent(message) for message in batch]

    def _sent(self, message: Message) -> Result:
        body, field = message.body, self._options.field
        try:
            if not isinstance(body, Mapping):
                raise DataError(f"a {type(body).__name__} cannot carry a slip", expected="a mapping", code="slip")
            left, made = self._read(message)
        except DataError as error:
            return Failed(error)
        rest = {name: value for name, value in body.items() if name != field}
        if not left:
            kept = {**rest, field: {"next": [], "made": made}} if self._options.keep else rest
            return Routed(message.with_body(kept), self._options.end, "all stops are made")
        name, following = left[0], left[1:]
        if name not in self._targets:
            remedy = remedy_for(name, self._targets)
            return Failed(DataError(f"no stop {name!r}", where=f"slip in {field!r}", remedy=remedy, code="slip"))
        sent = {**rest, field: {"next": following, "made": [*made, name]}}
        return Routed(message.with_body(sent), (name,), f"stop {len(made) + 1} of {len(made) + len(left)}")

    def _read(self, message: Message) -> tuple[list[str], list[str]]:
        """Names of the stops ahead and of those made."""
        carried = message.body.get(self._options.field)
        where = f"slip in {self._options.field!r}"
        if carried is not None:
            if not isinstance(carried, Mapping):
                found = f"found a {type(carried).__name__}"
                raise DataError(found, where=where, expected="{next: [names], made: [names]}", code="slip")
            left, made = (_stops(carried.get(part), where) for part in ("next", "made"))
        elif self._slip is not None:
            value = self._slip.evaluate(message.body, now=message.received_at)
            left, made = _stops(value, f"`{self._slip.text}`"), []
        else:
            remedy = "say where the first slip comes from with `slip`"
            raise DataError("the message carries no slip", where=where, remedy=remedy, code="slip")
        if len(left) + len(made) > MOST_STOPS:
            raise DataError(f"found {len(left) + len(made)} stops", where=where, expected=f"{MOST_STOPS} at most",
                            code="slip")  # fmt: skip
        return left, made

    @staticmethod
    def lint(
        options: RoutingSlipOptions, file: YamlFile, path: Path, read: Callable[[str], bytes], targets: tuple[str, ...]
    ) -> list[Fault]:
        """Targets the flow does not have."""
        return unknown_targets(file, (*path, "end"), options.end, targets)


def _stops(value: Any, where: str) -> list[str]:
    """The names of stops, one more than once where it is made more than once."""
    if value is None:
        return []
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple):
        raise DataError(f"found a {type(value).__name__}", where=where, expected="a list of names", code="slip")
    return [name for one in given for name in names_in(one, where, "a stop")]
