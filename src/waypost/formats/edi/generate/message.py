"""Makes messages by walking the machine of a schema: what it makes stands where a reader places it.

Required items are always there; others by chance. Levels get numbers and parents, totals and counts what they count;
what situational rules ask for is put in. Each message is held against the schema before it is given out.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from waypost.formats.edi.examine.release import hide
from waypost.formats.edi.generate.repair import Repair
from waypost.formats.edi.generate.value import Row, Values
from waypost.formats.edi.schema.automaton import Automaton, Move, State
from waypost.formats.edi.schema.hierarchy import LEVEL, levels
from waypost.formats.edi.schema.model import UNLIMITED, Loop, Schema, Use
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.schema.validator import Validator

_TRIES = 40
_MOST_SEGMENTS = 400
_ENOUGH = 80
"""From here on only what must come."""
_MANY = 100
"""A loop that may come at least so often is one of lines: it comes often."""


class CannotMake(ValueError):
    """No message that its schema accepts was found: its rules ask for more than chance and repair can do."""


class Messages:
    """Makes messages of one schema. ``density`` is how often there is what need not be, ``lines`` how many lines a
    message has on average."""

    def __init__(
        self, schema: Schema, marks: Marks, chance: random.Random, *, density: float = 0.2, lines: int = 4
    ) -> None:
        self.schema, self.marks, self.chance = schema, marks, chance
        self.density, self.lines = density, lines
        self.validator = Validator(schema, marks)
        self._machine = Automaton(schema.root)
        self._levels = levels(schema.root)
        self._repair = Repair(schema, self.validator, marks)

    def message(self) -> list[Row]:
        """The segments between header and trailer, elements as they are written. Raises ``CannotMake``."""
        wanted: set[tuple[str, str]] = set()
        for attempt in range(_TRIES):
            density = self.density if attempt < _TRIES // 2 else 0.0 if attempt % 2 else self.density / 4
            rows = self._levelled(self._walked(density, wanted))
            if rows is not None and self._repair.mended(rows, wanted) and self.accepts(rows):
                return rows
        raise CannotMake(f"{self.schema.name}: no message its rules accept was found in {_TRIES} tries")

    def accepts(self, rows: Sequence[Row]) -> bool:
        """Whether the schema accepts these segments."""
        return self.validator.accepts([hide(self.marks.element.join(row), self.marks) for row in rows])

    def _walked(self, density: float, wanted: set[tuple[str, str]]) -> list[Row] | None:
        values = Values(self.chance, self.marks.component, density)
        state, counts, rows = self._machine.start, [0] * 40, list[Row]()
        while len(rows) < _MOST_SEGMENTS:
            if len(rows) >= _ENOUGH + self.lines * 10:
                values.density = 0.0
            bound = sum((row[0] == "LS") - (row[0] == "LE") for row in rows) > 0
            ends = {(place[0].name, "LE") for place in state.path} if bound else set()
            made = self._next(state, counts, values, wanted | ends)
            if made is None:
                break
            move, row = made
            count = counts[move.depth] + 1 if move.repeats else 1
            counts[move.depth :] = [count, *[1] * (len(counts) - move.depth - 1)]
            rows.append(row)
            state = move.state
        return None if state.unmet else rows

    def _next(
        self, state: State, counts: Sequence[int], values: Values, wanted: set[tuple[str, str]]
    ) -> tuple[Move, Row] | None:
        """The next segment: the first item ahead that must come, or that chance chooses; None for the end."""
        for depth, index, item in state.ahead():
            move = self._move(state, depth, index, item, counts)
            if move is None:
                continue
            repeats = index == state.path[depth][1] and not item.block
            loop = state.path[depth][0].name
            new = not repeats and not self._there(state, depth, index)
            needed = new and (item.required or (loop, item.tag) in wanted)
            if item.tag == "LE" and not needed:
                continue
            if needed or self.chance.random() < self._likely(item, repeats, values.density):
                row = values.row(move.use)
                if self._placed(state, move, row, counts):
                    return move, row
        return None

    def _there(self, state: State, depth: int, index: int) -> bool:
        """Whether an item of a block that comes in any order was there already."""
        return index in dict(state.path[depth][2]) or index == state.path[depth][1]

    def _likely(self, item: Use | Loop, repeats: bool, density: float) -> float:
        lines = item.required or item.maximum < UNLIMITED
        if isinstance(item, Loop) and item.maximum >= _MANY and lines:
            return 1 - 1 / max(self.lines, 1) if density > 0 else 0.0
        return density * (0.5 if repeats else 1.0)

    def _move(self, state: State, depth: int, index: int, item: Use | Loop, counts: Sequence[int]) -> Move | None:
        """The move to an item; None where something required would be passed over, or it was there too often."""
        if index == state.path[depth][1] == 0 and depth > 0:
            return None
        for move in state.after(item.tag):
            if move.depth == depth and move.item is item:
                over = move.over or (move.repeats and counts[depth] + 1 > move.most)
                return None if move.missing or over else move
        return None

    def _placed(self, state: State, move: Move, row: Row, counts: Sequence[int]) -> bool:
        """Whether a reader places ``row`` where it is meant to be."""
        text = hide(self.marks.element.join(row), self.marks)
        for other in state.after(row[0]):
            if other is move:
                return self.validator.fits(move.use, text)
            over = other.over or (other.repeats and counts[other.depth] + 1 > other.most)
            if not other.missing and not over and self.validator.fits(other.use, text):
                return False
        return False

    def _levelled(self, rows: list[Row] | None) -> list[Row] | None:
        """HL segments with numbers of their own, parents, and whether they have children; LE as its LS."""
        if rows is None or self.schema.standard != "x12":
            return rows
        nest: list[tuple[str, str]] = []
        bound: list[str] = []
        at: dict[str, Row] = {}
        for row in rows:
            if row[0] == "LS":
                bound.append(row[1])
            elif row[0] == "LE" and bound:
                row[1] = bound.pop()
            if row[0] == LEVEL:
                row += [""] * (4 - len(row))
                outer = self._levels.get(row[3])
                while outer is not None and nest and nest[-1][0] not in outer:
                    nest.pop()
                if outer and not nest:
                    return None
                row[1], row[2] = str(len(at) + 1), nest[-1][1] if nest else ""
                nest.append((row[3], row[1]))
                at[row[1]] = row
                _childless(row, at.get(row[2]))
        return None if bound else rows


def _childless(row: Row, parent: Row | None) -> None:
    """A level is without children until one names it."""
    if len(row) > 4 and row[4] == "1":
        row[4] = "0"
    if parent is not None and len(parent) > 4:
        parent[4] = "1"
