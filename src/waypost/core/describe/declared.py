"""A declaration as plain JSON data: what ``describe --json`` prints and what texts and pages are written from."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Iterator
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from waypost.core.registry import Component
from waypost.core.spec import Duration, OptionField, Secret, Size, Spec, describe_type

Data = dict[str, Any]


def component_data(component: Component) -> Data:
    """Everything a component declares.

    Keys: kind, name, summary, description (what its docstring says besides), extra, shorthand, example, traits (by
    word, None where it has none), options (``options_data``).
    """
    return {
        "kind": component.kind,
        "name": component.name,
        "summary": component.summary,
        "description": description(component),
        "extra": component.extra,
        "shorthand": component.spec.shorthand,
        "example": component.example,
        "traits": None if component.traits is None else _traits(component.traits),
        "traits_depend_on_options": component.traits_for is not None,
        "options": options_data(component.spec),
    }


def description(component: Component) -> str:
    """What the docstring of a component says after its first line."""
    return (inspect.getdoc(component.build) or "").partition("\n")[2].strip()


def options_data(spec: Spec) -> list[Data]:
    """Each option in the order declared; ``options`` holds those of a nested mapping, if it is one."""
    return [option_data(field) for field in spec.fields]


def option_data(field: OptionField) -> Data:
    """Name, type in words, whether it must be given, default, bounds, choices and example of one option."""
    option = field.option
    made: Data = {
        "name": field.name,
        "summary": option.summary,
        "type": describe_type(field.type),
        "required": field.required,
    }
    if not field.required:
        made["default"] = plain(field.default)
    given = {
        "example": plain(option.example) or None,
        "minimum": _bound(field.type, option.minimum),
        "maximum": _bound(field.type, option.maximum),
        "choices": list(choices(field.type)) or None,
        "connections": list(option.kinds) or None,
        "advanced": option.advanced or None,
        "deprecated": option.deprecated or None,
    }
    made.update((name, value) for name, value in given.items() if value is not None)
    made["since"] = option.since
    nested = nested_options(field.type)
    if nested is not None:
        made["options"] = options_data(Spec.of(nested))
    return made


def nested_options(kind: Any) -> type[Any] | None:
    """The options class within a type: its own, its items', or its values'."""
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return kind
    return next((found for found in map(nested_options, get_args(kind)) if found is not None), None)


def choices(kind: Any) -> Iterator[Any]:
    """The values an enumerated type allows, also where it is one of several or the items of a list."""
    if get_origin(kind) is Literal:
        yield from get_args(kind)
    elif isinstance(kind, type) and issubclass(kind, Enum):
        yield from (member.value for member in kind)
    elif get_origin(kind) in (Union, types.UnionType, list, tuple):
        for argument in get_args(kind):
            if argument is not Ellipsis:
                yield from choices(argument)


def plain(value: Any) -> Any:
    """An option's value as a person would write it in a project file.

    >>> plain(Duration(30 * 86400)), plain(Size(64 << 20))
    ('30d', '64MiB')
    """
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, Duration):
        milliseconds = round(value * 1000)
        exact = abs(value * 1000 - milliseconds) < 1e-6
        return _in_units(milliseconds, _DURATIONS) if exact else float(value)
    if isinstance(value, Size):
        return _in_units(int(value), _SIZES)
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return str(value) if isinstance(value, str) else value


def first_paragraph(thing: Any) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


_DURATIONS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))
_SIZES = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1))


def _in_units(value: int, units: tuple[tuple[str, int], ...]) -> Any:
    return next((f"{value // worth}{unit}" for unit, worth in units if value and value % worth == 0), value)


def _bound(kind: Any, bound: float | None) -> Any:
    return plain(kind(bound)) if bound is not None and kind in (Duration, Size) else bound


def _traits(traits: Any) -> Data:
    return {field.name: plain(getattr(traits, field.name)) for field in dataclasses.fields(traits)}
