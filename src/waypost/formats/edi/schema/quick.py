"""The quick path: says whether a message is as its schema says, and keeps nothing.

One look-up and one regular expression a segment; rules are asked as their loops end, of the few rows they look at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from waypost.formats.edi.schema.model import Use
from waypost.formats.edi.schema.pattern import Patterns
from waypost.formats.edi.schema.scope import Scopes
from waypost.formats.edi.schema.spot import Path, Place, Spots

_DEEPEST = 40
_FRESH, _MORE = -1, -2
Match = Callable[[str], object]
Table = dict[str, Any]
"""The entries of a spot by the first three characters of a segment: (match, table behind, limit, cell, act, next
entry). ``limit`` is 0 where nothing is counted, -1 where counting begins, -2 where ``cell`` says more. Under ``path``
stands the spot itself."""


class QuickPath:
    """Accepts messages of one schema; tables are made as they are reached, one for each of its spots."""

    def __init__(self, spots: Spots, tags: frozenset[str], patterns: Patterns, scopes: Scopes) -> None:
        self._spots, self._tags, self._patterns, self._scopes = spots, tags, patterns, scopes
        self._element, self._component = patterns.marks.element, patterns.marks.component
        self._matches: dict[int, tuple[Use, Match]] = {}
        self._sources: dict[str, Match] = {}
        self._tables: dict[Path, Table] = {}
        self._start = self._table(spots.start)

    def accepts(self, segments: Sequence[str]) -> bool:
        """Whether the segments between header and trailer are as the schema says. False may be wrong, True is not."""
        try:
            return self._accepts(segments)
        except (TypeError, ArithmeticError, IndexError):  # a rule could not be asked; a segment has no element
            return False

    def _accepts(self, segments: Sequence[str]) -> bool:
        table, cells = self._start, [0] * self._spots.cells
        slots: list[Any] = [{}, *[None] * _DEEPEST]
        outer: dict[str, Any] = {}
        for segment in segments:
            try:
                match, following, limit, cell, act, other = table[segment[:3]]
            except KeyError:
                entry = self._entry(table, segment)
                if entry is None:
                    return False
                match, following, limit, cell, act, other = entry
            if match is None:  # many places, told apart by how their first element begins
                entry = following[segment[:limit]]
                if entry is None:
                    return False
                match, following, limit, cell, act, other = entry
            while True:
                if match(segment):
                    if not limit:
                        break
                    if limit > 0:
                        count = cells[cell] + 1
                        if count <= limit:
                            cells[cell] = count
                            break
                    elif limit == _FRESH:
                        cells[cell] = 1
                        break
                    else:
                        at, needs, limit, clear, zeros = cell
                        for need in needs:
                            if not cells[need]:
                                break
                        else:
                            if zeros:
                                cells[clear : clear + len(zeros)] = zeros
                            count = cells[at] = cells[at] + 1 if limit else 1
                            if count <= (limit or 1):
                                break
                if other is None:
                    return False
                match, following, limit, cell, act, other = other
            if act is not None:
                closes, opens, adds, around = act
                if closes:
                    for slot, ask in closes:
                        if not ask(slots[slot], outer):
                            return False
                for slot in opens:
                    slots[slot] = {}
                for slot, key in adds:
                    rows = slots[slot]
                    if key in rows:
                        rows[key].append(segment)
                    else:
                        rows[key] = [segment]
                if around:
                    outer[around] = [segment]
            table = following
        needs = table["needs"]
        if needs is None or not all(cells[cell] for cell in needs):
            return False
        return all(ask(slots[slot], outer) for slot, ask in table["ends"])

    def match(self, use: Use) -> Match:
        """What tells whether a segment is as a use of it says."""
        known = self._matches.get(id(use))  # uses are large, and costly to compare
        if known is None:
            source = self._patterns.segment(use)
            match = self._sources.get(source) or re.compile(source).fullmatch
            known = self._matches[id(use)] = (use, match)
            self._sources[source] = match
        return known[1]

    def _table(self, path: Path) -> Table:
        if path not in self._tables:
            self._tables[path] = {"path": path, "needs": self._spots.ends(path), "ends": self._scopes.ends(path)}
        return self._tables[path]

    def _entry(self, table: Table, segment: str) -> tuple[Any, ...] | None:
        """The entry for a segment met for the first time at a spot; None where it has no place."""
        tag = segment.partition(self._element)[0]
        key = segment[:3]
        if tag not in self._tags or key not in (f"{tag}{self._element}"[:3], tag):
            return None
        places = list(self._spots.after(table["path"], tag))
        entry = self._told_apart(table["path"], tag, places) if len(places) > 1 else None
        entry = entry or self._chained(table["path"], tag, places)
        if entry is not None:
            table[key] = entry
        return entry

    def _chained(self, before: Path, tag: str, places: Sequence[Place]) -> tuple[Any, ...] | None:
        """The entries of some places, each with the next."""
        entry: tuple[Any, ...] | None = None
        for place in reversed(places):
            act = self._scopes.act(before, place.path, place.depth, tag, place.use)
            entry = (self.match(place.use), self._table(place.path), *_counting(place), act, entry)
        return entry

    def _told_apart(self, before: Path, tag: str, places: Sequence[Place]) -> tuple[Any, ...] | None:
        """An entry that leads to the places a segment may stand in by its first characters, where the values of the
        first element, or of its first component, tell some of them apart; None where they do not."""
        marks = [next((v for e, c, v in place.use.where if e == 1 and c == 1), None) for place in places]
        values = {value for mark in marks if mark for value in mark}
        if not values:
            return None
        behind, long = (self._element, self._component, ""), len(tag) + 2 + min(map(len, values))
        each = [
            {f"{tag}{self._element}{value}{end}"[:long] for value in mark or () for end in behind} for mark in marks
        ]

        def lead(beginning: str) -> tuple[Any, ...] | None:
            return self._chained(
                before, tag, [p for p, own in zip(places, each, strict=True) if not own or beginning in own]
            )

        return None, _Leads(lead, frozenset().union(*each)), long, 0, None, None


class _Leads(dict[str, Any]):
    """Entries by the first characters of a segment, each made when it is first asked for; all that are not known lead
    the same way, and are not kept."""

    def __init__(self, lead: Callable[[str], Any], known: frozenset[str]) -> None:
        self._lead, self._known = lead, known

    def __missing__(self, beginning: str) -> Any:
        if beginning in self._known:
            entry = self[beginning] = self._lead(beginning)
            return entry
        if "" not in self:
            self[""] = self._lead("")
        return self[""]


def _counting(place: Place) -> tuple[int, Any]:
    """What is counted where a segment stands: the limit and the cell of an entry."""
    if place.needs or place.until:
        zeros = (0,) * (place.until - place.clear)
        return _MORE, (place.cell, place.needs, 0 if place.fresh else place.most, place.clear, zeros)
    if not place.most:
        return 0, 0
    return _FRESH if place.fresh else place.most, place.cell
