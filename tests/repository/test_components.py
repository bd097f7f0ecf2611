"""Every registered component is declared well enough to be linted, described and tested from its declaration.

A module of ``tests/conformance`` says in ``COVERS``, a literal set of (kind, name), for which components it holds the
suite: ``COVERS = {("source", "sftp"), ("target", "sftp")}``.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.repository import ROOT, assert_none, place
from waypost.core import checking
from waypost.core.declared import declarations
from waypost.core.errors import Fault
from waypost.core.registry import KINDS, Component, registry
from waypost.core.spec import Spec
from waypost.core.yamlfile import parse_yaml

WITHOUT_SUITE = {"connection"}  # settings alone: they are proved by what uses them
LAZY = [
    "aiohttp", "asyncpg", "asyncssh", "cronsim", "fastavro", "google.protobuf", "jsonschema_rs", "lxml", "openpyxl",
    "quickjs", "saxonche", "uvicorn", "uvloop", "xmlschema", "zstandard",
]  # fmt: skip
COMPONENTS = {f"{c.kind}-{c.name}": c for c in registry}

each_component = pytest.mark.parametrize("component", COMPONENTS.values(), ids=COMPONENTS)


def covers(module: ast.Module) -> set[tuple[str, str]]:
    """What a conformance module says it covers."""
    value = declared(module)
    return set(ast.literal_eval(value)) if value is not None else set()


def declared(module: ast.Module) -> ast.expr | None:
    """The value of ``COVERS``; an empty set says that what the suite judges is no component."""
    for node in module.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == "COVERS" and (value := getattr(node, "value", None)):
            return value
    return None


def has_tests(module: ast.Module) -> bool:
    def is_test(node: ast.AST) -> bool:
        named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        return named and getattr(node, "name", "").lower().startswith("test")

    return any(map(is_test, module.body))


def suites() -> dict[Path, ast.Module]:
    paths = sorted((ROOT / "tests" / "conformance").rglob("test_*.py"))
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def test_every_component_has_a_conformance_suite_and_every_suite_its_component() -> None:
    registered = {(c.kind, c.name) for c in COMPONENTS.values() if c.kind not in WITHOUT_SUITE}
    covered: set[tuple[str, str]] = set().union(*(covers(m) for m in suites().values() if has_tests(m)))
    assert registered - covered == set(), "no suite: declare COVERS in tests/conformance/test_<name>.py"
    assert covered - {(c.kind, c.name) for c in COMPONENTS.values()} == set(), "covers what is not registered"


def test_every_suite_says_what_it_covers() -> None:
    assert_none(place(path) for path, module in suites().items() if has_tests(module) and declared(module) is None)


@pytest.mark.parametrize(
    "text, expected",
    [
        ('COVERS = {("target", "sql")}', {("target", "sql")}),
        ('COVERS: set[tuple[str, str]] = {("step", "map"), ("step", "route")}', {("step", "map"), ("step", "route")}),
        ("import pytest", set()),
    ],
)
def test_what_a_suite_covers_is_read_without_running_it(text: str, expected: set[tuple[str, str]]) -> None:
    assert covers(ast.parse(text)) == expected


@each_component
def test_a_component_introduces_itself_in_one_sentence(component: Component) -> None:
    assert component.kind in KINDS
    assert component.summary.endswith("."), component.summary


def summaries(spec: Spec, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The name and summary of each option, those of nested mappings too."""
    for field in spec.fields:
        yield prefix + field.name, field.option.summary
        for nested in nested_options(field.type):
            yield from summaries(Spec.of(nested), f"{prefix}{field.name}.")


def nested_options(kind: Any) -> Iterator[type[Any]]:
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        yield kind
    for argument in get_args(kind):
        yield from nested_options(argument)


@each_component
def test_every_option_is_explained_by_a_sentence(component: Component) -> None:
    assert_none(name for name, summary in summaries(component.spec) if not summary.endswith("."))


@each_component
def test_the_example_of_a_component_has_no_fault(component: Component) -> None:
    faults: list[Fault] = []
    file = parse_yaml(component.example, f"{component.kind} {component.name}, example", faults)
    component.spec.parse(file, file.data, (), faults)
    assert_none(map(str, faults))


@each_component
def test_the_shorthand_of_a_component_is_one_of_its_options(component: Component) -> None:
    assert component.spec.shorthand in {"", *(field.name for field in component.spec.fields)}


def test_what_the_source_says_is_declared_is_what_registers_itself() -> None:
    """A declaration written so that the source does not show it would be unknown to every project."""
    for folder in (ROOT / "src/waypost/formats", ROOT / "src/waypost/steps", ROOT / "src/waypost/connectors"):
        for file in folder.rglob("*.py"):
            module = ".".join(file.relative_to(ROOT / "src").with_suffix("").parts)
            importlib.import_module(module.removesuffix(".__init__"))
    assert {(c.kind, c.name): c.module for c in registry._components.values()} == dict(registry._modules())
    assert {kind for (kind,) in declarations(checking._DECLARATION)} == set(checking._builders)


def test_a_project_imports_the_components_it_uses_and_no_others() -> None:
    program = "import json, sys; from waypost.core.registry import registry; "
    program += "registry.find('step', 'filter'); registry.names('step'); registry.near('format', 'jsom'); "
    program += "print(json.dumps([m for m in sys.modules if m.startswith('waypost.')]))"
    loaded = set(json.loads(said_by(program)))
    assert "waypost.steps.filter" in loaded
    assert {"waypost.steps.jsonata", "waypost.formats.edi.x12", "waypost.connectors.as2_source"} & loaded == set()


def test_knowing_every_component_loads_no_library_that_only_running_it_needs() -> None:
    program = "import json, sys; from waypost.core.registry import registry; list(registry); "
    program += "print(json.dumps(list(sys.modules)))"
    assert sorted(set(json.loads(said_by(program))) & set(LAZY)) == []


def said_by(program: str) -> str:
    """What a new process prints that runs ``program``."""
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout
