"""Rules of a schema: conditions over the elements of a message, in Python's expression grammar and nothing more of it.

``CTT/1 == count(PO1)``: ``PO1/2`` is element 02 of a segment, ``C/1/2`` its second component; ``count``, ``sum``,
``present``, ``text`` and ``implies`` are all there is to call. Elements are numbers where they look like one; ``text``
keeps them as they stand. A condition on what is not there holds.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from waypost.formats.edi.schema.model import Element, Rule, Segment

Rows = Mapping[str, Sequence[Sequence[str]]]
"""The segments a rule sees, by tag, each as its elements with the tag first."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rule is asked about: rows, how components are separated, and how many decimals an element implies."""

    rows: Rows
    component: str
    segments: Mapping[str, Segment]

    def texts(self, tag: str, element: int, component: int) -> list[str]:
        """Every value of an element, those that are empty left out."""
        found = [row[element] for row in self.rows.get(tag, ()) if len(row) > element and row[element]]
        if not component:
            return found
        split = [text.split(self.component) for text in found]
        return [parts[component - 1] for parts in split if len(parts) >= component and parts[component - 1]]

    def number(self, text: str, tag: str, element: int) -> Decimal | None:
        """``text`` as a number, with the decimals its element implies; None for what is none."""
        try:
            value = Decimal(text.replace(",", "."))
        except InvalidOperation:
            return None
        if not value.is_finite():
            return None
        items = self.segments[tag].elements if tag in self.segments else ()
        item = items[element - 1] if 0 < element <= len(items) else None
        places = int(item.kind[1]) if isinstance(item, Element) and item.kind[0] == "N" and item.kind[1:] else 0
        return value.scaleb(-places)


Value = Callable[[Scope], Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """That a rule is broken: what was found, what was expected."""

    found: str
    expected: str


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule ready to be asked. ``tags`` are the segments it looks at, ``place`` the element it is about."""

    rule: Rule
    tags: frozenset[str]
    place: tuple[str, int]
    left: Value
    right: Value | None

    def ask(self, scope: Scope) -> Verdict | None:
        """None where the rule holds."""
        left = self.left(scope)
        if self.right is None:
            return None if left is None or left else Verdict("it does not hold", self.rule.says or self.rule.expression)
        right = self.right(scope)
        if left is None or right is None or left == right:
            return None
        return Verdict(str(left), f"{right}" + (f", {self.rule.says}" if self.rule.says else ""))


@lru_cache(maxsize=1024)
def compile_rule(rule: Rule) -> CompiledRule:
    """The rule ready to be asked. Raises ``ValueError`` for what rules don't understand."""
    try:
        tree = ast.parse(rule.expression.strip(), mode="eval").body
    except SyntaxError as wrong:
        raise ValueError(f"{rule.expression!r} is no expression: {wrong.msg}") from None
    builder = _Builder()
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1 and isinstance(tree.ops[0], ast.Eq):
        left, right = builder.value(tree.left), builder.value(tree.comparators[0])
    else:
        left, right = builder.value(tree), None
    return CompiledRule(rule, frozenset(builder.tags), builder.first or ("", 0), left, right)


class _Builder:
    def __init__(self) -> None:
        self.tags: set[str] = set()
        self.first: tuple[str, int] | None = None

    def value(self, node: ast.expr) -> Value:
        place = _place(node)
        if place:
            return self._element(*place)
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
            constant = node.value if isinstance(node.value, str) else Decimal(str(node.value))
            return lambda scope: constant
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _both(_OPERATORS[type(node.op)], self.value(node.left), self.value(node.right))
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
            return _both(_COMPARISONS[type(node.ops[0])], self.value(node.left), self.value(node.comparators[0]))
        if isinstance(node, ast.Tuple | ast.List):
            members = [self.value(e) for e in node.elts]
            return lambda scope: [member(scope) for member in members]
        if isinstance(node, ast.BoolOp):
            return _joined(isinstance(node.op, ast.And), [self.value(v) for v in node.values])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.value(node.operand)
            return lambda scope: None if (held := inner(scope)) is None else not held
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._call(node.func.id, node.args)
        raise ValueError(f"{ast.unparse(node)!r} is nothing a rule understands")

    def _element(self, tag: str, element: int, component: int) -> Value:
        self.tags.add(tag)
        self.first = self.first or (tag, element)

        def read(scope: Scope) -> Any:
            found = scope.texts(tag, element, component)
            if not found:
                return None
            number = scope.number(found[0], tag, element)
            return found[0] if number is None else number

        return read

    def _call(self, name: str, arguments: Sequence[ast.expr]) -> Value:
        if name == "implies" and len(arguments) == 2:
            when, then = self.value(arguments[0]), self.value(arguments[1])
            return lambda scope: then(scope) if when(scope) else True
        place = _place(arguments[0]) if len(arguments) == 1 else None
        if place is None:
            raise ValueError(f"{name}() of {len(arguments)} is nothing a rule understands; expected {name}(TAG/1)")
        tag, element, component = place
        self.tags.add(tag)
        if name == "count":
            return lambda scope: Decimal(
                len(scope.texts(tag, element, component)) if element else len(scope.rows.get(tag, ()))
            )
        if name == "sum" and element:
            return lambda scope: sum(
                (scope.number(t, tag, element) or Decimal() for t in scope.texts(tag, element, component)), Decimal()
            )
        if name == "present":
            return lambda scope: bool(scope.texts(tag, element, component) if element else scope.rows.get(tag))
        if name == "text" and element:
            return lambda scope: next(iter(scope.texts(tag, element, component)), None)
        raise ValueError(f"{name!r} is no function of rules; expected count, sum, present, text or implies")


def _place(node: ast.expr) -> tuple[str, int, int] | None:
    """``PO1``, ``PO1/2`` or ``C/1/2`` as tag, element and component; 0 where not named."""
    numbers: list[int] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        if not (isinstance(node.right, ast.Constant) and isinstance(node.right.value, int)):
            return None
        numbers.append(node.right.value)
        node = node.left
    if not isinstance(node, ast.Name) or not node.id.isupper() or len(numbers) > 2:
        return None
    element, component = (*reversed(numbers), 0, 0)[:2]
    return node.id, element, component


def _both(apply: Callable[[Any, Any], Any], left: Value, right: Value) -> Value:
    def read(scope: Scope) -> Any:
        a, b = left(scope), right(scope)
        if a is None or b is None:
            return None
        try:
            return apply(a, b)
        except (TypeError, ArithmeticError):  # a text where a number should be: the element's own fault says so
            return None

    return read


def _joined(every: bool, values: Sequence[Value]) -> Value:
    def read(scope: Scope) -> Any:
        held = [value(scope) for value in values]
        known = [h for h in held if h is not None]
        if not known:
            return None
        return all(known) if every else any(known)

    return read


_OPERATORS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
}  # fmt: skip
_COMPARISONS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip
