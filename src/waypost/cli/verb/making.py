"""Make a project, and starters of what belongs into one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from waypost.cli.option import AsJson
from waypost.cli.output import print_json, say


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is empty or not there.")] = Path("."),
    as_json: AsJson = False,
) -> None:
    """Make a small project that runs as it stands.

    It reads a directory, filters, and writes a directory.
    """
    from waypost.cli.scaffold import project_files, write_files
    from waypost.core.errors import UsageError

    there = [path.name for path in directory.iterdir() if path.name != ".git"] if directory.is_dir() else []
    if there:
        raise UsageError(
            f"{directory} is not empty: it holds {sorted(there)[0]!r}", expected="an empty folder",
            remedy="name another one, or make single parts with: waypost new",
        )  # fmt: skip
    written = write_files(directory, project_files(_name(directory)))
    if as_json:
        return print_json({"written": written})
    say("\n".join(str(directory / path) for path in written))
    at = "" if directory == Path(".") else f" {directory}"
    project = "" if directory == Path(".") else f" --project {directory}"
    say(f"\nnext:\n  waypost check{at}\n  waypost test{at}")
    say(f"  waypost run {directory} --once\n  waypost messages{project} --key number=4711")


def _name(directory: Path) -> str:
    """A project's name from its folder's."""
    name = re.sub(r"[^a-z0-9]+", "-", directory.resolve().name.lower()).strip("-")
    return name if name[:1].isalpha() else "my-project"


def new(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="flow, map, partner, pack, step, format or connector.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")],
    project: Annotated[
        Path, typer.Option("--project", metavar="DIR", help="The project; for a format or connector the checkout.")
    ] = Path("."),
    source: Annotated[str, typer.Option("--source", metavar="NAME", help="Of a flow: its connector.")] = "directory",
    target: Annotated[str, typer.Option("--target", metavar="NAME", help="Of a flow: its connector.")] = "directory",
    format_name: Annotated[str, typer.Option("--format", metavar="NAME", help="Of a flow: its format.")] = "json",
    as_json: AsJson = False,
) -> None:
    """Write a starter of a flow, partner, map, step or component.

    Formats, connectors and, outside of a project, steps are parts of Waypost itself and need a source checkout. A flow
    is made from the declarations of its parts: every option is there, the optional ones as comments. A pack is copied
    into schemas/, to be changed there; one that is used as it is need only be named, as pack:NAME/FILE.
    """
    from waypost.cli import scaffold
    from waypost.core.errors import UsageError, near

    if kind not in scaffold.KINDS:
        raise UsageError(
            f"new {kind!r}", expected=f"one of {', '.join(scaffold.KINDS)}", remedy=near(kind, scaffold.KINDS)
        )
    in_project, in_checkout = (project / "waypost.yaml").is_file(), (project / "src" / "waypost").is_dir()
    if kind in ("flow", "map", "partner", "pack") or (kind == "step" and not in_checkout):
        if not in_project:
            raise UsageError(f"{project} is no project", expected="a folder with waypost.yaml", remedy="waypost init")
    elif not in_checkout:
        raise UsageError(f"{project} is no source checkout of Waypost", remedy="name one: --project DIR")
    files = _files(kind, name, project, source, target, format_name)
    written = scaffold.write_files(project, files)
    if as_json:
        return print_json({"written": written})
    say("\n".join(str(project / path) for path in written))
    say(f"\nnext:\n  {_next(kind, name, in_project)}")


def _files(kind: str, name: str, project: Path, source: str, target: str, format_name: str) -> dict[str, str]:
    from waypost.cli import scaffold
    from waypost.core.registry import registry

    if kind == "flow":
        return scaffold.flow_files(name, registry, project, source=source, target=target, format_name=format_name)
    if kind == "map":
        return scaffold.map_files(name)
    if kind == "pack":
        return scaffold.pack_copy(name)
    if kind == "partner":
        return scaffold.partner_files(name, {})
    if kind == "step" and (project / "waypost.yaml").is_file():
        return scaffold.project_step_files(name)
    return scaffold.component_files(kind, name)


def _next(kind: str, name: str, in_project: bool) -> str:
    if kind == "pack":
        return f"name them in a flow: - validate: schemas/{name}/…, in place of pack:{name}/…"
    if in_project:
        if kind == "partner":
            return f"waypost check, then use it in a flow: format: {{x12: {{partner: {name}}}}}"
        uses = {"map": f"maps/{name}.map.yaml", "step": f"steps/{name}.py"}
        word = "python" if kind == "step" else kind
        return "waypost check" if kind == "flow" else f"use it in a flow: - {word}: {uses[kind]}"
    return f"python -m pytest tests/conformance/test_{name}.py"
