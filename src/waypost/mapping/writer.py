"""The Python source of a map: values first, then each target in one display, so that a complete message costs least.

A block of entries becomes one variable per value and then ``{'number': _1_number, …}``; only where one of them is
missing is the mapping built field by field. Each loop is a function of its own, paths needed more than once are held
in variables.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waypost.mapping import rows
from waypost.mapping.compiler import Emitter, Known
from waypost.mapping.document import Entry, Group, Loop, MapDocument, Rule, Use, expressions_of
from waypost.mapping.missing import is_direct, is_field, needs_all, never_missing, root_of, takes_missing
from waypost.mapping.operation import MAX_MAP_WORK, anew
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
    wanted: bool = False
    """Where it is missing, the message is none for strict code."""


class _Reads:
    """How often each path (and beginning of one) is read, and which are read where they must be there."""

    def __init__(self) -> None:
        self.uses: Counter[Chain] = Counter()
        self.wanted: set[Chain] = set()

    def of(self, names: Sequence[str]) -> _Reads:
        """Those that begin with one of ``names``."""
        return self._kept(lambda chain: chain[0] in names)

    def without(self, names: Sequence[str]) -> _Reads:
        return self._kept(lambda chain: chain[0] not in names)

    def _kept(self, fits: Callable[[Chain], bool]) -> _Reads:
        kept = _Reads()
        kept.uses = Counter({chain: uses for chain, uses in self.uses.items() if fits(chain)})
        kept.wanted = {chain for chain in self.wanted if fits(chain)}
        return kept


class Writer:
    """Writes the function ``name`` of a map into ``emitter``: called with message and time, it returns the target."""

    def __init__(
        self, document: MapDocument, tables: Mapping[str, Any], uses: Mapping[str, MapCall], *, strict: bool = False
    ) -> None:
        self.emitter, self.uses, self.strict = Emitter(tables, strict=strict), uses, strict
        self.emitter.constants.append(f"# {document.file}: map {document.name}")
        self.name = f"map_{_word(document.name)}"
        lines = [f"def {self.name}(this, _now, _work=None):", f"    _work = _work or [{MAX_MAP_WORK}]"]
        known = self.hold(lines, "    ", _reads(document.entries, ()), {})
        self.block(lines, "    ", document.entries, "_target", _Scope((), known, False))
        self.emitter.functions.append("\n".join([*lines, "    return _target", ""]))

    def hold(self, lines: list[str], indent: str, reads: _Reads, known: Known, least: int = 2) -> Known:
        """Put every path that is needed ``least`` times into a variable; what is held after that."""
        held: dict[Chain, str] = dict(known)
        for chain, uses in sorted(reads.uses.items(), key=lambda item: len(item[0])):
            if uses >= least and chain not in held:
                name = self.emitter.fresh(_word(chain[-1]))
                self.emitter.may_miss = chain not in reads.wanted
                read = self.emitter.chain(chain[0], list(chain[1:]), certain=True, known=held)
                lines.append(f"{indent}{name} = {read}")
                held[chain] = name
        self.emitter.may_miss = False
        return held

    def code(self, parsed: Parsed, scope: _Scope, *, may_miss: bool = False) -> str:
        self.emitter.may_miss = may_miss
        code = self.emitter.expression(parsed, scope.names, scope.known, looping=scope.looping)
        self.emitter.may_miss = False
        return code

    def block(self, lines: list[str], indent: str, entries: Sequence[Entry], target: str, scope: _Scope) -> bool:
        """Make ``target`` the mapping of ``entries``; whether it surely has a field."""
        values = self.values(lines, indent, entries, scope)
        whole = f"{target} = {_display(values)}"
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

    def values(self, lines: list[str], indent: str, entries: Sequence[Entry], scope: _Scope) -> list[_Value]:
        """Write what gives the values of entries; strict code ends where one that must be there is not."""
        values = [v for entry in entries if (v := self.value(lines, indent, entry, scope)) is not None]
        wanted = [v for v in values if v.wanted]
        if wanted:
            lines.append(f"{indent}if {' or '.join(f'{v.code} is None' for v in wanted)}: return None")
        return [_Value(v.name, v.code, _ALWAYS) if v.wanted else v for v in values]

    def value(self, lines: list[str], indent: str, entry: Entry, scope: _Scope) -> _Value | None:
        """Write the statements that give an entry's value; None for a constant that is nothing."""
        if entry.when is None:
            return self.unconditional(lines, indent, entry, scope)
        inner: list[str] = []
        test = self.code(entry.when, scope, may_miss=True)
        value = self.unconditional(inner, indent + "    ", entry, scope)
        if value is None:
            return None
        absent = _SKIPPED if isinstance(entry, Rule) and entry.null else _NONE
        name = self.emitter.fresh(_word(entry.name))
        lines += [f"{indent}{name} = {absent}", f"{indent}if {test}:", *inner, f"{indent}    {name} = {value.code}"]
        return _Value(entry.name, name, absent)

    def unconditional(self, lines: list[str], indent: str, entry: Entry, scope: _Scope) -> _Value | None:
        if isinstance(entry, Group):
            return self.group(lines, indent, entry, scope)
        if isinstance(entry, Rule):
            if entry.source is None:
                if entry.value is None and not entry.null:
                    return None
                return _Value(entry.name, self.emitter.literal(anew(entry.value)), _ALWAYS)
            code, absent, wanted = self.rule(entry, scope), _NONE, self.strict and _is_wanted(entry)
            direct = wanted and not self.emitter.doubtful and is_direct(entry.source.tree)
            sure = [each for each in (entry.source, entry.default) if each is not None and never_missing(each.tree)]
            if entry.null or direct or sure:
                absent = _ALWAYS
            if self.strict and absent == _ALWAYS:
                return _Value(entry.name, code, absent)
        else:
            code = f"{self.use(entry, scope)} or None" if isinstance(entry, Use) else self.loop(entry, scope)
            absent, wanted = _NONE, self.strict and isinstance(entry, Loop)
        if code.isidentifier() and code.startswith("_"):
            return _Value(entry.name, code, absent, wanted)
        name = self.emitter.fresh(_word(entry.name))
        lines.append(f"{indent}{name} = {code}")
        return _Value(entry.name, name, absent, wanted)

    def group(self, lines: list[str], indent: str, group: Group, scope: _Scope) -> _Value:
        """A mapping inside the target: a display where nothing of it can be missing, else a variable."""
        if self.strict:
            inner: list[str] = []
            values = self.values(inner, indent, group.entries, scope)
            if values and not any(value.absent for value in values):
                lines += inner
                return _Value(group.name, _display(values), _ALWAYS)
        name = self.emitter.fresh(_word(group.name))
        certain = self.block(lines, indent, group.entries, name, scope)
        if not certain:
            lines += [f"{indent}if not {name}:", f"{indent}    {name} = None"]
        return _Value(group.name, name, _ALWAYS if certain else _NONE)

    def rule(self, rule: Rule, scope: _Scope) -> str:
        """The expression that gives the value of a rule with a source."""
        assert rule.source is not None
        code = self.code(rule.source, scope, may_miss=rule.null or rule.default is not None)
        if rule.default is None:
            return code
        return self.emitter.first_present([code, self.code(rule.default, scope, may_miss=True)])

    def use(self, use: Use, scope: _Scope) -> str:
        """The expression that applies another map."""
        held = self.emitter.fresh()
        name = self.emitter.use(f"use_{_word(use.file)}", self.uses[use.file])
        return (
            f"(None if ({held} := {self.code(use.of, scope, may_miss=True)}) is None else {name}({held}, _now, _work))"
        )

    def loop(self, loop: Loop, scope: _Scope) -> str:
        """Write the function of a loop; the expression that calls it."""
        name = self.emitter.fresh(_word(loop.name))
        given = [ROOT, "_now", "_work", *scope.names]
        walked = rows.variables(loop)
        where = None if loop.by_rows else loop.where
        reads = _reads(loop.body, loop.names, where)
        lines = [f"def {name}({', '.join(['_items_', *given])}):", "    _made = []"]
        if self.strict:
            lines.insert(1, "    if _items_ is None: return None")
        known = self.hold(lines, "    ", reads.without((*walked, INDEX)), {}, 1)
        self.emitter.doubtful |= rows.doubtful(loop)
        counters, self.emitter.counters = self.emitter.counters, frozenset((INDEX,))
        once, self.emitter.once = self.emitter.once, _walked_once(loop, scope)
        lines.append(self.head(loop, given))
        if where is not None:
            inner = _Scope(loop.names, known, True)
            lines += [f"        if not {self.code(where, inner, may_miss=True)}:", "            continue"]
        known = self.hold(lines, " " * 8, reads.of(walked), known)
        self.body(lines, loop, _Scope(loop.names, known, True))
        self.emitter.doubtful -= rows.doubtful(loop)
        self.emitter.counters, self.emitter.once = counters, once
        self.emitter.functions.append("\n".join([*lines, "    return _made", ""]))
        if self.strict:
            return f"{name}({', '.join([self.code(loop.each, scope), *given])})"
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


