"""Show what templates and fragments become, and which there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from waypost.cli.output import print_json, say, table

if TYPE_CHECKING:
    from waypost.flow.declared.definition import FlowDefinition, Project
    from waypost.flow.declared.template_declared import Template


def expanded_text(flow: FlowDefinition) -> str:
    """A flow as it runs, as YAML, with the place it was written at."""
    import yaml

    place = flow.file.origin_of(())
    note = f", {place.note}" if place.note else ""
    text: str = yaml.safe_dump(flow.file.data, sort_keys=False, allow_unicode=True, width=120)
    return f"# from {place.file}{note}\n{text}"


def print_expanded(project: Project, name: str, as_json: bool) -> None:
    """Print one flow of a project as it runs. Raises ``UsageError`` for one there is not."""
    from waypost.core.errors import UsageError, near

    flow = project.flows.get(name)
    if flow is None:
        raise UsageError(f"--expanded {name!r}: no such flow", remedy=near(name, project.flows) or f"known: "
                         f"{', '.join(project.flows)}")  # fmt: skip
    place = flow.file.origin_of(())
    if as_json:
        return print_json({"flow": flow.file.data, "file": place.file, "line": place.line, "note": place.note})
    say(expanded_text(flow).rstrip("\n"))


def print_templates(kind: str, name: str, as_json: bool) -> None:
    """Print the templates or fragments of the project in the current folder, or the parameters of one."""
    from waypost.core.errors import Fault, ProjectError, UsageError, near
    from waypost.core.yamlfile import YamlFile, parse_yaml
    from waypost.flow.declared.project import read_files
    from waypost.flow.declared.template import Templates

    files, faults = read_files(Path(".")), list[Fault]()

    def read(path: str) -> YamlFile:
        return parse_yaml(files[path].decode("utf-8-sig", "replace"), path, faults)

    templates = Templates(files, read, faults)
    if faults:
        raise ProjectError(faults)
    found = {each: template for (one, each), template in sorted(templates.found.items()) if one == kind}
    if name and name not in found:
        raise UsageError(f"no {kind} {name!r}", remedy=near(name, found) or f"known: {', '.join(found) or 'none'}")
    if as_json:
        chosen = [found[name]] if name else list(found.values())
        return print_json({f"{kind}s": list(map(_data, chosen))})
    if not name:
        rows = [[each, t.file.name, ", ".join(t.parameters), t.description] for each, t in found.items()]
        return table((kind, "file", "parameters", "description"), rows, empty=f"no {kind} in templates/*.yaml")
    template = found[name]
    say(f"{name}  {template.file.name}\n{template.description}\n")
    rows = [
        [p.name, p.type, "required" if p.required else _shown(p.default), ", ".join(map(str, p.choices)), p.description]
        for p in template.parameters.values()
    ]
    table(("parameter", "type", "default", "choices", "description"), rows, empty="no parameters")


def _shown(value: Any) -> str:
    return "nothing" if value in ("", None) else str(value)


def _data(template: Template) -> dict[str, Any]:
    import dataclasses

    return {
        template.kind: template.name, "file": template.file.name, "description": template.description,
        "parameters": [dataclasses.asdict(parameter) for parameter in template.parameters.values()],
    }  # fmt: skip
