"""Environments: typed values and secret references, put in where a project file says ``${name}``.

A value keeps its type when the reference is the whole text. A secret stays a ``Secret`` and must be the whole text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from waypost.core.errors import Fault, near
from waypost.core.spec import Option, Secret, Spec
from waypost.core.yamlfile import Path as YamlPath
from waypost.core.yamlfile import YamlFile
from waypost.flow.declared.definition import ConnectionClass

_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_TYPES: Mapping[str, tuple[type, ...]] = {"text": (str,), "number": (int, float), "flag": (bool,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretOptions:
    """Where a secret is found when the project starts; never its value."""

    variable: Annotated[str, Option("Environment variable that holds it.")] = ""
    file: Annotated[str, Option("File that holds it, relative to the project or absolute.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentOptions:
    """``environments/NAME.yaml``: what differs between dev, test, stage and prod."""

    environment: Annotated[str, Option("The environment's name, as in the file's name.")]
    environment_class: Annotated[ConnectionClass, Option("Whether production systems may be used here.")] = (
        ConnectionClass.TEST
    )
    values: Annotated[dict[str, Any], Option("Values by name.")] = field(default_factory=dict)
    secrets: Annotated[dict[str, SecretOptions], Option("Secret references by name.")] = field(default_factory=dict)


@dataclass(slots=True)
class Environment:
    """The chosen environment with its secrets resolved."""

    name: str
    environment_class: ConnectionClass
    values: Mapping[str, Any]
    secrets: Mapping[str, Secret]
    unresolved: Mapping[str, str]
    used: set[str] = field(default_factory=set)

    def put_in(self, value: Any, file: YamlFile, path: YamlPath, faults: list[Fault]) -> Any:
        """``value`` with every ``${name}`` replaced; unknown names are faults at their line."""
        if isinstance(value, dict):
            return {k: self.put_in(v, file, (*path, k), faults) for k, v in value.items()}
        if isinstance(value, list):
            return [self.put_in(v, file, (*path, i), faults) for i, v in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        whole = _REFERENCE.fullmatch(value)
        if whole:
            return self._look_up(whole[1], file, path, faults, whole=True)
        return _REFERENCE.sub(lambda m: str(self._look_up(m[1], file, path, faults, whole=False)), value)

    def _look_up(self, name: str, file: YamlFile, path: YamlPath, faults: list[Fault], *, whole: bool) -> Any:
        self.used.add(name)
        if name in self.values:
            return self.values[name]
        if name in self.secrets or name in self.unresolved:
            if not whole:
                text = f"secret {name!r} inside a longer text"
                faults.append(file.fault(path, "secret", text, "a secret as the whole value"))
            elif name in self.unresolved:
                faults.append(file.fault(path, "secret", f"secret {name!r}: {self.unresolved[name]}"))
            return self.secrets.get(name, "")
        known = [*self.values, *self.secrets]
        remedy = near(name, known) or f"add it to environments/{self.name}.yaml"
        faults.append(file.fault(path, "unknown-value", f"no value {name!r} in environment {self.name!r}", "", remedy))
        return ""


def environment_from(
    file: YamlFile, name: str, root: Path, declared: Mapping[str, str], faults: list[Fault]
) -> Environment:
    """The environment written in ``file``; declared values that are missing or of another type are faults."""
    data = file.data
    if isinstance(data, dict) and "class" in data:
        data = {("environment_class" if k == "class" else k): v for k, v in data.items()}
    options = Spec.of(EnvironmentOptions).parse(file, data, (), faults)
    if options is None:
        return Environment(name, ConnectionClass.TEST, {}, {}, {})
    if options.environment != name:
        faults.append(file.fault(("environment",), "name", f"found {options.environment!r}", repr(name)))
    for value, kind in declared.items():
        if kind not in _TYPES:
            faults.append(Fault("waypost.yaml", 0, "type", f"value {value!r} has type {kind!r}", ", ".join(_TYPES)))
        elif value not in options.values and value not in options.secrets:
            faults.append(file.fault(("values",), "missing-value", f"value {value!r} is missing", kind))
        elif value in options.values and not isinstance(options.values[value], _TYPES[kind]):
            faults.append(file.fault(("values", value), "type", f"found {options.values[value]!r}", kind))
    secrets, unresolved = _resolve(options.secrets, root)
    return Environment(name, options.environment_class, options.values, secrets, unresolved)


def _resolve(references: Mapping[str, SecretOptions], root: Path) -> tuple[dict[str, Secret], dict[str, str]]:
    secrets: dict[str, Secret] = {}
    unresolved: dict[str, str] = {}
    for name, reference in references.items():
        if reference.variable and reference.variable in os.environ:
            secrets[name] = Secret(os.environ[reference.variable])
        elif reference.file:
            try:
                secrets[name] = Secret((root / reference.file).read_text("utf-8").rstrip("\r\n"))
            except (OSError, UnicodeDecodeError) as error:
                unresolved[name] = f"its file {reference.file!r} cannot be read: {error}"
        elif reference.variable:
            unresolved[name] = f"the variable {reference.variable} is not set; set it before the start"
        else:
            unresolved[name] = "neither variable nor file is given"
    return secrets, unresolved
