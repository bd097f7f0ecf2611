"""Envelope Wrapper, the way back: the content of an envelope becomes the message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from waypost.core.component import Failed, Result
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Expression, Option
from waypost.core.traits import StepTraits
from waypost.mapping.expression import compile_expression


@dataclass(frozen=True, slots=True, kw_only=True)
class UnwrapOptions:
    content: Annotated[Expression, Option("The content of the envelope.", example="envelope.body")]
    keep: Annotated[
        dict[str, Expression],
        Option(
            "Fields of the envelope that the content gets besides, by name; its own win.", example={"sender": "from"}
        ),
    ] = field(default_factory=dict)


@registry.register(
    "step",
    "unwrap",
    options=UnwrapOptions,
    traits=StepTraits(),
    shorthand="content",
    example="{content: envelope.body, keep: {sender: envelope.header.from}}",
)
class Unwrap:
    """Take the content out of its envelope: it becomes the message.

    A message without the content is a data error. Fields of the envelope can be kept where the content is a mapping.
    """

    def __init__(self, options: UnwrapOptions, grants: Grants) -> None:
        self._content = compile_expression(options.content)
        self._keep = {name: compile_expression(text) for name, text in options.keep.items()}

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        found = self._content.of_messages(batch)
        return [self._opened(message, content) for message, content in zip(batch, found, strict=True)]

    def _opened(self, message: Message, content: Any) -> Result:
        where = f"`{self._content.text}`"
        try:
            if isinstance(content, DataError):
                raise content
            if content is None:
                raise DataError("there is no content", where=where, expected="an envelope", code="envelope")
            if not self._keep:
                return message.with_body(content)
            if not isinstance(content, Mapping):
                found = f"the content is a {type(content).__name__}"
                raise DataError(found, where=where, expected="a mapping to keep fields in", code="envelope")
            kept = {n: e.evaluate(message.body, now=message.received_at) for n, e in self._keep.items()}
        except DataError as error:
            return Failed(error)
        return message.with_body({**kept, **content})
