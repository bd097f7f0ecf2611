"""Makes the ``body`` of a message: its segments and elements by name, as ``body_write`` writes them again.

Names are those of ``schema.names``. What is read and written again gives the same segments in the same order. Where
segments of one level came in an order that their names alone do not tell, such as ``REF``, ``DTM``, ``REF`` where any
order will do, the level has them in ``_order``. A segment the schema has no place for, in a message that is read though
it is not as its schema says, stands where it came as ``TAG_unplaced``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waypost.formats.edi.schema.automaton import Move, State
from waypost.formats.edi.schema.names import ORDER, Names, element_name, shape
from waypost.formats.edi.schema.validator import Validator

_ELEMENTS = tuple(element_name(number) for number in range(1, 1000))
_COMPONENTS = tuple(str(number) for number in range(1, 1000))
_PADDING = (0,) * len(_ELEMENTS)
_MOST_STATES = 50_000
Level = dict[str, Any]
Opened = tuple[tuple[str, bool], ...]
Place = tuple[int, Opened, str, bool, tuple[int, ...], State]
"""Where a segment stands: the depth of its level, the loops it opens there, its name, whether that is a list, the
shapes of its elements, the state behind it."""
Marked = tuple[tuple[tuple[int, int, frozenset[str]], ...], Place]


@dataclass(frozen=True, slots=True)
class Told:
    """Places that one value of a segment tells apart, by that value; None where several have it."""

    element: int
    component: int
    places: Mapping[str, Place | None]


Choice = Place | Told | list[Marked]


class BodyReader:
    """Makes bodies of the messages that ``validator`` checks. Keeps what it learned."""

    def __init__(self, validator: Validator) -> None:
        self._validator, self._names = validator, Names(validator.schema)
        self._tables: dict[State, dict[str, Choice]] = {}

    def body(self, rows: Sequence[Sequence[Any]], flat: Callable[[], Sequence[Sequence[str]]], sound: bool) -> Level:
        """The body of ``rows``, the segments between header and trailer with composites as lists. ``flat`` gives the
        same with each element as it is written; ``sound`` says that they are as their schema says."""
        made = self._quick(rows) if sound else None
        return self._slow(rows, flat()) if made is None else made

    def _quick(self, rows: Sequence[Sequence[Any]]) -> Level | None:
        """The body where each segment has one place; None where that cannot be told by one look."""
        state, levels = self._validator.start, _Levels()
        tables = self._tables
        for row in rows:
            table = tables.get(state)
            if table is None:
                table = self._table(state)
            place = table.get(row[0])
            if place is None:
                place = table[row[0]] = self._places(state, row[0])
            if isinstance(place, Told):
                place = place.places.get(_said(row, place.element, place.component))
                if place is None:
                    return None
            elif isinstance(place, list):
                fitting = [one for where, one in place if _marked(where, row)]
                if len(fitting) != 1:
                    return None
                place = fitting[0]
            depth, opened, name, many, shapes, state = place
            levels.put(depth, opened, name, many, _elements(row, shapes))
        return levels.root

    def _table(self, state: State) -> dict[str, Choice]:
        if len(self._tables) > _MOST_STATES:
            self._tables.clear()
        return self._tables.setdefault(state, {})

    def _places(self, state: State, tag: str) -> Choice:
        """Where a segment of a sound message may stand behind ``state``."""
        moves = [m for m in state.after(tag) if not (m.missing or m.over or (m.repeats and m.most == 1))]
        if len(moves) == 1:
            return self._place(moves[0], moves[0].depth + 1)
        marked = [(move.use.where, self._place(move, move.depth + 1)) for move in moves]
        return _told_apart(marked) or marked

    def _place(self, move: Move, known: int) -> Place:
        """The place a move leads to, of whose levels so many are open."""
        path = move.state.path
        names = [self._names.of(loop)[index] for loop, index, _ in path]
        opened = tuple((name.text, name.many) for name in names[known - 1 : -1])
        shapes = tuple(shape(element) for element in move.use.segment.elements)
        return move.depth, opened, names[-1].text, names[-1].many, shapes + _PADDING[len(shapes) :], move.state

    def _slow(self, rows: Sequence[Sequence[Any]], flat: Sequence[Sequence[str]]) -> Level:
        """The body of any message, sound or not, each segment in the order it came."""
        moves = {step.index: step.move for step in self._validator.walk(flat)}
        levels = _Levels()
        for index, row in enumerate(rows):
            move = moves.get(index)
            if move is None:
                levels.put(levels.depth, (), f"{row[0]}_unplaced", True, _elements(row, _PADDING))
                continue
            place = self._place(move, min(move.depth, levels.depth) + 1)
            levels.put(*place[:4], _elements(row, place[4]))
        return levels.root


class _Levels:
    """The levels that are open while a body is made, outermost first."""

    def __init__(self) -> None:
        self.root: Level = {}
        self._open: list[Level] = [self.root]
        self._last = [""]

    @property
    def depth(self) -> int:
        """The depth of the innermost."""
        return len(self._open) - 1

    def put(self, depth: int, opened: Opened, name: str, many: bool, value: Level) -> None:
        """A segment in the level at ``depth``, or in loops opened in it."""
        del self._open[depth + 1 :], self._last[depth + 1 :]
        for loop, several in opened:
            inner: Level = {}
            self._add(loop, several, inner)
            self._open.append(inner)
            self._last.append("")
        self._add(name, many, value)

    def _add(self, name: str, many: bool, value: Level) -> None:
        level, last = self._open[-1], self._last[-1]
        self._last[-1] = name
        if ORDER in level:
            level[ORDER].append(name)
        elif name in level and last != name:
            level[ORDER] = [one for one, told in level.items() for _ in (told if type(told) is list else (told,))]
            level[ORDER].append(name)
        if name not in level:
            level[name] = [value] if many else value
        elif type(level[name]) is list:
            level[name].append(value)
        else:
            level[name] = [level[name], value]


def _told_apart(marked: Sequence[Marked]) -> Told | None:
    """What tells places apart by one look-up; None where they are not all marked at the same element."""
    at = {(element, component) for where, _ in marked for element, component, _ in where}
    if len(at) != 1 or any(len(where) != 1 for where, _ in marked):
        return None
    places: dict[str, Place | None] = {}
    for ((_, _, values),), place in marked:
        for value in values:
            places[value] = None if value in places else place
    (element, component), = at  # fmt: skip
    return Told(element, component, places)


def _marked(where: Sequence[tuple[int, int, frozenset[str]]], row: Sequence[Any]) -> bool:
    return all(_said(row, element, component) in values for element, component, values in where)


def _said(row: Sequence[Any], element: int, component: int) -> str:
    value = row[element] if element < len(row) else ""
    if value.__class__ is not list:
        return str(value) if component == 1 else ""
    parts = value[0] if value and value[0].__class__ is list else value
    return str(parts[component - 1]) if component <= len(parts) else ""


def _elements(row: Sequence[Any], shapes: Sequence[int]) -> Level:
    """The elements of a row that are not empty, by their number."""
    made: Level = {}
    for name, value, held in zip(_ELEMENTS, row[1:], shapes, strict=False):
        if value:
            if not held and value.__class__ is not list:
                made[name] = value
            elif told := _structured(value, held):
                made[name] = told
    return made


def _structured(value: Any, held: int) -> Any:
    if value.__class__ is list and value[0].__class__ is list:
        return [_components(one) for one in value]
    parts = _components(value if value.__class__ is list else [value])
    return [parts] if held == 2 and parts else parts


def _components(parts: Sequence[str]) -> Level:
    return {name: part for name, part in zip(_COMPONENTS, parts, strict=False) if part}
