"""Templates of flows and fragments of steps: written once, used many times with parameters; each place is kept.

::

    template: partner-orders                # templates/partner-orders.yaml
    parameters:
      partner: text                         # must be given
      folder: {type: text, default: 'in/${with.partner}'}
      limit: {type: whole, default: 100, description: Orders above it are looked at by a person.}
    flow:
      flow: orders-${with.partner}
      …

    template: partner-orders                # flows/partners.yaml
    with: {limit: 50}                       # for all instances
    instances:                              # or the name of a CSV file; without it `with` is the one instance
      - {partner: acme}
      - {partner: globex, folder: /outbound}

    fragment: price                         # templates/price.yaml, used by a step `fragment: price`
    parameters: {into: {type: text, default: price}}
    steps: […]

``${with.NAME}`` as a whole value keeps its type; inside a text it becomes text. A fault names the place in the template
and the instance.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from waypost.core.errors import Fault, near
from waypost.core.yamlfile import ExpandedFile, Origin, YamlFile
from waypost.core.yamlfile import Path as YamlPath
from waypost.flow.declared.template_declared import TYPES as TYPES
from waypost.flow.declared.template_declared import USE, Parameter, Template, problem_of, read_template

FOLDER = "templates"
_INSTANCE_WORDS = ("template", "with", "instances")
_MOST_INSTANCES = 1_000
_MOST_NESTED = 8


@dataclass(frozen=True, slots=True)
class Given:
    """A parameter's value, and where it was given."""

    value: Any
    origin: Origin | None = None


