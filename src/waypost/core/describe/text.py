"""Descriptions as plain text for a terminal of a given width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from waypost.core.describe.declared import Data

WIDTH = 100


def component_text(data: Data, width: int = WIDTH) -> str:
    """A component: what it is, what it promises, how it is written, and its options."""
    lines = [f"{data['kind']} {data['name']}", *_wrap(data["summary"], width, "  ")]
    for paragraph in filter(None, data["description"].split("\n\n")):
        lines += ["", *_wrap(paragraph, width, "  ")]
    if data["extra"]:
        lines += ["", f"Needs: pip install 'waypost[{data['extra']}]'"]
    if data["traits"]:
        lines += ["", "Promises" + (" (unless its options say otherwise)" if data["traits_depend_on_options"] else "")]
        lines += [f"  {name.replace('_', ' ')}: {said(value)}" for name, value in data["traits"].items()]
    if data["example"]:
        lines += ["", "Example", f"  {data['name']}: {data['example']}"]
    if data["shorthand"]:
        lines += ["", f"A plain value stands for its option {data['shorthand']!r}."]
    return "\n".join([*lines, "", *options_text(data["options"], width)])


def options_text(options: Iterable[Data], width: int = WIDTH, indent: str = "  ") -> list[str]:
    """Each option with its type, what it is for, and its bounds; nested ones further in."""
    options = list(options)
    lines = ["Options" if indent == "  " else f"{indent[:-2]}Options:"] if options else ["No options."]
    for option in options:
        lines.append(f"{indent}{option['name']}  {option_type(option)}")
        lines += _wrap(option["summary"] + limits(option), width, indent + "    ")
        if "options" in option:
            lines += options_text(option["options"], width, indent + "    ")[1:]
    return lines


def option_type(option: Data) -> str:
    """The type in words, and whether it must be given or what holds without it."""
    if option["required"]:
        return f"{option['type']}, required"
    if option["default"] in (None, "", [], {}) or "options" in option:
        return f"{option['type']}"
    return f"{option['type']}, default {said(option['default'])}"


def limits(option: Data) -> str:
    """What bounds an option besides its type, as further sentences."""
    said_so = ""
    if "minimum" in option:
        said_so += f" At least {said(option['minimum'])}."
    if "maximum" in option:
        said_so += f" At most {said(option['maximum'])}."
    if "connections" in option:
        said_so += f" A connection of kind {' or '.join(option['connections'])}."
    if "deprecated" in option:
        said_so += f" Deprecated: {option['deprecated']}"
    if "example" in option:
        said_so += f" Example: {said(option['example'])}"
    return said_so


def list_text(rows: Iterable[tuple[str, str]], width: int = WIDTH) -> list[str]:
    """Two columns: a name, and what it is."""
    rows = list(rows)
    column = max((len(name) for name, _ in rows), default=0)
    lines = []
    for name, summary in rows:
        first, *more = _wrap(summary, width - column - 4, "") or [""]
        lines.append(f"  {name:<{column}}  {first}".rstrip())
        lines += [" " * (column + 4) + line for line in more]
    return lines


def said(value: Any) -> str:
    """A plain value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    if isinstance(value, list):
        return ", ".join(map(said, value)) or "none"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {said(item)}" for name, item in value.items()) + "}"
    return "none" if value in (None, "") else str(value)


def _wrap(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text, max(width, 20), initial_indent=indent, subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
