"""The shape of an expression's value, from the shape of the message; what cannot work is told before it runs.

Told are: a path the schema does not name, an operand or argument of a kind that is always refused, arithmetic with a
field that may be missing, a comparison that is never true. What is not known is let pass: the checks find mistakes,
they do not prove that there are none. Inside ``x if TEST else y``, ``and`` and a loop's ``if``, a path that the test
mentions counts as there.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from waypost.core.errors import near, nearest
from waypost.mapping.function import FUNCTIONS, Function
from waypost.mapping.parsed import ROOT, Parsed
from waypost.mapping.reference import Column
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
    shown_codes,
    union,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake in an expression; ``column`` counts from 1."""

    column: int
    part: str
    found: str
    expected: str = ""
    remedy: str = ""


Scope = Mapping[str, Shape]
_NUMERIC = frozenset((NUMBER, WHOLE))
_KIND_OF: dict[str, frozenset[str]] = {
    "text": frozenset((TEXT,)),
    "number": _NUMERIC,
    "whole": _NUMERIC,
    "bool": frozenset((BOOL,)),
    "list": frozenset((LIST,)),
    "map": frozenset((MAP,)),
    "scalar": frozenset((TEXT, NUMBER, WHOLE, BOOL)),
}
_LENGTH_KEPT = frozenset(
    (
        "trim",
        "collapse",
        "digits",
        "letters",
        "keep",
        "before",
        "after",
        "or_missing",
        "mask",
        "mask_middle",
        "mask_email",
        "left",
        "right",
        "substring",
        "truncate",
    )
)
_LENGTH_GIVEN = {"left": 1, "right": 1, "truncate": 1, "substring": 2}
_REMEDIES = {
    (TEXT, NUMBER): "use decimal(…)",
    (NUMBER, TEXT): "use text(…)",
    (WHOLE, TEXT): "use text(…)",
    (LIST, TEXT): "write list[0], or join(list, ', ')",
    (LIST, MAP): "write list[0], or a loop",
    (MAP, LIST): "use as_list(…)",
    (NUMBER, WHOLE): "use round(…)",
    (TEXT, WHOLE): "use int(…)",
    (BOOL, TEXT): "use text(…)",
    (TEXT, BOOL): "write a comparison, such as field == 'Y'",
}


def remedy_for(given: Shape, wanted: frozenset[str]) -> str:
    """How to make one kind of another."""
    return next((_REMEDIES[a, b] for a in sorted(given.present) for b in sorted(wanted) if (a, b) in _REMEDIES), "")


def infer(parsed: Parsed, scope: Scope, findings: list[Finding], sure: frozenset[str] = frozenset()) -> Shape:
    """The shape of the value of ``parsed``; ``scope`` are the shapes of ``this`` and of the local names, ``sure`` the
    paths (as ``mentioned`` gives them) that are known to be there."""
    if parsed.broken:
        return ANY
    return _Inference(parsed, findings).of(parsed.tree, scope, sure)


def mentioned(node: ast.AST) -> frozenset[str]:
    """The paths that a test looks at, and so are there where it holds; those under ``not`` are left out."""
    found: set[str] = set()
    rest: list[ast.AST] = [node]
    while rest:
        one = rest.pop()
        if isinstance(one, ast.UnaryOp) and isinstance(one.op, ast.Not):
            continue
        if isinstance(one, ast.Attribute | ast.Subscript | ast.Name):
            found.add(_path_of(one))
        rest.extend(ast.iter_child_nodes(one))
    return frozenset(found)


def _path_of(node: ast.AST) -> str:
    return ast.unparse(node)


