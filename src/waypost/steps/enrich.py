"""Content Enricher: a system is asked for what the message lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from waypost.core.component import Failed, Request, Result
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import ConnectionRef, Duration, Expression, Option, OptionFault, Size
from waypost.core.traits import StepTraits
from waypost.mapping.expression import ExpressionError, compile_expression
from waypost.mapping.lineage_step import Enriched, StepLineage
from waypost.steps.field_path import path_faults, put, split_path


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheOptions:
    """How long and how much is kept of what was answered."""

    seconds: Annotated[Duration, Option("How old an answer may be.", minimum=0.001, example="5m")]
    entries: Annotated[int, Option("Most answers that are kept; the least recently used go first.", minimum=1)] = 10_000
    bytes: Annotated[Size, Option("Most memory that answers take, in each worker.", minimum=1)] = Size(16 << 20)
    missing_seconds: Annotated[
        Duration, Option("How old the answer may be that the system knows nothing; 0 asks each time.", minimum=0)
    ] = Duration(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichOptions:
    connection: Annotated[ConnectionRef, Option("The system to ask, as named in connections.yaml.", example="erp")]
    parameters: Annotated[
        dict[str, Expression],
        Option("What is asked with, by name; a value may be a list.", example={"sku": "line.sku"}),
    ]
    into: Annotated[str, Option("The field that takes the answer; dots go into mappings.", example="price")]
    ask: Annotated[
        dict[str, Any],
        Option("How the system is asked: the options of its requester.", example={"path": "/prices/{sku}"}),
    ] = field(default_factory=dict)
    when: Annotated[Expression | None, Option("Ask only for messages for which this is true.")] = None
    take: Annotated[Expression | None, Option("What of the answer is taken, as an expression over the answer.")] = None
    cache: Annotated[
        CacheOptions | None, Option("Answers are kept for a while, and given to messages that ask the same.")
    ] = None
    missing: Annotated[Literal["fail", "skip", "default"], Option("What happens when the system knows nothing.")] = (
        "fail"
    )
    default: Annotated[Any, Option("The value taken when the system knows nothing and `missing` is default.")] = None

    def faults(self) -> Iterator[OptionFault]:
        yield from path_faults("into", self.into)
        if self.default is not None and self.missing != "default":
            yield OptionFault("default", f"`missing` is {self.missing}", "", "say `missing: default` to have it taken")
        if "connection" in self.ask:
            yield OptionFault("ask", "a connection under `ask`", "", "the one beside it counts: leave it out here")


@registry.register(
    "step",
    "enrich",
    options=EnrichOptions,
    traits=StepTraits(asks="requester"),
    example="{connection: prices, ask: {path: '/prices/{sku}'}, parameters: {sku: sku}, into: price}",
)
class Enricher:
    """Ask a system for data and put the answer into the message.

    One question per message; its answer is recorded, so that showing or replaying the message never asks again. Two
    messages with equal parameters ask the same question. With `cache` an answer serves for as long as it says; it is
    recorded all the same, and `show` tells how old it was. A person's retry or replay with fresh effects asks anew.
    """

    def __init__(self, options: EnrichOptions, grants: Grants) -> None:
        self._parameters = {
            name: compile_expression(text, references=grants.references) for name, text in options.parameters.items()
        }
        self._when = None if options.when is None else compile_expression(options.when, references=grants.references)
        self._take = None if options.take is None else compile_expression(options.take, references=grants.references)
        self._into, self._missing, self._default = split_path(options.into), options.missing, options.default

    def request(self, batch: Sequence[Message]) -> Sequence[Request | Failed | None]:
        return [self._question(message) for message in batch]

    def _question(self, message: Message) -> Request | Failed | None:
        try:
            if not self._asks(message):
                return None
            given = {n: e.evaluate(message.body, now=message.received_at) for n, e in self._parameters.items()}
            return Request(parameters=given)
        except ExpressionError as error:
            return Failed(error)

    def _asks(self, message: Message) -> bool:
        return self._when is None or bool(self._when.evaluate(message.body, now=message.received_at))

    def process_answered(self, batch: Sequence[Message], answers: Sequence[Any]) -> Sequence[Result]:
        return [self._enriched(message, answer) for message, answer in zip(batch, answers, strict=True)]

    def _enriched(self, message: Message, answer: Any) -> Result:
        try:
            if not self._asks(message):
                return message
            if answer is not None and self._take is not None:
                answer = self._take.evaluate(answer, now=message.received_at)
            if answer is None:
                if self._missing == "skip":
                    return message
                if self._missing == "fail":
                    raise self._unknown(message)
                answer = self._default
            return message.with_body(put(message.body, self._into, answer))
        except DataError as error:
            return Failed(error)

    def _unknown(self, message: Message) -> DataError:
        given = {n: e.evaluate(message.body, now=message.received_at) for n, e in self._parameters.items()}
        asked = ", ".join(f"{name} = {value!r}"[:100] for name, value in given.items())
        return DataError(
            f"the system knows nothing of {asked}", expected=f"a value for {'.'.join(self._into)}",
            remedy="add it there and retry, or say `missing: skip` or `missing: default`", code="enrich-missing",
        )  # fmt: skip

    @staticmethod
    def lineage(options: EnrichOptions, read: Callable[[str], bytes]) -> StepLineage:
        """The answer comes from the system; what it was asked with decides about it."""
        system = str(options.connection)
        return Enriched(system, options.parameters, options.into, options.when or "", options.take or "")
