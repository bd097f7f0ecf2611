"""Say what there is to build with: components, files, errors, states; as text, JSON, schemas or pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypost.cli.option import AsJson
from waypost.cli.output import print_json, say, width

if TYPE_CHECKING:
    from waypost.core.registry import Component, Registry


def describe(
    context: typer.Context,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="source, target, requester, format, step, connection; a file: flow, partner …; template, "
            "fragment; error, state.",
        ),
    ] = "",
    name: Annotated[str, typer.Argument(metavar="NAME", help="A component, an error's code, a state.")] = "",
    schema: Annotated[
        str,
        typer.Option("--schema", metavar="FILE", help="JSON Schema of flow, project, connections, source/directory …"),
    ] = "",
    pages: Annotated[
        Path | None, typer.Option("--pages", metavar="DIR", help="Write the reference pages into this folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Describe what flows are built from.

    `waypost describe` lists everything, `waypost describe source` one kind, `waypost describe source directory` one
    component, `waypost describe partner` a project file. `--schema flow` prints the JSON Schema that editors
    complete flows with.
    """
    from waypost.cli.file_schema import file_options
    from waypost.cli.verb.expanding import print_templates
    from waypost.core.registry import registry

    if pages is not None:
        return _write(pages, registry, context.find_root().command, as_json)
    if schema:
        return _print_schema(schema, registry)
    if kind in ("error", "state"):
        return _print_words(kind, name, as_json)
    if kind in ("template", "fragment"):
        return print_templates(kind, name, as_json)
    options = file_options(kind) if not name else None
    if options is not None:
        return _print_file(kind, options, as_json)
    chosen = _choose(registry, kind, name)
    if (name or (kind and not _is_kind(kind))) and chosen:
        return _print_components(chosen, as_json)
    _print_list(chosen, as_json)


def _write(folder: Path, registry: Registry, command: Any, as_json: bool) -> None:
    from waypost.cli.reference import write_pages

    changed = write_pages(folder, registry, command)
    if as_json:
        print_json({"changed": changed})
    else:
        say("\n".join([*changed, f"{len(changed)} pages changed in {folder}"]))


def _print_schema(name: str, registry: Registry) -> None:
    import json

    from waypost.cli.file_schema import file_schema

    say(json.dumps(file_schema(name, registry), indent=2, ensure_ascii=False))


def _print_file(name: str, options: type[Any], as_json: bool) -> None:
    from waypost.core.describe.declared import first_paragraph, options_data
    from waypost.core.describe.text import options_text
    from waypost.core.spec import Spec

    data = options_data(Spec.of(options))
    if as_json:
        return print_json({"file": name, "summary": first_paragraph(options), "options": data})
    say("\n".join([f"file {name}", f"  {first_paragraph(options)}", "", *options_text(data, width())]))


def _is_kind(text: str) -> bool:
    from waypost.core.registry import KINDS

    return text in KINDS


def _choose(registry: Registry, kind: str, name: str) -> list[Component]:
    """The components meant: of a kind, of a kind and name, or of a name alone. Raises ``UsageError`` for none."""
    from waypost.core.errors import UsageError, near
    from waypost.core.registry import KINDS

    if kind and not _is_kind(kind):
        found = [c for c in registry if c.name == kind]
        if name or not found:
            words = [*KINDS, "error", "state", *(c.name for c in registry)]
            raise UsageError(f"nothing is called {kind!r}", expected="a kind, or a component", remedy=near(kind, words))
        return found
    found = [c for c in registry if kind in ("", c.kind) and name in ("", c.name)]
    if name and not found:
        known = [c.name for c in registry if c.kind == kind]
        raise UsageError(f"no {kind} {name!r}", remedy=near(name, known) or f"known: {', '.join(known)}")
    return found


def _print_components(components: list[Component], as_json: bool) -> None:
    from waypost.core.describe.declared import component_data
    from waypost.core.describe.text import component_text

    data = [component_data(component) for component in components]
    if as_json:
        return print_json(data[0] if len(data) == 1 else data)
    say("\n\n".join(component_text(one, width()) for one in data))


def _print_list(components: list[Component], as_json: bool) -> None:
    from waypost.core.describe.text import list_text
    from waypost.core.registry import KINDS

    if as_json:
        return print_json([{"kind": c.kind, "name": c.name, "summary": c.summary} for c in components])
    for kind in KINDS:
        rows = [(c.name, c.summary) for c in components if c.kind == kind]
        if rows:
            say("\n".join([f"{kind}s", *list_text(rows, width()), ""]))
    say("more: waypost describe KIND NAME")


def _print_words(kind: str, name: str, as_json: bool) -> None:
    """Error codes or states with what they mean."""
    from waypost.core.describe.text import list_text
    from waypost.core.errors import UsageError, near

    rows = _errors() if kind == "error" else _states()
    chosen = [row for row in rows if name in ("", row["name"])]
    if not chosen:
        raise UsageError(f"no {kind} {name!r}", remedy=near(name, [row["name"] for row in rows]))
    if as_json:
        return print_json(chosen)
    say("\n".join(list_text([(row["name"], row["summary"]) for row in chosen], width())))


def _errors() -> list[dict[str, Any]]:
    from waypost.core.describe.declared import first_paragraph
    from waypost.core.describe.page import error_classes
    from waypost.core.errors import WaypostError

    return [
        {"name": getattr(c, "code", ""), "summary": first_paragraph(c), "class": str(getattr(c, "error_class", ""))}
        for c in error_classes(WaypostError)
    ]


def _states() -> list[dict[str, Any]]:
    from waypost.core.describe.page import member_docs
    from waypost.store.record import State

    return [{"name": name.lower(), "summary": text} for name, text in member_docs(State).items()]
