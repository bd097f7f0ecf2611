"""Holds messages against a schema: quickly to accept, slowly to say what is wrong.

The fast path takes one look-up and one regular expression a segment and keeps nothing. It never accepts what the slow
one would refuse; what it does not accept, the slow one decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from waypost.formats.edi.finding import Finding, finding
from waypost.formats.edi.schema.automaton import Automaton, Move, State
from waypost.formats.edi.schema.fault import ElementFaults
from waypost.formats.edi.schema.hierarchy import broken_levels, levels
from waypost.formats.edi.schema.model import UNLIMITED, Loop, Schema, Use
from waypost.formats.edi.schema.pattern import Marks, Patterns
from waypost.formats.edi.schema.rule import CompiledRule, Scope, compile_rule
from waypost.formats.edi.schema.walk import Row, Step, Walker

MOST_FINDINGS = 200
_DEEPEST = 40
Match = Callable[[str], object]
Table = dict[str, Any]
"""The entries of a state by the first three characters of a segment: (match, table behind, limit, depth, next entry).
``limit`` is 0 where none is counted, -1 where counting begins. Under ``state`` stands the state itself."""


class Validator:
    """Checks messages of one schema written with one set of separators. Keeps what it learned."""

    def __init__(self, schema: Schema, marks: Marks) -> None:
        self.schema, self.marks = schema, marks
        self._machine = Automaton(schema.root)
        self._patterns = Patterns(marks)
        self._faults = ElementFaults(self._patterns)
        self._walker = Walker(schema, self._machine, marks.component)
        self._matches: dict[Use, Match] = {}
        self._tables: dict[State, Table] = {}
        self._start = self._table(self._machine.start)
        self._rules = [compile_rule(rule) for rule in schema.rules]
        self._looked_at = frozenset(tag for rule in self._rules for tag in rule.tags)
        self._keys = frozenset(f"{tag}{marks.element}"[:3] for tag in self._looked_at)
        self._levels = schema.standard == "x12" and "HL" in self._machine.tags
        self._nested = levels(schema.root)
        self._flat = [rule for rule in self._rules if not rule.rule.at]
        self._looped = [rule for rule in self._rules if rule.rule.at]

    def accepts(self, segments: Sequence[str]) -> bool:
        """Whether the segments between header and trailer are as the schema says. False may be wrong, True is not."""
        table, counts = self._start, [0] * _DEEPEST
        for segment in segments:
            entry = table.get(segment[:3]) or self._entry(table, segment)
            while entry is not None:
                match, following, limit, depth, other = entry
                if match(segment):
                    if not limit:
                        break
                    count = 1 if limit < 0 else counts[depth] + 1
                    if limit < 0 or count <= limit:
                        counts[depth] = count
                        break
                entry = other
            else:
                return False
            table = following
        if table["state"].unmet or self._looped:
            return False
        return (not self._levels or not self._broken_levels(segments)) and (not self._flat or self._holds(segments))

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
                if not any(f.level == "element" for f in step.findings) and not self._match(step.move.use)(
                    segments[step.index]
                ):
                    found += self._faults.explain(step.move.use, rows[step.index], step.index + 2, step.move.state.loop)
            if len(found) >= MOST_FINDINGS:
                found = [*found[:MOST_FINDINGS], finding("too-many-findings", "", step.index + 2, level="transaction",
                                                         found=f"more than {MOST_FINDINGS} faults")]  # fmt: skip
                return self._ranked(found), excess
        if not any(f.level == "segment" for f in found):
            found += self._broken_levels(segments) if self._levels else []
            wrong = {f.position for f in found}
            found += [f for f in self._broken_rules(rows, placed) if f.position not in wrong]
        return self._ranked(sorted(found, key=lambda f: f.position)), excess

    def walk(self, rows: Sequence[Row]) -> list[Step]:
        """Where each row was placed."""
        return list(self._walker.walk(rows))

    def _ranked(self, found: list[Finding]) -> list[Finding]:
        """The findings with the severity the schema gives them."""
        severity = self.schema.severity
        if not severity:
            return found
        return [replace(f, severity=severity.get(f.rule) or severity.get(f.code) or f.severity) for f in found]

    def _table(self, state: State) -> Table:
        if state not in self._tables:
            if len(self._tables) > 50_000:  # tables already linked go on living as long as they are reached
                self._tables.clear()
            self._tables[state] = {"state": state}
        return self._tables[state]

    def _entry(self, table: Table, segment: str) -> tuple[Any, ...] | None:
        """The entry for a segment met for the first time in a state; None where it has no place."""
        tag = segment.partition(self.marks.element)[0]
        key = segment[:3]
        if tag not in self._machine.tags or key not in (f"{tag}{self.marks.element}"[:3], tag):
            return None
        entry: tuple[Any, ...] | None = None
        for move in reversed(table["state"].after(tag)):
            if not move.missing and not move.over and not (move.repeats and move.most == 1):
                entry = (self._match(move.use), self._table(move.state), _limit(move), move.depth, entry)
        if entry is not None:
            table[key] = entry
        return entry

    def _match(self, use: Use) -> Match:
        if use not in self._matches:
            self._matches[use] = re.compile(self._patterns.segment(use)).fullmatch
        return self._matches[use]

    def _holds(self, segments: Sequence[str]) -> bool:
        keys, mark = self._keys, self.marks.element
        rows: dict[str, list[list[str]]] = {}
        for segment in segments:
            if segment[:3] in keys:
                row = segment.split(mark)
                rows.setdefault(row[0], []).append(row)
        scope = self._scope(rows)
        return all(rule.ask(scope) is None for rule in self._flat)

    def _broken_levels(self, segments: Sequence[str]) -> list[Finding]:
        mark = self.marks.element
        rows = ((n, s.split(mark)) for n, s in enumerate(segments) if s[:3] == f"HL{mark}")
        return list(broken_levels(rows, self._nested))

    def _scope(self, rows: Mapping[str, Sequence[Row]]) -> Scope:
        return Scope(rows, self.marks.component, self.schema.segments)

    def _broken_rules(self, rows: Sequence[Row], placed: Sequence[Step]) -> list[Finding]:
        found = self._asked(self._flat, rows, range(len(rows)), "")
        for rule in self._looped:
            for span in _occurrences(rule.rule.at, placed):
                found += self._asked([rule], rows, [placed[i].index for i in span], rule.rule.at)
        return found

    def _asked(
        self, rules: Sequence[CompiledRule], rows: Sequence[Row], span: Sequence[int], loop: str
    ) -> list[Finding]:
        by_tag: dict[str, list[Row]] = {}
        for index in span:
            if rows[index][0] in self._looked_at:
                by_tag.setdefault(rows[index][0], []).append(rows[index])
        scope, found = self._scope(by_tag), []
        for rule in rules:
            verdict = rule.ask(scope)
            if verdict:
                tag, element = rule.place
                at = next((i for i in reversed(span) if rows[i][0] == tag), span[0] if len(span) else 0)
                code = "total" if rule.rule.level == 3 else "rule"
                found.append(finding(
                    code, rows[at][0], at + 2, loop=f"/{loop}" if loop else "",
                    level="element" if element else "segment",
                    element=element if rows[at][0] == tag else 0, found=verdict.found, expected=verdict.expected,
                    rule=rule.rule.id, snip=rule.rule.level, severity=rule.rule.severity,
                ))  # fmt: skip
        return found


def _limit(move: Move) -> int:
    """What to count: nothing where any number, or only one, may stand."""
    if move.most in (1, UNLIMITED):
        return 0
    return move.most if move.repeats else -1


def _occurrences(loop: str, placed: Sequence[Step]) -> list[range]:
    """The spans of steps that stand in each occurrence of ``loop``."""
    found: list[range] = []
    start, depth = -1, 0
    for number, step in enumerate(placed):
        move = step.move
        assert move is not None
        opened = isinstance(move.item, Loop) and move.item.name == loop
        if start >= 0 and move.depth < depth:
            found.append(range(start, number))
            start = -1
        if opened:
            start, depth = number, move.depth + 1
    if start >= 0:
        found.append(range(start, len(placed)))
    return found