def _display(values: Sequence[_Value]) -> str:
    return f"{{{', '.join(f'{v.name!r}: {v.code}' for v in values)}}}"


def _is_wanted(rule: Rule) -> bool:
    """Whether strict code ends where the rule has no value."""
    return rule.source is not None and rule.default is None and not rule.null and needs_all(rule.source.tree)


def _walked_once(loop: Loop, scope: _Scope) -> frozenset[str]:
    """The names of a loop that stand for each part of the message once: of a loop in no other loop, over a list of the
    message itself."""
    plain = not scope.looping and not loop.by_rows and bool(root_of(loop.each.tree))
    return frozenset((loop.variable,)) if plain else frozenset()


def _reads(entries: Sequence[Entry], names: Sequence[str], *more: Parsed | None) -> _Reads:
    """The paths that entries read in one scope; inner loops are their own."""
    found = _Reads()
    for parsed in more:
        if parsed is not None:
            _read(parsed.tree, names, found, may_miss=True)
    for entry in entries:
        _read_entry(entry, names, found)
    return found


def _read_entry(entry: Entry, names: Sequence[str], found: _Reads) -> None:
    parts = [entry.when, entry.each] if isinstance(entry, Loop) else list(expressions_of(entry))
    lenient = isinstance(entry, Use) or (isinstance(entry, Rule) and (entry.null or entry.default is not None))
    for part in parts:
        if part is not None:
            _read(part.tree, names, found, may_miss=lenient or entry.when is not None)
    if isinstance(entry, Group):
        inner = _reads(entry.entries, names)
        found.uses.update(inner.uses)
        if entry.when is None:
            found.wanted |= inner.wanted


def _read(node: ast.AST, names: Sequence[str], found: _Reads, *, may_miss: bool) -> None:
    if isinstance(node, ast.ListComp):
        return
    may_miss = may_miss or takes_missing(node)
    keys: list[str] = []
    at = node
    while isinstance(at, ast.Attribute) or is_field(at):
        keys.append(at.attr if isinstance(at, ast.Attribute) else at.slice.value)  # type: ignore[attr-defined]
        at = at.value  # type: ignore[attr-defined]
    if isinstance(at, ast.Name):
        chain = (at.id, *reversed(keys)) if at.id in names or at.id == ROOT else (ROOT, at.id, *reversed(keys))
        for length in range(2, len(chain) + 1):
            found.uses[chain[:length]] += 1
            if not may_miss:
                found.wanted.add(chain[:length])
        return
    children: list[ast.AST] = list(at.args) if isinstance(at, ast.Call) else list(ast.iter_child_nodes(at))
    for child in children:
        _read(child, names, found, may_miss=may_miss)
