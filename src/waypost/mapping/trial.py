"""The test cases that stand in a map, beside its rules and at its head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from waypost.core.errors import DataError
from waypost.mapping.bundle import Bundle
from waypost.mapping.compile import CompiledMap
from waypost.mapping.document import Case, Rule, all_entries
from waypost.mapping.fault import show
from waypost.mapping.operation import equal
from waypost.mapping.replay import Saw, apply_slowly, evaluate_rule, unseen


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case; ``difference`` is empty where it passed."""

    file: str
    line: int
    target: str
    difference: str


def run_cases(compiled: CompiledMap, saw: Saw = unseen) -> Iterator[Outcome]:
    """Run every case of the map: those of its rules alone, those at its head through the whole map. ``saw`` is told of
    the branches they take."""
    document = compiled.document
    for case in document.tests:
        yield Outcome(document.file, case.line, "", _difference(case, lambda case=case: compiled.apply(case.given)))
        watched(compiled.bundle, case.given, 0, saw)
    for entry in all_entries(document.entries):
        for case in entry.tests if isinstance(entry, Rule) else ():
            found = _difference(case, lambda case=case, entry=entry: _rule(compiled.bundle, entry, case, saw))
            yield Outcome(document.file, case.line, entry.path, found)


def watched(bundle: Bundle, body: Any, now: int, saw: Saw) -> None:
    """Tell ``saw`` of the branches a document takes through a map, up to the rule that fails."""
    if saw is not unseen:
        with suppress(DataError):  # the compiled map told it
            apply_slowly(bundle, body, now, saw)


def without_cases(compiled: CompiledMap) -> list[str]:
    """The targets of rules that have no case of their own and are no plain copies or constants."""
    rules = [entry for entry in all_entries(compiled.document.entries) if isinstance(entry, Rule)]
    return [rule.path for rule in rules if not rule.tests and rule.source is not None and rule.source.origin is None]


def _rule(bundle: Bundle, rule: Rule, case: Case, saw: Saw) -> Any:
    given = case.given if isinstance(case.given, Mapping) else {}
    scope = {name: given.get(name) for name in rule.names}
    body = {name: value for name, value in given.items() if name not in scope} if given else case.given
    return evaluate_rule(bundle, rule, body, scope, saw)


def _difference(case: Case, run: Any) -> str:
    try:
        found = run()
    except DataError as error:
        if case.error:
            return "" if case.error in str(error) else f"another error: {error}"
        return f"error: {error}"
    if case.error:
        return f"gives {show(found)}; expected an error with {case.error!r}"
    return "" if equal(found, case.gives) else f"gives {show(found)}; expected {show(case.gives)}"
