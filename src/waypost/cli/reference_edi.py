"""The reference page of the EDI schemas that come along, made from them."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from waypost.core.describe.page import NOTICE, joined, markdown, table

_STANDARDS = {"x12": "X12", "edifact": "UN/EDIFACT"}


def schemas_page() -> str:
    """Every message with the versions and guides there are of it, and how schema files are written."""
    parts = [
        NOTICE, "# EDI schemas that come along",
        "`waypost edi check` takes the schema of the version and guide a message names; a version that is not here is "
        "checked by the nearest one, with a notice. `--schema` takes any of these names or a file of your own.",
        "They hold facts, such as order, repetition, types and lengths, in our own words: no text of X12 or of the "
        "United Nations, and of code lists only what is short or often met. Where a schema says what it is from, it is "
        "its `provenance`.",
    ]  # fmt: skip
    for standard, title in _STANDARDS.items():
        parts += [f"## {title}", table(["message", "what it is", "schemas"], list(_rows(standard)))]
    parts += ["## How a schema file is written", *map(_said, _modules())]
    return joined(parts)


def _rows(standard: str) -> Iterator[list[str]]:
    from waypost.formats.edi.schema.load import library

    found: dict[str, list[str]] = {}
    for name in library().names():
        if name.startswith(f"{standard}/"):
            found.setdefault(name.rpartition("/")[2], []).append(f"`{name}`")
    labels = library().labels(standard).messages
    for message, names in sorted(found.items()):
        yield [message, labels.get(message, ""), ", ".join(names)]


def _modules() -> list[ModuleType]:
    from waypost.formats.edi.schema import load, narrow, notation, overlay, rule

    return [load, notation, overlay, narrow, rule]


def _said(module: ModuleType) -> str:
    return markdown((module.__doc__ or "").strip())
