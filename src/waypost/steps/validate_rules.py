"""Rules of a project as expressions: what must be true of a document, and how heavy it is where it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from waypost.core.checking import Read
from waypost.core.errors import Fault, WaypostError
from waypost.core.finding import MOST_FINDINGS, Finding, Severity, covered, plain_path, shown
from waypost.core.spec import Option, Spec
from waypost.core.yamlfile import YamlFile, parse_yaml
from waypost.mapping.expression import Compiled, ExpressionError, ExpressionFault, compile_expression

_PATH = re.compile(r"[\w.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOptions:
    id: Annotated[str, Option("Its name, in findings.", example="total-is-the-sum-of-its-lines")]
    check: Annotated[str, Option("What must be true of the message, as an expression.", example="total > 0")]
    severity: Annotated[Severity, Option("Whether a message that breaks it fails; warnings and infos are noted.")] = (
        Severity.ERROR
    )
    each: Annotated[
        str, Option("A list the rule holds for each item of; the item is called `item`.", example="lines")
    ] = ""
    path: Annotated[str, Option("Where in the message, or in the item, the fault is shown.", example="quantity")] = ""
    value: Annotated[str, Option("The value shown, as an expression; by default what is at `path`.")] = ""
    expected: Annotated[str, Option("What is expected, in words; by default the check itself.")] = ""
    repair: Annotated[str, Option("The suggested value, as an expression.", example="round(total, 2)")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFileOptions:
    """A file of rules."""

    rules: Annotated[tuple[RuleOptions, ...], Option("The rules.")]


class _Rule:
    """One rule, compiled; raises ``ExpressionFault``."""

    def __init__(self, options: RuleOptions) -> None:
        plain = _PATH.fullmatch(options.each)
        names = {"item": f"{options.each}[]" if plain else ""} if options.each else {}
        self.place = options.each if plain else "items"
        self.options = options
        self.check = compile_expression(options.check, names=names)
        self.each = compile_expression(options.each) if options.each else None
        value = options.value or (f"item.{options.path}" if options.each and options.path else options.path)
        self.value = self._optional(value, names)
        self.repair = self._optional(options.repair, names)

    @staticmethod
    def _optional(text: str, names: Mapping[str, str]) -> Compiled | None:
        return compile_expression(text, names=names) if text else None


class RuleChecker:
    """The rules of one step. ``masked`` are paths whose values are never shown."""

    def __init__(self, rules: Sequence[_Rule], masked: Sequence[str]) -> None:
        self._rules, self._masked = rules, tuple(map(plain_path, masked))

    def fits(self, body: Any, now: int = 0) -> bool:
        return next(self._broken(body, now), None) is None

    def findings(self, body: Any, now: int = 0) -> Sequence[Finding]:
        found = []
        for one in self._broken(body, now):
            found.append(one)
            if len(found) >= MOST_FINDINGS:
                break
        return found

    def _broken(self, body: Any, now: int) -> Iterator[Finding]:
        for rule in self._rules:
            if rule.each is None:
                yield from self._one(rule, body, now, "", {})
                continue
            try:
                items = rule.each.evaluate(body, now=now)
            except ExpressionError as error:
                why = "" if self._masked else f": {error}"
                yield Finding(rule.options.each, rule.options.id, f"cannot be read{why}", "a list")
                continue
            for at, item in enumerate(items if isinstance(items, list | tuple) else ()):
                yield from self._one(rule, body, now, f"{rule.place}[{at}]", {"item": item})

    def _one(self, rule: _Rule, body: Any, now: int, place: str, names: Mapping[str, Any]) -> Iterator[Finding]:
        options = rule.options
        path = ".".join(part for part in (place, options.path) if part)
        try:
            if rule.check.evaluate(body, now=now, **names):
                return
        except ExpressionError as error:
            why = f"`{error.part}` fails" if self._masked else error.found
            yield Finding(path, options.id, f"cannot be checked: {why}", options.expected or options.check,
                          severity=options.severity)  # fmt: skip
            return
        secret = covered(path, self._masked) or self._reads_masked(rule)
        value = self._computed(rule.value, body, now, names)
        meant = None if secret else self._computed(rule.repair, body, now, names)
        text = shown(value, masked=secret) if rule.value is not None else ""
        yield Finding(
            path, options.id, f"found {text}" if text else "it does not hold", options.expected or options.check, text,
            f"write {shown(meant)}" if meant is not None else "", options.severity,
        )  # fmt: skip

    def _reads_masked(self, rule: _Rule) -> bool:
        if not self._masked:
            return False
        read = [path for one in (rule.value, rule.repair) if one is not None for path in one.paths]
        return any(covered(plain_path(path), self._masked) for path in read)

    @staticmethod
    def _computed(expression: Compiled | None, body: Any, now: int, names: Mapping[str, Any]) -> Any:
        try:
            return None if expression is None else expression.evaluate(body, now=now, **names)
        except ExpressionError:
            return None


def rule_checker(
    given: Sequence[RuleOptions], file: str, read: Read, faults: list[Fault], *, at: YamlFile | None = None,
    path: tuple[str | int, ...] = (), masked: Sequence[str] = (),
) -> RuleChecker | None:  # fmt: skip
    """The checker of rules written in place and in a project file; None with every reason in ``faults``. ``at`` and
    ``path`` say where those in place are written."""
    before = len(faults)
    rules = [*_compiled(given, at or YamlFile("rules", None), path, faults)]
    if file:
        try:
            source = parse_yaml(read(file).decode("utf-8-sig"), file, faults)
        except (OSError, LookupError, WaypostError):
            faults.append(Fault(file, 0, "file", "there is no such file in the project"))
            return None
        except UnicodeDecodeError as error:
            faults.append(Fault(file, 0, "encoding", f"byte {error.start} is not UTF-8", "UTF-8 text"))
            return None
        options = Spec.of(RuleFileOptions).parse(source, source.data, (), faults)
        rules += _compiled(options.rules if options else (), source, ("rules",), faults)
    return RuleChecker(rules, masked) if len(faults) == before else None


def _compiled(
    given: Sequence[RuleOptions], file: YamlFile, path: tuple[str | int, ...], faults: list[Fault]
) -> Iterator[_Rule]:
    for number, options in enumerate(given):
        try:
            yield _Rule(options)
        except ExpressionFault as error:
            faults.append(file.located((*path, number), error.fault(file.name, file.line((*path, number)))))
