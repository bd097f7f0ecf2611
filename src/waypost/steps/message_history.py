"""Message History: the message itself carries where it has been."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from waypost.core.clock import moment_text
from waypost.core.component import Failed, Result
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.message import Message, id_text
from waypost.core.registry import registry
from waypost.core.spec import Expression, Option, OptionFault
from waypost.core.traits import StepTraits
from waypost.mapping.expression import compile_expression


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHistoryOptions:
    field: Annotated[str, Option("The field that holds the list.")] = "history"
    note: Annotated[Expression | None, Option("What else is worth noting, such as a state or a version.")] = None
    most: Annotated[int, Option("Entries that are kept; the oldest go first.", minimum=1, maximum=1000)] = 100

    def faults(self) -> Iterator[OptionFault]:
        if not self.field:
            yield OptionFault("field", "found ''", "the name of a field")


@registry.register(
    "step",
    "message_history",
    options=MessageHistoryOptions,
    traits=StepTraits(),
    shorthand="field",
    example="{field: history, note: status}",
)
class MessageHistory:
    """Add an entry to the list of places a message has been.

    An entry has `flow`, `step`, `message` (its id there), `at` (when it was received there) and, where given, `note`.
    Inside Waypost `waypost show` knows all of this without it; the list is for systems a message goes on to.
    """

    def __init__(self, options: MessageHistoryOptions, grants: Grants) -> None:
        self._field, self._most = options.field, options.most
        self._note = None if options.note is None else compile_expression(options.note)
        self._place = {"flow": grants.flow, "step": grants.name}

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        notes: Sequence[Any] = [None] * len(batch) if self._note is None else self._note.of_messages(batch)
        return [self._noted(message, note) for message, note in zip(batch, notes, strict=True)]

    def _noted(self, message: Message, note: Any) -> Result:
        body = message.body
        if isinstance(note, DataError):
            return Failed(note)
        if not isinstance(body, Mapping):
            return Failed(DataError(f"a {type(body).__name__} cannot carry a history", expected="a mapping"))
        before = body.get(self._field)
        if before is not None and not isinstance(before, list | tuple):
            found, where = f"found a {type(before).__name__}", f"field {self._field!r}"
            return Failed(DataError(found, where=where, expected="a list", remedy="choose another field"))
        entry = {**self._place, "message": id_text(message.id), "at": moment_text(message.received_at)}
        if note is not None:
            entry["note"] = note
        return message.with_body({**body, self._field: [*(before or ()), entry][-self._most :]})
