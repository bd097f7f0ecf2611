"""YAML with the line of every value, so that each fault can name its place.

YAML 1.2 core schema: ``yes``, ``no`` and ``on`` are texts, a repeated key is a fault, no tags, no aliases that grow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from waypost.core.errors import Fault

Path = tuple[str | int, ...]

_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "true": True,
    "True": True,
    "false": False,
    "False": False,
}
MAX_NODES = 1_000_000
MAX_DEPTH = 64

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class YamlFile:
    """Plain data and, beside it, the line each path was written on."""

    name: str
    data: Any
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line of ``path``, or of its closest ancestor that was written."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def fault(self, path: Path, code: str, found: str, expected: str = "", remedy: str = "") -> Fault:
        return Fault(self.name, self.line(path), code, found, expected, remedy)

    def origin_of(self, path: Path) -> Origin:
        """Where a value is written."""
        return Origin(self.name, self.line(path))

    def located(self, path: Path, fault: Fault) -> Fault:
        """A fault somebody else found in the value at ``path``."""
        return fault


@dataclass(frozen=True, slots=True)
class Origin:
    """A place in a file; ``note`` says for whose sake it is looked at, such as which instance of a template."""

    file: str
    line: int
    note: str = ""


@dataclass
class ExpandedFile(YamlFile):
    """Data put together from several files; each value knows where it was written. ``origin`` is where those are that
    nothing is known of."""

    origin: Origin = Origin("", 1)
    note: str = ""
    origins: dict[Path, Origin] = field(default_factory=dict)

    def origin_of(self, path: Path) -> Origin:
        while path and path not in self.origins:
            path = path[:-1]
        return self.origins.get(path, self.origin)

    def line(self, path: Path) -> int:
        return self.origin_of(path).line

    def fault(self, path: Path, code: str, found: str, expected: str = "", remedy: str = "") -> Fault:
        return self.located(path, Fault("", 0, code, found, expected, remedy))

    def located(self, path: Path, fault: Fault) -> Fault:
        place = self.origin_of(path)
        note = place.note or self.note
        found = f"{fault.found} ({note})" if note else fault.found
        return replace(fault, file=place.file, line=place.line, found=found)


def parse_yaml(text: str, name: str, faults: list[Fault]) -> YamlFile:
    """Read ``text``; what is wrong is added to ``faults`` and the data is then as much as could be read."""
    file = YamlFile(name, None)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        found = " ".join(str(part) for part in (error.context, error.problem) if part)
        faults.append(
            Fault(name, mark.line + 1 if mark else 0, "yaml", f"not YAML: {found}", "", "check indentation and quotes")
        )
        return file
    except yaml.YAMLError as error:
        faults.append(Fault(name, 0, "yaml", f"not YAML: {error}", "plain UTF-8 text"))
        return file
    if node is not None:
        file.data = _Builder(file, faults).build(node, (), 0)
    return file


class _Builder:
    def __init__(self, file: YamlFile, faults: list[Fault]) -> None:
        self.file, self.faults, self.count = file, faults, 0

    def build(self, node: yaml.Node, path: Path, depth: int) -> Any:
        self.count += 1
        line = node.start_mark.line + 1
        self.file.lines.setdefault(path, line)
        if depth > MAX_DEPTH or self.count > MAX_NODES:
            if self.count != MAX_NODES + 2:
                self._fault(line, "too deep or too large to be a project file", f"{MAX_DEPTH} levels at most")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*path, i), depth + 1) for i, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and not node.style:
            return scalar(str(node.value))
        return node.value

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._fault(line, "a key that is not a text", "a plain word")
                continue
            key = str(key_node.value)
            if key in made:
                self._fault(line, f"{key!r} is written twice", "each key once")
            self.file.lines[(*path, key)] = line
            made[key] = self.build(value_node, (*path, key), depth + 1)
        return made

    def _fault(self, line: int, found: str, expected: str) -> None:
        self.faults.append(Fault(self.file.name, line, "yaml", found, expected))


def scalar(text: str) -> Any:
    """The value of a plain scalar by the YAML 1.2 core schema (section 10.3.2)."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text):
        return int(text) if len(text) < 400 else text
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
