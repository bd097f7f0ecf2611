"""Map documents compiled to one readable Python function, and run again by the interpreter where that fails."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from waypost.core.errors import DataError, Fault, WaypostError
from waypost.mapping.compiler import Emitter, Known, is_field
from waypost.mapping.document import Entry, Group, Loop, MapDocument, Rule, expressions_of
from waypost.mapping.lookup import Table, read_table
from waypost.mapping.parsed import ROOT, Parsed
from waypost.mapping.reader import INDEX, read_map
from waypost.mapping.replay import MAP_WORK, apply_slowly

Chain = tuple[str, ...]


class CompiledMap:
    """A map ready to run. ``source`` is the Python it became, ``paths`` the places of the message it reads."""

    __slots__ = ("_call", "_tables", "document", "paths", "source")

    def __init__(self, document: MapDocument, tables: Mapping[str, Table]) -> None:
        self.document, self._tables, self.paths = document, tables, document.paths
        writer = _Writer(document, tables)
        self.source = writer.emitter.source
        self._call: Callable[[Any, int], dict[str, Any]] = writer.emitter.module(f"<map {document.file}>")[writer.name]

    def apply(self, body: Any, now: int = 0) -> dict[str, Any]:
        """The target document of one message received at ``now`` (UTC µs). Raises ``DataError`` naming file, line,
        target, expression and values; nothing else. The source is not changed; parts of it may be in the result."""
        try:
            return self._call(body, now)
        except Exception:  # noqa: BLE001 - the interpreter finds out which rule it was
            return apply_slowly(self.document, body, now, self._tables)

    def apply_batch(self, bodies: Sequence[Any], now: Sequence[int]) -> list[dict[str, Any] | DataError]:
        """The target document of each message, a ``DataError`` instance in the place of each that has none."""
        made: list[dict[str, Any] | DataError] = []
        for body, received_at in zip(bodies, now, strict=True):
            try:
                made.append(self.apply(body, received_at))
            except DataError as error:
                made.append(error)
        return made


def load_map(file: str, read: Callable[[str], bytes], faults: list[Fault]) -> CompiledMap | None:
    """The map of a project file with its lookups; None, with every reason added to ``faults``, when it has a fault.
    ``read`` gives the bytes of a project file; it raises ``OSError``, ``KeyError`` or a Waypost error for one that is
    not there."""
    before = len(faults)
    data = _bytes(file, file, 0, read, faults)
    if data is None:
        return None
    tables: dict[str, Table] = {}

    def load_table(name: str, path: str, line: int) -> None:
        found = _bytes(path, file, line, read, faults)
        if found is not None:
            tables[name] = read_table(path, found, faults)

    document = read_map(data.decode("utf-8", "replace"), file, faults, load_table)
    return CompiledMap(document, tables) if document is not None and len(faults) == before else None


def _bytes(path: str, file: str, line: int, read: Callable[[str], bytes], faults: list[Fault]) -> bytes | None:
    try:
        return read(path)
    except LookupError:
        cause = "no such file"
    except (OSError, WaypostError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    faults.append(Fault(file, line, "file", f"{path!r} cannot be read: {cause}", "a file of the project"))
    return None


class _Writer:
    """Writes the function of a map. Each list of entries is written where its names are known."""

    def __init__(self, document: MapDocument, tables: Mapping[str, Table]) -> None:
        self.emitter = Emitter(tables)
        self.emitter.constants.append(f"# {document.file}: map {document.name}")
        self.name = f"map_{_word(document.name)}"
        lines = [f"def {self.name}(this, _now):", f"    _work = [{MAP_WORK}]"]
        known = self.hold(lines, "    ", _chains(document.entries, ()), {})
        lines.append("    _target = {}")
        self.entries(lines, "    ", document.entries, "_target", (), known, looping=False)
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

    def entries(
        self, lines: list[str], indent: str, entries: Sequence[Entry], target: str, names: Sequence[str],
        known: Known, *, looping: bool,
    ) -> None:  # fmt: skip
        for entry in entries:
            inner = indent
            if entry.when is not None:
                lines.append(f"{indent}if {self.code(entry.when, names, known, looping)}:")
                inner += "    "
            if isinstance(entry, Rule):
                self.rule(lines, inner, entry, f"{target}[{entry.name!r}] = {{}}", names, known, looping)
            elif isinstance(entry, Group):
                made = self.emitter.fresh(_word(entry.name))
                lines.append(f"{inner}{made} = {{}}")
                self.entries(lines, inner, entry.entries, made, names, known, looping=looping)
                lines += [f"{inner}if {made}:", f"{inner}    {target}[{entry.name!r}] = {made}"]
            else:
                self.loop(lines, inner, entry, target, names, known, looping)

    def code(self, parsed: Parsed, names: Sequence[str], known: Known, looping: bool) -> str:
        return self.emitter.expression(parsed, names, known, looping=looping)

    def rule(
        self, lines: list[str], indent: str, rule: Rule, store: str, names: Sequence[str], known: Known, looping: bool
    ) -> None:
        """``store`` is the statement that keeps the value, with {} in the place of the value."""
        if rule.source is None:
            code = self.emitter.literal(rule.value)
            if rule.value is not None or rule.null:
                lines.append(indent + store.replace("{}", code))
            else:
                lines.append(f"{indent}pass")
            return
        code = self.code(rule.source, names, known, looping)
        if rule.default is not None:
            code = self.emitter.first_present([code, self.code(rule.default, names, known, looping)])
        if rule.null:
            lines.append(indent + store.replace("{}", code))
            return
        if not code.isidentifier():
            lines.append(f"{indent}_value = {code}")
            code = "_value"
        lines += [f"{indent}if {code} is not None:", f"{indent}    " + store.replace("{}", code)]

    def loop(
        self, lines: list[str], indent: str, loop: Loop, target: str, names: Sequence[str], known: Known, looping: bool
    ) -> None:
        name, made, given = self.emitter.fresh(_word(loop.name)), "_made", ["_items_", ROOT, "_now", "_work", *names]
        lines.append(f"{indent}_value = {self.code(loop.each, names, known, looping)}")
        lines.append(f"{indent}if _value is not None:")
        call = ", ".join(["_value", *given[1:]])
        lines.append(f"{indent}    {target}[{loop.name!r}] = {name}({call})")
        inside = [f"def {name}({', '.join(given)}):", f"    {made} = []"]
        chains = _chains(loop.body, loop.names, loop.where)
        inner = (loop.variable, INDEX)
        outer = self.hold(inside, "    ", Counter({c: n for c, n in chains.items() if c[0] not in inner}), {}, 1)
        inside.append(self.head(loop))
        own = self.hold(inside, " " * 8, Counter({c: n for c, n in chains.items() if c[0] == loop.variable}), outer)
        if loop.where is not None:
            inside += [f"        if not {self.code(loop.where, loop.names, own, True)}:", "            continue"]
        self.body(inside, loop, made, own)
        self.emitter.functions.append("\n".join([*inside, f"    return {made}", ""]))

    def head(self, loop: Loop) -> str:
        walked = f"{self.emitter.operation('items')}(_items_, _work, {loop.weight})"
        if any(INDEX in parsed.used for parsed in loop.inside):
            return f"    for {INDEX}, {loop.variable} in {self.emitter.use('enumerate', enumerate)}({walked}):"
        return f"    {INDEX} = 0\n    for {loop.variable} in {walked}:"

    def body(self, lines: list[str], loop: Loop, made: str, known: Known) -> None:
        indent = " " * 8
        if loop.item is not None:
            self.rule(lines, indent, loop.item, f"{made}.append({{}})", loop.names, known, True)
            return
        lines.append(f"{indent}_target = {{}}")
        self.entries(lines, indent, loop.entries, "_target", loop.names, known, looping=True)
        lines.append(f"{indent}{made}.append(_target)")


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
