"""JSON Schema (draft 2020-12) of options, for completion in editors.

The schema accepts whatever ``Spec.parse`` accepts. It may accept a little more, where JSON Schema cannot say it (bounds
of a duration written as text, what an options class checks itself): the last word is with ``waypost check``.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterable
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from waypost.core.describe.declared import plain
from waypost.core.registry import Component, Kind, Registry
from waypost.core.spec import Duration, Expression, Option, OptionField, Secret, Size, Spec, Verbatim

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE: Schema = {
    "description": "A value of the environment.",
    "type": "string",
    "pattern": r"^\$\{[^}]*\}$",
}
"""``${name}``, which may stand for any value below a component's name."""
_REFERENCE_AT = {"$ref": "#/$defs/reference"}

_SCALAR: dict[Any, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Secret: {"type": ["string", "integer"]},
    Verbatim: {"type": "string"},
    Expression: {"type": ["string", "number", "boolean"]},
}
_TEXT: Schema = {"type": ["string", "number"]}
_DURATION = r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d)\s*$"
_SIZE = r"^\s*\d+\s*(KiB|MiB|GiB|B)\s*$"


def document(title: str, schema: Schema, definitions: Schema | None = None) -> Schema:
    """A whole schema document."""
    head: Schema = {"$schema": DIALECT, "title": title}
    return head | schema | ({"$defs": dict(sorted(definitions.items()))} if definitions else {})


def component_document(component: Component) -> Schema:
    """The schema of what may stand below a component's name."""
    title = f"{component.kind} {component.name}"
    return document(title, component_schema(component), {"reference": REFERENCE})


def component_schema(component: Component) -> Schema:
    """The options of a component: the mapping, its shorthand, or nothing where nothing must be given."""
    spec = component.spec
    forms = [options_schema(spec, references=True)]
    if spec.shorthand:
        field = next(f for f in spec.fields if f.name == spec.shorthand)
        forms.append(option_schema(field, references=True))
    if not any(field.required for field in spec.fields):
        forms.append({"type": "null"})
    return {"description": component.summary} | _any(forms)


def choice_schema(registry: Registry, kind: Kind) -> Schema:
    """Exactly one component of a kind: its name, and below it its options. Refers to ``component_definitions``."""
    return {
        "type": "object",
        "properties": {name: {"$ref": _at(kind, name)} for name in registry.names(kind)},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }


def component_definitions(registry: Registry, kinds: Iterable[Kind]) -> Schema:
    """The ``$defs`` that ``choice_schema`` refers to."""
    wanted = set(kinds)
    made: Schema = {f"{c.kind}-{c.name}": component_schema(c) for c in registry if c.kind in wanted}
    return made | {"reference": REFERENCE}


def options_schema(spec: Spec, *, references: bool = False) -> Schema:
    """The mapping of options. ``references``: whether ``${name}`` may stand for a value."""
    made: Schema = {
        "type": "object",
        "properties": {field.name: option_schema(field, references=references) for field in spec.fields},
        "additionalProperties": False,
    }
    required = [field.name for field in spec.fields if field.required]
    return made | ({"required": required} if required else {})


def option_schema(field: OptionField, *, references: bool = False) -> Schema:
    """One option with its description, default and example."""
    option = field.option
    made: Schema = {"description": option.summary}
    if not field.required and field.default is not None:
        made["default"] = plain(field.default)
    if option.example is not None:
        made["examples"] = [plain(option.example)]
    if option.deprecated:
        made["deprecated"] = True
    return made | type_schema(field.type, option, references=references)


def type_schema(kind: Any, option: Option, *, references: bool = False) -> Schema:
    """What may be written for a value of this type."""
    made = _type_schema(kind, option, references)
    if not references or not made or made in (_TEXT, _SCALAR[Expression], _SCALAR[Secret]):
        return made
    return _any([made, _REFERENCE_AT])


def _type_schema(kind: Any, option: Option, references: bool) -> Schema:
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any:
        return {}
    if origin in (Union, types.UnionType):
        forms = [_type_schema(a, option, references) for a in args if a is not type(None)]
        return _any(forms + ([{"type": "null"}] if type(None) in args else []))
    if origin is Literal:
        return {"enum": [*args, *(int(a) for a in args if isinstance(a, str) and a.isdecimal() and str(int(a)) == a)]}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    if origin in (list, tuple):
        return _items(args[0], option, references)
    if origin is dict:
        return {"type": "object", "additionalProperties": type_schema(args[1], option, references=references)}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _nested(Spec.of(kind), references)
    return _scalar(kind, option)


def _items(item: Any, option: Option, references: bool) -> Schema:
    """A list; one scalar may stand for a list of one."""
    each = type_schema(item, option, references=references)
    if item is Any:
        return {"type": ["array", "string", "number", "boolean"]}
    many: Schema = {"type": "array", "items": each}
    whole = isinstance(item, type) and dataclasses.is_dataclass(item)
    return many if whole or get_origin(item) in (list, tuple, dict) else _any([many, each])


def _nested(spec: Spec, references: bool) -> Schema:
    made = options_schema(spec, references=references)
    return made if "required" in made else _any([made, {"type": "null"}])


def _scalar(kind: Any, option: Option) -> Schema:
    if kind is Duration:
        return _any([_bounded({"type": "number", "minimum": 0}, option), {"type": "string", "pattern": _DURATION}])
    if kind is Size:
        return _any([_bounded({"type": "number", "minimum": 0}, option), {"type": "string", "pattern": _SIZE}])
    if kind in (int, float):
        return _bounded(dict(_SCALAR[kind]), option)
    return dict(_SCALAR.get(kind, _TEXT))


def _bounded(schema: Schema, option: Option) -> Schema:
    if option.minimum is not None:
        schema["minimum"] = max(option.minimum, schema.get("minimum", option.minimum))
    if option.maximum is not None:
        schema["maximum"] = option.maximum
    return schema


def _any(forms: list[Schema]) -> Schema:
    """One of several forms, without nesting and without saying anything twice."""
    flat: list[Schema] = []
    for form in forms:
        for part in form["anyOf"] if set(form) == {"anyOf"} else [form]:
            if part not in flat:
                flat.append(part)
    if {} in flat:
        return {}
    return flat[0] if len(flat) == 1 else {"anyOf": flat}


def _at(kind: Kind, name: str) -> str:
    return f"#/$defs/{kind}-{name}"
