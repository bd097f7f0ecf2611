"""Plants one fault in a valid message and says what an acknowledgement has to call it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from waypost.formats.edi.examine.release import hide
from waypost.formats.edi.finding import KINDS
from waypost.formats.edi.generate.message import Messages
from waypost.formats.edi.generate.value import Row
from waypost.formats.edi.schema.automaton import Move
from waypost.formats.edi.schema.model import UNLIMITED, Element, Loop

_TRIES = 60


@dataclass(frozen=True, slots=True)
class Planted:
    """One fault: the message it is in (from 1), its kind, where it is, and its code in an acknowledgement."""

    message: int
    kind: str
    segment: str
    position: int
    element: int
    code: str

    def data(self) -> dict[str, Any]:
        """The fault as plain data."""
        return asdict(self)


Made = tuple[list[Row], str, int, int]
"""Rows, the segment, its position from 2, and its element, 0 for none."""


class Mutants:
    """Plants faults in messages of one maker."""

    def __init__(self, messages: Messages, standard: str) -> None:
        self._messages, self._standard = messages, standard
        self.chance = messages.chance

    def planted(self, rows: Sequence[Row], kind: str, number: int) -> tuple[list[Row], Planted] | None:
        """The message with one fault of a kind, and what it is; None where the message has no place for it."""
        for _ in range(_TRIES):
            made = _MAKERS[kind](self, [list(row) for row in rows])
            if made is None:
                return None
            changed, segment, position, element = made
            if not self._messages.accepts(changed):
                known = KINDS[kind]
                code = known.edifact if self._standard == "edifact" else known.x12
                return changed, Planted(number, kind, segment, position, element, code)
        return None

    def moves(self, rows: Sequence[Row]) -> list[Move | None]:
        """Where each row stands."""
        marks = self._messages.marks
        texts = [hide(marks.element.join(row), marks) for row in rows]
        steps = self._messages.validator.walk([text.split(marks.element) for text in texts])
        found: list[Move | None] = [None] * len(rows)
        for step in steps:
            if step.index < len(rows):
                found[step.index] = step.move
        return found

    def elements(self, rows: Sequence[Row]) -> Iterator[tuple[int, int, Element]]:
        """Row, number and description of each simple element that marks no place."""
        for index, move in enumerate(self.moves(rows)):
            if move is None:
                continue
            marked = {element for element, _, _ in move.use.where}
            for number, item in enumerate(move.use.segment.elements, 1):
                if isinstance(item, Element) and number not in marked and item.repeat == 1 and item.kind != "-":
                    yield index, number, item

    def changed(
        self, rows: list[Row], fits: Callable[[Element], bool], change: Callable[[Element, str], str]
    ) -> Made | None:
        """``rows`` with one element changed that is there and ``fits``."""
        found = [
            (i, n, e) for i, n, e in self.elements(rows) if n < len(rows[i]) and rows[i][n] and fits(e)
            and rows[i][0] != "HL"
        ]  # fmt: skip
        if not found:
            return None
        index, number, item = self.chance.choice(found)
        rows[index][number] = change(item, rows[index][number])
        return rows, rows[index][0], index + 2, number


def _unknown(self: Mutants, rows: list[Row]) -> Made | None:
    at = self.chance.randrange(len(rows) + 1)
    return [*rows[:at], ["QZ9", "1"], *rows[at:]], "QZ9", at + 2, 0


def _missing(self: Mutants, rows: list[Row]) -> Made | None:
    moves = self.moves(rows)
    found = [
        n for n, move in enumerate(moves)
        if move and not isinstance(move.item, Loop) and move.item.required and not move.repeats
        and not (n + 1 < len(rows) and rows[n + 1][0] == rows[n][0]) and move.state.path[-1][1] != 0
    ]  # fmt: skip
    found += [0] if moves and moves[0] and moves[0].item.required and not isinstance(moves[0].item, Loop) else []
    if not found:
        return None
    at = self.chance.choice(found)
    return [*rows[:at], *rows[at + 1 :]], rows[at][0], at + 2, 0


def _repeated(self: Mutants, rows: list[Row]) -> Made | None:
    found = [
        (n, move) for n, move in enumerate(self.moves(rows))
        if move and not isinstance(move.item, Loop) and move.item.maximum <= 9 and not move.item.block
    ]  # fmt: skip
    if not found:
        return None
    at, move = self.chance.choice(found)
    tag = rows[at][0]
    first, behind = at, at + 1
    while first and rows[first - 1][0] == tag:
        first -= 1
    while behind < len(rows) and rows[behind][0] == tag:
        behind += 1
    more = [list(rows[at]) for _ in range(move.item.maximum + 1 - (behind - first))]
    return [*rows[:at], *more, *rows[at:]], tag, first + 2 + move.item.maximum, 0


def _overlong(self: Mutants, rows: list[Row]) -> Made | None:
    texts = ("AN", "ID", "an", "a")
    return self.changed(
        rows, lambda e: e.kind in texts and not e.codes and e.maximum < UNLIMITED,
        lambda e, v: "X" * (e.maximum + 1),
    )  # fmt: skip


def _short(self: Mutants, rows: list[Row]) -> Made | None:
    return self.changed(
        rows, lambda e: e.kind in ("AN", "an") and e.minimum > 1 and not e.codes, lambda e, v: "X" * (e.minimum - 1)
    )


def _bad_code(self: Mutants, rows: list[Row]) -> Made | None:
    def other(item: Element, value: str) -> str:
        size = max(item.minimum, min(item.maximum, len(value)))
        return next((c * size for c in "#%&" if c * size not in item.codes), value)

    return self.changed(rows, lambda e: bool(e.codes), other)


def _bad_date(self: Mutants, rows: list[Row]) -> Made | None:
    return self.changed(rows, lambda e: e.kind == "DT", lambda e, v: v[:-4] + "1399")


def _bad_time(self: Mutants, rows: list[Row]) -> Made | None:
    return self.changed(rows, lambda e: e.kind == "TM", lambda e, v: "2560" + v[4:])


def _bad_number(self: Mutants, rows: list[Row]) -> Made | None:
    return self.changed(rows, lambda e: e.kind in ("R", "n") or e.kind[0] == "N", lambda e, v: v[:-1] + "X")


def _emptied(self: Mutants, rows: list[Row]) -> Made | None:
    found = [(i, n) for i, n, e in self.elements(rows) if e.required and n < len(rows[i]) and rows[i][0] != "HL"]
    noted = {use.tag: use.segment.notes for use in self._messages.schema.root.uses()}
    found = [(i, n) for i, n in found if not noted.get(rows[i][0])]
    if not found:
        return None
    index, number = self.chance.choice(found)
    rows[index][number] = ""
    return rows, rows[index][0], index + 2, number


def _too_many(self: Mutants, rows: list[Row]) -> Made | None:
    found = [(n, move) for n, move in enumerate(self.moves(rows)) if move and move.use.segment.described]
    if not found:
        return None
    at, move = self.chance.choice(found)
    size = len(move.use.segment.elements)
    rows[at] += [""] * (size + 1 - len(rows[at]))
    rows[at].append("X")
    return rows, rows[at][0], at + 2, size + 1


_MAKERS: dict[str, Callable[[Mutants, list[Row]], Made | None]] = {
    "segment-unknown": _unknown, "segment-missing": _missing, "segment-repeats": _repeated,
    "element-too-long": _overlong, "element-too-short": _short, "element-code": _bad_code, "element-date": _bad_date,
    "element-time": _bad_time, "element-character": _bad_number, "element-missing": _emptied,
    "too-many-elements": _too_many,
}  # fmt: skip
ENVELOPE_FAULTS = ("segment-count", "control-number")
FAULTS = (*_MAKERS, *ENVELOPE_FAULTS)
