"""Packs: schemas, layouts and rules that come with Waypost, named in a project as ``pack:NAME/FILE``.

What a project names becomes part of its version: a later Waypost whose pack differs makes another version, and messages
of the earlier one keep the pack they were processed with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

PREFIX = "pack:"
_NAMED = re.compile(rb"pack:([a-z0-9][a-z0-9-]*)/")
_SUFFIXES = (".layout.yaml", ".yaml", ".xsd", ".json")
_SAMPLES = "samples"


def pack_names() -> list[str]:
    """The packs there are, sorted."""
    return sorted(entry.name for entry in _root().iterdir() if entry.is_dir() and (entry / "pack.yaml").is_file())


def pack_files(name: str) -> dict[str, bytes]:
    """The files of a pack by path, its samples too; none for a name that is no pack."""
    folder = _root() / name
    return dict(_walked(folder, "")) if name in pack_names() else {}


def with_packs(project: Mapping[str, bytes]) -> dict[str, bytes]:
    """The project's files with those of each pack they name, under ``pack:NAME/FILE``, and, where that is plain, under
    the name without its suffix. What is there already stays as it is."""
    named = {found.decode() for name, data in project.items() if _may_name(name) for found in _NAMED.findall(data)}
    made = dict(project)
    for pack in sorted(named):
        if any(name.startswith(f"{PREFIX}{pack}/") for name in project):
            continue
        for path, data in pack_files(pack).items():
            if path.startswith(f"{_SAMPLES}/"):
                continue
            made[f"{PREFIX}{pack}/{path}"] = data
            stem = next((path.removesuffix(suffix) for suffix in _SUFFIXES if path.endswith(suffix)), path)
            made.setdefault(f"{PREFIX}{pack}/{stem}", data)
    return made


def _may_name(path: str) -> bool:
    return path.endswith((".yaml", ".yml", ".json"))


def _root() -> Any:
    return files("waypost") / "packs"


def _walked(folder: Any, path: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda one: str(one.name)):
        if entry.is_dir():
            yield from _walked(entry, f"{path}{entry.name}/")
        elif not entry.name.startswith((".", "__")):
            yield f"{path}{entry.name}", entry.read_bytes()
