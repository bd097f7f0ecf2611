"""Finds schemas by name and puts their layers together: dictionary, message, guides and partners' overlays.

A name is ``standard/version/message``, such as ``x12/004010/850`` or ``edifact/D96A/ORDERS``; it is looked for in the
folders given and then in the packs that come with Waypost. A file that says ``use:`` is an overlay on what it names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from waypost.core.errors import Fault, ProjectError
from waypost.core.yamlfile import YamlFile, parse_yaml
from waypost.formats.edi.schema.message import read_dictionary, read_message
from waypost.formats.edi.schema.model import Schema
from waypost.formats.edi.schema.notation import Dictionary
from waypost.formats.edi.schema.overlay import apply

_NAME = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+")
_MOST_LAYERS = 8


class Library:
    """The schemas of some folders and of the packs; each is read once."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._roots: tuple[Any, ...] = (*folders, files("waypost.formats.edi.packs"))
        self._dictionaries: dict[str, Dictionary] = {}
        self._schemas: dict[str, Schema | None] = {}

    def schema(self, name: str) -> Schema | None:
        """The schema called ``name``, or None where there is none. Raises ``ProjectError`` with a file's faults."""
        if name not in self._schemas:
            found = self._find(f"{name}.yaml") if _NAME.fullmatch(name) and ".." not in name else None
            self._schemas[name] = self._read(found, name, 0) if found else None
        return self._schemas[name]

    def file(self, path: Path) -> Schema:
        """The schema or overlay in one file. A message's dictionary is looked for beside it."""
        return self._read(path, path.stem, 0)

    def names(self) -> list[str]:
        """Every schema of the packs and folders, sorted."""
        found = set()
        for root in self._roots:
            for standard in _folders(root):
                for version in _folders(standard):
                    for file in version.iterdir():
                        stem, dot, _ = file.name.rpartition(".yaml")
                        if dot and stem != "dictionary":
                            found.add(f"{standard.name}/{version.name}/{stem}")
        return sorted(found)

    def _find(self, relative: str) -> Any:
        for root in self._roots:
            at = root
            for part in relative.split("/"):
                at = at / part
            if at.is_file():
                return at
        return None

    def _read(self, place: Any, name: str, depth: int) -> Schema:
        faults: list[Fault] = []
        file = parse_yaml(place.read_text("utf-8"), str(getattr(place, "name", place)), faults)
        schema = None
        if not faults and not isinstance(file.data, Mapping):
            faults.append(file.fault((), "edi-schema", f"found {file.data!r}", "a schema: keys and values"))
        if not faults:
            schema = (
                self._layer(file, faults, depth) if "use" in file.data else self._message(file, name, place, faults)
            )
        if faults or schema is None:
            raise ProjectError(faults)
        return schema

    def _layer(self, file: YamlFile, faults: list[Fault], depth: int) -> Schema | None:
        below = self._find(f"{file.data['use']}.yaml") if depth < _MOST_LAYERS else None
        if below is None:
            known = ", ".join(self.names()[:8])
            faults.append(file.fault(("use",), "edi-schema", f"no schema {file.data['use']!r}", f"one such as {known}"))
            return None
        schema = self._read(below, str(file.data["use"]), depth + 1)
        dictionary = self._dictionary(schema.name, None, faults)
        return apply(file, schema, dictionary, faults)

    def _message(self, file: YamlFile, name: str, place: Any, faults: list[Fault]) -> Schema | None:
        dictionary = self._dictionary(name, place, faults)
        return None if faults else read_message(file, name, dictionary, faults)

    def _dictionary(self, name: str, place: Any, faults: list[Fault]) -> Dictionary:
        folder = name.rpartition("/")[0]
        if folder not in self._dictionaries:
            found = self._find(f"{folder}/dictionary.yaml") if folder else place.parent / "dictionary.yaml"
            if found is None or not found.is_file():
                where = getattr(place, "name", name)
                faults.append(
                    Fault(str(where), 1, "edi-schema", "no dictionary.yaml beside it", "elements and segments")
                )
                return Dictionary()
            file = parse_yaml(found.read_text("utf-8"), f"{folder}/dictionary.yaml", faults)
            self._dictionaries[folder] = read_dictionary(file, faults)
        return self._dictionaries[folder]


def _folders(root: Any) -> list[Any]:
    return [entry for entry in root.iterdir() if entry.is_dir()] if root.is_dir() else []


@lru_cache(maxsize=8)
def library(*folders: Path) -> Library:
    """The library over ``folders``, read once for a process."""
    return Library(folders)


def lint(path: Path, folders: Sequence[Path] = ()) -> list[Fault]:
    """Every fault of a schema file, each with its line."""
    try:
        Library(folders).file(path)
    except ProjectError as error:
        return list(error.faults)
    return []
