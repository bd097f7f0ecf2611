"""Holds messages against a schema: quickly to accept, slowly to say what is wrong.

The quick path never accepts what the slow one would refuse; what it does not accept, the slow one decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from waypost.formats.edi.finding import Finding, finding
from waypost.formats.edi.schema.automaton import Automaton, Move, State
from waypost.formats.edi.schema.code_list import CodeLists
from waypost.formats.edi.schema.fault import ElementFaults
from waypost.formats.edi.schema.hierarchy import LEVEL, broken_bounds, broken_levels
from waypost.formats.edi.schema.model import Schema, Use
from waypost.formats.edi.schema.pattern import Marks, Patterns
from waypost.formats.edi.schema.quick import QuickPath
from waypost.formats.edi.schema.rule import NO_CODES, CompiledRule, Verdict
from waypost.formats.edi.schema.scope import BOUND, Scope, Scopes
from waypost.formats.edi.schema.spot import Spots
from waypost.formats.edi.schema.walk import Row, Step, Walker
from waypost.formats.edi.schema.wanted import OWN

MOST_FINDINGS = 200


class Validator:
    """Checks messages of one schema written with one set of separators. Keeps what it learned."""

    def __init__(self, schema: Schema, marks: Marks, codes: CodeLists = NO_CODES) -> None:
        self.schema, self.marks = schema, marks
        self._machine = Automaton(schema.root)
        patterns = Patterns(marks)
        self._faults = ElementFaults(patterns)
        self._walker = Walker(schema, self._machine, marks.component)
        self._scopes = Scopes(schema, self._machine.tags, marks, codes)
        self._quick = QuickPath(Spots(schema.root), self._machine.tags, patterns, self._scopes)
        self.accepts = self._quick.accepts
        """Whether the segments between header and trailer are as the schema says. False may be wrong, True is not."""

    def findings(self, segments: Sequence[str], surplus: int = 0) -> tuple[list[Finding], int]:
        """All that is wrong with the segments between header and trailer, positions counted from 2, and how many
        segments there are too many because of it (negative: too few). By ``surplus`` there are more of them than the
        trailer says."""
        rows = [segment.split(self.marks.element) for segment in segments]
        found: list[Finding] = []
        excess, placed = 0, []
        for step in self._walker.walk(rows, surplus):
            excess += step.excess
            found += step.findings
            if step.move is not None:
                placed.append(step)
                told = any(f.level == "element" for f in step.findings)
                if not told and not self._quick.match(step.move.use)(segments[step.index]):
                    found += self._faults.explain(step.move.use, rows[step.index], step.index + 2, step.move.state.loop)
            if len(found) >= MOST_FINDINGS:
                found = [*found[:MOST_FINDINGS], finding("too-many-findings", "", step.index + 2, level="transaction",
                                                         found=f"more than {MOST_FINDINGS} faults")]  # fmt: skip
                return self._ranked(found), excess
        if not any(f.level == "segment" for f in found):
            wrong = {f.position for f in found}
            found += [f for f in self._broken_rules(rows, placed, wrong) if f.position not in wrong]
        return self._ranked(sorted(found, key=lambda f: f.position)), excess

    @property
    def rules(self) -> Sequence[CompiledRule]:
        """The rules of the schema, ready to be asked."""
        return self._scopes.rules

    def fits(self, use: Use, segment: str) -> bool:
        """Whether a segment is as one use of it says."""
        return bool(self._quick.match(use)(segment))

    def broken(self, segments: Sequence[str]) -> list[tuple[CompiledRule, int, str, object]]:
        """The rules that don't hold: each with the segment it is about, its loop, and what its right side makes."""
        rows = [segment.split(self.marks.element) for segment in segments]
        held = _Held(rows, self._scopes, self._machine.start, None)
        for step in self._walker.walk(rows):
            if step.move is not None:
                held.take(step.index, step.move)
        held.finish()
        return held.broken

    @property
    def start(self) -> State:
        """Where a message begins."""
        return self._machine.start

    def walk(self, rows: Sequence[Row]) -> list[Step]:
        """Where each row was placed."""
        return list(self._walker.walk(rows))

    def _ranked(self, found: list[Finding]) -> list[Finding]:
        """The findings with the severity the schema gives them."""
        severity = self.schema.severity
        if not severity:
            return found
        return [replace(f, severity=severity.get(f.rule) or severity.get(f.code) or f.severity) for f in found]

    def _broken_rules(self, rows: Sequence[Row], placed: Sequence[Step], wrong: set[int]) -> list[Finding]:
        """What rules and structure say, each scope asked where it ends, as on the quick path. A rule that reads a
        segment already found ``wrong`` is not asked: it would say the same again."""
        held = _Held(rows, self._scopes, self._machine.start, wrong)
        for step in placed:
            assert step.move is not None
            held.take(step.index, step.move)
        return held.finish()


