"""The types a Python function states, held against the schemas of what it is given and what it makes.

Read from the text of the file: ``TypedDict`` classes at its top level, ``str``, ``int``, ``Decimal``, ``bool``,
``None``, ``list[…]``, ``dict``, ``Literal[…]``, ``Any``, ``|``, ``NotRequired`` and ``Required``. What may come must be
what the function takes; what it makes must be what may leave.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from waypost.core.errors import Fault, WaypostError, near
from waypost.mapping.schema import read_schema
from waypost.mapping.shape import (
    ANY,
    BOOL,
    LIST,
    MAP,
    MISSING,
    NUMBER,
    TEXT,
    WHOLE,
    WORDS,
    Shape,
    of_kind,
    of_value,
    union,
)  # fmt: skip
from waypost.steps.purity import Source

_PLAIN = {
    "str": of_kind(TEXT), "int": of_kind(WHOLE), "Decimal": of_kind(NUMBER, WHOLE), "bool": of_kind(BOOL),
    "None": of_kind(MISSING), "dict": of_kind(MAP), "Mapping": of_kind(MAP), "list": of_kind(LIST),
    "Sequence": of_kind(LIST), "Any": ANY, "object": ANY,
}  # fmt: skip
_MOST_DEEP = 16


@dataclass(frozen=True, slots=True)
class _Class:
    """A TypedDict of the file."""

    line: int
    fields: Mapping[str, ast.expr]
    total: bool


def type_faults(
    source: Source, file: str, function: str, given: str, made: str, read: Callable[[str], bytes]
) -> Iterator[Fault]:
    """What does not agree: ``given`` and ``made`` are the schemas of the body and of the result, '' where none is
    named."""
    found = source.functions.get(function)
    if found is None:
        return
    reader = _Annotations(source.tree, file)
    parameters = [*found.args.posonlyargs, *found.args.args]
    for schema, what, annotation, line in (
        (given, "its first parameter", parameters[0].annotation if parameters else None, found.lineno),
        (made, "its result", found.returns, found.lineno),
    ):
        if not schema:
            continue
        shape, faults = _shape(schema, file, line, read)
        yield from faults
        if annotation is None:
            expected = "a TypedDict, or dict for any mapping"
            yield Fault(file, line, "python-type", f"{function}() states no type of {what}", expected)
            continue
        declared = reader.shape(annotation)
        if made == schema and what == "its result":
            yield from _fits(declared.surely(), shape, "the result", file, annotation.lineno, schema, outgoing=True)
        else:
            yield from _fits(shape.surely(), declared, "body", file, annotation.lineno, schema, outgoing=False)
    yield from reader.faults


def _shape(schema: str, file: str, line: int, read: Callable[[str], bytes]) -> tuple[Shape, list[Fault]]:
    faults: list[Fault] = []

    def load(name: str) -> str | None:
        try:
            return read(name).decode("utf-8", "replace")
        except (OSError, LookupError, WaypostError):
            faults.append(Fault(file, line, "file", f"there is no file {name!r} in the project"))
            return None

    return read_schema(schema, load, faults), faults


class _Annotations:
    """The shapes that annotations of one file state."""

    def __init__(self, tree: ast.Module, file: str) -> None:
        self._file, self.faults = file, list[Fault]()
        self._classes = {node.name: _typed_dict(node) for node in tree.body if isinstance(node, ast.ClassDef)}

    def shape(self, node: ast.expr, depth: int = 0) -> Shape:
        if depth > _MOST_DEEP:
            return ANY
        if isinstance(node, ast.Constant):
            return self._constant(node, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return union([self.shape(node.left, depth + 1), self.shape(node.right, depth + 1)])
        if isinstance(node, ast.Subscript):
            return self._generic(node, depth)
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        known = self._classes.get(name)
        if known is not None:
            return self._mapping(known, depth)
        if name == "float":
            self._fault(node, "float", "Decimal, for numbers are exact")
            return of_kind(NUMBER, WHOLE)
        if name not in _PLAIN:
            self._fault(node, f"type {ast.unparse(node)}", "str, int, Decimal, bool, list, dict or a TypedDict")
        return _PLAIN.get(name, ANY)

    def _fault(self, node: ast.expr, found: str, expected: str) -> None:
        self.faults.append(Fault(self._file, node.lineno, "python-type", found, expected))

    def _constant(self, node: ast.Constant, depth: int) -> Shape:
        if isinstance(node.value, str):
            try:
                return self.shape(ast.parse(node.value, mode="eval").body, depth + 1)
            except SyntaxError:
                self._fault(node, f"type {node.value!r}", "a type")
        return of_kind(MISSING) if node.value is None else ANY

    def _generic(self, node: ast.Subscript, depth: int) -> Shape:
        name = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        inner = node.slice
        if name in ("NotRequired", "Optional"):
            return self.shape(inner, depth + 1).maybe()
        if name == "Required":
            return self.shape(inner, depth + 1)
        if name in ("list", "Sequence"):
            return Shape(frozenset((LIST,)), item=self.shape(inner, depth + 1))
        if name == "Union" and isinstance(inner, ast.Tuple):
            return union([self.shape(each, depth + 1) for each in inner.elts])
        if name == "Literal":
            options = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return union([of_value(each.value) for each in options if isinstance(each, ast.Constant)])
        return _PLAIN.get(name, ANY)

    def _mapping(self, known: _Class, depth: int) -> Shape:
        fields = {name: self.shape(node, depth + 1) for name, node in known.fields.items()}
        needed = {
            name for name, node in known.fields.items()
            if _word(node) != "NotRequired" and (known.total or _word(node) == "Required")
        }  # fmt: skip
        made = {name: shape if name in needed else shape.maybe() for name, shape in fields.items()}
        return Shape(frozenset((MAP,)), made, True, frozenset(needed))


def _word(node: ast.expr) -> str:
    if not isinstance(node, ast.Subscript):
        return ""
    return node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")


def _typed_dict(node: ast.ClassDef) -> _Class:
    fields = {
        item.target.id: item.annotation
        for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    }  # fmt: skip
    total = not any(
        word.arg == "total" and isinstance(word.value, ast.Constant) and not word.value.value for word in node.keywords
    )
    return _Class(node.lineno, fields, total)


def _fits(
    value: Shape, place: Shape, path: str, file: str, line: int, schema: str, *, outgoing: bool
) -> Iterator[Fault]:  # fmt: skip
    """Where a value of one shape is not what a place of another takes."""
    if value.unknown or place.unknown:
        return
    allowed = place.kinds | ({WHOLE} if NUMBER in place.kinds else set())
    too_much = value.kinds - allowed
    if too_much:
        words = " or ".join(WORDS[kind] for kind in sorted(too_much))
        maker, taker = ("the function", schema) if outgoing else (schema, "the function")
        found = f"{path} may be {words} by {maker}"
        yield Fault(file, line, "python-type", found, f"{place.says()}, as {taker} has it")
        return
    if value.codes is not None and place.codes is not None and (strange := set(value.codes) - set(place.codes)):
        codes = ", ".join(map(repr, sorted(strange, key=repr)))
        yield Fault(file, line, "python-type", f"{path} may be {codes}", f"one of {', '.join(map(repr, place.codes))}")
    if value.item is not None and place.item is not None:
        yield from _fits(value.item, place.item, f"{path}[]", file, line, schema, outgoing=outgoing)
    if value.fields is None or place.fields is None:
        return
    yield from _named(value, place, path, file, line, schema, outgoing)
    for name in sorted(value.fields.keys() & place.fields.keys()):
        of_value_, of_place = value.fields[name], place.fields[name]
        where = f"{path}.{name}".removeprefix("body.")
        yield from _fits(of_value_, of_place, where, file, line, schema, outgoing=outgoing)


def _named(
    value: Shape, place: Shape, path: str, file: str, line: int, schema: str, outgoing: bool
) -> Iterator[Fault]:  # fmt: skip
    """Fields that only one of the two knows."""
    assert value.fields is not None and place.fields is not None
    if outgoing:
        for name in sorted(value.fields.keys() - place.fields.keys()) if place.closed else ():
            remedy = near(name, place.fields) or "take it out"
            yield Fault(file, line, "python-type", f"{path}.{name} is not in {schema}", "", remedy)
        for name in sorted(place.needed - value.needed):
            if name not in value.fields:
                yield Fault(file, line, "python-type", f"{path} has no {name!r}", f"a field that {schema} requires")
        return
    for name in sorted(place.fields.keys() - value.fields.keys()):
        if name in place.needed or value.closed:
            remedy = near(name, value.fields) or "take it out of the TypedDict"
            where = f"{path}.{name}".removeprefix("body.")
            yield Fault(file, line, "python-type", f"{where} is not in {schema}", "", remedy)


__all__ = ["type_faults"]
