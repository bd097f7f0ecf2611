"""Narrows a use of a segment as guides do: values, elements that must be there, elements that are left out.

``{2: [1, 2], need: [3], not: [6, 10]}``: element 02 is 1 or 2, 03 must be there, 06 and 10 are not used. ``5.1`` is the
first component of element 05, ``1..12.1`` that of each of the first twelve. ``plain: true`` begins with the segment of
the standard, whatever the guide says of it elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from waypost.formats.edi.schema.model import Composite, Element, Use
from waypost.formats.edi.schema.notation import Dictionary, read_place, read_type

_RANGE = re.compile(r"([0-9]{1,2})\.\.([0-9]{1,2})((?:\.[0-9]{1,2})?)")
Item = Element | Composite
Change = Callable[[Item], Item]


def narrowed(use: Use, changes: Mapping[str, Any], dictionary: Dictionary) -> Use:
    """``use`` with the changes; a ``ValueError`` for a place it does not have."""
    if changes.get("plain") is True and use.tag in dictionary.plain:
        use = replace(use, segment=dictionary.plain[use.tag])
    for key, value in changes.items():
        if key == "plain":
            continue
        if key in ("need", "not"):
            change = _needed if key == "need" else _unused
            for listed in value if isinstance(value, list) else [value]:
                for place in _places(str(listed)):
                    use = _changed(use, place, change)
        else:
            for place in _places(key):
                use = _changed(use, place, _limited(value))
    return use


def _places(key: str) -> list[str]:
    """``1..12.1`` written out."""
    match = _RANGE.fullmatch(key)
    return [f"{n}{match[3]}" for n in range(int(match[1]), int(match[2]) + 1)] if match else [key]


def _changed(use: Use, place: Any, change: Change) -> Use:
    number, part = read_place(place)
    items = list(use.segment.elements)
    if not 0 < number <= len(items):
        raise ValueError(f"{use.tag} has no element {number}; it has {len(items)}")
    item = items[number - 1]
    if not part:
        items[number - 1] = change(item)
    elif isinstance(item, Composite) and part <= len(item.parts):
        parts = list(item.parts)
        changed = change(parts[part - 1])
        parts[part - 1] = changed if isinstance(changed, Element) else parts[part - 1]
        items[number - 1] = replace(item, parts=tuple(parts))
    else:
        raise ValueError(f"element {number} of {use.tag} has no component {part}")
    return replace(use, segment=replace(use.segment, elements=tuple(items)))


def _needed(item: Item) -> Item:
    return replace(item, required=True)


def _unused(item: Item) -> Item:
    return Element(item.ref, "-", 0, 0)


def _limited(value: Any) -> Change:
    """A change to a list of values, or to a type and length written as one."""
    if isinstance(value, str) and " " in value:
        kind, low, high = read_type(value)
        return lambda item: replace(item, kind=kind, minimum=low, maximum=high) if isinstance(item, Element) else item
    codes = frozenset(map(str, value if isinstance(value, list) else [value]))

    def change(item: Item) -> Item:
        if isinstance(item, Composite):
            return replace(item, parts=(replace(item.parts[0], codes=codes), *item.parts[1:]))
        return replace(item, codes=codes)

    return change