class _Held:
    """The rows of each open scope, by where they stand. Rules that read a segment at a position already ``wrong`` are
    not asked; where that is None all are."""

    def __init__(self, rows: Sequence[Row], scopes: Scopes, start: State, wrong: set[int] | None) -> None:
        self._rows, self._scopes, self._state = rows, scopes, start
        self._wrong, self._once = set(wrong or ()), wrong is not None
        self._slots: dict[int, tuple[Scope, dict[str, list[int]], str, int]] = {}
        self._outer: dict[str, list[Row]] = {}
        self._found: list[Finding] = []
        self.broken: list[tuple[CompiledRule, int, str, object]] = []
        self._open(start, -1, 0)

    def _open(self, state: State, depth: int, index: int) -> None:
        names = [loop.name for loop, *_ in state.path]
        for at, scope in self._scopes.open(state.path):
            if at > depth:
                self._slots[at] = (scope, {}, "/".join(names[: at + 1]), index)

    def take(self, index: int, move: Move) -> None:
        tag = self._rows[index][0]
        act = self._scopes.act(self._state.path, move.state.path, move.depth, tag)
        if act:
            closes, _, adds, around = act
            for depth, _ in closes:
                self._close(depth)
            self._open(move.state, move.depth, index)
            for depth, key in adds:
                self._slots[depth][1].setdefault(key, []).append(index)
            if around:
                self._outer[around] = [self._rows[index]]
        self._state = move.state

    def finish(self) -> list[Finding]:
        for depth, _ in self._scopes.ends(self._state.path):
            self._close(depth)
        return self._found

    def _close(self, depth: int) -> None:
        scope, places, loop, begun = self._slots.pop(depth)
        rows = {key: [self._rows[i] for i in at] for key, at in places.items()}
        if depth == 0:
            self._found += (
                [] if not self._scopes.levels else broken_levels(self._numbered(places, LEVEL), self._scopes.nested)
            )
            self._found += [] if not self._scopes.bounds else broken_bounds(self._numbered(places, BOUND))
        for rule in scope.rules:
            if any(index + 2 in self._wrong for key in rule.read for index in places.get(key, ())):
                continue
            verdict = rule.ask(rows, self._outer)
            if verdict:
                at = next((found[0] for key in _keys(rule) if (found := places.get(key))), begun)
                expected = rule.sides[1](rows, self._outer) if rule.sides else None
                self.broken.append((rule, at, loop.rpartition("/")[2], expected))
                self._found.append(self._broken(rule, verdict, places, loop, begun))
                if self._once and rule.rule.level == 3 and rule.rule.severity == "error":
                    self._wrong.add(self._found[-1].position)

    def _numbered(self, places: dict[str, list[int]], key: str) -> list[tuple[int, Row]]:
        return [(i, self._rows[i]) for i in places.get(key, ())]

    def _broken(
        self, rule: CompiledRule, verdict: Verdict, places: dict[str, list[int]], loop: str, begun: int
    ) -> Finding:
        """The finding of a rule, at the first segment it is about, or where its loop begins."""
        tag, element, component = rule.place
        at = next((found[0] for key in _keys(rule) if (found := places.get(key))), begun)
        here = bool(self._rows) and self._rows[at][0] == tag
        code = KINDS_BY_LEVEL.get(rule.rule.level, "rule")
        if rule.needed and (here or not element):
            code = "element-conditional" if element else "segment-missing"
        named = tag if not self._rows or code == "segment-missing" else self._rows[at][0]
        return finding(
            code, named, at + 2, loop=loop, level="element" if element and here else "segment",
            element=element if here else 0, component=component if here else 0, found=verdict.found,
            expected=verdict.expected, rule=rule.rule.id, snip=rule.rule.level, severity=rule.rule.severity,
        )  # fmt: skip


def _keys(rule: CompiledRule) -> tuple[str, str]:
    """Where the rows of a rule's place are kept."""
    return rule.place[0], rule.place[0] + OWN


KINDS_BY_LEVEL = {3: "total", 5: "code-list"}
