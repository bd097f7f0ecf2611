"""The Python source of a map: values first, then each target in one display, so that a complete message costs least.

A block of entries becomes one variable per value and then ``{'number': _1_number, …}``; only where one of them is
missing is the mapping built field by field. Each loop is a function of its own, paths needed more than once are held
in variables.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waypost.mapping import rows
from waypost.mapping.compiler import Emitter, Known, is_field
from waypost.mapping.document import Entry, Group, Loop, MapDocument, Rule, Use, expressions_of
from waypost.mapping.operation import MAX_MAP_WORK
from waypost.mapping.parsed import ROOT, Parsed
from waypost.mapping.reading import INDEX

Chain = tuple[str, ...]
MapCall = Callable[[Any, int, list[int]], dict[str, Any]]
_ALWAYS, _NONE, _SKIPPED = "", "None", "..."
"""How a value says that its target is left out: never, by being missing, by the ellipsis (where null is a value)."""


@dataclass(frozen=True, slots=True)
class _Scope:
    names: Sequence[str]
    known: Known
    looping: bool


@dataclass(frozen=True, slots=True)
class _Value:
    name: str
    code: str
    absent: str


class Writer:
    """Writes the function ``name`` of a map into ``emitter``: called with message and time, it returns the target."""

    def __init__(self, document: MapDocument, tables: Mapping[str, Any], uses: Mapping[str, MapCall]) -> None:
        self.emitter, self.uses = Emitter(tables), uses
        self.emitter.constants.append(f"# {document.file}: map {document.name}")
        self.name = f"map_{_word(document.name)}"
        lines = [f"def {self.name}(this, _now, _work=None):", f"    _work = _work or [{MAX_MAP_WORK}]"]
        known = self.hold(lines, "    ", _chains(document.entries, ()), {})
        self.block(lines, "    ", document.entries, "_target", _Scope((), known, False))
        self.emitter.functions.append("\n".join([*lines, "    return _target", ""]))

    def hold(self, lines: list[str], indent: str, chains: Counter[Chain], known: Known, least: int = 2) -> Known:
        """Put every path that is needed ``least`` times into a variable; what is held after that."""
        held: dict[Chain, str] = dict(known)
        for chain, uses in sorted(chains.items(), key=lambda item: len(item[0])):
            if uses >= least and chain not in held:
                name = self.emitter.fresh(_word(chain[-1]))
                read = self.emitter.chain(chain[0], list(chain[1:]), certain=True, known=held)
                lines.append(f"{indent}{name} = {read}")
                held[chain] = name
        return held

    def code(self, parsed: Parsed, scope: _Scope) -> str:
        return self.emitter.expression(parsed, scope.names, scope.known, looping=scope.looping)

    def block(self, lines: list[str], indent: str, entries: Sequence[Entry], target: str, scope: _Scope) -> bool:
        """Make ``target`` the mapping of ``entries``; whether it surely has a field."""
        values = [v for entry in entries if (v := self.value(lines, indent, entry, scope)) is not None]
        whole = f"{target} = {{{', '.join(f'{v.name!r}: {v.code}' for v in values)}}}"
        doubtful = [v for v in values if v.absent]
        if not doubtful:
            lines.append(indent + whole)
            return bool(values)
        lines.append(f"{indent}if {' or '.join(f'{v.code} is {v.absent}' for v in doubtful)}:")
        lines.append(f"{indent}    {target} = {{}}")
        for value in values:
            store = f"{target}[{value.name!r}] = {value.code}"
            test = f"if {value.code} is not {value.absent}: " if value.absent else ""
            lines.append(f"{indent}    {test}{store}")
        lines += [f"{indent}else:", f"{indent}    {whole}"]
        return len(doubtful) < len(values)

    def value(self, lines: list[str], indent: str, entry: Entry, scope: _Scope) -> _Value | None:
        """Write the statements that give an entry's value; None for a constant that is nothing."""
        if entry.when is None:
            return self.unconditional(lines, indent, entry, scope)
        inner: list[str] = []
        test = self.code(entry.when, scope)
        value = self.unconditional(inner, indent + "    ", entry, scope)
        if value is None:
            return None
        absent = _SKIPPED if isinstance(entry, Rule) and entry.null else _NONE
        name = self.emitter.fresh(_word(entry.name))
        lines += [f"{indent}{name} = {absent}", f"{indent}if {test}:", *inner, f"{indent}    {name} = {value.code}"]
        return _Value(entry.name, name, absent)

    def unconditional(self, lines: list[str], indent: str, entry: Entry, scope: _Scope) -> _Value | None:
        if isinstance(entry, Group):
            name = self.emitter.fresh(_word(entry.name))
            certain = self.block(lines, indent, entry.entries, name, scope)
            if not certain:
                lines += [f"{indent}if not {name}:", f"{indent}    {name} = None"]
            return _Value(entry.name, name, _ALWAYS if certain else _NONE)
        if isinstance(entry, Rule) and entry.source is None:
            if entry.value is None and not entry.null:
                return None
            return _Value(entry.name, self.emitter.literal(entry.value), _ALWAYS)
        if isinstance(entry, Rule):
            code = self.rule(entry, scope)
        else:
            code = f"{self.use(entry, scope)} or None" if isinstance(entry, Use) else self.loop(entry, scope)
        absent = _ALWAYS if isinstance(entry, Rule) and entry.null else _NONE
        if code.isidentifier() and code.startswith("_"):
            return _Value(entry.name, code, absent)
        name = self.emitter.fresh(_word(entry.name))
        lines.append(f"{indent}{name} = {code}")
        return _Value(entry.name, name, absent)

    def rule(self, rule: Rule, scope: _Scope) -> str:
        """The expression that gives a rule's value."""
        if rule.source is None:
            return self.emitter.literal(rule.value)
        code = self.code(rule.source, scope)
        if rule.default is None:
            return code
        return self.emitter.first_present([code, self.code(rule.default, scope)])

    def use(self, use: Use, scope: _Scope) -> str:
        """The expression that applies another map."""
        held = self.emitter.fresh()
        name = self.emitter.use(f"use_{_word(use.file)}", self.uses[use.file])
        return f"(None if ({held} := {self.code(use.of, scope)}) is None else {name}({held}, _now, _work))"

    def loop(self, loop: Loop, scope: _Scope) -> str:
        """Write the function of a loop; the expression that calls it."""
        name = self.emitter.fresh(_word(loop.name))
        given = [ROOT, "_now", "_work", *scope.names]
        walked = rows.variables(loop)
        where = None if loop.by_rows else loop.where
        chains = _chains(loop.body, loop.names, where)
        lines = [f"def {name}({', '.join(['_items_', *given])}):", "    _made = []"]
        around = Counter({chain: uses for chain, uses in chains.items() if chain[0] not in (*walked, INDEX)})
        known = self.hold(lines, "    ", around, {}, 1)
        self.emitter.doubtful |= rows.doubtful(loop)
        counters, self.emitter.counters = self.emitter.counters, frozenset((INDEX,))
        lines.append(self.head(loop, given))
        own = Counter({chain: uses for chain, uses in chains.items() if chain[0] in walked})
        if where is not None:
            inner = _Scope(loop.names, known, True)
            lines += [f"        if not {self.code(where, inner)}:", "            continue"]
        known = self.hold(lines, " " * 8, own, known)
        self.body(lines, loop, _Scope(loop.names, known, True))
        self.emitter.doubtful -= rows.doubtful(loop)
        self.emitter.counters = counters
        self.emitter.functions.append("\n".join([*lines, "    return _made", ""]))
        held = self.emitter.fresh()
        each = self.code(loop.each, scope)
        return f"None if ({held} := {each}) is None else {name}({', '.join([held, *given])})"

    def head(self, loop: Loop, given: Sequence[str]) -> str:
        if loop.by_rows:
            made = rows.write(self.emitter, loop, given)
            names = rows.variables(loop)
            target = names[0] if len(names) == 1 else f"({', '.join(names)})"
            return f"    for {INDEX}, {target} in {self.emitter.use('enumerate', enumerate)}({made}):"
        walked = f"{self.emitter.operation('items')}(_items_, _work, {loop.weight})"
        if any(INDEX in parsed.used for parsed in loop.inside):
            return f"    for {INDEX}, {loop.variable} in {self.emitter.use('enumerate', enumerate)}({walked}):"
        return f"    {INDEX} = 0\n    for {loop.variable} in {walked}:"

    def body(self, lines: list[str], loop: Loop, scope: _Scope) -> None:
        indent = " " * 8
        if loop.item is None:
            self.block(lines, indent, loop.entries, "_target", scope)
            lines.append(f"{indent}_made.append(_target)")
            return
        item = loop.item
        code = self.use(item, scope) if isinstance(item, Use) else self.rule(item, scope)
        lines.append(f"{indent}_value = {code}")
        test = "" if isinstance(item, Rule) and item.null else "if _value is not None: "
        lines.append(f"{indent}{test}_made.append(_value)")


