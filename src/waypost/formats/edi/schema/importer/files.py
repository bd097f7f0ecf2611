"""Files an import makes, and how they are written."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from waypost.core.errors import Fault, ProjectError

_MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Imported:
    """One file to be written, by its path below the schema folder."""

    path: str
    data: dict[str, Any]


class _Dumper(yaml.SafeDumper):
    """Writes lists of plain values on one line."""


def _listed(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.Node:
    flow = all(isinstance(item, str) for item in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=flow)


_Dumper.add_representer(list, _listed)


def as_yaml(data: dict[str, Any]) -> str:
    """``data`` as a schema file."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=116, allow_unicode=True)


def write(files: Sequence[Imported], folder: Path) -> list[Path]:
    """Writes the files below ``folder`` and returns their paths. A dictionary that is there already is added to."""
    written = []
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        data = file.data
        if path.name == "dictionary.yaml" and path.exists():
            data = _merged(path, data)
        path.write_text(as_yaml(data), "utf-8")
        written.append(path)
    return written


def _merged(path: Path, added: dict[str, Any]) -> dict[str, Any]:
    """The dictionary at ``path`` with what ``added`` has more; what is there stays."""
    there = yaml.safe_load(path.read_text("utf-8")) or {}
    sections = ("elements", "codes", "composites", "segments")
    merged = {s: {**added.get(s, {}), **{str(k): v for k, v in (there.get(s) or {}).items()}} for s in sections}
    return {
        "provenance": there.get("provenance", added.get("provenance", "")),
        **{s: m for s, m in merged.items() if m},
    }


def bounded_read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """The bytes of an entry; refuses one that would not fit, whatever its header says."""
    with archive.open(entry) as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ProjectError([Fault(entry.filename, 0, "edi-import", f"more than {_MOST_BYTES} bytes", "a smaller file")])
    return content
