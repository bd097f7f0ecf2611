"""A starter for one component: its example with every further option beside it, commented out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_origin

import yaml

from waypost.core.describe.declared import choices, plain
from waypost.core.registry import Component
from waypost.core.spec import ConnectionRef, Duration, OptionField, Size
from waypost.core.yamlfile import parse_yaml


def starter(component: Component, given: Mapping[str, Any] | None = None) -> str:
    """The options of a component as a YAML block that parses without a fault.

    Values come from ``given``, then the declaration's example, then each option's own example; an option left at its
    default is a comment. '' for a component without options.
    """
    chosen = {**_example(component), **(given or {})}
    lines = []
    for field in component.spec.fields:
        if field.name in chosen or field.required:
            value = chosen[field.name] if field.name in chosen else example_value(field)
            lines.append(f"{field.name}: {written(value)}  # {field.option.summary}")
        elif not field.option.advanced:
            default = plain(field.default)
            lines.append(f"# {field.name}: {written('' if default is None else default)}  # {field.option.summary}")
    return "\n".join(lines)


def example_value(field: OptionField) -> Any:
    """A value that fits a required option."""
    if field.option.example is not None:
        return plain(field.option.example)
    allowed = list(choices(field.type))
    if allowed:
        return allowed[0]
    if field.type in (int, float, Duration, Size):
        return field.option.minimum or 1
    if field.type is bool:
        return True
    if get_origin(field.type) in (list, tuple):
        return []
    if get_origin(field.type) is dict:
        return {}
    return "change-me"


def connection_options(component: Component) -> list[OptionField]:
    """The options of a component that name a connection."""
    return [f for f in component.spec.fields if f.type is ConnectionRef or ConnectionRef in get_args(f.type)]


def takes_several(field: OptionField) -> bool:
    """Whether an option is a list."""
    return get_origin(field.type) in (list, tuple)


def written(value: Any) -> str:
    """A value as YAML on one line.

    >>> written({"po": "4711"}), written("yes"), written(None)
    ("{po: '4711'}", "'yes'", 'null')
    """
    text: str = yaml.safe_dump(value, default_flow_style=True, width=1 << 20, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def _example(component: Component) -> dict[str, Any]:
    data = parse_yaml(component.example, "example", []).data
    if data is not None and not isinstance(data, dict):
        return {component.spec.shorthand: data} if component.spec.shorthand else {}
    return data or {}