def _word(text: str) -> str:
    """``text`` as a part of a Python name."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in text)[:40]


def _chains(entries: Sequence[Entry], names: Sequence[str], *more: Parsed | None) -> Counter[Chain]:
    """How often each path (and beginning of one) is read by entries in one scope; inner loops are their own."""
    found: Counter[Chain] = Counter()
    for parsed in more:
        if parsed is not None:
            found.update(_prefixes(parsed.tree, names))
    for entry in entries:
        parts = [entry.when, entry.each] if isinstance(entry, Loop) else list(expressions_of(entry))
        for part in parts:
            if part is not None:
                found.update(_prefixes(part.tree, names))
        if isinstance(entry, Group):
            found.update(_chains(entry.entries, names))
    return found


def _prefixes(node: ast.AST, names: Sequence[str]) -> Iterator[Chain]:
    if isinstance(node, ast.ListComp):
        return
    keys: list[str] = []
    at = node
    while isinstance(at, ast.Attribute) or is_field(at):
        keys.append(at.attr if isinstance(at, ast.Attribute) else at.slice.value)  # type: ignore[attr-defined]
        at = at.value  # type: ignore[attr-defined]
    if isinstance(at, ast.Name):
        chain = (at.id, *reversed(keys)) if at.id in names or at.id == ROOT else (ROOT, at.id, *reversed(keys))
        yield from (chain[:length] for length in range(2, len(chain) + 1))
        return
    if isinstance(at, ast.Call):
        children: list[ast.AST] = list(at.args)
    else:
        children = list(ast.iter_child_nodes(at))
    for child in children:
        yield from _prefixes(child, names)
