"""Splitter: each item of a list becomes a message of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from waypost.core.component import Dropped, Failed, Result, Split
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.message import Message, id_text
from waypost.core.registry import registry
from waypost.core.spec import Expression, Option, OptionFault
from waypost.core.traits import StepTraits
from waypost.mapping.expression import compile_expression
from waypost.mapping.lineage_step import Parted, StepLineage


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitOptions:
    items: Annotated[Expression, Option("The list whose items become messages.", example="order.lines")]
    keep: Annotated[
        dict[str, Expression],
        Option("Fields of the whole message that every part gets, by name.", example={"order": "order.number"}),
    ] = field(default_factory=dict)
    into: Annotated[
        str, Option("The field of the part that holds the item; without it the item's own fields are the part's.")
    ] = ""
    sequence: Annotated[
        str, Option("A field of each part that takes its place: {id: of the whole, number: from 1 on, size: of all}.")
    ] = ""

    def faults(self) -> Iterator[OptionFault]:
        if self.sequence and self.sequence == self.into:
            yield OptionFault("sequence", f"{self.into!r} is the field of the item, too", "", "rename one of the two")


@registry.register(
    "step",
    "split",
    options=SplitOptions,
    traits=StepTraits(splits=True),
    shorthand="items",
    example="{items: order.lines, keep: {order: order.number}}",
)
class Splitter:
    """Make each item of a list a message of its own.

    Parts keep correlation, headers and ordering key; their ids follow from the message, this step and their place. An
    empty or missing list ends the message. `sequence` tells whoever puts the parts together again, or in order, which
    of how many each is. A message is held whole while it is split: a content larger than `max_message_bytes` is split
    as it is read, by a format that knows its records (`lines`, `records`).
    """

    def __init__(self, options: SplitOptions, grants: Grants) -> None:
        self._items = compile_expression(options.items, references=grants.references)
        self._keep = {
            name: compile_expression(text, references=grants.references) for name, text in options.keep.items()
        }
        self._into, self._name, self._sequence = options.into, grants.name or "split", options.sequence

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        listed = self._items.of_messages(batch)
        return [self._split(message, items) for message, items in zip(batch, listed, strict=True)]

    def _split(self, message: Message, items: Any) -> Result:
        try:
            if isinstance(items, DataError):
                raise items
            if items is None or (isinstance(items, list | tuple) and not items):
                return Dropped("there is nothing to split")
            if not isinstance(items, list | tuple):
                raise DataError(
                    f"found a {type(items).__name__}", where=f"`{self._items.text}`", expected="a list",
                    remedy="write [value] to make a list of one",
                )  # fmt: skip
            kept = {n: e.evaluate(message.body, now=message.received_at) for n, e in self._keep.items()}
            parts = [self._part(kept, at, item) for at, item in enumerate(items)]
            if self._sequence:
                parts = [self._numbered(message, at, part, len(parts)) for at, part in enumerate(parts)]
            return Split(tuple(message.derive(self._name, at, part) for at, part in enumerate(parts)))
        except DataError as error:
            return Failed(error)

    def _numbered(self, message: Message, at: int, part: Any, size: int) -> dict[str, Any]:
        if not isinstance(part, Mapping):
            raise DataError(
                f"item {at} is a {type(part).__name__}", where=f"`{self._items.text}`",
                expected="a mapping to put the sequence in", remedy="name a field for the item with `into`",
            )  # fmt: skip
        return {**part, self._sequence: {"id": id_text(message.id), "number": at + 1, "size": size}}

    def _part(self, kept: Mapping[str, Any], at: int, item: Any) -> Any:
        if self._into:
            return {**kept, self._into: item}
        if not kept:
            return item
        if not isinstance(item, Mapping):
            raise DataError(
                f"item {at} is a {type(item).__name__}", where=f"`{self._items.text}`",
                expected="a mapping to keep fields in", remedy="name a field for the item with `into`",
            )  # fmt: skip
        return {**kept, **item}

    @staticmethod
    def lineage(options: SplitOptions, read: Callable[[str], bytes]) -> StepLineage:
        """A part is an item with what is kept of the whole."""
        return Parted(options.items, options.keep, options.into)
