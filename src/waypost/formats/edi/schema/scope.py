"""Which rules are asked of which loop: a scope for each loop that has rules, and what it collects from segments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waypost.formats.edi.schema.code_list import CodeLists
from waypost.formats.edi.schema.hierarchy import BOUNDS, LEVEL, broken_bounds, broken_levels, levels
from waypost.formats.edi.schema.model import Loop, Schema, Use
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.schema.rule import CompiledRule, Rows, compile_rule, together
from waypost.formats.edi.schema.wanted import OWN, Filter, matters

Ask = Callable[[Rows, Rows], Any]
BOUND = "LS=LE"
"""The rows of LS and LE segments together, in order."""
Path = Sequence[tuple[Loop, *tuple[Any, ...]]]
"""The loops a segment stands in, outermost first, each with whatever is known of the place in it."""
Act = tuple[tuple[tuple[int, Ask], ...], tuple[int, ...], tuple[tuple[int, str], ...], str]
"""What a segment means for rules: scopes that end before it, with what they are asked; scopes it begins; where it is
collected, and as what; its tag where loops inside look at it."""


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """The rules of one loop, the rows they look at and which of those matter, and all of them as one question about
    segments not split yet."""

    rules: tuple[CompiledRule, ...]
    keys: frozenset[str]
    wanted: Mapping[str, tuple[Filter | None, ...]]
    ask: Ask


class Scopes:
    """The scopes of a schema written with some separators. Depth 0 is the whole message."""

    def __init__(self, schema: Schema, tags: frozenset[str], marks: Marks, codes: CodeLists) -> None:
        self._marks, self._codes = marks, codes
        self.rules = [compile_rule(rule, marks.component, schema.segments, codes) for rule in schema.rules]
        self.levels = schema.standard == "x12" and LEVEL in tags
        self.bounds = schema.standard == "x12" and tags >= BOUNDS
        self.nested = levels(schema.root) if self.levels else {}
        self.outer = frozenset(tag for rule in self.rules for tag in rule.outer)
        self._scopes: dict[tuple[str, ...], Scope | None] = {}
        self._root = self.at(())

    @property
    def any(self) -> bool:
        """Whether anything is to be collected at all."""
        return bool(self.rules) or self.levels or self.bounds

    def at(self, names: tuple[str, ...]) -> Scope | None:
        """The scope of a loop by the names of the loops it stands in and its own; None where it has no rules."""
        if names not in self._scopes:
            self._scopes[names] = self._made(names)
        return self._scopes[names]

    def _made(self, names: tuple[str, ...]) -> Scope | None:
        rules = tuple(rule for rule in self.rules if _stands(rule.rule.at, names))
        keys = {key for rule in rules for key in rule.keys}
        ask = together(rules, self._marks.element, self._marks.component, self._codes)
        found = {key: tuple(f for rule in rules for f in rule.wanted.get(key, ())) for key in keys}
        if names:
            return Scope(rules, frozenset(keys), found, ask) if rules else None
        structure = ({LEVEL} if self.levels else set()) | (BOUNDS if self.bounds else set())
        found |= dict.fromkeys(structure, (None,))
        return Scope(rules, frozenset(found), found, self._with_structure(ask)) if found or rules else None

    def _with_structure(self, ask: Ask) -> Ask:
        if not self.levels and not self.bounds:
            return ask

        def split(segment: Any) -> list[str]:
            return segment.split(self._marks.element)  # type: ignore[no-any-return]

        def asked(rows: Rows, outer: Rows) -> bool:
            numbered = enumerate(map(split, rows.get(LEVEL, ())))
            if self.levels and next(broken_levels(numbered, self.nested), None) is not None:
                return False
            bounds = enumerate(map(split, rows.get(BOUND, ())))
            return not (self.bounds and next(broken_bounds(bounds), None) is not None) and bool(ask(rows, outer))

        return asked

    def open(self, path: Path) -> list[tuple[int, Scope]]:
        """The scopes a place is in, with their depth."""
        names = tuple(loop.name for loop, *_ in path[1:])
        found = [(depth, self.at(names[:depth])) for depth in range(len(path))]
        return [(depth, scope) for depth, scope in found if scope is not None]

    def act(self, before: Path, after: Path, depth: int, tag: str, use: Use | None = None) -> Act | None:
        """What a segment means that leads from one place to another, matched at ``depth``. Where it is given of which
        ``use`` it is, it is not collected by scopes to which it cannot matter."""
        if not self.any:
            return None
        closes = tuple((d, scope.ask) for d, scope in reversed(self.open(before)) if d > depth)
        here = self.open(after)
        opens = tuple(d for d, _ in here if d > depth)
        adds = tuple(
            (d, key)
            for d, scope in here
            for key in _keys(tag, scope, len(after) - 1 == d)
            if use is None or key == BOUND or matters(use, scope.wanted[key])
        )
        around = tag if tag in self.outer else ""
        if not (closes or opens or adds or around):
            return None
        return closes, opens, adds, around

    def ends(self, path: Path) -> tuple[tuple[int, Ask], ...]:
        """The scopes that end where a message ends at ``path``."""
        return tuple((d, scope.ask) for d, scope in reversed(self.open(path)))


def _keys(tag: str, scope: Scope, own: bool) -> list[str]:
    keys = [tag] if tag in scope.keys and tag not in BOUNDS else []
    if own and tag + OWN in scope.keys:
        keys.append(tag + OWN)
    return [*keys, BOUND] if tag in BOUNDS and tag in scope.keys else keys


def _stands(at: str, names: tuple[str, ...]) -> bool:
    """Whether a rule bound to ``at``, a loop's name or the last names of its path, belongs to a loop."""
    if not at or not names:
        return not at and not names
    wanted = tuple(at.split("/"))
    return names[-len(wanted) :] == wanted
