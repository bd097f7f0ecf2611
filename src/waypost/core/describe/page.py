"""Reference pages in Markdown: the same declaration gives the same bytes."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from waypost.core.describe.declared import Data, component_data, first_paragraph, options_data
from waypost.core.describe.text import limits, said
from waypost.core.registry import KINDS, Component, Kind, Registry
from waypost.core.spec import Spec
from waypost.core.yamlfile import parse_yaml

NOTICE = "<!-- Written by `make docs` from the declarations. Change those, not this page. -->"

_TITLES: Mapping[Kind, str] = {
    "source": "Sources",
    "target": "Targets",
    "requester": "Requesters",
    "format": "Formats",
    "step": "Steps",
    "connection": "Connections",
}


def component_pages(registry: Registry) -> dict[str, str]:
    """The page of every component by its path, ``source/directory.md``."""
    return {f"{c.kind}/{c.name}.md": component_page(c) for c in registry}


def index_page(registry: Registry, others: Iterable[tuple[str, str]]) -> str:
    """The list of all components, and of the ``others``: (path, title)."""
    parts = [NOTICE, "# Reference", "\n".join(f"- [{title}]({path})" for path, title in others)]
    for kind in KINDS:
        found = [c for c in registry if c.kind == kind]
        if found:
            rows = [[f"[`{c.name}`]({kind}/{c.name}.md)", c.summary] for c in found]
            parts += [f"## {_TITLES[kind]}", table(["name", "what it does"], rows)]
    return joined(parts)


def component_page(component: Component) -> str:
    """What a component is, how it is written, what it promises, and its options."""
    data = component_data(component)
    parts = [NOTICE, f"# {component.kind.capitalize()} `{component.name}`", component.summary]
    parts.append(markdown(data["description"]))
    if component.extra:
        parts.append(f"Needs `pip install 'waypost[{component.extra}]'`.")
    if component.example:
        parts.append(code("yaml", example_text(component)))
    if component.spec.shorthand:
        parts.append(f"A plain value in place of the mapping stands for `{component.spec.shorthand}`.")
    if data["traits"]:
        note = " Its options can narrow them." if component.traits_for else ""
        rows = [[name.replace("_", " "), said(value)] for name, value in data["traits"].items()]
        parts += ["## Promises", markdown(first_paragraph(type(component.traits))) + note, table(["trait", ""], rows)]
    return joined([*parts, "## Options", *options_parts(data["options"])])


def example_text(component: Component) -> str:
    """A component's example where it belongs in a project file."""
    name, example = component.name, component.example.strip()
    if component.kind == "connection":
        return _connection_example(name, example)
    key = "requester" if component.kind == "requester" else component.kind
    if component.kind == "target":
        return f"targets:\n  {name}-out:\n" + textwrap.indent(_under(name, example), "    ")
    if component.kind == "step":
        return "steps:\n" + textwrap.indent(_under(name, example), "    ").replace("    ", "  - ", 1)
    return f"{key}:\n" + textwrap.indent(_under(name, example), "  ")


def _connection_example(name: str, example: str) -> str:
    if example.startswith("{"):
        rest = example[1:].strip()
        return f"my-{name}: {{kind: {name}{'}' if rest == '}' else ', ' + rest}"
    return f"my-{name}:\n  kind: {name}\n" + textwrap.indent(example, "  ")


def _under(name: str, example: str) -> str:
    block = "\n" in example or (not example.startswith("{") and isinstance(parse_yaml(example, "", []).data, dict))
    return f"{name}:\n{textwrap.indent(example, '  ')}" if block else f"{name}: {example}"


def file_page(title: str, introduction: str, sections: Sequence[tuple[str, type[Any]]], example: str = "") -> str:
    """The page of a project file: each section a heading and the options class it describes."""
    parts = [NOTICE, f"# {title}", introduction]
    if example:
        parts.append(code("yaml", example))
    for heading, options in sections:
        parts += [f"## {heading}", markdown(first_paragraph(options)), *options_parts(options_data(Spec.of(options)))]
    return joined(parts)


def options_parts(options: Sequence[Data], within: str = "") -> list[str]:
    """A table of options, then one for each that is a mapping of its own."""
    if not options:
        return ["It has no options."]
    parts = [table(["option", "type", "default", "what it is for"], [_option_row(o) for o in options])]
    for option in options:
        if "options" in option:
            path = f"{within}{option['name']}"
            parts += [f"### `{path}`", *options_parts(option["options"], f"{path}.")]
    return parts


def _option_row(option: Data) -> list[str]:
    if option["required"]:
        default = "required"
    elif "options" in option or option["default"] in (None, "", [], {}):
        default = ""
    else:
        default = f"`{said(option['default'])}`"
    advanced = " For experts." if option.get("advanced") else ""
    return [f"`{option['name']}`", option["type"], default, option["summary"] + limits(option) + advanced]


def errors_page(tree: str, root: type[Exception]) -> str:
    """Every error class below ``root`` by its code; ``tree`` is the drawing of what each leads to."""
    parts = [NOTICE, "# Errors", tree]
    for error in error_classes(root):
        words = f"`{error.__name__}`, class *{getattr(error, 'error_class', '')}*."
        parts += [f"## {getattr(error, 'code', '')}", words, markdown(inspect.getdoc(error) or "")]
    return joined(parts)


def error_classes(root: type[Exception]) -> list[type[Exception]]:
    """``root`` and the classes below it that its own module declares, in the order written."""
    found = [root]
    for child in root.__subclasses__():
        if child.__module__ == root.__module__:
            found += error_classes(child)
    return found


def member_docs(kind: type[Enum]) -> dict[str, str]:
    """The docstring written below each member of an enumeration."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    made: dict[str, str] = {}
    for node, following in zip(body.body, [*body.body[1:], None], strict=True):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            text = following.value if isinstance(following, ast.Expr) else None
            said_so = isinstance(text, ast.Constant) and isinstance(text.value, str)
            made[node.targets[0].id] = " ".join(text.value.split()) if said_so else ""  # type: ignore[union-attr]
    return made


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; what would break a cell is escaped."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def code(language: str, text: str) -> str:
    """A fenced block."""
    return f"```{language}\n{text.rstrip()}\n```"


def markdown(text: str) -> str:
    """A docstring's text with its literals as Markdown writes them."""
    return text.replace("``", "`")


def joined(parts: Iterable[str]) -> str:
    """A page of its parts, an empty line between each."""
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
