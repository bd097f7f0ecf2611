"""What can be read of a flow that has faults, so that its other faults are found too."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from waypost.core.errors import Fault
from waypost.core.spec import Spec, convert
from waypost.core.yamlfile import Path as YamlPath
from waypost.core.yamlfile import YamlFile
from waypost.flow.declared.definition import FlowOptions


def readable_options(file: YamlFile) -> FlowOptions:
    """The options of a flow that has faults: what cannot be read is left at its default, or empty."""
    empty = FlowOptions(flow="", description="", owner="", source={})
    readable = _readable(empty, file, file.data, ())
    assert isinstance(readable, FlowOptions)
    return readable


def _readable(options: Any, file: YamlFile, data: Mapping[str, Any], path: YamlPath) -> Any:
    """``options`` with what of ``data`` can be read put in."""
    found: dict[str, Any] = {}
    for field in Spec.of(type(options)).fields:
        if field.name not in data:
            continue
        faults: list[Fault] = []
        value, at = data[field.name], (*path, field.name)
        read = convert(field.type, value, file, at, faults, field.option)
        if not faults:
            found[field.name] = read
        elif dataclasses.is_dataclass(field.type) and isinstance(value, Mapping):
            found[field.name] = _readable(getattr(options, field.name), file, value, at)
    return dataclasses.replace(options, **found)
