"""A format inside a step: how a document becomes text there, or a text a document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from waypost.core.component import Format
from waypost.core.errors import DataError, Fault, ProjectError
from waypost.core.grants import Grants
from waypost.core.registry import Component, registry
from waypost.core.yamlfile import Path, YamlFile


def format_faults(raw: Any, file: YamlFile, path: Path) -> list[Fault]:
    """What is wrong with a format as it is written in a step: its name, or a mapping of its name to its options."""
    faults: list[Fault] = []
    _parsed(raw, file, path, faults)
    return faults


def inner_format(raw: Any, grants: Grants) -> Format:
    """The format, built. Raises ``ProjectError`` for one that is written wrongly."""
    faults: list[Fault] = []
    found = _parsed(raw, YamlFile(f"flow {grants.flow} step {grants.name}", None), (), faults)
    if found is None:
        raise ProjectError(faults)
    made: Format = found[0].build(found[1], grants)
    return made


def text_of(body: Any, document: Format) -> bytes | DataError:
    """A body as bytes: a text in UTF-8, bytes as they are, a document as ``document`` writes it."""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    try:
        (made,) = document.encode([body])
    except (TypeError, ValueError, AttributeError, LookupError, RecursionError) as error:
        return DataError(f"the message has no form in this format: {error}"[:300], code="encode")
    return made


def _parsed(raw: Any, file: YamlFile, path: Path, faults: list[Fault]) -> tuple[Component, Any] | None:
    given: Any = {raw: {}} if isinstance(raw, str) else raw
    if not isinstance(given, Mapping) or len(given) != 1:
        faults.append(
            file.fault(path, "format", f"found {raw!r}", "a format's name, or a mapping of it to its options")
        )
        return None
    ((name, options),) = given.items()
    component = registry.find("format", str(name))
    if component is None:
        faults.append(file.fault(path, "unknown-format", f"no format {name!r}", "", registry.near("format", str(name))))
        return None
    parsed = component.spec.parse(file, options or {}, (*path, str(name)), faults)
    return None if parsed is None else (component, parsed)
