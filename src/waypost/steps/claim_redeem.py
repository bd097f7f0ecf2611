"""Claim Check, the way back: a ticket is exchanged for the content that was left for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from waypost.core.component import Failed, Request, Result
from waypost.core.errors import ConfigurationRefused, DataError, WaypostError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Expression, Option, OptionFault
from waypost.core.traits import StepTraits
from waypost.mapping.expression import compile_expression
from waypost.steps.field_path import path_faults, put, split_path


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRedeemOptions:
    ticket: Annotated[Expression, Option("The ticket.", example="document.ticket")]
    into: Annotated[
        str, Option("The field that takes the content, dots go into mappings; without it it becomes the message.")
    ] = ""
    missing: Annotated[
        Literal["fail", "pass"], Option("What a message without a ticket means: dead letter, or nothing to redeem.")
    ] = "fail"

    def faults(self) -> Iterator[OptionFault]:
        yield from path_faults("into", self.into, may_be_empty=True)


@registry.register(
    "step",
    "claim_redeem",
    options=ClaimRedeemOptions,
    traits=StepTraits(asks="redeem"),
    shorthand="ticket",
    example="{ticket: document.ticket, into: document.pdf}",
)
class ClaimRedeem:
    """Exchange a ticket of `claim_check` for the content that was left for it.

    The ticket stays good: it can be redeemed again, for as long as the content is kept. A text that is no ticket of
    this store, or one whose time is over, makes the message a dead letter; a content that is gone before its time parks
    it.
    """

    def __init__(self, options: ClaimRedeemOptions, grants: Grants) -> None:
        self._ticket, self._into = compile_expression(options.ticket), split_path(options.into)
        self._pass, self._room = options.missing == "pass", grants.check_room

    def request(self, batch: Sequence[Message]) -> Sequence[Request | Failed | None]:
        return [self._question(ticket) for ticket in self._ticket.of_messages(batch)]

    def _question(self, ticket: Any) -> Request | Failed | None:
        if isinstance(ticket, DataError):
            return Failed(ticket)
        if isinstance(ticket, str) and ticket:
            return Request(parameters={"ticket": ticket})
        if self._pass and (ticket is None or ticket == ""):
            return None
        found = "the message has no ticket" if ticket in (None, "") else f"found a {type(ticket).__name__}"
        where, remedy = f"`{self._ticket.text}`", "say `missing: pass` where some messages have none"
        return Failed(DataError(found, where=where, expected="a ticket", remedy=remedy, code="claim-check"))

    def process_answered(self, batch: Sequence[Message], answers: Sequence[Any]) -> Sequence[Result]:
        return [self._redeemed(message, answer) for message, answer in zip(batch, answers, strict=True)]

    def _redeemed(self, message: Message, answer: Any) -> Result:
        """``answer`` is a receipt; a test may put the ``content`` into it. The content itself is never recorded."""
        if answer is None:
            return message
        try:
            if isinstance(answer, Mapping) and "content" in answer:
                content = answer["content"]
            elif self._room is None:
                raise ConfigurationRefused("there is no store to redeem a ticket from", where="claim_redeem")
            else:
                content = self._room.redeem(self._ticket.evaluate(message.body, now=message.received_at))
            return message.with_body(put(message.body, self._into, content) if self._into else content)
        except WaypostError as error:
            return Failed(error)
