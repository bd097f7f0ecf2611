"""Checkers of documents by kind: a package that knows a language of schemas offers it here to the ``validate`` step.

The step knows none of these packages, and they do not know the step.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from waypost.core.declared import declarations
from waypost.core.errors import Fault
from waypost.core.finding import Finding

Read = Callable[[str], bytes]
"""The bytes of a project file; raises ``OSError``, ``LookupError`` or a Waypost error for one that is not there."""


class Checker(Protocol):
    """Holds documents against one schema. Pure: what it says depends on the document alone."""

    def fits(self, body: Any) -> bool:
        """Whether nothing is wrong. False may be wrong: ``findings`` decides. Never raises for a document."""
        ...

    def findings(self, body: Any) -> Sequence[Finding]:
        """All that is wrong with a document, at most ``MOST_FINDINGS``; never raises for a document."""
        ...


Build = Callable[[str, Read, list[Fault]], Checker | None]
"""Name of the schema, the project's files → its checker; None with the reasons in the list."""

_builders: dict[str, Build] = {}
_DECLARATION = r'\n@checks\("(\w+)"'
B = TypeVar("B", bound=Build)


def checks(kind: str) -> Callable[[B], B]:
    """The decorator by which a package offers to build checkers of one kind."""

    def declare(build: B) -> B:
        if kind in _builders:
            raise ValueError(f"checker {kind!r} is registered twice")
        _builders[kind] = build
        return build

    return declare


def checker(kind: str, name: str, read: Read, faults: list[Fault]) -> Checker | None:
    """The checker of one kind for the schema ``name``; the module that offers it is imported if need be."""
    if kind not in _builders and (module := declarations(_DECLARATION).get((kind,))):
        importlib.import_module(module)
    build = _builders.get(kind)
    if build is None:
        faults.append(Fault(name, 0, "schema", f"nothing here checks {kind}", "a part that does"))
        return None
    return build(name, read, faults)
