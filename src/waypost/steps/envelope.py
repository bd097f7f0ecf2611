"""Envelope Wrapper: the message becomes the content of an envelope that says what others need to know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from waypost.core.component import Failed, Result
from waypost.core.errors import DataError, Fault
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Expression, Option, OptionFault
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.mapping.expression import ExpressionFault
from waypost.steps.metadata import compile_with_metadata, value_of


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeOptions:
    header: Annotated[
        dict[str, Expression],
        Option("Fields of the envelope beside the content; `message` tells id, correlation_id, received_at, headers ….",
               example={"id": "message.id", "format": "'order/2'"}),
    ] = field(default_factory=dict)  # fmt: skip
    content: Annotated[str, Option("The field of the envelope that holds the message as it was.")] = "content"

    def faults(self) -> Iterator[OptionFault]:
        if not self.content:
            yield OptionFault("content", "found ''", "the name of a field")
        if self.content in self.header:
            yield OptionFault(
                "header", f"{self.content!r} is the field of the content, too", "", "rename one of the two"
            )


@registry.register(
    "step",
    "envelope",
    options=EnvelopeOptions,
    traits=StepTraits(),
    shorthand="header",
    example="{header: {id: message.id, correlation_id: message.correlation_id, format: \"'order/2'\"}, content: order}",
)
class Envelope:
    """Put each message into an envelope: a mapping of header fields and the message itself.

    In the expressions the fields of the message have their names, and `message` stands for what is known of it: `id`,
    `correlation_id`, `causation_id`, `received_at`, `content_type`, `ordering_key` and `headers`, which came from
    outside. So a correlation identifier, a return address, a format indicator or the headers of a request get into the
    document. `unwrap` is the way back.
    """

    def __init__(self, options: EnvelopeOptions, grants: Grants) -> None:
        self._header = {name: compile_with_metadata(text) for name, text in options.header.items()}
        self._content = options.content

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        return [self._wrapped(message) for message in batch]

    def _wrapped(self, message: Message) -> Result:
        try:
            header = {name: value_of(expression, message) for name, expression in self._header.items()}
        except DataError as error:
            return Failed(error)
        return message.with_body({**header, self._content: message.body})

    @staticmethod
    def lint(
        options: EnvelopeOptions, file: YamlFile, path: Path, read: Callable[[str], bytes], targets: tuple[str, ...]
    ) -> list[Fault]:
        """Expressions that only fail with `message` as a name."""
        return metadata_faults(options.header, file, (*path, "header"))


def metadata_faults(expressions: dict[str, Expression], file: YamlFile, path: Path) -> list[Fault]:
    """What is wrong with expressions that may look at `message`."""
    faults: list[Fault] = []
    for name, text in expressions.items():
        try:
            compile_with_metadata(text)
        except ExpressionFault as error:
            faults.append(file.located((*path, name), error.fault(file.name, file.line((*path, name)))))
    return faults
