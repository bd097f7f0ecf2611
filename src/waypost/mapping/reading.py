"""Reading the values of a map document: texts, flags, expressions, constants and cases, each with the line of its
fault."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from waypost.core.errors import Fault, near
from waypost.core.yamlfile import Path, YamlFile
from waypost.mapping.document import ON_ERROR, Case
from waypost.mapping.fault import ExpressionFault
from waypost.mapping.grammar import parse
from waypost.mapping.parsed import CONSTANTS, ROOT, Parsed
from waypost.mapping.reference_use import Tables

INDEX, GROUP = "index", "group"
_CASE = ("name", "given", "gives", "error")


def broken(names: Iterable[str] = ()) -> Parsed:
    """What stands in the place of an expression that was refused."""
    return Parsed("", ast.Constant(None), tuple(names), broken=True)


class Values:
    """The values of one YAML file; ``faults`` collects what is wrong with them."""

    def __init__(self, yaml: YamlFile, faults: list[Fault]) -> None:
        self.yaml, self.faults = yaml, faults
        self.tables = Tables({})
        """The lookups there are by name, and the reference data."""
        self.constants: dict[str, Any] = {}

    def fault(self, path: Path, found: str, expected: str = "", remedy: str = "") -> None:
        self.faults.append(self.yaml.fault(path, "map", found, expected, remedy))

    def words(self, path: Path, data: Mapping[str, Any], known: Iterable[str]) -> None:
        for word in data:
            if word not in known:
                remedy = near(word, known) or f"known: {', '.join(known)}"
                self.fault((*path, word), f"unknown word {word!r}", "", remedy)

    def text(self, path: Path, data: Mapping[str, Any], word: str) -> str:
        value = data.get(word)
        if value is None or isinstance(value, str):
            return value or ""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        self.fault((*path, word), f"{word} is no text", "a text")
        return ""

    def flag(self, at: Path, data: Mapping[str, Any], word: str) -> bool:
        value = data.get(word, False)
        if not isinstance(value, bool):
            self.fault((*at, word), f"{word} is {value!r}", "true or false")
        return value is True

    def optional(self, at: Path, data: Mapping[str, Any], word: str, names: Mapping[str, str]) -> Parsed | None:
        return self.expression((*at, word), data[word], names) if word in data else None

    def expression(self, at: Path, value: Any, names: Mapping[str, str]) -> Parsed:
        """The checked expression of a YAML value: text, or a number, true or false standing for itself. What is
        refused is reported, and a broken expression stands in its place."""
        if isinstance(value, bool):
            value = "true" if value else "false"
        elif isinstance(value, int | float):
            value = repr(value)
        if not isinstance(value, str):
            self.fault(at, "found a list" if isinstance(value, list) else "nothing is written", "an expression")
            return broken(names)
        try:
            return parse(value, names=names, tables=self.tables, constants=self.constants)
        except ExpressionFault as fault:
            self.faults.append(fault.fault(self.yaml.name, self.yaml.line(at)))
            return broken(names)

    # ── constants, policies and cases ────────────────────────────────────────────────────────────────────────

    def read_constants(self, data: Any) -> dict[str, Any]:
        """The fixed texts and numbers of ``constants:`` by name."""
        if data is None:
            return {}
        if not isinstance(data, Mapping):
            self.fault(("constants",), "constants are no named values", "{plant: '0100'}")
            return {}
        made: dict[str, Any] = {}
        for name, value in data.items():
            at = ("constants", name)
            if not name.isidentifier() or name.startswith("_") or name in (ROOT, INDEX, GROUP, *CONSTANTS):
                self.fault(
                    at, f"the name {name!r} cannot be used", "letters, digits and _, and no word of the language"
                )
            elif not isinstance(value, str | int | float):
                self.fault(at, f"{name} is no text or number", "one text, number, true or false")
            else:
                made[name] = Decimal(repr(value)) if isinstance(value, float) else value
        return made

    def policy(self, at: Path, data: Mapping[str, Any]) -> str:
        """What a rule does when it cannot be evaluated."""
        value = data.get("on_error", "fail")
        if value not in ON_ERROR:
            remedy = near(str(value), ON_ERROR)
            self.fault((*at, "on_error"), f"on_error is {value!r}", "one of " + ", ".join(ON_ERROR), remedy)
        elif value == "default" and "default" not in data:
            self.fault((*at, "on_error"), "on_error is 'default', and there is none", "default: EXPRESSION")
        return str(value)

    def cases(self, at: Path, data: Mapping[str, Any]) -> tuple[Case, ...]:
        """The test cases of a rule or of the map."""
        listed = data.get("tests")
        if listed is None:
            return ()
        if not isinstance(listed, list):
            self.fault((*at, "tests"), "tests is no list", "a list of {given: …, gives: …}")
            return ()
        return tuple(case for place, each in enumerate(listed) if (case := self.case((*at, "tests", place), each)))

    def case(self, at: Path, data: Any) -> Case | None:
        if not isinstance(data, Mapping) or "given" not in data or ("gives" in data) == ("error" in data):
            self.fault(at, "found no case", "{given: …, gives: …}, or {given: …, error: TEXT}")
            return None
        self.words(at, data, _CASE)
        return Case(
            line=self.yaml.line(at), given=data["given"], gives=data.get("gives"), error=self.text(at, data, "error")
        )