class Templates:
    """The templates and fragments of a project. What is wrong with them is added to ``faults`` when they are read."""

    def __init__(self, files: Mapping[str, bytes], read: Callable[[str], YamlFile], faults: list[Fault]) -> None:
        self._files, self._read, self.faults = files, read, faults
        self.found: dict[tuple[str, str], Template] = {}
        for name in sorted(files):
            if "templates/" in name and name.endswith((".yaml", ".yml")) and name.split("/")[-2] == FOLDER:
                self._take(name)

    def names(self, kind: str) -> list[str]:
        return sorted(name for each, name in self.found if each == kind)

    def _take(self, name: str) -> None:
        file = self._read(name)
        if not isinstance(file.data, dict):
            return
        kind = "fragment" if "fragment" in file.data else "template"
        template = read_template(kind, file, self.faults)
        if template is None:
            return
        library = name.split("/")[1] + "/" if name.startswith("libraries/") else ""
        at = (kind, f"{library}{template.name}")
        if at in self.found:
            other = self.found[at].file.name
            self.faults.append(
                file.fault((kind,), "twice", f"{kind} {template.name!r} is also in {other}", "one a name")
            )
        self.found.setdefault(at, template)

    # ── flows ────────────────────────────────────────────────────────────────────────────────────────────────

    def flows(self, file: YamlFile) -> Iterator[YamlFile]:
        """The flows that a file of ``flows/`` is: itself, or one for each instance of its template. Fragments among
        their steps are put in."""
        if not isinstance(file.data, dict) or "template" not in file.data:
            yield self.whole(file)
            return
        template = self._named("template", file, ("template",), file.data["template"])
        for word in file.data:
            if word not in _INSTANCE_WORDS:
                remedy = near(str(word), _INSTANCE_WORDS) or "say it in the template, by a parameter"
                self.faults.append(file.fault((word,), "unknown-option", f"unknown option {word!r}", "", remedy))
        if template is None:
            return
        shared = self._mapping(file, ("with",), file.data.get("with"))
        for given, origin, note in self._instances(file, template):
            values = {**{n: Given(v, Origin(file.name, file.line(("with", n)))) for n, v in shared.items()}, **given}
            filled = self.filled(template, values, origin, note)
            if filled is not None:
                yield self.whole(filled)

    def _instances(self, file: YamlFile, template: Template) -> Iterator[tuple[dict[str, Given], Origin, str]]:
        """The values of each instance, where it is written, and how a fault names it."""
        listed = file.data.get("instances")
        if listed is None:
            yield {}, Origin(file.name, file.line(("with",))), f"in {file.name}:{file.line(('with',))}"
        elif isinstance(listed, str):
            yield from self._table(file, listed, template)
        elif not isinstance(listed, list) or len(listed) > _MOST_INSTANCES:
            expected = f"a list of at most {_MOST_INSTANCES} instances, or a CSV file of the project"
            self.faults.append(file.fault(("instances",), "type", "no list of instances", expected))
        else:
            for at, each in enumerate(listed):
                path = ("instances", at)
                values = self._mapping(file, path, each)
                given = {n: Given(v, Origin(file.name, file.line((*path, n)))) for n, v in values.items()}
                yield given, Origin(file.name, file.line(path)), f"in {file.name}:{file.line(path)}"

    def _table(self, file: YamlFile, name: str, template: Template) -> Iterator[tuple[dict[str, Given], Origin, str]]:
        data = self._files.get(name)
        if data is None:
            remedy = near(name, self._files) or "make it, under templates/"
            self.faults.append(
                file.fault(("instances",), "missing-file", f"no file {name!r} in the project", "", remedy)
            )
            return
        try:
            lines = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
            heads = [head.strip() for head in next(lines, [])]
            for row in lines:
                if any(row):
                    line = lines.line_num
                    given = {
                        head: Given(_typed(cell, template.parameters.get(head)), Origin(name, line))
                        for head, cell in zip(heads, row, strict=False)
                        if cell.strip()
                    }
                    yield given, Origin(name, line), f"in {name}:{line}"
        except (UnicodeDecodeError, csv.Error) as error:
            self.faults.append(Fault(name, 0, "instances", f"no CSV: {error}", "UTF-8, a heading for each parameter"))

    def _mapping(self, file: YamlFile, path: YamlPath, given: Any) -> dict[str, Any]:
        if given is None or isinstance(given, dict):
            return given or {}
        self.faults.append(file.fault(path, "type", f"found {given!r}", "parameters with their values"))
        return {}

    def _named(self, kind: str, file: YamlFile, path: YamlPath, name: Any) -> Template | None:
        template = self.found.get((kind, str(name)))
        if template is None:
            known = self.names(kind)
            remedy = near(str(name), known) or f"known: {', '.join(known) or 'none'}"
            self.faults.append(file.fault(path, f"unknown-{kind}", f"no {kind} {name!r}", "", remedy))
        return template

    # ── filling in ───────────────────────────────────────────────────────────────────────────────────────────

    def filled(self, template: Template, given: Mapping[str, Given], origin: Origin, note: str) -> ExpandedFile | None:
        """A template with its parameters; None, with the reasons in the faults, where they do not fit."""
        values = self._values(template, given, origin)
        if values is None:
            return None
        made = ExpandedFile(template.file.name, None, origin=origin, note=note)
        filler = _Filler(template.file, values, made.origins, note)
        made.data = filler.fill(_at(template.file.data, template.body), template.body, ())
        return made

    def _values(self, template: Template, given: Mapping[str, Given], origin: Origin) -> dict[str, Given] | None:
        before, known = len(self.faults), template.parameters
        for name, one in given.items():
            at = one.origin or origin
            if name not in known:
                remedy = near(name, known) or f"known: {', '.join(known) or 'none'}"
                text = f"{template.kind} {template.name!r} has no parameter {name!r}"
                self.faults.append(Fault(at.file, at.line, "unknown-parameter", text, "", remedy))
            elif problem := problem_of(known[name], one.value):
                declared = f"{problem}, by {template.file.name}:{known[name].line}"
                text = f"parameter {name!r}: found {one.value!r}"
                self.faults.append(Fault(at.file, at.line, "parameter", text, declared))
        values = dict(given)
        for name, parameter in known.items():
            if name in values:
                continue
            if parameter.required:
                text = f"parameter {name!r} of {template.kind} {template.name!r} is missing"
                expected = f"{parameter.type}, by {template.file.name}:{parameter.line}"
                self.faults.append(Fault(origin.file, origin.line, "missing-parameter", text, expected))
            else:
                place = Origin(template.file.name, parameter.line)
                values[name] = Given(_Filler(template.file, values, {}, "").text(parameter.default, ()), place)
        return values if len(self.faults) == before else None

    def whole(self, file: YamlFile, depth: int = 0) -> YamlFile:
        """``file`` with the steps of fragments in the place of those that name one."""
        steps = file.data.get("steps") if isinstance(file.data, dict) else None
        if not isinstance(steps, list) or not any(isinstance(step, dict) and "fragment" in step for step in steps):
            return file
        note = file.note if isinstance(file, ExpandedFile) else ""
        made = ExpandedFile(file.name, None, origin=Origin(file.name, 1), note=note)
        copy = _Filler(file, {}, made.origins, "", plain=True)
        made.data = {
            name: None if name == "steps" else copy.fill(value, (name,), (name,)) for name, value in file.data.items()
        }
        made.origins[()] = file.origin_of(())
        made.origins[("steps",)] = file.origin_of(("steps",))
        listed: list[Any] = []
        for at, step in enumerate(steps):
            if isinstance(step, dict) and "fragment" in step:
                listed += self._fragment(file, at, step, made, len(listed), depth)
            else:
                listed.append(copy.fill(step, ("steps", at), ("steps", len(listed))))
        made.data["steps"] = listed
        return self.whole(made, depth + 1)

    def _fragment(
        self, file: YamlFile, at: int, step: Mapping[str, Any], made: ExpandedFile, first: int, depth: int
    ) -> list[Any]:
        path = ("steps", at)
        template = self._named("fragment", file, (*path, "fragment"), step["fragment"])
        if depth >= _MOST_NESTED:
            self.faults.append(file.fault(path, "fragment", "fragments within fragments go too deep", "ones that end"))
            return []
        for word in step:
            if word not in ("fragment", "with", "name"):
                text = f"unknown option {word!r} of a fragment"
                self.faults.append(file.fault((*path, word), "unknown-option", text, "fragment, with and name"))
        if template is None:
            return []
        origin = file.origin_of(path)
        values = self._mapping(file, (*path, "with"), step.get("with"))
        given = {name: Given(value, file.origin_of((*path, "with", name))) for name, value in values.items()}
        note = f"in {origin.file}:{origin.line}" + (f", {origin.note}" if origin.note else "")
        filled = self.filled(template, given, origin, note)
        if filled is None or not isinstance(filled.data, list):
            return []
        for at_path, place in filled.origins.items():
            if at_path:
                made.origins[("steps", first + int(at_path[0]), *at_path[1:])] = place
        named = str(step["name"]) if step.get("name") else ""
        return [_renamed(each, named) for each in filled.data]


