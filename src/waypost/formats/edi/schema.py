"""Reads the grammar files and compiles them: structure, elements, and the document a set becomes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from waypost.core.errors import Fault, ProjectError
from waypost.core.yamlfile import parse_yaml

UNLIMITED = 1 << 30
_ELEMENT = re.compile(r"(AN|ID|R|N[0-9]|DT|TM|C)(?: ([0-9]+)(?:\.\.([0-9]+))?)?( !)?")
_USE = re.compile(r"([A-Z][A-Z0-9]{1,2})(!?)(?:(\*)([0-9]*))?")
_PLACE = re.compile(r"([A-Z][A-Z0-9]{1,2})([0-9]{2})")


@dataclass(frozen=True, slots=True)
class Element:
    """What one element may hold. ``kind`` is AN, ID, R, N0…N9, DT, TM or C; lengths count characters."""

    kind: str
    minimum: int
    maximum: int
    required: bool


@dataclass(frozen=True, slots=True)
class SegmentUse:
    """A segment where the set allows it."""

    tag: str
    required: bool
    maximum: int


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """Segments that repeat together; it begins where its first segment does."""

    name: str
    required: bool
    maximum: int
    body: tuple[SegmentUse | Loop, ...]

    @property
    def tag(self) -> str:
        return self.body[0].tag


@dataclass(frozen=True, slots=True, eq=False)
class Grammar:
    """One transaction set of one version. ``fields`` and ``parts`` say what document it becomes (see ``view.py``)."""

    set_id: str
    version: str
    functional_id: str
    root: Loop
    segments: Mapping[str, tuple[Element, ...]]
    totals: Mapping[tuple[str, int], str]
    fields: Mapping[str, Mapping[str, Any]]
    parts: Mapping[str, Mapping[str, Any]]

    def element(self, place: str) -> tuple[str, int, str]:
        """Tag, number and kind of a place written ``BEG03``; AN where the segment's elements are not described."""
        tag, number = split_place(place)
        elements = self.segments.get(tag, ())
        return tag, number, elements[number - 1].kind if number <= len(elements) else "AN"


def split_place(place: str) -> tuple[str, int]:
    """``BEG03`` as segment and element number.

    >>> split_place("N104")
    ('N1', 4)
    """
    match = _PLACE.fullmatch(place)
    if not match:
        raise ValueError(f"{place!r} names no element; expected a segment and two digits such as BEG03")
    return match[1], int(match[2])


@cache
def load_grammar(version: str, set_id: str) -> Grammar | None:
    """The grammar of ``set_id`` in ``version`` (its first six digits count), or None when there is none."""
    if not re.fullmatch(r"[0-9]{6}.{0,6}", version) or not re.fullmatch(r"[0-9A-Z]{3}", set_id):
        return None
    folder = files("waypost.formats.edi.grammar") / "x12" / version[:6]
    if not (folder / f"{set_id}.yaml").is_file():
        return None
    data = _read(folder, f"{set_id}.yaml")
    return parse_grammar(data, version[:6], _read(folder, "segments.yaml"))


def parse_grammar(data: Mapping[str, Any], version: str, segments: Mapping[str, Any]) -> Grammar:
    """The grammar a set's file describes. Raises ``ValueError`` naming what is not understood."""
    return Grammar(
        set_id=data["set"],
        version=version,
        functional_id=data["functional_id"],
        root=Loop("", True, 1, tuple(map(_item, data["body"]))),
        segments={tag: tuple(map(_element, elements)) for tag, elements in segments.items()},
        totals={split_place(place): loop for place, loop in data.get("totals", {}).items()},
        fields=data["document"],
        parts=data.get("parts", {}),
    )


def _read(folder: Any, name: str) -> Any:
    faults: list[Fault] = []
    file = parse_yaml((folder / name).read_text("utf-8"), name, faults)
    if faults:
        raise ProjectError(faults)
    return file.data


def _element(text: str) -> Element:
    match = _ELEMENT.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} describes no element; expected a type and a length such as 'AN 1..30 !'")
    minimum = int(match[2] or 0)
    return Element(match[1], minimum, int(match[3] or minimum or UNLIMITED), bool(match[4]))


def _item(item: Any) -> SegmentUse | Loop:
    if isinstance(item, Mapping):
        body = tuple(map(_item, item["body"]))
        return Loop(item["loop"], item.get("min", 0) > 0, item.get("max", UNLIMITED), body)
    match = _USE.fullmatch(item)
    if not match:
        raise ValueError(f"{item!r} is no use of a segment; expected one such as 'REF*' or 'BEG!'")
    return SegmentUse(match[1], bool(match[2]), int(match[4] or UNLIMITED) if match[3] else 1)
