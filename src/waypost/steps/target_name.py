"""Names of targets that stand in options or messages, held against the targets a flow has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from waypost.core.errors import DataError, Fault, near
from waypost.core.spec import OptionFault
from waypost.core.yamlfile import Path, YamlFile


def unknown_targets(file: YamlFile, path: Path, names: Iterable[str], targets: Collection[str]) -> list[Fault]:
    """A fault for each name that is no target of the flow."""
    return [
        file.fault(path, "unknown-target", f"no target {name!r}", "", remedy_for(name, targets))
        for name in names
        if name not in targets
    ]


def named_faults(option: str, names: Sequence[str]) -> Iterator[OptionFault]:
    """What is wrong with a list of targets before the flow is known: there is none, or one is written twice."""
    if not names:
        yield OptionFault(option, "there is no target", "a target, or a list of targets")
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield OptionFault(option, f"{name!r} is written twice", "each target once")


def remedy_for(name: str, targets: Collection[str]) -> str:
    """The near name, or all there are."""
    return near(name, targets) or f"targets of this flow: {', '.join(targets) or 'none'}"


def names_in(value: Any, where: str, what: str) -> list[str]:
    """The names a message gives: a text, or a list of texts; each once, in their order. ``DataError`` for anything
    else; a missing value is no name."""
    if value is None or value == "":
        return []
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple):
        raise DataError(f"found a {type(value).__name__}", where=where, expected=f"{what}: a text or a list of texts")
    for name in given:
        if not isinstance(name, str):
            found = f"found {name!r}"[:100]
            raise DataError(found, where=where, expected=f"{what}: texts")
    return list(dict.fromkeys(name.strip() for name in given if name.strip()))
