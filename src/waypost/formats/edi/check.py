"""Compares a transaction set with its grammar: where each segment belongs, what its elements hold.

A valid segment costs one step through a table and one regular expression. What fails is looked at again, slowly, to
say exactly what is wrong, with the codes a functional acknowledgement uses (X12 997, AK304 and AK403).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from waypost.formats.edi.element import ElementCheck
from waypost.formats.edi.finding import Finding
from waypost.formats.edi.schema import Grammar, Loop, SegmentUse

Row = list[str]
State = tuple[tuple[Loop, int], ...]
"""The loops a segment stands in, outermost first, each with the index of the item last matched in it."""


@dataclass(slots=True)
class LoopInstance:
    """One occurrence of a loop: its own segments by tag, its inner loops by name."""

    segments: dict[str, list[Row]] = field(default_factory=dict)
    loops: dict[str, list[LoopInstance]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Move:
    """What a tag means in a state: the state after it, in which loop it was matched, what was passed over."""

    state: State
    depth: int
    item: SegmentUse | Loop
    repeats: bool
    missing: tuple[tuple[str, str], ...]


class SetCheck:
    """Checks transaction sets of one grammar written with one set of separators. Keeps what it learned."""

    def __init__(self, grammar: Grammar, element: str, component: str, repetition: str) -> None:
        self._grammar = grammar
        self._elements = ElementCheck(grammar.segments, element, component, repetition)
        self._moves: dict[tuple[State, str], _Move | None] = {}
        self._start: State = ((grammar.root, -1),)
        self._tags = _tags(grammar.root)

    def check(self, texts: Sequence[str], rows: Sequence[Row]) -> tuple[LoopInstance, list[Finding]]:
        """The loops of a set, and all that is wrong with it. ``texts`` are the segments between ST and SE, ``rows``
        the same, split into elements; positions in findings count from 1 at ST."""
        root = LoopInstance()
        open_loops, counts, state, lost = [root], [0], self._start, False
        findings: list[Finding] = []
        moves, accepts = self._moves, self._elements.accepts
        for position, (text, row) in enumerate(zip(texts, rows, strict=True), 2):
            tag = row[0]
            key = (state, tag)
            move = moves.get(key)
            if move is None and tag in self._tags:  # what the set does not know is not kept: it comes from outside
                move = moves[key] = _find(state, tag)
            if move is None:
                if not lost or tag not in self._tags:
                    findings.append(self._misplaced(tag, position, state))
                lost = True
                continue
            state, lost = move.state, False
            del open_loops[move.depth + 1 :], counts[move.depth + 1 :]
            counts[move.depth] = counts[move.depth] + 1 if move.repeats else 1
            if move.missing or counts[move.depth] > move.item.maximum:
                findings.extend(self._misused(move, tag, position, counts[move.depth]))
            if isinstance(move.item, Loop):
                opened = LoopInstance()
                open_loops[-1].loops.setdefault(move.item.name, []).append(opened)
                open_loops.append(opened)
                counts.append(1)
            open_loops[-1].segments.setdefault(tag, []).append(row)
            if not accepts(tag, text):
                findings.extend(self._elements.explain(row, position, state[-1][0].name))
        findings.extend(_missing(_unmet(state), len(rows) + 2))
        findings.extend(self._totals(root, rows))
        return root, findings

    def _misplaced(self, tag: str, position: int, state: State) -> Finding:
        loop = state[-1][0].name
        if tag in self._tags:
            return Finding("segment-sequence", "7", tag, position, loop, found=f"segment {tag} out of order")
        if tag in self._grammar.segments:
            return Finding("segment-not-in-set", "6", tag, position, loop, found=f"segment {tag}",
                           expected=f"a segment of the {self._grammar.set_id}")  # fmt: skip
        return Finding("segment-unknown", "1", tag, position, loop, found=f"unknown segment {tag[:12]!r}",
                       expected=f"a segment of the {self._grammar.set_id}")  # fmt: skip

    def _misused(self, move: _Move, tag: str, position: int, count: int) -> list[Finding]:
        findings = _missing(move.missing, position)
        item, loop = move.item, move.state[move.depth][0].name
        if count > item.maximum:
            code, x12 = ("loop-repeats", "4") if isinstance(item, Loop) else ("segment-repeats", "5")
            findings.append(Finding(code, x12, tag, position, loop, found=f"{tag} for the {count}th time",
                                    expected=f"at most {item.maximum}"))  # fmt: skip
        return findings

    def _totals(self, root: LoopInstance, rows: Sequence[Row]) -> list[Finding]:
        findings = []
        for (tag, number), loop in self._grammar.totals.items():
            counted = len(root.loops.get(loop, ()))
            position = next((i for i in range(len(rows) - 1, -1, -1) if rows[i][0] == tag), -1)
            value = rows[position][number] if position >= 0 and len(rows[position]) > number else ""
            if re.fullmatch("[0-9]{1,9}", value) and int(value) != counted:
                findings.append(Finding("total", "7", tag, position + 2, element=number, level="element",
                                        found=value, expected=f"{counted}, the number of {loop} loops"))  # fmt: skip
        return findings


def _find(state: State, tag: str) -> _Move | None:
    """The nearest place for ``tag``: in the innermost loop first, at or behind the item matched last."""
    missing: list[tuple[str, str]] = []
    fallback: _Move | None = None
    for depth in range(len(state) - 1, -1, -1):
        loop, last = state[depth]
        for index in range(max(last, 0), len(loop.body)):
            item = loop.body[index]
            if item.tag != tag or (index == last == 0 and depth > 0):
                continue  # the first segment of a loop opens the next occurrence, in the loop around
            skipped = [(i.tag, loop.name) for i in loop.body[last + 1 : index] if i.required]
            inner: State = ((item, 0),) if isinstance(item, Loop) else ()
            after: State = (*state[:depth], (loop, index), *inner)
            move = _Move(after, depth, item, index == last, (*missing, *skipped))
            if index != last or item.maximum > 1:
                return move
            fallback = fallback or move
        missing.extend((i.tag, loop.name) for i in loop.body[last + 1 :] if i.required)
    return fallback


def _unmet(state: State) -> tuple[tuple[str, str], ...]:
    return tuple((i.tag, loop.name) for loop, last in reversed(state) for i in loop.body[last + 1 :] if i.required)


def _missing(tags: Sequence[tuple[str, str]], position: int) -> list[Finding]:
    return [
        Finding("segment-missing", "3", tag, position, loop, found=f"no {tag} before this segment", expected=tag)
        for tag, loop in tags
    ]


def _tags(loop: Loop) -> frozenset[str]:
    inner = (_tags(i) if isinstance(i, Loop) else {i.tag} for i in loop.body)
    return frozenset().union(*inner)