def _renamed(step: Any, prefix: str) -> Any:
    """A step of a fragment that was given a name: its own name below it."""
    if not prefix or not isinstance(step, dict):
        return step
    own = step.get("name") or next((kind for kind in step if kind != "name"), "")
    return {**step, "name": f"{prefix}/{own}"}


@dataclass(slots=True)
class _Filler:
    """Copies a part of a file with the parameters put in, and notes where each value is written."""

    file: YamlFile
    values: Mapping[str, Given]
    origins: dict[YamlPath, Origin]
    note: str
    plain: bool = False
    used: set[str] = field(default_factory=set)

    def fill(self, value: Any, source: YamlPath, target: YamlPath) -> Any:
        place = self.file.origin_of(source)
        self.origins[target] = Origin(place.file, place.line, place.note or self.note)
        if isinstance(value, dict):
            made = {self.text(k, target): self.fill(v, (*source, k), (*target, self.text(k, target)))
                    for k, v in value.items()}  # fmt: skip
            return made
        if isinstance(value, list):
            return [self.fill(each, (*source, at), (*target, at)) for at, each in enumerate(value)]
        return self.text(value, target)

    def text(self, value: Any, target: YamlPath) -> Any:
        """A value with the parameters put in."""
        if self.plain or not isinstance(value, str) or "${with." not in value:
            return value
        whole = USE.fullmatch(value)
        if whole and whole[1] in self.values:
            given = self.values[whole[1]]
            if given.origin is not None:
                here = self.origins.get(target)
                note = f"parameter {whole[1]!r} of {here.file}:{here.line}" if here else ""
                self.origins[target] = Origin(given.origin.file, given.origin.line, note)
            return given.value
        return USE.sub(lambda m: _word(self.values[m[1]].value) if m[1] in self.values else m[0], value)


def _word(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _at(data: Any, path: YamlPath) -> Any:
    for part in path:
        data = data[part]
    return data


def _typed(cell: str, parameter: Parameter | None) -> Any:
    """A cell of a table of instances as its parameter's type."""
    text, kind = cell.strip(), parameter.type if parameter else "text"
    try:
        if kind == "whole":
            return int(text)
        if kind == "number":
            return float(text) if "." in text or "e" in text.lower() else int(text)
    except ValueError:
        return text
    if kind == "flag":
        return {"true": True, "false": False}.get(text.lower(), text)
    return [part.strip() for part in text.split(";")] if kind == "list" else text


def collapsed(faults: list[Fault]) -> list[Fault]:
    """Faults of a template that every instance has, told once."""
    groups: dict[Any, list[Fault]] = {}
    for fault in faults:
        found = _INSTANCE.sub("", fault.found)
        groups.setdefault((fault.file, fault.line, fault.code, found, fault.expected, fault.remedy), []).append(fault)
    made = []
    for each in groups.values():
        first, count = each[0], len(set(each))
        instances = _INSTANCE.findall(first.found)
        if count > 1 and instances:
            text = f"{_INSTANCE.sub('', first.found)} ({count} instances, the first {instances[0]})"
            first = Fault(first.file, first.line, first.code, text, first.expected, first.remedy)
        made.append(first)
    return made


_INSTANCE = re.compile(r" \((in [^()]+)\)$")
