"""Functions that maps share: written once in a file of the project or of a library, used in any map that names it.

::

    functions:
      clean_sku:
        takes: [value]
        gives: upper(trim(value))
        note: Article numbers as the ERP writes them.
        tests:
          - {given: {value: ' a-1 '}, gives: A-1}

A function sees what it is given and nothing else of the message. It may use functions above it in its file, so none
ends in itself. Its tests are run whenever the file is read. A call is replaced by what the function gives.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from waypost.core.errors import DataError, Fault, near
from waypost.core.yamlfile import Path, YamlFile, parse_yaml
from waypost.mapping.expression import compile_expression
from waypost.mapping.fault import ExpressionFault, show
from waypost.mapping.function import FUNCTIONS
from waypost.mapping.operation import equal
from waypost.mapping.reference_use import References, Tables

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_WORDS = ("takes", "gives", "note", "owner", "tests")


@dataclass(frozen=True, slots=True)
class SharedFunction:
    """``takes`` are its parameters, ``tree`` what it gives, unchecked; ``file`` and ``line`` where it is written."""

    name: str
    takes: tuple[str, ...]
    tree: ast.expr = field(repr=False)
    file: str = ""
    line: int = 0

    @property
    def signature(self) -> str:
        return f"{self.name}({', '.join(self.takes)})"

    def called(self, call: ast.Call) -> ast.expr:
        """What a call of it is replaced by. Each part of the function stands where the call stands; its loops have
        names of their own, which no name of the caller can be."""
        given = dict(zip(self.takes, call.args, strict=True))
        made = _Put(given, f"{self.name}__").visit(copy.deepcopy(self.tree))
        for node in ast.walk(made):
            if not getattr(node, "_given", False) and isinstance(node, ast.expr):
                ast.copy_location(node, call)
        return made  # type: ignore[no-any-return]


class _Put(ast.NodeTransformer):
    def __init__(self, given: Mapping[str, ast.expr], prefix: str) -> None:
        self.given, self.prefix, self.loops = given, prefix, list[str]()

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.loops:
            return ast.Name(self.prefix + node.id, node.ctx)
        if node.id not in self.given:
            return node
        made = copy.deepcopy(self.given[node.id])
        for each in ast.walk(made):
            each._given = True  # type: ignore[attr-defined]
        return made

    def visit_ListComp(self, node: Any) -> ast.expr:
        opened = len(self.loops)
        for clause in node.generators:
            clause.iter = self.visit(clause.iter)
            if isinstance(clause.target, ast.Name):
                self.loops.append(clause.target.id)
                clause.target = ast.Name(self.prefix + clause.target.id, clause.target.ctx)
            clause.ifs = [self.visit(test) for test in clause.ifs]
        node.elt = self.visit(node.elt)
        del self.loops[opened:]
        return node  # type: ignore[no-any-return]

    visit_GeneratorExp = visit_ListComp


def read_functions(
    file: str, data: bytes, faults: list[Fault], references: References | None = None
) -> dict[str, SharedFunction]:
    """The functions of a file; every fault, also of a test that fails, is added to ``faults``."""
    made: dict[str, SharedFunction] = {}
    yaml = parse_yaml(data.decode("utf-8-sig", "replace"), file, faults)
    given = yaml.data.get("functions") if isinstance(yaml.data, Mapping) else None
    if not isinstance(given, Mapping) or set(yaml.data) != {"functions"}:
        faults.append(yaml.fault((), "functions", "found no functions", "functions: {name: {takes: […], gives: …}}"))
        return made
    for name, how in given.items():
        function = _read(yaml, name, how, made, faults, references)
        if function is not None:
            made[name] = function
    return made


def _read(
    yaml: YamlFile, name: str, how: Any, known: Mapping[str, SharedFunction], faults: list[Fault],
    references: References | None,
) -> SharedFunction | None:  # fmt: skip
    at: Path = ("functions", name)
    before = len(faults)
    if not _NAME.fullmatch(name) or name in FUNCTIONS or name in ("exists", "default"):
        faults.append(yaml.fault(at, "functions", f"the name {name!r} is taken or is none", "small letters, digits, _"))
    if not isinstance(how, Mapping) or not isinstance(how.get("gives"), str):
        faults.append(yaml.fault(at, "functions", f"{name} does not say what it gives", "gives: EXPRESSION"))
        return None
    for word in how:
        if word not in _WORDS:
            faults.append(yaml.fault((*at, word), "functions", f"unknown word {word!r}", "", near(str(word), _WORDS)))
    takes = how.get("takes", [])
    if not isinstance(takes, list) or not all(isinstance(t, str) and _NAME.fullmatch(t) for t in takes):
        faults.append(yaml.fault((*at, "takes"), "functions", f"found {takes!r}", "a list of names"))
        return None
    tables = Tables({}, references)
    tables.functions.update(known)
    try:
        compiled = compile_expression(how["gives"], names=takes, tables=tables)
    except ExpressionFault as fault:
        faults.append(fault.fault(yaml.name, yaml.line((*at, "gives"))))
        return None
    if compiled.paths:
        found = f"{name} looks at {', '.join(sorted(compiled.paths)[:3])} of the message"
        faults.append(yaml.fault((*at, "gives"), "functions", found, "what it takes, and nothing else"))
    for number, case in enumerate(how.get("tests") or ()):
        if told := _failed(compiled, takes, case):
            faults.append(yaml.fault((*at, "tests", number), "functions", f"{name}: {told}"))
    if len(faults) > before:
        return None
    tree = ast.parse(" ".join(how["gives"].split()), mode="eval").body
    return SharedFunction(name, tuple(takes), tree, yaml.name, yaml.line(at))


def _failed(compiled: Any, takes: Sequence[str], case: Any) -> str:
    """What is wrong with the outcome of a test, '' for nothing."""
    if not isinstance(case, Mapping) or "gives" not in case or not isinstance(case.get("given"), Mapping):
        return "a test is {given: {…}, gives: …}"
    try:
        found = compiled.evaluate({}, **{name: case["given"].get(name) for name in takes})
    except DataError as error:
        return f"its test fails: {error}"
    return "" if equal(found, case["gives"]) else f"its test gives {show(found)}; expected {show(case['gives'])}"
