"""Claim Check: a large content is left in the store, and the message goes on with a ticket for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from waypost.core.component import Failed, Request, Result
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Duration, Expression, Option, OptionFault
from waypost.core.traits import StepTraits
from waypost.mapping.expression import compile_expression
from waypost.steps.field_path import path_faults, put, split_path

_QUARTER = Duration(90 * 86_400)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimCheckOptions:
    content: Annotated[
        str, Option("The field that is left behind, dots go into mappings; without it the whole message is.",
                    example="document.pdf")
    ] = ""  # fmt: skip
    ticket: Annotated[str, Option("The field that takes the ticket; by default that of the content.")] = ""
    keep: Annotated[
        dict[str, Expression],
        Option("Fields that stay beside the ticket where the whole message is left.", example={"number": "number"}),
    ] = field(default_factory=dict)
    keep_seconds: Annotated[Duration, Option("How long the content is kept, rounded up to whole days.", minimum=0)] = (
        _QUARTER
    )
    when: Annotated[Expression | None, Option("Only contents of messages for which this is true are left.")] = None

    def faults(self) -> Iterator[OptionFault]:
        yield from path_faults("content", self.content, may_be_empty=True)
        yield from path_faults("ticket", self.ticket, may_be_empty=True)
        if self.keep and self.content:
            yield OptionFault("keep", "a `content` is named", "", "all other fields stay: leave `keep` out")


@registry.register(
    "step",
    "claim_check",
    options=ClaimCheckOptions,
    traits=StepTraits(asks="check_in"),
    shorthand="content",
    example="{content: document.pdf, ticket: document.ticket, keep_seconds: 30d}",
)
class ClaimCheck:
    """Leave a content in the message store, and go on with a ticket for it.

    The ticket is a text; whoever has it gets the content back with `claim_redeem`, in any flow of the store, until its
    time is over. The content is durable before the message goes on. Equal contents of a day are kept once. The journal
    keeps the message as it came in all the same; what is spared is carrying the content through channels, and showing
    it to the systems on the way.
    """

    def __init__(self, options: ClaimCheckOptions, grants: Grants) -> None:
        self._content = split_path(options.content)
        self._ticket = split_path(options.ticket) or self._content or ("ticket",)
        self._keep = {name: compile_expression(text) for name, text in options.keep.items()}
        self._when = None if options.when is None else compile_expression(options.when)
        self._keep_seconds = int(options.keep_seconds)

    def request(self, batch: Sequence[Message]) -> Sequence[Request | Failed | None]:
        return [self._question(message) for message in batch]

    def _question(self, message: Message) -> Request | Failed | None:
        try:
            content = self._found(message)
        except DataError as error:
            return Failed(error)
        if content is None:
            return None
        return Request(parameters={"content": content, "keep_seconds": self._keep_seconds})

    def _found(self, message: Message) -> Any:
        """The content to leave, None for none."""
        if self._when is not None and not self._when.evaluate(message.body, now=message.received_at):
            return None
        found = message.body
        for name in self._content:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    def process_answered(self, batch: Sequence[Message], answers: Sequence[Any]) -> Sequence[Result]:
        return [self._checked(message, answer) for message, answer in zip(batch, answers, strict=True)]

    def _checked(self, message: Message, answer: Any) -> Result:
        try:
            if answer is None:
                return message
            ticket = answer["ticket"]
            if not self._content:
                kept = {n: e.evaluate(message.body, now=message.received_at) for n, e in self._keep.items()}
                return message.with_body(put(kept, self._ticket, ticket))
            rest = put(message.body, self._content, None, drop=self._ticket != self._content)
            return message.with_body(put(rest, self._ticket, ticket))
        except DataError as error:
            return Failed(error)
