"""JSON Schemas of whole project files: what an editor completes while a flow is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from waypost.core.describe.schema import (
    REFERENCE,
    Schema,
    choice_schema,
    component_definitions,
    component_document,
    document,
    options_schema,
)
from waypost.core.errors import UsageError, near
from waypost.core.registry import Kind, Registry
from waypost.core.spec import Spec


def file_schema(name: str, registry: Registry) -> Schema:
    """The schema of a project file, one of ``FILES``, or of a component: ``source/directory``. Raises ``UsageError``
    for another name."""
    if name in FILES:
        return FILES[name](registry)
    component = next((c for c in registry if f"{c.kind}/{c.name}" == name), None)
    if component is None:
        known = [*FILES, *(f"{c.kind}/{c.name}" for c in registry)]
        expected = f"one of {', '.join(FILES)}, or a component such as source/directory"
        raise UsageError(f"no schema {name!r}", expected=expected, remedy=near(name, known))
    return component_document(component)


def flow_schema(registry: Registry) -> Schema:
    """flows/*.yaml: the flow's options with every source, format, step and target in its place."""
    from waypost.flow.declared.definition import FlowOptions, KeyOptions

    whole = options_schema(Spec.of(FlowOptions))
    keys = {
        "type": "object",
        "additionalProperties": {"anyOf": [_TEXT, options_schema(Spec.of(KeyOptions))]},
    }
    properties = whole["properties"]
    placed: dict[str, Schema] = {
        "source": {"$ref": "#/$defs/source"},
        "format": {"$ref": "#/$defs/format"},
        "keys": {"$ref": "#/$defs/keys"},
        "steps": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/step"}}]},
        "targets": {"type": "object", "additionalProperties": {"$ref": "#/$defs/target"}, "minProperties": 1},
    }
    expect = properties["expect"]["items"]["properties"]
    expect["from"] = expect.pop("source")
    for name, schema in placed.items():
        properties[name] = {"description": properties[name]["description"]} | schema
    definitions = component_definitions(registry, ("source", "format", "step", "target"))
    definitions |= {
        "source": choice_schema(registry, "source"),
        "format": {"anyOf": [{"enum": registry.names("format")}, choice_schema(registry, "format")]},
        "keys": keys,
        "step": _beside(registry, "step", {"name": _TEXT | {"description": "A name of the step's own."}}),
        "target": _beside(registry, "target", _target_extras()),
    }
    steps = properties["steps"]["anyOf"][0]
    steps["items"] = {"anyOf": [steps["items"], {"$ref": "#/$defs/fragment"}]}
    definitions["fragment"] = {
        "type": "object", "required": ["fragment"], "additionalProperties": False,
        "properties": {"fragment": {"type": "string"}, "with": {"type": "object"}, "name": _TEXT},
    }  # fmt: skip
    instance = {
        "type": "object", "required": ["template"], "additionalProperties": False,
        "properties": {
            "template": {"type": "string"}, "with": {"type": "object"},
            "instances": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]},
        },
    }  # fmt: skip
    return document("A flow of a Waypost project", {"anyOf": [whole, instance]}, definitions)


_TEXT: Schema = {"type": ["string", "number"]}


def _target_extras() -> Schema:
    """What may stand beside a target's connector."""
    return {
        "format": {"$ref": "#/$defs/format", "description": "How its bytes are written; by default as the flow's."},
        "keep": {"enum": ["sent"], "description": "Keep the exact bytes sent."},
        "keys": {"$ref": "#/$defs/keys", "description": "Business keys found in what is sent."},
        "answer_keys": {"$ref": "#/$defs/keys", "description": "Business keys found in the target's answer."},
    }


def _beside(registry: Registry, kind: Kind, extras: Schema) -> Schema:
    """One component of a kind, and beside it further properties."""
    chosen = choice_schema(registry, kind)
    names = registry.names(kind)
    return {
        "type": "object",
        "properties": chosen["properties"] | extras,
        "additionalProperties": False,
        "oneOf": [{"required": [name]} for name in names],
    }


def connections_schema(registry: Registry) -> Schema:
    """connections.yaml: each name with the kind of system and that kind's options."""
    from waypost.flow.declared.definition import ConnectionClass

    forms = []
    for name in registry.names("connection"):
        component = registry.find("connection", name)
        assert component is not None
        options = options_schema(component.spec, references=True)
        kind = {"kind": {"const": name}, "class": {"enum": [c.value for c in ConnectionClass]}}
        forms.append(
            options
            | {"description": component.summary, "properties": kind | options["properties"]}
            | {"required": ["kind", *options.get("required", ())]}
        )
    each = {"type": "object", "required": ["kind"], "anyOf": forms}
    whole = {"type": ["object", "null"], "additionalProperties": each}
    return document("Connections of a Waypost project", whole, {"reference": REFERENCE})


def project_schema(registry: Registry) -> Schema:
    """waypost.yaml."""
    from waypost.flow.declared.definition import ProjectOptions

    return document("A Waypost project", options_schema(Spec.of(ProjectOptions)))


def environment_schema(registry: Registry) -> Schema:
    """environments/NAME.yaml."""
    from waypost.flow.declared.environment import EnvironmentOptions

    whole = options_schema(Spec.of(EnvironmentOptions))
    whole["properties"]["class"] = whole["properties"].pop("environment_class")
    return document("An environment of a Waypost project", whole)


def test_schema(registry: Registry) -> Schema:
    """tests/*.yaml."""
    from waypost.testing.cases.declared import CaseFileOptions

    return document("Cases of a flow", options_schema(Spec.of(CaseFileOptions)))


def partner_schema(registry: Registry) -> Schema:
    """partners/*.yaml."""
    from waypost.agreements.declaration import PartnerOptions

    return document("A trading partner", options_schema(Spec.of(PartnerOptions)))


def calendar_schema(registry: Registry) -> Schema:
    """calendars/*.yaml."""
    from waypost.core.calendar import CalendarOptions

    return document("A calendar of working time", options_schema(Spec.of(CalendarOptions)))


def template_schema(registry: Registry) -> Schema:
    """templates/*.yaml: a template of a flow, or a fragment of steps."""
    from waypost.flow.declared.template import TYPES

    described = {"description": {"type": "string"}, "owner": {"type": "string"}}
    parameter = {"type": "object", "additionalProperties": False, "properties": {
        "type": {"enum": list(TYPES)}, "default": {}, "description": {"type": "string"}, "choices": {"type": "array"},
    }}  # fmt: skip
    parameters = {"type": "object", "additionalProperties": {"anyOf": [{"enum": list(TYPES)}, parameter]}}
    common = {**described, "parameters": parameters}
    forms = [
        {"type": "object", "required": ["template", "flow"], "additionalProperties": False,
         "properties": {"template": {"type": "string"}, **common, "flow": {"type": "object"}}},
        {"type": "object", "required": ["fragment", "steps"], "additionalProperties": False,
         "properties": {"fragment": {"type": "string"}, **common, "steps": {"type": "array"}}},
    ]  # fmt: skip
    return document("A template or fragment of a Waypost project", {"anyOf": forms})


def reference_schema(registry: Registry) -> Schema:
    """reference/*.yaml: a table of reference data."""
    from waypost.mapping.reference import KINDS

    column = {"anyOf": [{"enum": list(KINDS)}, {
        "type": "object", "additionalProperties": False,
        "properties": {"type": {"enum": list(KINDS)}, "required": {"type": "boolean"}},
    }]}  # fmt: skip
    text = {"type": "string"}
    return document("A reference table of a Waypost project", {
        "type": "object", "required": ["reference", "owner", "key", "columns"], "additionalProperties": False,
        "properties": {
            "reference": text, "description": text, "owner": text, "key": text, "initial": text,
            "approval": {"type": "boolean"},
            "columns": {"type": "object", "minProperties": 1, "additionalProperties": column},
        },
    })  # fmt: skip


FILES: dict[str, Callable[[Registry], Schema]] = {
    "flow": flow_schema,
    "project": project_schema,
    "connections": connections_schema,
    "environment": environment_schema,
    "test": test_schema,
    "template": template_schema,
    "reference": reference_schema,
    "partner": partner_schema,
    "calendar": calendar_schema,
}


def file_options(name: str) -> type[Any] | None:
    """The options class a project file is read by; None where there is none of that name."""
    from waypost.agreements.declaration import PartnerOptions
    from waypost.core.calendar import CalendarOptions
    from waypost.flow.declared.definition import FlowOptions, ProjectOptions
    from waypost.flow.declared.environment import EnvironmentOptions

    found: dict[str, type[Any]] = {
        "flow": FlowOptions, "project": ProjectOptions, "environment": EnvironmentOptions, "partner": PartnerOptions,
        "calendar": CalendarOptions,
    }  # fmt: skip
    return found.get(name)
