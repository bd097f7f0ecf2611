"""Starters for what a person writes: a project, a flow, a map, a step, a format, a connector."""

from __future__ import annotations

import re
import string
import textwrap
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from waypost.core.describe.starter import connection_options, starter, takes_several
from waypost.core.errors import UsageError
from waypost.core.registry import Component, Kind, Registry
from waypost.core.yamlfile import parse_yaml

KINDS = ("flow", "map", "partner", "pack", "step", "format", "connector")
_PROJECT_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_MODULE_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

Files = dict[str, str]
"""What is to be written: text by path, relative to the project or the checkout."""


def project_files(name: str) -> Files:
    """A small project that runs: directory in, filter, directory out, with its cases."""
    root = resources.files("waypost.cli") / "template" / "project"
    made: Files = {}
    for folder in ("", "flows", "in", "tests"):
        for file in sorted((root / folder if folder else root).iterdir(), key=lambda file: file.name):
            if file.is_file():
                path = ".gitignore" if file.name == "gitignore" else f"{folder}/{file.name}".lstrip("/")
                made[path] = _filled(file.read_text("utf-8"), {"name": name, "owner": "change-me"})
    return made


def flow_files(name: str, registry: Registry, root: Path, *, source: str, target: str, format_name: str) -> Files:
    """A flow from the declarations of its parts, and the connections they need that the project has none of."""
    _require(name, _PROJECT_NAME, "a name such as acme-orders")
    connections: dict[str, Component] = {}
    made = {"name": name, "owner": "change-me", "source": source, "target": target, "format": format_name}
    for kind, chosen in (("source", source), ("format", format_name), ("target", target)):
        component = _component(registry, kind, chosen)  # type: ignore[arg-type]
        given = _connections(component, registry, root, connections)
        made[f"{kind}_options"] = textwrap.indent(
            starter(component, given) or "{}", " " * (6 if kind == "target" else 4)
        )
    files = {f"flows/{name}.yaml": template("flow.yaml.txt", made)}
    if connections:
        files["connections.yaml"] = _with_connections(root, connections)
    return files


def _component(registry: Registry, kind: Kind, name: str) -> Component:
    found = registry.find(kind, name)
    if found is None:
        raise UsageError(f"no {kind} {name!r}", remedy=registry.near(kind, name))
    return found


def _connections(
    component: Component, registry: Registry, root: Path, made: dict[str, Component]
) -> dict[str, Any]:  # fmt: skip
    """A connection for each option of ``component`` that names one: one of the project's that fits, or a new one."""
    given: dict[str, Any] = {}
    there = _connections_there(root)
    for field in connection_options(component):
        kinds = field.option.kinds or tuple(registry.names("connection"))
        fitting = next((name for name, kind in there.items() if kind in kinds), None)
        example = parse_yaml(component.example, "example", []).data
        named = example.get(field.name) if isinstance(example, dict) else None
        named = named[0] if isinstance(named, list) and named else named
        if fitting is None and (field.required or named):
            fitting = str(named or f"my-{kinds[0]}")
            made[fitting] = _component(registry, "connection", kinds[0])
        if fitting is not None:
            given[field.name] = [fitting] if takes_several(field) else fitting
    return given


def _connections_there(root: Path) -> dict[str, str]:
    path = root / "connections.yaml"
    data = parse_yaml(path.read_text("utf-8"), path.name, []).data if path.is_file() else None
    if not isinstance(data, dict):
        return {}
    return {name: str(options.get("kind")) for name, options in data.items() if isinstance(options, dict)}


def _with_connections(root: Path, connections: Mapping[str, Component]) -> str:
    path = root / "connections.yaml"
    text = path.read_text("utf-8") if path.is_file() else "# The systems that flows talk to, by name.\n"
    if text and not text.endswith("\n"):
        text += "\n"
    for name, component in connections.items():
        text += f"{name}:\n  kind: {component.name}\n" + textwrap.indent(starter(component), "  ").rstrip() + "\n"
    return text


PARTNER_WORDS = {"name": "acme", "id": "123456789", "qualifier": "01", "us": "987654321", "us_qualifier": "01"}
"""What a partner's starter is filled with where nothing is said."""


def partner_files(name: str, given: Mapping[str, str]) -> Files:
    """A trading partner."""
    _require(name, _PROJECT_NAME, "a name such as acme")
    return {f"partners/{name}.yaml": template("partner.yaml.txt", {**PARTNER_WORDS, **given, "name": name})}


def map_files(name: str) -> Files:
    """A map document."""
    _require(name, _PROJECT_NAME, "a name such as sales_order")
    return {f"maps/{name}.map.yaml": template("map.yaml.txt", {"name": name})}


def project_step_files(name: str) -> Files:
    """A Python step of a project."""
    _require(name, _MODULE_NAME, "a name such as add_discount")
    return {f"steps/{name}.py": template("project_step.py.txt", {"name": name})}


def pack_copy(name: str) -> Files:
    """The schemas, layouts and rules of a pack, as files of the project that may be changed."""
    from waypost.core.errors import near
    from waypost.core.pack import pack_files, pack_names

    found = pack_files(name)
    if not found:
        remedy = near(name, pack_names()) or f"known: {', '.join(pack_names())}"
        raise UsageError(f"no pack {name!r}", remedy=remedy)
    return {f"schemas/{name}/{path}": data.decode() for path, data in found.items() if not path.startswith("samples/")}


def component_files(kind: str, name: str) -> Files:
    """A component of Waypost itself, and the conformance test that every component has."""
    _require(name, _MODULE_NAME, "a module's name such as fixed_width")
    words = {"name": name, "Name": "".join(part.capitalize() for part in name.split("_"))}
    return {
        f"src/waypost/{kind}s/{name}.py": template(f"{kind}.py.txt", words),
        f"tests/conformance/test_{name}.py": template(f"{kind}_test.py.txt", words),
    }


def template(name: str, words: Mapping[str, str]) -> str:
    """A template with its words put in."""
    return _filled((resources.files("waypost.cli") / "template" / name).read_text("utf-8"), words)


def _filled(text: str, words: Mapping[str, str]) -> str:
    return string.Template(text).substitute(words)


def _require(name: str, pattern: re.Pattern[str], expected: str) -> None:
    if not pattern.fullmatch(name):
        raise UsageError(f"the name {name!r}", expected=f"{expected}: small letters and digits")


def write_files(root: Path, files: Files) -> list[str]:
    """Write them all, or none where one is there already (but ``connections.yaml``, which grows)."""
    taken = [path for path in files if (root / path).exists() and path != "connections.yaml"]
    if taken:
        raise UsageError(f"{root / taken[0]} is there already", remedy="choose another name, or remove it first")
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    return list(files)
