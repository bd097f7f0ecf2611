"""The short notations of schema files: ``353! ID 2``, ``C507!*5``, ``REF*12``. Others are a ``ValueError``.

An element is its number, ``!`` where it must be there, ``*n`` where it may repeat, and, where the dictionary does not
say, its type and length; one whose number is not known is ``_``. A use of a segment is its tag, ``!`` and ``*`` (any
number of times) or ``*n``. Values that mark a place apart stand in brackets: ``NM1(85)!`` by the first element,
``HL(3=22)`` by the third, ``HI(1.1=BK|ABK)`` by the first component of the first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from waypost.formats.edi.schema.model import UNLIMITED, Composite, Element, Segment, Use

_TYPE = re.compile(r"(AN|ID|R|N[0-9]|DT|TM|B|an|a|n)(?: ?(\.\.)?([0-9]+)(?:\.\.([0-9]+))?)?")
_ITEM = re.compile(r"([A-Z]?[0-9]{1,4}|_)(!?)(?:\*([0-9]+))?(?: (.+))?")
_USE = re.compile(r"([A-Z][A-Z0-9]{1,2})(?:\(([^()]+)\))?(!?)(?:(\*)([0-9]*))?")
_MARKED = re.compile(r"(?:([0-9]{1,2}(?:\.[0-9]{1,2})?)=)?(.+)")
_X12_NOTE = re.compile(r"[PRECL](?:[0-9]{2}){2,}")
_EDIFACT_NOTE = re.compile(r"D[1-7]\([0-9]+(?:,[0-9]+)+\)")


@dataclass(slots=True)
class Dictionary:
    """What the files of one version share. ``plain`` are the segments before a guide narrowed them."""

    elements: dict[str, Element] = field(default_factory=dict)
    composites: dict[str, Composite] = field(default_factory=dict)
    segments: dict[str, Segment] = field(default_factory=dict)
    codes: dict[str, frozenset[str]] = field(default_factory=dict)
    plain: Mapping[str, Segment] = field(default_factory=dict)


def read_type(text: str) -> tuple[str, int, int]:
    """Type, least and greatest length.

    >>> read_type("AN 1..30"), read_type("DT 8"), read_type("an..35"), read_type("n3")
    (('AN', 1, 30), ('DT', 8, 8), ('an', 1, 35), ('n', 3, 3))
    """
    match = _TYPE.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is no type and length; expected one such as 'AN 1..30', 'DT 8' or 'an..35'")
    low = int(match[3] or 0)
    if match[2]:
        return match[1], 1, low
    return match[1], low, int(match[4] or low or UNLIMITED)


def read_item(text: str, dictionary: Dictionary) -> Element | Composite:
    """An element or composite where it is used, such as ``353! ID 2``."""
    match = _ITEM.fullmatch(str(text))
    if not match:
        raise ValueError(f"{text!r} names no element; expected one such as '353!', 'C507*5' or '_ AN 1..30'")
    ref, required, repeat = match[1], bool(match[2]), int(match[3] or 1)
    if ref in dictionary.composites:
        return replace(dictionary.composites[ref], required=required, repeat=repeat)
    if match[4]:
        kind, low, high = read_type(match[4])
        return Element(ref, kind, low, high, required, repeat, dictionary.codes.get(ref, frozenset()))
    if ref not in dictionary.elements:
        raise ValueError(f"{ref!r} is neither an element nor a composite of the dictionary; add it there")
    return replace(dictionary.elements[ref], required=required, repeat=repeat)


def read_use(text: str, dictionary: Dictionary) -> Use:
    """A segment where it is used, such as ``REF*12``, ``BEG!`` or ``NM1(85)!``."""
    match = _USE.fullmatch(str(text))
    if not match:
        raise ValueError(f"{text!r} is no use of a segment; expected one such as 'BEG!', 'REF*', 'PER*3' or 'NM1(85)!'")
    tag = match[1]
    segment = dictionary.segments.get(tag) or Segment(tag, described=False)
    where = read_where(dict(_marked(part) for part in match[2].split(","))) if match[2] else ()
    return Use(segment, bool(match[3]), int(match[5] or UNLIMITED) if match[4] else 1, where)


def _marked(text: str) -> tuple[str, list[str]]:
    match = _MARKED.fullmatch(text)
    return (match[1] or "1", match[2].split("|")) if match else ("1", [text])


def read_where(value: Mapping[Any, Any]) -> tuple[tuple[int, int, frozenset[str]], ...]:
    """``{1: ST}`` or ``{"1.2": [A, B]}``: element and component numbers with the values that mark a place apart."""
    made = []
    for key, values in value.items():
        element, component = read_place(key)
        texts = values if isinstance(values, list) else [values]
        made.append((element, component or 1, frozenset(map(str, texts))))
    return tuple(made)


def read_place(key: Any) -> tuple[int, int]:
    """Element and component number, 0 where none is named.

    >>> read_place("3"), read_place("5.1")
    ((3, 0), (5, 1))
    """
    element, _, component = str(key).partition(".")
    if not element.isdigit() or (component and not component.isdigit()):
        raise ValueError(f"{key!r} is no element; expected its number such as 1 or 1.2")
    return int(element), int(component or 0)


def read_note(text: str, count: int) -> str:
    """A condition between ``count`` elements, as it is written; refuses one that names an element that is not there."""
    if not (_X12_NOTE.fullmatch(text) or _EDIFACT_NOTE.fullmatch(text)):
        raise ValueError(f"{text!r} is no condition between elements; expected one such as P0304 or D5(1,2)")
    if max(places(text)) > count:
        raise ValueError(f"{text!r} names element {max(places(text))}; there are {count}")
    return text


def places(note: str) -> tuple[int, ...]:
    """The element numbers a condition names.

    >>> places("P0304"), places("D5(1,2)")
    ((3, 4), (1, 2))
    """
    if note[0] == "D":
        return tuple(map(int, note[3:-1].split(",")))
    return tuple(int(note[at : at + 2]) for at in range(1, len(note), 2))
