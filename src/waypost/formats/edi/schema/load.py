"""Finds schemas by name and puts their layers together: dictionary, message, guides and partners' overlays.

A name is ``standard/version/message``, such as ``x12/004010/850`` or ``edifact/D96A/ORDERS``; it is looked for in the
folders given and then in the packs that come with Waypost. A file that says ``use:`` is an overlay on what it names;
one that says ``like:`` is the same message of another version, read with its own dictionary. A version may have
several dictionaries, ``dictionary.yaml`` and ``dictionary-….yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from waypost.core.errors import Fault, ProjectError
from waypost.core.yamlfile import YamlFile, parse_yaml
from waypost.formats.edi.schema.label import Labels, read_labels
from waypost.formats.edi.schema.message import read_dictionary, read_message
from waypost.formats.edi.schema.model import Schema
from waypost.formats.edi.schema.notation import Dictionary
from waypost.formats.edi.schema.overlay import apply

_NAME = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+")
_ADDENDUM = re.compile(r"(x12/[0-9]{6}X[0-9]{3})(A[0-9]+)?/(.+)")
_EDIFACT_VERSION = re.compile(r"[A-Z]?([0-9]{2})([AB])")
_MOST_LAYERS = 8


class Library:
    """The schemas of some folders and of the packs; each is read once."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._roots: tuple[Any, ...] = (*folders, files("waypost.formats.edi.packs"))
        self._dictionaries: dict[str, Dictionary] = {}
        self._schemas: dict[str, Schema | None] = {}
        self._labels: dict[str, Labels] = {}

    def schema(self, name: str) -> Schema | None:
        """The schema called ``name``, or None where there is none. Raises ``ProjectError`` with a file's faults."""
        if name not in self._schemas:
            found = self._find(f"{name}.yaml") if _NAME.fullmatch(name) and ".." not in name else None
            other = "" if found else self._addendum(name)
            read = self._read(found, name, 0) if found else None
            self._schemas[name] = self.schema(other) if other else replace(read, name=name) if read else None
        return self._schemas[name]

    def nearest(self, name: str) -> Schema | None:
        """The schema of the same message in the version closest to that of ``name``, the newer of two as close; None
        where no version has the message."""
        standard, _, rest = name.partition("/")
        version, _, message = rest.partition("/")
        known = [known.split("/") for known in self.names() if known.startswith(f"{standard}/")]
        everywhere = [v for _, v, m in known if m == message]
        versions = {v: _ordinal(v) for v in everywhere if _ordinal(v) >= 0}
        if not versions and everywhere:  # a message of the syntax itself, whose versions are its own
            return self.schema(f"{standard}/{everywhere[-1]}/{message}")
        if not versions or (wanted := _ordinal(version)) < 0:
            return None
        closest = min(versions, key=lambda v: (abs(versions[v] - wanted), -versions[v]))
        return self.schema(f"{standard}/{closest}/{message}")

    def _addendum(self, name: str) -> str:
        """The same guide with other addenda, the latest of them."""
        match = _ADDENDUM.fullmatch(name)
        guides = [n for n in self.names() if match and n.startswith(match[1]) and n.endswith(f"/{match[3]}")]
        return guides[-1] if guides else ""

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
                        if dot and not stem.startswith("dictionary"):
                            found.add(f"{standard.name}/{version.name}/{stem}")
        return sorted(found)

    def labels(self, standard: str) -> Labels:
        """What messages, segments, elements and codes of a standard are called."""
        if standard not in self._labels:
            faults: list[Fault] = []
            found = [root / standard / "labels.yaml" for root in reversed(self._roots)]
            files = [parse_yaml(f.read_text("utf-8"), f"{standard}/labels.yaml", faults) for f in found if f.is_file()]
            self._labels[standard] = read_labels(files, faults)
            if faults:
                raise ProjectError(faults)
        return self._labels[standard]

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

    def _message(
        self, file: YamlFile, name: str, place: Any, faults: list[Fault], dictionary: Dictionary | None = None
    ) -> Schema | None:
        dictionary = self._dictionary(name, place, faults) if dictionary is None else dictionary
        if faults:
            return None
        like = file.data.get("like")
        if like is None:
            return read_message(file, name, dictionary, faults)
        below = self._find(f"{like}.yaml") if like != name else None
        if below is None:
            faults.append(file.fault(("like",), "edi-schema", f"no schema {like!r}", "a message of another version"))
            return None
        other = parse_yaml(below.read_text("utf-8"), f"{like}.yaml", faults)
        if other.data.get("like") is not None:
            faults.append(file.fault(("like",), "edi-schema", f"{like!r} is itself like another", "what it is like"))
            return None
        schema = self._message(other, name, place, faults, dictionary)
        return apply(file, schema, dictionary, faults) if schema else None

    def _dictionary(self, name: str, place: Any, faults: list[Fault]) -> Dictionary:
        folder = name.rpartition("/")[0]
        key = folder or str(place.parent)
        if key not in self._dictionaries:
            files = self._dictionary_files(folder, place, faults, 0)
            if not files:
                where = getattr(place, "name", name)
                faults.append(
                    Fault(str(where), 1, "edi-schema", "no dictionary.yaml beside it", "elements and segments")
                )
                return Dictionary()
            self._dictionaries[key] = read_dictionary(files, faults)
        return self._dictionaries[key]

    def _dictionary_files(self, folder: str, place: Any, faults: list[Fault], depth: int) -> list[YamlFile]:
        """The dictionaries of a version, those of the version it is like before them."""
        first = self._find(f"{folder}/dictionary.yaml") if folder else place.parent / "dictionary.yaml"
        if first is None or not first.is_file() or depth > _MOST_LAYERS:
            return []
        further = [f for f in first.parent.iterdir() if re.fullmatch(r"dictionary-[a-z0-9-]+\.yaml", f.name)]
        own = [
            parse_yaml(file.read_text("utf-8"), f"{folder or '.'}/{file.name}", faults)
            for file in (first, *sorted(further, key=lambda f: f.name))
        ]
        like = next((file.data["like"] for file in own if isinstance(file.data, dict) and "like" in file.data), "")
        return [*(self._dictionary_files(str(like), place, faults, depth + 1) if like else ()), *own]


def _ordinal(version: str) -> int:
    """A number that grows with the version; -1 for a guide, or a name that is no version."""
    if re.fullmatch(r"[0-9]{6}", version):
        return int(version)
    if match := _EDIFACT_VERSION.fullmatch(version):
        year = int(match[1])
        return 2 * (year if year > 80 else year + 100) + (match[2] == "B")
    return -1


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
