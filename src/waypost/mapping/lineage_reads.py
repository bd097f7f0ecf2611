"""What an expression reads, by its text alone: places that give its value, and places that only decide."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from waypost.mapping.function import FUNCTIONS
from waypost.mapping.lineage import Read, items_of
from waypost.mapping.lineage_path import Path
from waypost.mapping.parsed import ROOT, Parsed

PLUCKED = frozenset(("pluck", "sum_by"))
_GROUPING = frozenset(("find", "find_all", "unique_by", "sort_by", "min_by", "max_by"))


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a value: the place it is a copy of, else what it was read from. ``fields`` are those of a
    mapping the language makes itself, such as ``group``."""

    place: Path | None = None
    reads: frozenset[Read] = frozenset()
    fields: Mapping[str, Known] = field(default_factory=dict)

    @property
    def all_reads(self) -> frozenset[Read]:
        inside = [read for known in self.fields.values() for read in known.all_reads]
        own = self.reads if self.place is None else self.reads | {Read(self.place)}
        return own.union(inside)

    def deciding(self) -> frozenset[Read]:
        """The same as what decides about another value."""
        return frozenset(read.deciding() for read in self.all_reads)

    def at(self, name: str | int | None) -> Known:
        """A field, or an item."""
        if self.fields and (name is None or isinstance(name, int)):
            return self  # a list of such mappings
        if isinstance(name, str) and name in self.fields:
            return self.fields[name]
        if self.place is None:
            return Known(reads=self.all_reads)
        return Known((*self.place, name), self.reads)


Scope = Mapping[str, Known]
WHOLE = Known(())


def reads_of(parsed: Parsed, scope: Scope | None = None, root: Known = WHOLE) -> Known:
    """What ``parsed`` reads; ``scope`` are the local names, ``root`` what the message is."""
    if parsed.broken:
        return Known()
    return _Reader(root).of(parsed.tree, scope or {})


class _Reader:
    def __init__(self, root: Known) -> None:
        self.root = root

    def of(self, node: ast.expr, scope: Scope) -> Known:
        return _READS[type(node)](self, node, scope)

    def together(self, nodes: Iterable[ast.expr], scope: Scope) -> Known:
        return Known(reads=frozenset(read for node in nodes for read in self.of(node, scope).all_reads))

    def constant(self, node: Any, scope: Scope) -> Known:
        return Known()

    def name(self, node: Any, scope: Scope) -> Known:
        if node.id in scope:
            return scope[node.id]
        return self.root if node.id == ROOT else self.root.at(node.id)

    def attribute(self, node: Any, scope: Scope) -> Known:
        return self.of(node.value, scope).at(node.attr)

    def subscript(self, node: Any, scope: Scope) -> Known:
        above, key = self.of(node.value, scope), node.slice
        if isinstance(key, ast.Slice):
            chosen = self.together([bound for bound in (key.lower, key.upper) if bound is not None], scope)
            return replace(above, reads=above.reads | chosen.deciding())
        if isinstance(key, ast.Constant) and (
            isinstance(key.value, str) or (type(key.value) is int and key.value >= 0)
        ):
            return above.at(key.value)
        found = above.at(None)
        return replace(found, reads=found.reads | self.of(key, scope).deciding())

    def parts(self, node: Any, scope: Scope) -> Known:
        return self.together([child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)], scope)

    def condition(self, node: Any, scope: Scope) -> Known:
        values = self.together([node.body, node.orelse], scope)
        return Known(reads=values.reads | self.of(node.test, scope).deciding())

    def comprehension(self, node: Any, scope: Scope) -> Known:
        inner, decides, walked = dict(scope), frozenset[Read](), Known()
        for clause in node.generators:
            walked = self.of(clause.iter, inner)
            inner[clause.target.id] = walked.at(None)
            decides |= frozenset(r for test in clause.ifs for r in self.of(test, inner).deciding())
        made = self.of(node.elt, inner)
        if len(node.generators) == 1 and walked.place is not None and made.place == items_of(walked.place):
            return Known(walked.place, walked.reads | decides)  # the list itself, with fewer items
        return Known(reads=made.all_reads | decides | walked.deciding())

    def call(self, node: Any, scope: Scope) -> Known:
        name, nodes = node.func.id, node.args
        if name in ("exists", "default"):
            return self.together(nodes, scope)
        function = FUNCTIONS[name]
        if function.needs == "now":
            return Known(reads=frozenset((Read((), outside="the time it was received"),)))
        if function.needs:
            table = str(nodes[0].value) if isinstance(nodes[0], ast.Constant) else "?"
            word = "lookup" if function.needs == "table" else "reference data"
            return Known(reads=self.together(nodes[1:], scope).reads | {Read((), outside=f"{word} {table}")})
        given = [self.of(each, scope) for each in nodes]
        if name in PLUCKED and given[0].place is not None and isinstance(nodes[1], ast.Constant):
            path = (*items_of(given[0].place), *str(nodes[1].value).split("."))
            return Known(reads=given[0].reads | {Read(path)})
        if given and given[0].place is not None and (name in _GROUPING or function.gives in ("item", "arg")):
            decides = frozenset(r for known in given[1:] for r in known.deciding())
            first = given[0].at(None) if function.gives == "item" else given[0]
            if function.gives == "item" or function.accepts(0) == ("list",):
                return replace(first, reads=first.reads | decides)
        return Known(reads=frozenset(read for known in given for read in known.all_reads))


_Read = Callable[[_Reader, Any, Scope], Known]
_READS: dict[type[ast.AST], _Read] = {
    ast.Constant: _Reader.constant, ast.Name: _Reader.name, ast.Attribute: _Reader.attribute,
    ast.Subscript: _Reader.subscript, ast.BinOp: _Reader.parts, ast.UnaryOp: _Reader.parts,
    ast.BoolOp: _Reader.parts, ast.IfExp: _Reader.condition, ast.Compare: _Reader.parts, ast.List: _Reader.parts,
    ast.Dict: _Reader.parts, ast.ListComp: _Reader.comprehension, ast.Call: _Reader.call,
}  # fmt: skip
