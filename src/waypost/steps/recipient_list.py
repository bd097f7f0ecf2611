"""Recipient List: the message itself says to which targets it goes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from waypost.core.component import Dropped, Failed, Result, Routed
from waypost.core.errors import DataError, Fault
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Expression, Option
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.mapping.expression import compile_expression
from waypost.steps.target_name import names_in, remedy_for, unknown_targets


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientListOptions:
    recipients: Annotated[
        Expression, Option("The recipients: a text, or a list of texts; each counts once.", example="order.copies")
    ]
    names: Annotated[
        dict[str, tuple[str, ...]],
        Option("Targets by the word a message uses for them; else its words are the targets' names.",
               example={"DE": "warehouse_de"}),
    ] = field(default_factory=dict)  # fmt: skip
    always: Annotated[tuple[str, ...], Option("Targets that get every message besides.")] = ()
    unknown: Annotated[
        Literal["fail", "ignore"], Option("What a recipient nobody knows means: dead letter, or nothing.")
    ] = "fail"
    empty: Annotated[
        Literal["fail", "drop"], Option("What happens to a message without recipients: dead letter, or its end.")
    ] = "fail"


@registry.register(
    "step",
    "recipient_list",
    options=RecipientListOptions,
    traits=StepTraits(names_targets=True, computes_targets=True),
    shorthand="recipients",
    example="{recipients: copies, names: {sales: crm, law: archive}, always: erp}",
)
class RecipientList:
    """Send each message to the targets it names.

    It is the end of the flow for the messages it routes. A message reaches targets of this flow alone, whatever it
    says: with `names` it chooses among those words, without among all targets.
    """

    def __init__(self, options: RecipientListOptions, grants: Grants) -> None:
        self._recipients, self._options = compile_expression(options.recipients), options
        self._known: Mapping[str, tuple[str, ...]] = options.names or {name: (name,) for name in grants.targets}

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        found = self._recipients.of_messages(batch)
        return [self._routed(message, value) for message, value in zip(batch, found, strict=True)]

    def _routed(self, message: Message, value: Any) -> Result:
        if isinstance(value, DataError):
            return Failed(value)
        try:
            targets = self._targets(value)
        except DataError as error:
            return Failed(error)
        if targets:
            return Routed(message, targets)
        if self._options.empty == "drop":
            return Dropped("it has no recipients")
        remedy = "name some with `always`, or say `empty: drop`"
        where = f"`{self._recipients.text}`"
        return Failed(DataError("the message has no recipients", where=where, remedy=remedy, code="no-route"))

    def _targets(self, value: Any) -> tuple[str, ...]:
        found = list(self._options.always)
        where = f"`{self._recipients.text}`"
        for name in names_in(value, where, "the recipients"):
            if name in self._known:
                found += self._known[name]
            elif self._options.unknown == "fail":
                remedy = remedy_for(name, self._known)
                raise DataError(f"no recipient {name!r}", where=where, remedy=remedy, code="no-route")
        return tuple(dict.fromkeys(found))

    @staticmethod
    def lint(
        options: RecipientListOptions, file: YamlFile, path: Path, read: Callable[[str], bytes],
        targets: tuple[str, ...],
    ) -> list[Fault]:  # fmt: skip
        """Targets the flow does not have, also where the expression writes them out."""
        faults = unknown_targets(file, (*path, "always"), options.always, targets)
        for word, names in options.names.items():
            faults += unknown_targets(file, (*path, "names", word), names, targets)
        known = options.names or targets
        line = " ".join(options.recipients.split())
        written = dict.fromkeys(_written(ast.parse(line, mode="eval").body))
        return faults + unknown_targets(file, (*path, "recipients"), written, known)


def _written(node: ast.expr) -> Iterator[str]:
    """The texts an expression can give as they stand in it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.List):
        for item in node.elts:
            yield from _written(item)
    elif isinstance(node, ast.IfExp):
        yield from _written(node.body)
        yield from _written(node.orelse)
    elif isinstance(node, ast.BinOp) and (isinstance(node.left, ast.List) or isinstance(node.right, ast.List)):
        yield from _written(node.left)
        yield from _written(node.right)
