"""Reads the schema XML of StAEDI, versions 2 to 4: one transaction with the segments and elements it uses."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import PurePath
from typing import Any

from waypost.formats.edi.schema.importer.build import Builder, children, local, loop, parse_xml, sized, use, whole
from waypost.formats.edi.schema.importer.files import Imported

_BASES = {
    "string": "AN",
    "identifier": "ID",
    "numeric": "N0",
    "decimal": "R",
    "date": "DT",
    "time": "TM",
    "binary": "B",
}
_NOTES = {"paired": "P", "required": "R", "exclusion": "E", "conditional": "C", "list": "L", "firstonly": "D7",
          "single": "D1"}  # fmt: skip
_ENVELOPE = frozenset({"ST", "SE", "UNH", "UNT"})


def read_staedi(content: bytes, name: str) -> list[Imported]:
    """The files one schema becomes."""
    root = parse_xml(content, name)
    return _Reader(root, name).files()


class _Reader:
    def __init__(self, root: ET.Element, name: str) -> None:
        self._root, self._builder = root, Builder()
        self._stem = PurePath(name).stem
        self._elements = {e.get("name", ""): e for e in children(root, "elementType")}
        self._composites = {e.get("name", ""): e for e in children(root, "compositeType")}
        self._segments = {e.get("name", ""): e for e in children(root, "segmentType")}

    def files(self) -> list[Imported]:
        transactions = children(self._root, "transaction", "implementation")
        body = [item for t in transactions[:1] for s in children(t, "sequence") for item in self._body(s)]
        named = re.search(r"(?<![0-9A-Z])([0-9]{3}|[A-Z]{6})(?![0-9A-Z])", self._stem.replace("Schema", " "))
        version = re.search(r"00[0-9]{4}(?:X[0-9]{3})?|D[0-9]{2}[AB]", self._stem)
        edifact = bool(named and named[1].isalpha())
        return self._builder.files("edifact" if edifact else "x12", version[0] if version else "imported",
                                   named[1] if named else self._stem, "", body,
                                   "imported from a StAEDI schema, structure and codes only")  # fmt: skip

    def _body(self, sequence: ET.Element) -> list[Any]:
        body: list[Any] = []
        for item in children(sequence, "segment", "loop"):
            least, most = whole(item.get("minOccurs"), 0), whole(item.get("maxOccurs"), 1)
            if local(item) == "segment":
                tag = item.get("type") or item.get("code") or ""
                if tag and tag not in _ENVELOPE:
                    self._segment(tag)
                    body.append(use(tag, least > 0, most))
                continue
            inner = [i for s in children(item, "sequence") for i in self._body(s)]
            if inner:
                if isinstance(inner[0], str) and "!" not in inner[0]:  # a loop begins at its first segment
                    inner[0] = inner[0].replace("*", "!*") if "*" in inner[0] else f"{inner[0]}!"
                body.append(loop(item.get("code") or "loop", least > 0, most, inner))
        return body

    def _segment(self, tag: str) -> None:
        described = self._segments.get(tag)
        if described is not None and tag not in self._builder.segments:
            self._builder.segment(tag, self._fields(described), _notes(described))

    def _fields(self, holder: ET.Element) -> list[str]:
        found = []
        for item in [i for s in children(holder, "sequence") for i in children(s, "element", "composite")]:
            required, repeat = whole(item.get("minOccurs"), 0) > 0, whole(item.get("maxOccurs"), 1)
            named = item.get("type") or item.get("ref") or ""
            if named in self._composites:
                inner = self._composites[named]
                code = inner.get("code") or named
                found.append(self._builder.composite(code, self._fields(inner), required, repeat, _notes(inner)))
            else:
                kind, codes = self._kind(named)
                described = self._elements.get(named)
                ref = described.get("code") or described.get("number") if described is not None else None
                found.append(self._builder.element(ref or named, kind, required, repeat, codes))
        return found

    def _kind(self, named: str) -> tuple[str, list[str]]:
        item = self._elements.get(named)
        if item is None:
            return "AN", []
        base, scale = item.get("base", "string"), item.get("scale")
        kind = f"N{scale}" if base == "numeric" and scale else _BASES.get(base, "AN")
        low, high = whole(item.get("minLength"), 1), whole(item.get("maxLength"), 1)
        codes = [v.text.strip() for e in children(item, "enumeration") for v in children(e, "value") if v.text]
        return sized(kind, low, high), codes


def _notes(holder: ET.Element) -> list[str]:
    """Conditions between elements."""
    found = []
    for item in children(holder, "syntax"):
        at = [whole(p.text, 0) for p in children(item, "position")]
        kind = _NOTES.get(item.get("type", ""))
        if kind and len(at) > 1:
            found.append(
                f"{kind}({','.join(map(str, at))})" if kind[0] == "D" else kind + "".join(f"{n:02}" for n in at)
            )
    return found
