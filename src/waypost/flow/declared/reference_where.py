"""Where reference tables are used: the rules of maps and the expressions of steps, by flow."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from waypost.core.errors import Fault
from waypost.core.spec import Expression
from waypost.core.yamlfile import Path as YamlPath
from waypost.flow.declared.definition import Project
from waypost.mapping.bundle import Bundle
from waypost.mapping.document import Group, all_entries, expressions_of
from waypost.mapping.expression import compile_expression
from waypost.mapping.loading import load_bundle
from waypost.mapping.reference_use import References


def where_used(project: Project, table: str) -> list[dict[str, Any]]:
    """Each use of ``table`` ('' = of any): flow, step, file, line, target and expression."""
    found: list[dict[str, Any]] = []
    read = project.files.__getitem__
    for flow in project.flows.values():
        for use in flow.steps:
            if use.component.name == "map":
                faults: list[Fault] = []
                bundle = load_bundle(use.options.file, read, faults)
                uses = _in_bundle(bundle) if bundle is not None else iter(())
            else:
                uses = (
                    (tables, use.file.name, use.file.line(path), "", text)
                    for path, text in _expressions(use.options, use.path)
                    if (tables := compile_expression(text, references=References(read)).parsed.references)
                )
            for tables, file, line, target, text in uses:
                found += [
                    {"table": name, "flow": flow.name, "step": use.name, "file": file, "line": line, "target": target,
                     "expression": text}
                    for name in sorted(tables)
                    if table in ("", name)
                ]  # fmt: skip
    return found


Found = tuple[set[str], str, int, str, str]


def _in_bundle(bundle: Bundle) -> Iterator[Found]:
    document = bundle.document
    for entry in all_entries(document.entries):
        for parsed in expressions_of(entry):
            if parsed.references:
                target = entry.path if not isinstance(entry, Group) else ""
                yield parsed.references, document.file, entry.line, target, parsed.text
    for used in bundle.uses.values():
        yield from _in_bundle(used)


def _expressions(value: Any, path: YamlPath) -> Iterator[tuple[YamlPath, str]]:
    """Every expression in a step's options, with its place."""
    if isinstance(value, Expression):
        yield path, str(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for each in dataclasses.fields(value):
            yield from _expressions(getattr(value, each.name), (*path, each.name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _expressions(item, (*path, key))
    elif isinstance(value, tuple):
        for at, item in enumerate(value):
            yield from _expressions(item, (*path, at))
