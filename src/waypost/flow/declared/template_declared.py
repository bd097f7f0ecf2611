"""Templates and fragments as they are declared: their parameters, and that what they name is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from waypost.core.errors import Fault, near
from waypost.core.yamlfile import Path as YamlPath
from waypost.core.yamlfile import YamlFile

TYPES: Mapping[str, tuple[type[Any], ...]] = {
    "text": (str,), "number": (int, float), "whole": (int,), "flag": (bool,), "list": (list,), "mapping": (dict,),
    "any": (object,),
}  # fmt: skip
USE = re.compile(r"\$\{with\.([A-Za-z_][A-Za-z0-9_]*)\}")
"""How a value names a parameter."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = {
    "template": ("template", "description", "owner", "parameters", "flow"),
    "fragment": ("fragment", "description", "owner", "parameters", "steps"),
}
_PARAMETER_WORDS = ("type", "default", "description", "choices")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; without a ``default`` it must be given."""

    name: str
    type: str = "text"
    required: bool = True
    default: Any = None
    description: str = ""
    choices: tuple[Any, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class Template:
    """A template of a flow, or a fragment of steps (``kind``), as written in ``file``."""

    name: str
    kind: str
    file: YamlFile
    parameters: Mapping[str, Parameter]
    description: str = ""

    @property
    def body(self) -> YamlPath:
        """Where its content stands in its file."""
        return ("flow",) if self.kind == "template" else ("steps",)


def problem_of(parameter: Parameter, value: Any) -> str:
    """What was expected, where a value does not fit; '' where it does."""
    kinds = TYPES[parameter.type]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds and object not in kinds):
        return parameter.type
    if parameter.choices and value not in parameter.choices:
        return "one of " + ", ".join(map(str, parameter.choices))
    return ""


def read_template(kind: str, file: YamlFile, faults: list[Fault]) -> Template | None:
    """The template or fragment of a file; None, with every reason in ``faults``, where it has a fault."""
    before, data = len(faults), file.data
    words, body = _WORDS[kind], "flow" if kind == "template" else "steps"
    for word in data:
        if word not in words:
            faults.append(file.fault((word,), "unknown-option", f"unknown option {word!r}", "", near(str(word), words)))
    for word in (kind, body):
        if not data.get(word):
            faults.append(file.fault((), "missing-option", f"option {word!r} is missing"))
    if data.get(body) and not isinstance(data[body], dict if kind == "template" else list):
        expected = "a flow's options" if kind == "template" else "a list of steps"
        faults.append(file.fault((body,), "type", f"{body} is something else", expected))
    parameters = _parameters(file, data.get("parameters"), faults)
    used = dict(_uses(data.get(body), (body,)))
    used.update((name, ("parameters", p.name, "default")) for p in parameters.values() for name in _names(p.default))
    for name, path in used.items():
        if name not in parameters:
            remedy = near(name, parameters) or f"known: {', '.join(parameters) or 'none'}"
            faults.append(
                file.fault(path, "unknown-parameter", f"no parameter {name!r}", "one under 'parameters:'", remedy)
            )
    for name in parameters:
        if name not in used:
            text = f"parameter {name!r} is never used"
            faults.append(file.fault(("parameters", name), "unused-parameter", text, f"${{with.{name}}} somewhere"))
    if len(faults) > before:
        return None
    return Template(str(data[kind]), kind, file, parameters, str(data.get("description", "")))


def _parameters(file: YamlFile, given: Any, faults: list[Fault]) -> dict[str, Parameter]:
    made: dict[str, Parameter] = {}
    if given is None:
        return made
    if not isinstance(given, dict):
        faults.append(file.fault(("parameters",), "type", f"found {given!r}", "names with their types"))
        return made
    for name, how in given.items():
        path = ("parameters", name)
        options = {"type": how} if isinstance(how, str) else how
        if not isinstance(options, dict) or not _NAME.fullmatch(name):
            faults.append(file.fault(path, "type", f"found {how!r}", "a name, and a type or its options"))
            continue
        for word in options:
            if word not in _PARAMETER_WORDS:
                remedy = near(str(word), _PARAMETER_WORDS)
                faults.append(file.fault((*path, word), "unknown-option", f"unknown option {word!r}", "", remedy))
        kind = str(options.get("type", "text"))
        if kind not in TYPES:
            remedy = near(kind, TYPES)
            faults.append(file.fault((*path, "type"), "type", f"no type {kind!r}", ", ".join(TYPES), remedy))
            kind = "any"
        choices = options.get("choices")
        made[name] = Parameter(
            name, kind, "default" not in options, options.get("default"), str(options.get("description", "")),
            tuple(choices) if isinstance(choices, list) else (), file.line(path),
        )  # fmt: skip
        plain = "default" in options and not _names(options["default"])
        if plain and (problem := problem_of(made[name], options["default"])):
            faults.append(file.fault((*path, "default"), "default", f"found {options['default']!r}", problem))
    return made


def _uses(value: Any, path: YamlPath) -> Iterator[tuple[str, YamlPath]]:
    """Every parameter a value names, with its place."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from ((name, (*path, key)) for name in _names(key))
            yield from _uses(item, (*path, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _uses(item, (*path, at))
    else:
        yield from ((name, path) for name in _names(value))


def _names(value: Any) -> list[str]:
    return USE.findall(value) if isinstance(value, str) else []
