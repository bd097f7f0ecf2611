"""The quick path: says whether a message is as its schema says, and keeps nothing.

One look-up and one regular expression a segment; rules are asked as their loops end, of the few rows they look at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from waypost.formats.edi.schema.automaton import MOST_STATES, Automaton, Move, State
from waypost.formats.edi.schema.model import UNLIMITED, Composite, Use
from waypost.formats.edi.schema.pattern import Patterns
from waypost.formats.edi.schema.scope import Scopes

_DEEPEST = 40
Match = Callable[[str], object]
Table = dict[str, Any]
"""The entries of a state by the first three characters of a segment: (match, table behind, limit, depth, act, next
entry). ``limit`` is 0 where none is counted, -1 where counting begins. Under ``state`` stands the state itself."""


class QuickPath:
    """Accepts messages of one machine; tables are made as they are reached."""

    def __init__(self, machine: Automaton, patterns: Patterns, scopes: Scopes) -> None:
        self._machine, self._patterns, self._scopes = machine, patterns, scopes
        self._element, self._component = patterns.marks.element, patterns.marks.component
        self._matches: dict[Use, Match] = {}
        self._tables: dict[State, Table] = {}
        self._start = self._table(machine.start)

    def accepts(self, segments: Sequence[str]) -> bool:
        """Whether the segments between header and trailer are as the schema says. False may be wrong, True is not."""
        try:
            return self._accepts(segments)
        except (TypeError, ArithmeticError, IndexError):  # a rule could not be asked; a segment has no element
            return False

    def _accepts(self, segments: Sequence[str]) -> bool:
        table, counts = self._start, [0] * _DEEPEST
        element, component = self._element, self._component
        slots: list[Any] = [{}, *[None] * _DEEPEST]
        outer: dict[str, Any] = {}
        for segment in segments:
            try:
                match, following, limit, depth, act, other = table[segment[:3]]
            except KeyError:
                entry = self._entry(table, segment)
                if entry is None:
                    return False
                match, following, limit, depth, act, other = entry
            if match is None:  # many places, told apart by their first element
                value = segment.split(element, 2)[1]
                entry = following.get(value.partition(component)[0] if limit else value, other)
                if entry is None:
                    return False
                match, following, limit, depth, act, other = entry
            while True:
                if match(segment):
                    if not limit:
                        break
                    count = 1 if limit < 0 else counts[depth] + 1
                    if limit < 0 or count <= limit:
                        counts[depth] = count
                        break
                if other is None:
                    return False
                match, following, limit, depth, act, other = other
            if act is not None:
                closes, opens, adds, around, reads = act
                for slot, ask in closes:
                    if not ask(slots[slot], outer):
                        return False
                for slot in opens:
                    slots[slot] = {}
                row = segment.split(element) if reads else segment
                for slot, key in adds:
                    rows = slots[slot]
                    if key in rows:
                        rows[key].append(row)
                    else:
                        rows[key] = [row]
                if around:
                    outer[around] = [row]
            table = following
        if table["state"].unmet:
            return False
        return all(ask(slots[slot], outer) for slot, ask in table["ends"])

    def match(self, use: Use) -> Match:
        """What tells whether a segment is as a use of it says."""
        if use not in self._matches:
            self._matches[use] = re.compile(self._patterns.segment(use)).fullmatch
        return self._matches[use]

    def _table(self, state: State) -> Table:
        if state not in self._tables:
            if len(self._tables) > MOST_STATES:  # tables already linked go on living as long as they are reached
                self._tables.clear()
            self._tables[state] = {"state": state, "ends": self._scopes.ends(state)}
        return self._tables[state]

    def _entry(self, table: Table, segment: str) -> tuple[Any, ...] | None:
        """The entry for a segment met for the first time in a state; None where it has no place."""
        tag = segment.partition(self._element)[0]
        key = segment[:3]
        if tag not in self._machine.tags or key not in (f"{tag}{self._element}"[:3], tag):
            return None
        state = table["state"]
        places = [
            (move, (self.match(move.use), self._table(move.state), _limit(move), move.depth,
                    self._scopes.act(state, move.state, move.depth, tag)))
            for move in state.after(tag)
            if not move.missing and not move.over and not (move.repeats and move.most == 1)
        ]  # fmt: skip
        entry = _told_apart(places) if len(places) > 1 else _chained(places)
        if entry is not None:
            table[key] = entry
        return entry


Place = tuple[Move, tuple[Any, ...]]


def _chained(places: Sequence[Place]) -> tuple[Any, ...] | None:
    """The entries of some places, each with the next."""
    entry: tuple[Any, ...] | None = None
    for _, head in reversed(places):
        entry = (*head, entry)
    return entry


def _told_apart(places: Sequence[Place]) -> tuple[Any, ...] | None:
    """An entry that leads to the places a value allows, where the values of the first element, or of its first
    component, tell some of them apart; else all of them in a chain."""
    marks = [next(((c, v) for e, c, v in move.use.where if e == 1 and c == 1), None) for move, _ in places]
    values = sorted({value for mark in marks if mark for value in mark[1]})
    if not values:
        return _chained(places)
    inside = any(isinstance(move.use.segment.elements[0], Composite) for move, _ in places)
    leads = {
        value: _chained([place for place, mark in zip(places, marks, strict=True) if not mark or value in mark[1]])
        for value in values
    }  # fmt: skip
    unmarked = _chained([place for place, mark in zip(places, marks, strict=True) if not mark])
    return None, leads, inside, 0, None, unmarked


def _limit(move: Move) -> int:
    """What to count: nothing where any number, or only one, may stand."""
    if move.most in (1, UNLIMITED):
        return 0
    return move.most if move.repeats else -1