class _Inference:
    def __init__(self, parsed: Parsed, findings: list[Finding]) -> None:
        self.parsed, self.findings = parsed, findings

    def tell(self, node: ast.AST, found: str, expected: str = "", remedy: str = "") -> Shape:
        finding = Finding(self.parsed.column(node), self.parsed.part(node), found, expected, remedy)
        if finding not in self.findings:
            self.findings.append(finding)
        return ANY

    def of(self, node: ast.expr, scope: Scope, sure: frozenset[str]) -> Shape:
        return _SHAPES[type(node)](self, node, scope, sure)

    # ── paths ────────────────────────────────────────────────────────────────────────────────────────────────

    def constant(self, node: Any, scope: Scope, sure: frozenset[str]) -> Shape:
        return of_value(node.value)

    def name(self, node: Any, scope: Scope, sure: frozenset[str]) -> Shape:
        found = scope[node.id] if node.id in scope else self.field(node, scope.get(ROOT, ANY), node.id, "the message")
        return found.surely() if _path_of(node) in sure else found

    def attribute(self, node: Any, scope: Scope, sure: frozenset[str]) -> Shape:
        above = self.of(node.value, scope, sure)
        found = self.field(node, above, node.attr, self.parsed.part(node.value))
        return found.surely() if _path_of(node) in sure else found

    def field(self, node: ast.AST, above: Shape, name: str, where: str) -> Shape:
        if above.unknown:
            return ANY
        if MAP not in above.present:
            remedy = f"write {where}[0], or a loop" if LIST in above.present else ""
            return self.tell(node, f"{where} is {above.says()} and has no field {name!r}", "a mapping", remedy)
        if above.fields is None:
            return ANY
        if name in above.fields:
            return above.fields[name].maybe(above.optional)
        if not above.closed:
            return ANY
        remedy = near(name, above.fields) or f"known: {', '.join(list(above.fields)[:8])}"
        told = self.tell(node, f"{where} has no field {name!r}", "a field of the source schema", remedy)
        meant = above.fields.get(nearest(name, above.fields), ANY)
        return meant if {MAP, LIST} & set(meant.present) else told  # so that mistakes below are told, too

    def subscript(self, node: Any, scope: Scope, sure: frozenset[str]) -> Shape:
        above, key = self.of(node.value, scope, sure), node.slice
        if isinstance(key, ast.Slice):
            for bound in (key.lower, key.upper):
                if bound is not None:
                    self.of(bound, scope, sure)
            return above
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            found = self.field(node, above, key.value, self.parsed.part(node.value))
            return found.surely() if _path_of(node) in sure else found
        self.of(key, scope, sure)
        if above.unknown or MAP in above.present:
            return ANY
        if not above.present & {LIST, TEXT}:
            return self.tell(node, f"{self.parsed.part(node.value)} is {above.says()}", "a list to take an item of")
        if LIST in above.present:
            return above.item if above.item is not None else ANY
        return of_kind(TEXT)

    # ── operators ────────────────────────────────────────────────────────────────────────────────────────────

    def binary(self, node: Any, scope: Scope, sure: frozenset[str]) -> Shape:
        left, right = self.of(node.left, scope, sure), self.of(node.right, scope, sure)
        adds = isinstance(node.op, ast.Add)
        for part, shape in ((node.left, left), (node.right, right)):
            wanted = _NUMERIC | {TEXT, LIST} if adds else _NUMERIC
            if not shape.unknown and not shape.present & wanted:
                return self.tell(part, f"it is {shape.says()}", "a number", remedy_for(shape, _NUMERIC))
            if shape.optional:
                self.tell(part, "it may be missing", "a value that is always there", "use default(…, 0)")
        if left.unknown or right.unknown:
            return ANY if adds else of_kind(NUMBER)
        if adds and not left.present & right.present and not (left.present & _NUMERIC and right.present & _NUMERIC):
            return self.tell(
                node,
                f"{left.says()} and {right.says()} cannot be added",
                "two numbers or two texts",
                "use concat(…) to join, decimal(…) to count",
            )
        if adds and left.present == right.present == {TEXT}:
            lengths = (left.longest, right.longest)
            return Shape(left.present, longest=sum(lengths) if None not in lengths else None)  # type: ignore[arg-type]
        if adds and LIST in left.present:
            return union((left, right))
        whole = left.present == right.present == {WHOLE} and not isinstance(node.op, ast.Div)
        return of_kind(WHOLE if whole else NUMBER)

    def unary(self, node: Any, scope: Scope, sure: frozenset[str]) -> Shape:
        operand = self.of(node.operand, scope, sure)
        if isinstance(node.op, ast.Not):
            return of_kind(BOOL)
        if not operand.unknown and not operand.present & _NUMERIC:
            return self.tell(node.operand, f"it is {operand.says()}", "a number", remedy_for(operand, _NUMERIC))
        return of_kind(*operand.present) if not operand.unknown else of_kind(NUMBER)

    def boolean(self, node: Any, scope: Scope, sure: frozenset[str]) -> Shape:
        shapes = []
        for part in node.values:
            shapes.append(self.of(part, scope, sure))
            if isinstance(node.op, ast.And):
                sure = sure | mentioned(part)
        return union(shapes)

    def condition(self, node: Any, scope: Scope, sure: frozenset[str]) -> Shape:
        self.of(node.test, scope, sure)
        inside = sure | mentioned(node.test)
        otherwise = sure
        if isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not):
            otherwise = sure | mentioned(node.test.operand)
        if isinstance(node.test, ast.Compare) and isinstance(node.test.ops[0], ast.Is | ast.Eq):
            otherwise = inside
        return union((self.of(node.body, scope, inside), self.of(node.orelse, scope, otherwise)))

    def compare(self, node: Any, scope: Scope, sure: frozenset[str]) -> Shape:
        left = self.of(node.left, scope, sure)
        for operator, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.of(right_node, scope, sure)
            self.compared(node, operator, left, right)
            left = right
        return of_kind(BOOL)

    def compared(self, node: ast.AST, operator: ast.cmpop, left: Shape, right: Shape) -> None:
        if isinstance(operator, ast.Is | ast.IsNot) or left.unknown or right.unknown:
            return
        if isinstance(operator, ast.In | ast.NotIn):
            if LIST in right.present and right.item is not None:
                self.never_equal(node, left, right.item)
            return
        ordered = isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE)
        alike = left.present & right.present or (left.present & _NUMERIC and right.present & _NUMERIC)
        if ordered and not alike:
            text = f"{left.says()} cannot be ordered against {right.says()}"
            self.tell(node, text, "two numbers or two texts", "use decimal(…) or text(…)")
        elif not ordered:
            self.never_equal(node, left, right)

    def never_equal(self, node: ast.AST, left: Shape, right: Shape) -> None:
        if left.unknown or right.unknown:
            return
        numeric = frozenset((NUMBER, WHOLE, BOOL))
        if not (left.present & right.present or (left.present & numeric and right.present & numeric)):
            text = f"{left.says()} is never equal to {right.says()}"
            self.tell(node, text, "values of one kind", remedy_for(left, right.present))
            return
        if left.codes is not None and right.codes is not None and not any(code in right.codes for code in left.codes):
            few, many = (left, right) if len(left.codes) < len(right.codes) else (right, left)
            known = [str(code) for code in many.codes or ()]
            code = (few.codes or ("",))[0]
            remedy = near(str(code), known) or f"known: {shown_codes(many.codes or ())}"
            self.tell(node, f"{code!r} is not in the list of codes", "a code of the schema", remedy)

    # ── collections and calls ────────────────────────────────────────────────────────────────────────────────

    def listing(self, node: Any, scope: Scope, sure: frozenset[str]) -> Shape:
        items = [self.of(each, scope, sure) for each in node.elts]
        return Shape(frozenset((LIST,)), item=union(items) if items else ANY)

    def mapping(self, node: Any, scope: Scope, sure: frozenset[str]) -> Shape:
        fields = {k.value: self.of(v, scope, sure) for k, v in zip(node.keys, node.values, strict=True)}
        return Shape(frozenset((MAP,)), fields=fields, closed=True, needed=frozenset(fields))

    def comprehension(self, node: Any, scope: Scope, sure: frozenset[str]) -> Shape:
        inner = dict(scope)
        for clause in node.generators:
            inner[clause.target.id] = self.items(clause.iter, self.of(clause.iter, inner, sure))
            for test in clause.ifs:
                self.of(test, inner, sure)
                sure = sure | mentioned(test)
        return Shape(frozenset((LIST,)), item=self.of(node.elt, inner, sure))

    def items(self, node: ast.AST, listed: Shape) -> Shape:
        """The shape of what a loop over ``listed`` walks."""
        if listed.unknown:
            return ANY
        if LIST not in listed.present:
            return self.tell(node, f"it is {listed.says()}", "a list to walk", "use as_list(…)")
        return listed.item if listed.item is not None else ANY

    def call(self, node: Any, scope: Scope, sure: frozenset[str]) -> Shape:
        name = node.func.id
        shapes = [self.of(each, scope, sure) for each in node.args]
        if name == "exists":
            return of_kind(BOOL)
        if name == "default":
            return union((*(shape.surely() for shape in shapes[:-1] if shape.kinds != {MISSING}), shapes[-1]))
        function = FUNCTIONS[name]
        first = 1 if function.looks else 0
        for place, (part, shape) in enumerate(zip(node.args[first:], shapes[first:], strict=True)):
            self.argument(function, place, part, shape)
        return self.result(function, node, shapes[first:])

    def argument(self, function: Function, place: int, node: ast.expr, shape: Shape) -> None:
        kinds = function.accepts(place)
        accepted = frozenset().union(*(_KIND_OF.get(kind, frozenset()) for kind in kinds))
        if shape.unknown or "any" in kinds:
            return
        fraction = "whole" in kinds and isinstance(node, ast.Constant) and isinstance(node.value, Decimal)
        if fraction or not shape.present & accepted:
            wanted = " or ".join(WORDS.get(kind, "a text, a number, true or false") for kind in kinds)
            self.tell(node, f"{function.name} is given {shape.says()}", wanted, remedy_for(shape, accepted))

    def result(self, function: Function, node: Any, shapes: list[Shape]) -> Shape:
        first = shapes[0] if shapes else ANY
        if function.needs == "reference":
            return self.referred(function, getattr(node, "column", None), shapes)
        gives = function.gives
        if gives == "any":
            return ANY
        if gives == "item":
            made = first.item if first.item is not None else ANY
        elif gives == "arg":
            made = first.surely()
        elif gives.startswith("list of "):
            made = Shape(frozenset((LIST,)), item=of_kind(gives.removeprefix("list of ")))
        else:
            made = Shape(frozenset((gives,)), longest=_longest(function.name, node.args, first))
        return made.maybe(function.missing == "first" and first.optional)

    def referred(self, function: Function, column: Column | None, shapes: list[Shape]) -> Shape:
        """The shape of what reference data gives, as its declaration says."""
        if function.gives == "bool":
            return of_kind(BOOL)
        if function.name == "reference_key":
            return of_kind(TEXT).maybe(shapes[0].optional)
        if column is None:
            return ANY
        made = of_kind({"number": NUMBER, "whole": WHOLE, "flag": BOOL}.get(column.kind, TEXT))
        if function.name == "reference_or":
            return union((made, shapes[1]))
        return made.maybe(shapes[0].optional or not column.required)


def _longest(name: str, arguments: list[ast.expr], first: Shape) -> int | None:
    """The most characters of a function's text, where that is known."""
    place = _LENGTH_GIVEN.get(name)
    if place is not None and place < len(arguments):
        given = arguments[place]
        if isinstance(given, ast.Constant) and type(given.value) is int:
            return min(given.value, first.longest) if first.longest is not None else given.value
        return None
    return first.longest if name in _LENGTH_KEPT else None


_Shapes = Callable[[_Inference, Any, Scope, frozenset[str]], Shape]
_SHAPES: dict[type[ast.AST], _Shapes] = {
    ast.Constant: _Inference.constant,
    ast.Name: _Inference.name,
    ast.Attribute: _Inference.attribute,
    ast.Subscript: _Inference.subscript,
    ast.BinOp: _Inference.binary,
    ast.UnaryOp: _Inference.unary,
    ast.BoolOp: _Inference.boolean,
    ast.IfExp: _Inference.condition,
    ast.Compare: _Inference.compare,
    ast.List: _Inference.listing,
    ast.Dict: _Inference.mapping,
    ast.ListComp: _Inference.comprehension,
    ast.Call: _Inference.call,
}
