"""Validation: a message is held against schemas, layouts and rules; all that is wrong with it is found in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from waypost.core.checking import Checker, Read, checker
from waypost.core.component import Failed, Noted, Result
from waypost.core.errors import Fault, ProjectError
from waypost.core.finding import Finding, Severity, covered, hidden, plain_path, refusal
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Option, OptionFault, ProjectPath
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.mapping.lineage_step import Passing, StepLineage
from waypost.steps.file import reader
from waypost.steps.inner_format import format_faults, inner_format
from waypost.steps.validate_json import json_checker
from waypost.steps.validate_rules import RuleChecker, RuleOptions, rule_checker
from waypost.steps.validate_xsd import xsd_checker

_OPEN_CLASSES = ("", "public", "internal")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateOptions:
    schema: Annotated[ProjectPath | None, Option("A JSON Schema, as JSON or YAML.", example="schemas/order.yaml")] = (
        None
    )
    xsd: Annotated[ProjectPath | None, Option("An XML schema.", example="schemas/order.xsd")] = None
    layout: Annotated[ProjectPath | None, Option("A layout of fixed-width records.", example="schemas/pay.yaml")] = None
    edi: Annotated[
        str, Option("A schema of EDI messages, by name or as a file of the project.", example="x12/004010/850")
    ] = ""
    rules: Annotated[tuple[RuleOptions, ...], Option("Rules of your own, as expressions.")] = ()
    rules_file: Annotated[
        ProjectPath | None, Option("A file with more of them, under `rules`.", example="schemas/order.rules.yaml")
    ] = None
    severity: Annotated[
        Severity, Option("How heavy it is where a schema or a layout is broken; a rule has its own.")
    ] = Severity.ERROR
    formats: Annotated[bool, Option("Whether `format` (date, email, …) of a JSON Schema is checked.")] = True
    version: Annotated[Literal["1.0", "1.1"], Option("The version of XSD; 1.1 needs the extra `xsd11`.")] = "1.0"
    document: Annotated[
        Any, Option("How a document is written to be held against `xsd`; a text is taken as it is.", advanced=True)
    ] = "xml"
    mask: Annotated[
        tuple[str, ...], Option("Paths whose values are not shown in findings.", example=["patient.name"])
    ] = ()

    def faults(self) -> Iterator[OptionFault]:
        if not any((self.schema, self.xsd, self.layout, self.edi, self.rules, self.rules_file)):
            yield OptionFault("schema", "nothing to check", "a schema, xsd, layout, edi or rules")


@registry.register(
    "step", "validate", options=ValidateOptions, traits=StepTraits(), shorthand="schema", example="schemas/order.yaml"
)
class Validate:
    """Let only messages pass that fit: a JSON Schema, an XSD, a layout, an EDI schema, rules of your own.

    Everything wrong with a message is found in one go. Each finding has the same parts whoever found it: path, rule,
    value, what was expected, severity, and a suggested repair (the near code, the date in the right form, the missing
    field's default). A message with an error is a dead letter that lists them; warnings and infos are recorded with the
    message, which goes on. `waypost show`, `dead` and `test` tell them, with `--json` as data.

    Values are left out of findings where the schema says `x-data-class` or `writeOnly`, under the paths of `mask`, and
    everywhere in a flow whose `data_class` is not `public` or `internal`.

    JSON Schema: decimals are compared exactly; `$ref` may name other schemas of the project, relative to the file;
    draft 2020-12, or what `$schema` says. XSD: includes and imports from the project. Nothing is ever fetched.
    """

    def __init__(self, options: ValidateOptions, grants: Grants) -> None:
        faults: list[Fault] = []
        masked = [""] if grants.data_class.lower() not in _OPEN_CLASSES else list(options.mask)
        document = inner_format(options.document, grants) if options.xsd else None
        checkers, rules = _checkers(options, reader(grants), faults, masked, document, None, ())
        if faults:
            raise ProjectError(faults)
        self._checkers, self._rules, self._severity = checkers, rules, options.severity
        self._where = str(options.schema or options.xsd or options.layout or options.edi or options.rules_file
                          or "rules")  # fmt: skip
        self._single = checkers[0].fits if len(checkers) == 1 and rules is None else None

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        fits = self._single
        if fits is not None:
            return [message if fits(message.body) else self._result(message) for message in batch]
        return [message if self._fits(message) else self._result(message) for message in batch]

    def _fits(self, message: Message) -> bool:
        body, rules = message.body, self._rules
        if not all(one.fits(body) for one in self._checkers):
            return False
        return rules is None or rules.fits(body, message.received_at)

    def _result(self, message: Message) -> Result:
        found: list[Finding] = []
        for one in self._checkers:
            found += [replace(f, severity=self._severity) if f.severity is Severity.ERROR else f
                      for f in one.findings(message.body)]  # fmt: skip
        if self._rules is not None:
            found += self._rules.findings(message.body, message.received_at)
        if any(one.severity is Severity.ERROR for one in found):
            return Failed(refusal(found, where=self._where, code="schema"))
        return Noted(message, tuple(found)) if found else message

    @staticmethod
    def lint(
        options: ValidateOptions, file: YamlFile, path: Path, read: Callable[[str], bytes], targets: tuple[str, ...]
    ) -> list[Fault]:
        """What is wrong with the schemas, those they refer to, and the rules."""
        faults = format_faults(options.document, file, (*path, "document")) if options.xsd else []
        _checkers(options, read, faults, (), None, file, path)
        return faults

    @staticmethod
    def lineage(options: ValidateOptions, read: Callable[[str], bytes]) -> StepLineage:
        """The message stays as it is; all of it decides whether it goes on."""
        named = (options.schema, options.xsd, options.layout, options.edi, options.rules_file)
        held = [*map(str, filter(None, named)), *(["its rules"] if options.rules else [])]
        return Passing(note=f"goes on when it fits {', '.join(held)}")


class _Masked:
    """A checker whose findings under some paths say nothing of values."""

    def __init__(self, inner: Checker, places: Sequence[str]) -> None:
        self.fits, self._inner, self._places = inner.fits, inner, tuple(map(plain_path, places))

    def findings(self, body: Any) -> Sequence[Finding]:
        return [hidden(one) if covered(one.path, self._places) else one for one in self._inner.findings(body)]


def _checkers(
    options: ValidateOptions, read: Read, faults: list[Fault], masked: Sequence[str], document: Any,
    file: YamlFile | None, path: Path,
) -> tuple[list[Checker], RuleChecker | None]:  # fmt: skip
    made: list[Checker | None] = []
    if options.schema:
        made.append(json_checker(options.schema, read, faults, formats=options.formats, masked=masked))
    if options.xsd:
        made.append(xsd_checker(options.xsd, options.version, document, read, faults, masked))
    for kind, name in (("layout", options.layout), ("edi", options.edi)):
        if name:
            one = checker(kind, str(name), read, faults)
            made.append(_Masked(one, masked) if one is not None and masked else one)
    rules = None
    if options.rules or options.rules_file:
        rules = rule_checker(
            options.rules, str(options.rules_file or ""), read, faults, at=file, path=(*path, "rules"), masked=masked
        )
    return [one for one in made if one is not None], rules
