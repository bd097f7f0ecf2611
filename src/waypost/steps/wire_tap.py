"""Wire Tap: a copy of each message goes to further targets, and the message goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from waypost.core.component import Failed, Result, Tapped
from waypost.core.errors import DataError, Fault, near
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Expression, Option, OptionFault
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.mapping.expression import compile_expression
from waypost.mapping.lineage_step import Passing, StepLineage
from waypost.steps.target_name import named_faults


@dataclass(frozen=True, slots=True, kw_only=True)
class WireTapOptions:
    to: Annotated[tuple[str, ...], Option("The target, or list of targets, of the copy.", example="audit")]
    when: Annotated[Expression | None, Option("Copy only messages for which this is true.")] = None

    def faults(self) -> Iterator[OptionFault]:
        yield from named_faults("to", self.to)


@registry.register(
    "step",
    "wire_tap",
    options=WireTapOptions,
    traits=StepTraits(names_targets=True),
    shorthand="to",
    example="{to: audit, when: total > 10000}",
)
class WireTap:
    """Copy messages, as they are at this step, to further targets.

    The message itself goes on. Where no step behind routes it, it reaches every target of the flow in the end, those of
    the copy among them: end the flow with `route`.
    """

    def __init__(self, options: WireTapOptions, grants: Grants) -> None:
        self._targets = options.to
        self._condition = (
            None if options.when is None else compile_expression(options.when, references=grants.references)
        )

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        if self._condition is None:
            return [Tapped(message, self._targets) for message in batch]
        results: list[Result] = []
        for message, fit in zip(batch, self._condition.of_messages(batch), strict=True):
            if isinstance(fit, DataError):
                results.append(Failed(fit))
            else:
                results.append(Tapped(message, self._targets) if fit else message)
        return results

    @staticmethod
    def lint(
        options: WireTapOptions, file: YamlFile, path: Path, read: Callable[[str], bytes], targets: tuple[str, ...]
    ) -> list[Fault]:
        """Targets the flow does not have."""
        return [
            file.fault((*path, "to"), "unknown-target", f"no target {target!r}", "", near(target, targets))
            for target in options.to
            if target not in targets
        ]

    @staticmethod
    def lineage(options: WireTapOptions, read: Callable[[str], bytes]) -> StepLineage:
        """The message stays as it is, and a copy leaves here."""
        when = str(options.when or "")
        said = f"a copy to {', '.join(options.to)}" + (f" when {when}" if when else "")
        return Passing(exits=[(target, when, said) for target in options.to])
