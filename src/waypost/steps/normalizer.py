"""Normalizer: what comes in many shapes is recognised, and translated into the one shape behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from waypost.core.component import Failed, Result, Split
from waypost.core.errors import DataError, Fault
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Expression, Option, OptionFault, ProjectPath
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.mapping.expression import Compiled, compile_expression
from waypost.steps.field_path import path_faults, put, split_path

TRANSLATORS = ("map", "jsonata", "xslt", "python")


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantOptions:
    name: Annotated[str, Option("The name of the shape, for people and for `name_into`.", example="acme-2")]
    when: Annotated[
        Expression | None, Option("What a message of this shape is recognised by; without one every message is it.")
    ] = None
    map: Annotated[ProjectPath | None, Option("The map document that translates it.")] = None
    jsonata: Annotated[ProjectPath | None, Option("The file with the JSONata expression that translates it.")] = None
    xslt: Annotated[ProjectPath | None, Option("The stylesheet that translates it.")] = None
    python: Annotated[ProjectPath | None, Option("The file with the function `process` that translates it.")] = None

    def faults(self) -> Iterator[OptionFault]:
        given = [kind for kind in TRANSLATORS if getattr(self, kind) is not None]
        if len(given) > 1:
            yield OptionFault(given[1], f"{' and '.join(given)} in one variant", "one translator, or none")


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalizerOptions:
    variants: Annotated[
        tuple[VariantOptions, ...],
        Option("The shapes, in order; the first that is recognised decides. One without a translator is left as it is.",
               example=[]),
    ]  # fmt: skip
    otherwise: Annotated[
        Literal["fail", "pass"], Option("What happens to a message of none of them: dead letter, or nothing.")
    ] = "fail"
    name_into: Annotated[
        str, Option("A field of the translated message that takes the name of its variant; dots go into mappings.")
    ] = ""

    def faults(self) -> Iterator[OptionFault]:
        yield from path_faults("name_into", self.name_into, may_be_empty=True)
        names = [variant.name for variant in self.variants]
        if not names:
            yield OptionFault("variants", "there is no variant", "at least one {name: …, when: …, map: …}")
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield OptionFault("variants", f"{name!r} is written twice", "each name once")


@registry.register(
    "step",
    "normalizer",
    options=NormalizerOptions,
    traits=StepTraits(splits=True),
    shorthand="variants",
    example="[{name: acme-2, when: \"version == '2'\", map: maps/acme_2.map.yaml}, {name: own, when: exists(number)}]",
)
class Normalizer:
    """Recognise the shape of each message, and translate it by the translator of that shape.

    Formats of different syntax are told apart before: by the format `detect`, or by a flow for each. A condition that
    cannot be evaluated fails the message, even where a later variant would fit.
    """

    def __init__(self, options: NormalizerOptions, grants: Grants) -> None:
        self._variants = [
            (
                variant.name,
                None if variant.when is None else compile_expression(variant.when),
                _translator(variant, grants),
            )
            for variant in options.variants
        ]
        self._pass, self._name_into = options.otherwise == "pass", split_path(options.name_into)

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        results: list[Any] = [None] * len(batch)
        left: list[int] = list(range(len(batch)))
        for name, condition, translator in self._variants:
            fitting, left = _recognised(condition, batch, left, results)
            messages: Sequence[Message] = [batch[at] for at in fitting]
            made: Sequence[Result] = messages if translator is None else translator(messages)
            for at, result in zip(fitting, made, strict=True):
                results[at] = self._named(result, name)
        for at in left:
            results[at] = batch[at] if self._pass else self._unknown()
        return results

    def _unknown(self) -> Failed:
        known = ", ".join(name for name, _, _ in self._variants)
        remedy = "add a variant for it, or say `otherwise: pass`"
        return Failed(DataError("the message has no known shape", expected=known, remedy=remedy, code="no-variant"))

    def _named(self, result: Result, name: str) -> Result:
        if not self._name_into:
            return result
        try:
            if isinstance(result, Message):
                return result.with_body(put(result.body, self._name_into, name))
            if isinstance(result, Split):
                return Split(tuple(c.with_body(put(c.body, self._name_into, name)) for c in result.children))
        except DataError as error:
            return Failed(error)
        return result

    @staticmethod
    def lint(
        options: NormalizerOptions, file: YamlFile, path: Path, read: Callable[[str], bytes], targets: tuple[str, ...]
    ) -> list[Fault]:
        """Every fault of the translators, and variants that no message can reach."""
        faults: list[Fault] = []
        variants = path if (*path, 0) in file.lines else (*path, "variants")
        for place, variant in enumerate(options.variants):
            found = _translating(variant)
            lint = None if found is None else getattr(found[0].build, "lint", None)
            if found is not None and lint is not None:
                faults += lint(found[1], file, (*variants, place), read, targets)
            if place and options.variants[place - 1].when is None:
                text = "no message gets past the variant before, which has no condition"
                faults.append(file.fault((*variants, place), "unreachable", text, "", "put that variant last"))
        return faults


def _recognised(
    condition: Compiled | None, batch: Sequence[Message], left: list[int], results: list[Any]
) -> tuple[list[int], list[int]]:
    """Those of ``left`` that fit, and those that do not; a failed condition is a result."""
    if condition is None:
        return left, []
    fitting: list[int] = []
    rest: list[int] = []
    for at, fit in zip(left, condition.of_messages([batch[at] for at in left]), strict=True):
        if isinstance(fit, DataError):
            results[at] = Failed(fit)
        else:
            (fitting if fit else rest).append(at)
    return fitting, rest


def _translating(variant: VariantOptions) -> tuple[Any, Any] | None:
    """The step that translates a variant, and its options."""
    for kind in TRANSLATORS:
        written: Mapping[str, Any] | str | None = getattr(variant, kind)
        component = registry.find("step", kind)
        if written is not None and component is not None:
            return component, component.spec.options(**{component.spec.shorthand: written})
    return None


def _translator(variant: VariantOptions, grants: Grants) -> Callable[[Sequence[Message]], Sequence[Result]] | None:
    found = _translating(variant)
    if found is None:
        return None
    component, options = found
    made: Callable[[Sequence[Message]], Sequence[Result]] = component.build(options, grants).process
    return made
