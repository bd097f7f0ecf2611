"""What a schema is once read: elements, composites, segments, their places in a message, and rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

UNLIMITED = 1 << 30
_PLACE = re.compile(r"([A-Z][A-Z0-9]{1,2})([0-9]{2})")
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Element:
    """A simple data element where a segment or composite uses it.

    ``kind`` is AN, ID, R, N0…N9, DT, TM, B (X12) or a, n, an (EDIFACT), or ``-`` where a guide leaves it out; lengths
    count characters, of numbers the digits. ``codes`` is the closed list of its values; empty where any will do.
    """

    ref: str
    kind: str
    minimum: int
    maximum: int
    required: bool = False
    repeat: int = 1
    codes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Composite:
    """A composite element where a segment uses it: components in order, and conditions between them."""

    ref: str
    parts: tuple[Element, ...]
    notes: tuple[str, ...] = ()
    required: bool = False
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """Elements of a segment in order. ``notes`` are conditions between them such as P0304 or ``D5(1,2)``.

    A segment that is not ``described`` may hold anything.
    """

    tag: str
    elements: tuple[Element | Composite, ...] = ()
    notes: tuple[str, ...] = ()
    described: bool = True


@dataclass(frozen=True, slots=True)
class Use:
    """A segment where the message allows it. ``where`` says which values mark this place apart from others of the same
    tag: element and component number, each from 1, and the values. Neighbours of one ``block`` other than 0 come in
    any order."""

    segment: Segment
    required: bool
    maximum: int
    where: tuple[tuple[int, int, frozenset[str]], ...] = ()
    block: int = 0

    @property
    def tag(self) -> str:
        return self.segment.tag


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """Segments that repeat together (a segment group); it begins where its first segment does. Neighbours of one
    ``block`` other than 0 come in any order."""

    name: str
    required: bool
    maximum: int
    body: tuple[Use | Loop, ...]
    block: int = 0

    @property
    def opener(self) -> Use:
        first = self.body[0]
        return first if isinstance(first, Use) else first.opener

    @property
    def tag(self) -> str:
        return self.opener.tag

    def span(self, index: int) -> range:
        """The indexes of the items that come in any order with the one at ``index``, itself among them."""
        block = self.body[index].block if index >= 0 else 0
        first = last = index
        while block and first > 0 and self.body[first - 1].block == block:
            first -= 1
        while block and last + 1 < len(self.body) and self.body[last + 1].block == block:
            last += 1
        return range(first, last + 1)

    def uses(self) -> Iterator[Use]:
        """Every use of a segment in it and in its inner loops."""
        for item in self.body:
            if isinstance(item, Loop):
                yield from item.uses()
            else:
                yield item


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition on a whole message, or on each occurrence of the loop ``at``; ``level`` is its SNIP level."""

    id: str
    expression: str
    level: int
    at: str = ""
    says: str = ""
    severity: Severity = "error"


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """One message of one version, with all overlays applied. ``fields`` and ``parts`` say what document it becomes.

    ``name`` is where it is found, ``x12/004010/850``; ``tags`` are all segments of its dictionary.
    """

    name: str
    standard: str
    version: str
    message: str
    root: Loop
    group: str = ""
    segments: Mapping[str, Segment] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, Any] = field(default_factory=dict)
    severity: Mapping[str, Severity] = field(default_factory=dict)
    provenance: str = ""
    overlays: tuple[str, ...] = ()

    def element(self, place: str) -> tuple[str, int, str]:
        """Tag, number and type of a place written ``BEG03``; AN where the segment's elements are not described."""
        tag, number = split_place(place)
        elements = self.segments[tag].elements if tag in self.segments else ()
        item = elements[number - 1] if number <= len(elements) else None
        return tag, number, item.kind if isinstance(item, Element) else "AN"


def split_place(place: str) -> tuple[str, int]:
    """``BEG03`` as segment and element number.

    >>> split_place("N104")
    ('N1', 4)
    """
    match = _PLACE.fullmatch(place)
    if not match:
        raise ValueError(f"{place!r} names no element; expected a segment and two digits such as BEG03")
    return match[1], int(match[2])
