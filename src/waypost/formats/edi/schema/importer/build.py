"""What importers gather: elements, composites, segments and bodies, as the files of our own format."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import Any

from waypost.core.errors import Fault, ProjectError
from waypost.formats.edi.schema.importer.files import Imported
from waypost.formats.edi.schema.notation import places

_REF = re.compile(r"[A-Z]?[0-9]{1,4}")
_MOST_CODES = 5_000


@dataclass(slots=True)
class Builder:
    """Gathers one version; what a reference means differently in another place is written there."""

    elements: dict[str, str] = field(default_factory=dict)
    codes: dict[str, list[str]] = field(default_factory=dict)
    composites: dict[str, Any] = field(default_factory=dict)
    segments: dict[str, Any] = field(default_factory=dict)
    _numbered: int = 0

    def element(self, ref: str, kind: str, required: bool, repeat: int = 1, codes: list[str] | None = None) -> str:
        """An element where it is used, as it is written in a segment or composite."""
        mark = "!" if required else ""
        times = f"*{repeat}" if repeat > 1 else ""
        if not _REF.fullmatch(ref):
            return f"_{mark}{times} {kind}"
        if codes:
            self.codes[ref] = sorted({*self.codes.get(ref, []), *codes})[:_MOST_CODES]
        known = self.elements.setdefault(ref, kind)
        return f"{ref}{mark}{times}" + ("" if known == kind else f" {kind}")

    def composite(
        self, ref: str, parts: list[str], required: bool, repeat: int = 1, notes: list[str] | None = None
    ) -> str:
        """A composite where it is used; one without a number, or with other parts than before, gets one of its own."""
        made: Any = {"elements": parts, "notes": notes} if notes else parts
        if not _REF.fullmatch(ref) or self.composites.get(ref, made) != made:
            same = next((r for r, there in self.composites.items() if there == made), "")
            self._numbered += not same
            ref = same or f"Z{self._numbered:03}"
        self.composites[ref] = made
        return ref + ("!" if required else "") + (f"*{repeat}" if repeat > 1 else "")

    def segment(self, tag: str, items: list[str], notes: list[str] | None = None) -> None:
        """A segment; the longest form of it holds. Conditions on elements it does not have are left out."""
        notes = [note for note in notes or () if max(places(note)) <= len(items)]
        there = self.segments.get(tag)
        before = there.get("elements", []) if isinstance(there, dict) else there or []
        if len(items) >= len(before):
            self.segments[tag] = {"elements": items, "notes": notes} if notes else items

    def files(
        self, standard: str, version: str, message: str, group: str, body: list[Any], said: str
    ) -> list[Imported]:
        """The dictionary and the message."""
        if not body:
            raise ProjectError([Fault(message or "file", 0, "edi-import", "no segments", "a message with segments")])
        dictionary = {
            "provenance": said, "elements": self.elements, "codes": self.codes, "composites": self.composites,
            "segments": self.segments,
        }  # fmt: skip
        head = {"message": message, **({"group": group} if group else {}), "provenance": said, "body": body}
        return [
            Imported(f"{standard}/{version}/dictionary.yaml", {k: v for k, v in dictionary.items() if v}),
            Imported(f"{standard}/{version}/{message}.yaml", head),
        ]


def use(tag: str, required: bool, most: int | None) -> str:
    """A segment where it is used; None for any number.

    >>> use("REF", False, None), use("BEG", True, 1), use("PER", False, 3)
    ('REF*', 'BEG!', 'PER*3')
    """
    return tag + ("!" if required else "") + ("*" if most is None else f"*{most}" if most > 1 else "")


def loop(name: str, required: bool, most: int | None, body: list[Any]) -> dict[str, Any]:
    """A loop where it is used."""
    return {
        "loop": name,
        **({"min": 1} if required else {}),
        **({"max": most} if most is not None else {}),
        "body": body,
    }


def sized(kind: str, low: int, high: int | None) -> str:
    """Type and length.

    >>> sized("AN", 1, 30), sized("ID", 2, 2), sized("AN", 1, None)
    ('AN 1..30', 'ID 2', 'AN')
    """
    if high is None:
        return kind
    return f"{kind} {high}" if low == high else f"{kind} {max(low, 1)}..{high}"


def parse_xml(content: bytes, name: str) -> ET.Element:
    """The root of an XML file without entities of its own. Raises ``ProjectError``."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise ProjectError([Fault(name, 0, "edi-import", "a document type", "XML without entities")])
    try:
        return ET.fromstring(content)
    except ET.ParseError as wrong:
        raise ProjectError([Fault(name, wrong.position[0], "edi-import", f"no XML: {wrong}", "an XML file")]) from None


def local(element: ET.Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def children(element: ET.Element | None, *names: str) -> list[ET.Element]:
    """The children with one of some names."""
    return [c for c in element if local(c) in names] if element is not None else []


def text_of(element: ET.Element, name: str) -> str:
    """The text of a child, or of an attribute; empty where there is none."""
    found = children(element, name)
    return (found[0].text or "").strip() if found else element.get(name, "").strip()


def whole(text: str | None, otherwise: int) -> int:
    """A whole number, or what holds where none is written."""
    return int(text) if text and text.strip().isdecimal() else otherwise
