"""The links of one message: a map, or an expression, evaluated while everything it reads is noted.

The document is copied first, so that each mapping and list in it has one place of its own, by which it is known again
whatever way it takes through an expression.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from waypost.core.errors import DataError
from waypost.mapping import access
from waypost.mapping.bundle import Bundle
from waypost.mapping.document import Entry, Group, Loop, Rule, Use
from waypost.mapping.fault import ExpressionError
from waypost.mapping.function import FUNCTIONS
from waypost.mapping.interpreter import Interpreter
from waypost.mapping.lineage import CONSTANT, DECIDES, Link, Read, items_of
from waypost.mapping.lineage_map import rule_text
from waypost.mapping.lineage_notes import Notes, unshared
from waypost.mapping.lineage_path import Path
from waypost.mapping.lineage_reads import PLUCKED
from waypost.mapping.operation import MAX_MAP_WORK, MAX_WORK
from waypost.mapping.parsed import Parsed
from waypost.mapping.reading import GROUP
from waypost.mapping.replay import Replay, Scope

_MOVES = (access.bounded, access.pay, access.join_key, access.items)


class Noting(Interpreter):
    """Evaluates an expression and notes what it reads."""

    notes: Notes

    def value(self, node: ast.expr, scope: dict[str, Any]) -> Any:
        own = _NOTED.get(type(node))
        return super().value(node, scope) if own is None else own(self, node, scope)

    def run(self, node: Any, operands: Mapping[str, Any], call: Any, *arguments: Any) -> Any:
        made = super().run(node, operands, call, *arguments)
        notes = self.notes
        if call is access.field or call is access.index:
            self.reached(arguments[0], arguments[1], made)
        elif call is access.part and isinstance(arguments[0], list):
            notes.collect(made, notes.items_of(arguments[0])[arguments[1] : arguments[2]])
        elif call not in _MOVES and call is not access.part:
            self.used(arguments, made)
        return made

    def reached(self, above: Any, key: Any, made: Any) -> None:
        notes = self.notes
        if isinstance(above, list) and isinstance(key, int):
            places = notes.items_of(above)
            path = places[key] if -len(places) <= key < len(places) else None
        else:
            known = notes.place(above)
            if key == "key":
                notes.take(notes.keys.get(id(above), ()))
            path = None if known is None or not isinstance(key, str) else (*known, key)
        if path is not None:
            notes.know(made, path)

    def used(self, arguments: Sequence[Any], made: Any) -> None:
        """What an operation or function was given counts; where it gave back a part of it, that alone gives value."""
        notes, found = self.notes, self.is_part(made)
        with notes.deciding() if found else contextlib.nullcontext():
            for each in arguments:
                notes.consume(each)
        if found and isinstance(made, list) and id(made) not in notes.places:
            notes.collect(made, [notes.place(each) for each in made])

    def name(self, node: Any, scope: dict[str, Any]) -> Any:
        made = super().name(node, scope)
        path = self.notes.locals.get(node.id) if node.id in scope and not isinstance(made, dict | list) else None
        if path is not None:
            self.notes.note(path)
        return made

    def condition(self, node: Any, scope: dict[str, Any]) -> Any:
        with self.notes.deciding():
            chosen = node.body if self.value(node.test, scope) else node.orelse
        return self.value(chosen, scope)

    def comprehension(self, node: Any, scope: dict[str, Any]) -> Any:
        made = super().comprehension(node, scope)
        places = [self.notes.place(each) for each in made]
        if any(place is not None for place in places):
            self.notes.collect(made, places)
        return made

    def walk(self, node: Any, depth: int, scope: dict[str, Any], made: list[Any], weight: int) -> None:
        if depth == len(node.generators):
            made.append(self.value(node.elt, scope))
            return
        clause, notes = node.generators[depth], self.notes
        listed = self.value(clause.iter, scope)
        found = self.run(clause.iter, {}, access.items, listed, self.work, weight)
        name, before = clause.target.id, notes.locals.get(clause.target.id)
        self.looping += 1
        for each, path in zip(found, notes.items_of(found), strict=False):
            scope[name], notes.locals[name] = each, path
            with notes.deciding():
                fits = all(self.value(test, scope) for test in clause.ifs)
            if fits:
                self.walk(node, depth + 1, scope, made, weight)
        self.looping -= 1
        notes.locals[name] = before

    def call(self, node: Any, scope: dict[str, Any]) -> Any:
        function = FUNCTIONS.get(node.func.id)
        if function is not None and function.needs == "now":
            self.notes.note((), "the time it was received")
        elif function is not None and function.needs:
            word = "lookup" if function.needs == "table" else "reference data"
            self.notes.note((), f"{word} {node.args[0].value}")
        if function is not None and function.looks and function.table_key(node.args[0].value) not in self.tables:
            for each in node.args[1:]:  # what it would be is not known here, but what it is looked up by
                self.notes.consume(self.value(each, scope))
            return None
        if node.func.id in PLUCKED and isinstance(node.args[1], ast.Constant):
            return self.plucked(node, scope)
        with self.notes.apart() as reads:
            made = super().call(node, scope)
        self.notes.take(reads, deciding=node.func.id != "default" and self.is_part(made))
        return made

    def plucked(self, node: Any, scope: dict[str, Any]) -> Any:
        """A function that takes one field of each item reads no more of them."""
        notes = self.notes
        with notes.apart():
            made = super().call(node, scope)
        with notes.apart():
            listed = self.value(node.args[0], scope)
        for path in notes.items_of(listed) if isinstance(listed, list) else ():
            if path is not None:
                notes.note((*path, *str(node.args[1].value).split(".")))
        return made

    def is_part(self, made: Any) -> bool:
        """Whether a value is a part of the document, or a list of such parts."""
        notes = self.notes
        if isinstance(made, list) and id(made) not in notes.places:
            return bool(made) and all(notes.place(each) is not None for each in made)
        return notes.place(made) is not None


_NOTED: dict[type[ast.AST], Any] = {
    ast.Name: Noting.name, ast.IfExp: Noting.condition, ast.ListComp: Noting.comprehension, ast.Call: Noting.call,
}  # fmt: skip


def trace_expression(parsed: Parsed, body: Any, now: int, tables: Mapping[str, Any] | None = None) -> frozenset[Read]:
    """What an expression reads of one message; what it read up to its error where it has one."""
    document = unshared(body)
    notes = Notes(document)
    noting = Noting(parsed, document, now, tables or {}, [MAX_WORK])
    noting.notes = notes
    with contextlib.suppress(DataError):
        notes.consume(noting.evaluate({}))
    return frozenset(notes.reads)


def trace_map(bundle: Bundle, body: Any, now: int) -> tuple[Link, ...]:
    """A link for each target that a map made of one message; those up to the rule that failed where one did."""
    document = unshared(body)
    tracer = _Tracer(bundle, document, now, [MAX_MAP_WORK], [])
    tracer.begin(Notes(document), [])
    with contextlib.suppress(DataError):
        tracer.entries(bundle.document.entries, {}, "", looping=False)
    return tuple(tracer.links)


class _Tracer(Replay):
    """Applies a map rule by rule and keeps a link for each value it makes."""

    notes: Notes
    links: list[Link]

    def begin(self, notes: Notes, links: list[Link], target: Path = (), decides: tuple[Read, ...] = ()) -> None:
        self.notes, self.links, self.target, self.decides = notes, links, target, decides

    def value(self, parsed: Parsed, entry: Entry, place: str, scope: Scope, looping: bool) -> Any:
        noting = Noting(parsed, self.body, self.now, self.bundle.tables, self.work)
        noting.notes = self.notes
        try:
            return noting.evaluate(scope, looping=looping)
        except ExpressionError as error:
            raise self.error(entry, place, error.found, error.expected, error.remedy, error.where) from None

    @contextlib.contextmanager
    def inside(self, name: str | int, decides: Sequence[Read] = ()) -> Iterator[None]:
        """At a target below, whose making is decided by these as well."""
        before = self.target, self.decides
        self.target, self.decides = (*self.target, name), (*self.decides, *decides)
        try:
            yield
        finally:
            self.target, self.decides = before

    def tests(self, parsed: Parsed | None, entry: Entry, place: str, scope: Scope, looping: bool) -> tuple[Any, Any]:
        """A condition's value (true where there is none), and what decided it."""
        if parsed is None:
            return True, ()
        with self.notes.apart() as reads, self.notes.deciding():
            made = self.value(parsed, entry, place, scope, looping)
            self.notes.consume(made)
        return made, tuple(reads)

    def entries(self, entries: Sequence[Entry], scope: Scope, above: str, *, looping: bool) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for entry in entries:
            place = f"{above}{entry.name}"
            fits, decides = self.tests(entry.when, entry, place, scope, looping)
            if not fits:
                continue
            with self.inside(entry.name, decides):
                if isinstance(entry, Rule):
                    self.made_by(entry, scope, place, looping)
                elif isinstance(entry, Group):
                    self.entries(entry.entries, scope, f"{place}.", looping=looping)
                elif isinstance(entry, Use):
                    self.use(entry, scope, place, looping)
                else:
                    self.loop(entry, scope, place, looping)
        return made

    def made_by(self, rule: Rule, scope: Scope, place: str, looping: bool) -> bool:
        """Keep the links of a rule's value; whether there is one."""
        with self.notes.apart() as reads:
            value, left_out = self.tolerant(replace(rule, when=None), scope, place, looping)
        if left_out or (value is None and not rule.null):
            return False
        constant = (Read((), outside=CONSTANT),) if rule.source is None else ()
        self.keep(value, self.target, (*constant, *reads, *self.decides), rule_text(rule, self.target), rule.line)
        return True

    def keep(self, value: Any, target: Path, reads: Sequence[Read], rule: str, line: int) -> None:
        """The links of a value: of each part, where the language put it together."""
        file = f"{self.bundle.document.file}:{line}"
        path = self.notes.place(value)
        if path is not None:
            deciding = tuple(r for r in dict.fromkeys(reads) if r.role == DECIDES or r.outside)
            self.links.append(Link(target, (Read(path), *deciding), path, rule, file))
        elif isinstance(value, dict) and value:
            for name, each in value.items():
                self.keep(each, (*target, name), reads, rule, line)
        elif isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
            for at, each in enumerate(value):
                self.keep(each, (*target, at), reads, rule, line)
        else:
            self.links.append(Link(target, tuple(dict.fromkeys(reads)), None, rule, file))

    def use(self, use: Use, scope: Scope, place: str, looping: bool) -> dict[str, Any] | None:
        body = self.value(use.of, use, place, scope, looping)
        if body is None:
            return None
        inner = _Tracer(self.bundle.uses[use.file], body, self.now, self.work, self.collected)
        inner.begin(self.notes, self.links, self.target, self.decides)
        return inner.entries(inner.bundle.document.entries, {}, f"{place}.", looping=False)

    def loop(self, loop: Loop, scope: Scope, place: str, looping: bool) -> list[Any] | None:
        notes = self.notes
        with notes.apart() as walked, notes.deciding():
            listed = self.value(loop.each, loop, place, scope, looping)
        if listed is None:
            return None
        found = self.run(loop.each, loop, place, access.items, listed, self.work, loop.weight)
        places, before, at = notes.items_of(found), dict(notes.locals), 0
        if (above := notes.place(listed)) is not None:
            notes.locals[loop.variable] = items_of(above)
        rows = self.scopes(loop, found, scope, place)
        while True:
            with notes.apart() as chosen, notes.deciding():
                step = next(rows, None)
            if step is None:
                break
            index, inner = step
            if not loop.by_rows:
                notes.locals[loop.variable] = places[index]
            if loop.group_by is not None:
                self.grouped(loop, inner[GROUP], scope, place)
            decides = (*walked, *(Read(r.path, DECIDES, r.outside) for r in chosen))
            with self.inside(at, decides):
                at += self.item(loop, inner, f"{place}[{index}]")
        notes.locals.clear()
        notes.locals.update(before)
        return []

    def grouped(self, loop: Loop, group: dict[str, Any], scope: Scope, place: str) -> None:
        """Where the items of a group stand, and what its key was read from."""
        notes = self.notes
        notes.collect(group["items"], [notes.place(each) for each in group["items"]])
        with notes.apart() as reads:
            for each in group["items"]:
                names = each if loop.more else {loop.variable: each}
                if loop.group_by is not None:
                    notes.consume(self.value(loop.group_by, loop, place, {**scope, **names}, True))
        notes.keys[id(group)] = tuple(reads)
        notes.kept.append(group)

    def item(self, loop: Loop, scope: Scope, place: str) -> bool:
        """Make one item of a loop; whether there is one."""
        if loop.item is None:
            self.entries(loop.entries, scope, f"{place}.", looping=True)
            return True
        if isinstance(loop.item, Use):
            before = len(self.links)
            self.use(loop.item, scope, place, True)
            return len(self.links) > before
        return self.made_by(loop.item, scope, place, True)
