"""Compares a transaction set with its schema and keeps its loops, as documents are made from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from waypost.formats.edi.finding import Finding
from waypost.formats.edi.schema.model import Loop, Schema
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.schema.validator import Validator

Row = list[str]


@dataclass(slots=True)
class LoopInstance:
    """One occurrence of a loop: its own segments by tag, its inner loops by name."""

    segments: dict[str, list[Row]] = field(default_factory=dict)
    loops: dict[str, list[LoopInstance]] = field(default_factory=dict)


class SetCheck:
    """Checks transaction sets of one schema written with one set of separators. Keeps what it learned."""

    def __init__(self, schema: Schema, element: str, component: str, repetition: str) -> None:
        self.validator = Validator(schema, Marks(element, component, repetition))

    def check(self, texts: Sequence[str], rows: Sequence[Row]) -> tuple[LoopInstance, list[Finding]]:
        """The loops of a set, where its document needs them, and all that is wrong with it. ``texts`` are the segments
        between ST and SE, ``rows`` the same, split into elements; positions in findings count from 1 at ST."""
        findings = [] if self.validator.accepts(texts) else self.validator.findings(texts)[0]
        loops = self._loops(rows) if self.validator.schema.fields else LoopInstance()
        return loops, [f for f in findings if f.severity == "error"]

    def _loops(self, rows: Sequence[Row]) -> LoopInstance:
        root = LoopInstance()
        open_loops = [root]
        for step in self.validator.walk(rows):
            if step.move is None:
                continue
            del open_loops[step.move.depth + 1 :]
            item = step.move.item
            while len(open_loops) < len(step.move.state.path):
                name = item.name if isinstance(item, Loop) else step.move.state.path[len(open_loops)][0].name
                opened = LoopInstance()
                open_loops[-1].loops.setdefault(name, []).append(opened)
                open_loops.append(opened)
            open_loops[-1].segments.setdefault(rows[step.index][0], []).append(rows[step.index])
        return root
