"""Message Filter: messages that fit a condition go on, the others end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from waypost.core.component import Dropped, Failed, Result
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Expression, Option
from waypost.core.traits import StepTraits
from waypost.mapping.expression import compile_expression
from waypost.mapping.lineage_step import Passing, StepLineage

_DROPPED = Dropped("does not fit the filter")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterOptions:
    condition: Annotated[
        Expression, Option("Messages for which this is true go on; the others end here.", example="total > 0")
    ]


@registry.register(
    "step", "filter", options=FilterOptions, traits=StepTraits(), shorthand="condition", example="total > 0"
)
class Filter:
    """Let the messages pass that fit a condition.

    False, a missing value, 0 and what is empty do not fit. A condition that cannot be evaluated fails the message.
    """

    def __init__(self, options: FilterOptions, grants: Grants) -> None:
        self._condition = compile_expression(options.condition, references=grants.references)

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        fits = self._condition.of_messages(batch)
        return [m if fit is True else _judge(m, fit) for m, fit in zip(batch, fits, strict=True)]

    @staticmethod
    def lineage(options: FilterOptions, read: Callable[[str], bytes]) -> StepLineage:
        """The message stays as it is."""
        return Passing([(options.condition, f"goes on when {options.condition}")])


def _judge(message: Message, fit: Any) -> Result:
    if isinstance(fit, DataError):
        return Failed(fit)
    return message if fit else _DROPPED
