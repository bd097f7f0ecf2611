"""Where each segment of a message stands in its schema: which use of it, and what opened the loop around."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from waypost.formats.edi.redact.policy import Policy
from waypost.formats.edi.schema.automaton import Automaton
from waypost.formats.edi.schema.model import Composite, Element, Schema, Segment, Use
from waypost.formats.edi.schema.walk import Walker

Row = Sequence[str]
_PARTIES = ("NM1", "N1", "NAD")
_MOST_KEPT = 32


@dataclass(frozen=True, slots=True)
class Stood:
    """One segment: its use where the schema has a place for it, else the segment of its dictionary; ``party`` is the
    qualifier of the party the segment is about, '' where it is about none."""

    use: Use | None = None
    segment: Segment | None = None
    party: str = ""

    def element(self, number: int) -> Element | Composite | None:
        """What the schema says of an element, counted from 1; None where it says nothing."""
        described = self.use.segment if self.use else self.segment
        if described is None or not described.described or number > len(described.elements):
            return None
        return described.elements[number - 1]

    def qualifier(
        self, declared: Policy, element: Element | None, around: tuple[Row, int, Row, int]
    ) -> str:  # fmt: skip
        """The value of the nearest element before, in its composite or else in its segment, that qualifies this one."""
        wanted = declared.qualifiers.get(element.ref) if element else None
        if wanted is None:
            return ""
        row, number, parts, at = around
        item = self.element(number)
        if isinstance(item, Composite):
            for inner in range(min(at, len(item.parts)) - 1, -1, -1):
                if item.parts[inner].ref == wanted:
                    return parts[inner].strip()
        for before in range(number - 1, 0, -1):
            found = self.element(before)
            if isinstance(found, Element) and found.ref == wanted:
                return row[before].strip()
        return ""


class Places:
    """Finds the places of the segments of messages; keeps one walker a schema."""

    def __init__(self) -> None:
        self._walkers: dict[tuple[int, str], tuple[Schema, Walker]] = {}

    def of(self, schema: Schema | None, rows: Sequence[Row], component: str, trailer: bytes) -> list[Stood]:
        """The place of each row, header and trailer among them."""
        if schema is None:
            return [Stood()] * len(rows)
        has_trailer = len(rows) > 1 and rows[-1][0] == trailer.decode()
        body = rows[1:-1] if has_trailer else rows[1:]
        placed: dict[int, Stood] = {}
        openers: dict[int, Row] = {}
        for step in self._walker(schema, component).walk(body):
            if step.move is not None:
                depth = len(step.move.state.path) - 1
                row = body[step.index]
                loop = step.move.state.path[-1][0]
                if step.move.use is (loop.opener if depth else None):
                    openers[depth] = row
                opener = openers.get(depth) if depth else None
                placed[step.index] = Stood(step.move.use, None, _party(row) or _party(opener))
        known = [Stood(None, schema.segments.get(rows[0][0]))]
        known += [placed.get(n) or Stood(None, schema.segments.get(row[0])) for n, row in enumerate(body)]
        return known + ([Stood(None, schema.segments.get(rows[-1][0]))] if has_trailer else [])

    def _walker(self, schema: Schema, component: str) -> Walker:
        key = (id(schema), component)
        if key not in self._walkers:
            if len(self._walkers) >= _MOST_KEPT:
                self._walkers.clear()
            self._walkers[key] = (schema, Walker(schema, Automaton(schema.root), component))
        return self._walkers[key][1]


def _party(row: Row | None) -> str:
    return row[1].strip() if row is not None and row[0] in _PARTIES and len(row) > 1 else ""
