"""What is known of a value before there is one: its kinds, fields, items, codes and length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from waypost.mapping.fault import show

TEXT, NUMBER, WHOLE, BOOL, LIST, MAP, MISSING = "text", "number", "whole", "bool", "list", "map", "missing"
KINDS = frozenset((TEXT, NUMBER, WHOLE, BOOL, LIST, MAP))
WORDS = {
    TEXT: "a text", NUMBER: "a number", WHOLE: "a whole number", BOOL: "true or false", LIST: "a list",
    MAP: "a mapping", MISSING: "nothing",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """``kinds`` it may have (none: anything), MISSING among them where it may be absent. ``fields`` of a mapping, where
    they are known; ``closed`` where there are no others. ``codes`` are all values it can have. ``longest`` is the most
    characters of a text. ``needed`` are the fields that are always there."""

    kinds: frozenset[str] = frozenset()
    fields: Mapping[str, Shape] | None = None
    closed: bool = False
    needed: frozenset[str] = frozenset()
    item: Shape | None = None
    codes: tuple[Any, ...] | None = None
    longest: int | None = None

    @property
    def present(self) -> frozenset[str]:
        """The kinds without MISSING; empty when nothing is known."""
        return self.kinds - {MISSING}

    @property
    def unknown(self) -> bool:
        return not self.present

    @property
    def optional(self) -> bool:
        """Whether it is known that the value may be missing."""
        return MISSING in self.kinds

    def maybe(self, missing: bool = True) -> Shape:
        """The same, and possibly missing."""
        return replace(self, kinds=self.kinds | {MISSING}) if missing and not self.optional else self

    def surely(self) -> Shape:
        """The same, and surely there."""
        return replace(self, kinds=self.present) if self.optional else self

    def says(self) -> str:
        """``a text or a number``; ``anything`` when nothing is known."""
        return " or ".join(WORDS[kind] for kind in sorted(self.present)) or "anything"


ANY = Shape()


def of_kind(*kinds: str) -> Shape:
    """A shape of which only the kinds are known."""
    return Shape(frozenset(kinds))


def of_value(value: Any) -> Shape:
    """The shape of a constant."""
    if value is None:
        return of_kind(MISSING)
    if isinstance(value, Mapping):
        fields = {str(name): of_value(each) for name, each in value.items()}
        return Shape(frozenset((MAP,)), fields=fields, closed=True, needed=frozenset(fields))
    if isinstance(value, list | tuple):
        return Shape(frozenset((LIST,)), item=union(of_value(each) for each in value) if value else ANY)
    kind = BOOL if isinstance(value, bool) else WHOLE if isinstance(value, int) else NUMBER
    if isinstance(value, str):
        return Shape(frozenset((TEXT,)), codes=(value,), longest=len(value))
    return Shape(frozenset((kind,)), codes=(value,))


_MAX_MERGED = 3
"""How deep the fields of alternatives are put together; what lies deeper is anything, so that the work stays
bounded."""


def union(shapes: Iterable[Shape], depth: int = 0) -> Shape:
    """What is known of a value that has one of several shapes."""
    found = list(shapes)
    if not found:
        return ANY
    certain = [shape for shape in found if shape.kinds != {MISSING}]
    missing = any(shape.optional for shape in found)
    if not certain:
        return of_kind(MISSING)
    if any(shape.unknown for shape in certain):
        return ANY.maybe(missing)
    if depth > _MAX_MERGED and len(certain) > 1:
        return of_kind(*frozenset().union(*(shape.kinds for shape in certain))).maybe(missing)
    made = certain[0]
    for other in certain[1:]:
        made = _both(made, other, depth + 1)
    return made.maybe(missing)


def _both(one: Shape, other: Shape, depth: int) -> Shape:
    codes = None if one.codes is None or other.codes is None else tuple(dict.fromkeys((*one.codes, *other.codes)))
    items = [shape.item for shape in (one, other) if LIST in shape.kinds]
    texts = [shape.longest for shape in (one, other) if TEXT in shape.kinds]
    lengths = [each for each in texts if each is not None]
    maps = [shape for shape in (one, other) if MAP in shape.kinds]
    fields, closed, needed = _fields(maps, depth)
    return Shape(
        one.kinds | other.kinds, fields, closed, needed,
        union((each for each in items if each is not None), depth) if items and None not in items else None,
        codes, max(lengths) if texts and len(lengths) == len(texts) else None,
    )  # fmt: skip


def _fields(maps: list[Shape], depth: int) -> tuple[Mapping[str, Shape] | None, bool, frozenset[str]]:
    """The fields of a mapping that is one of several: all of them, needed where each needs them."""
    if not maps or any(shape.fields is None for shape in maps):
        return None, False, frozenset()
    closed, needed = all(s.closed for s in maps), frozenset.intersection(*(s.needed for s in maps))
    if all(shape.fields is maps[0].fields for shape in maps):
        return maps[0].fields, closed, needed
    names = dict.fromkeys(name for shape in maps for name in shape.fields or ())
    made = {name: union((s.fields[name] for s in maps if s.fields and name in s.fields), depth) for name in names}
    return made, closed, needed


def shown_codes(codes: Iterable[Any], most: int = 6) -> str:
    """Some codes of a list, for a text."""
    found = list(codes)
    return ", ".join(show(each) for each in found[:most]) + (", …" if len(found) > most else "")
