"""Translates the expression of a rule into Python source that calls nothing but what ``rule_value`` offers.

The grammar is Python's, of which only what is listed here is understood; names and numbers of elements are checked, so
that nothing of the rule's text reaches the source but numbers and quoted texts.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from waypost.formats.edi.schema.model import Element, Segment
from waypost.formats.edi.schema.rule_value import CHECKS
from waypost.formats.edi.schema.wanted import OWN

FUNCTIONS = ("abs", "check_digit", "code", "count", "date", "every", "hash", "implies", "last_date", "length", "outer",
             "own", "present", "sum", "text")  # fmt: skip
_OPERATORS: Mapping[type, str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
_COMPARISONS: Mapping[type, str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in",
    ast.NotIn: "not in",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """``PO1``, ``PO1/2``, ``C/1/2`` or ``CAS/(3, 6)``; ``source`` is where its rows are found."""

    tag: str
    elements: tuple[int, ...]
    component: int
    rows: str

    @property
    def element(self) -> int:
        return self.elements[0] if self.elements else 0


@dataclass(frozen=True, slots=True)
class Term:
    """Source of a value; ``maybe`` is whether it may be None, ``condition`` whether it holds or not."""

    source: str
    maybe: bool
    condition: bool


@dataclass(slots=True)
class Translator:
    """Translates one rule. ``keys`` are the rows it looks at, ``read`` those of which it reads elements, ``outer`` rows
    of loops around; ``first`` is the place named first, which a finding is about."""

    segments: Mapping[str, Segment]
    keys: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    outer: set[str] = field(default_factory=set)
    lists: set[str] = field(default_factory=set)
    first: tuple[str, int, int] | None = None
    _row: str = ""
    _number: int = 0

    def term(self, node: ast.expr, as_text: bool = False) -> Term:
        """``node`` as source. Raises ``ValueError`` for what rules don't understand."""
        place = self._place(node)
        if place is not None:
            return self._element(place, as_text)
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
            quoted = isinstance(node.value, str | int)
            return Term(repr(node.value) if quoted else f"D({str(node.value)!r})", False, False)
        if isinstance(node, ast.Tuple | ast.List):
            return Term(f"({''.join(self.term(e, as_text).source + ', ' for e in node.elts)})", False, False)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return self._both(_OPERATORS[type(node.op)], self.term(node.left), self.term(node.right), False)
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
            left, right = self.sides(node)
            return self._both(_COMPARISONS[type(node.ops[0])], left, right, True)
        if isinstance(node, ast.BoolOp):
            return self._joined(isinstance(node.op, ast.And), [self.condition(v) for v in node.values])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.condition(node.operand)
            return self._unknown(inner, "(not {})", True)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return self._unknown(self.term(node.operand), "(-{})", False)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._call(node.func.id, node.args, node, as_text)
        raise ValueError(f"{ast.unparse(node)!r} is nothing a rule understands")

    def condition(self, node: ast.expr) -> Term:
        """``node`` as source of what holds or does not."""
        made = self.term(node)
        if not made.condition:
            raise ValueError(f"{ast.unparse(node)!r} is no condition; compare it with something")
        return made

    def sides(self, node: ast.Compare) -> tuple[Term, Term]:
        """Both sides of a comparison: as texts where one side is a text."""
        sides = (node.left, node.comparators[0])
        as_text = any(_is_text(side) for side in sides)
        return self.term(sides[0], as_text), self.term(sides[1], as_text)

    def _fresh(self) -> str:
        self._number += 1
        return f"t{self._number}"

    def _both(self, operator: str, left: Term, right: Term, condition: bool) -> Term:
        checks, names = [], []
        for term in (left, right):
            if term.maybe:
                name = self._fresh()
                checks.append(f"({name} := {term.source}) is None")
                names.append(name)
            else:
                names.append(term.source)
        plain = f"{names[0]} {operator} {names[1]}"
        if not checks:
            return Term(f"({plain})", False, condition)
        return Term(f"(None if {' or '.join(checks)} else {plain})", True, condition)

    def _unknown(self, term: Term, form: str, condition: bool) -> Term:
        if not term.maybe:
            return Term(form.format(term.source), False, condition)
        name = self._fresh()
        return Term(f"(None if ({name} := {term.source}) is None else {form.format(name)})", True, condition)

    def _joined(self, every: bool, terms: Sequence[Term]) -> Term:
        if not any(term.maybe for term in terms):
            return Term(f"({(' and ' if every else ' or ').join(t.source for t in terms)})", False, True)
        return Term(f"known({every}, {', '.join(t.source for t in terms)})", True, True)

    def _element(self, place: Place, as_text: bool) -> Term:
        if not place.element:
            raise ValueError(
                f"{place.tag!r} is a segment; name its element, {place.tag}/1, or ask present({place.tag})"
            )
        if len(place.elements) > 1:
            raise ValueError(f"{place.tag}/{place.elements} is several elements; only sum and hash take them")
        inside = self._row == place.rows
        where = "r" if inside else place.rows
        if as_text:
            return Term(f"{'cell' if inside else 'text'}({where}, {place.element}, {place.component})", True, False)
        name = "cell_value" if inside else "value"
        places = self._decimals(place.tag, place.element)
        return Term(f"{name}({where}, {place.element}, {place.component}, {places})", True, False)

    def _decimals(self, tag: str, element: int) -> int:
        """How many decimals an element implies."""
        items = self.segments[tag].elements if tag in self.segments else ()
        item = items[element - 1] if 0 < element <= len(items) else None
        return int(item.kind[1]) if isinstance(item, Element) and item.kind[0] == "N" and item.kind[1:] else 0

    def _place(self, node: ast.expr) -> Place | None:
        numbers: list[tuple[int, ...]] = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            found = _numbers(node.right)
            if not found:
                return None
            numbers.append(found)
            node = node.left
        wrapped, outside = "", False
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("own", "outer"):
            if len(node.args) != 1 or node.keywords:
                raise ValueError(f"{node.func.id}() takes one place, such as {node.func.id}(CAS/3)")
            inner = self._inner(node.args[0])
            wrapped, outside = OWN if node.func.id == "own" else "", node.func.id == "outer"
            node, numbers = inner[0], numbers or inner[1]
        if not isinstance(node, ast.Name) or not node.id.isupper() or not node.id.isalnum() or len(node.id) > 3:
            return None
        elements, component = (*reversed(numbers), (), ())[:2]
        if len(numbers) > 2 or len(component) > 1:
            return None
        key = node.id + wrapped
        (self.outer if outside else self.keys).add(key)
        if numbers and not outside:
            self.read.add(key)
        if self.first is None and not outside:
            self.first = (node.id, elements[0] if elements else 0, component[0] if component else 0)
        rows = f"{'O' if outside else 'R'}.get({key!r})"
        return Place(node.id, elements, component[0] if component else 0, rows)

    def _inner(self, node: ast.expr) -> tuple[ast.expr, list[tuple[int, ...]]]:
        numbers = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            numbers.append(_numbers(node.right))
            node = node.left
        return node, numbers

    def _call(self, name: str, arguments: Sequence[ast.expr], node: ast.Call, as_text: bool) -> Term:
        if name == "implies" and len(arguments) == 2:
            when, then = self.condition(arguments[0]), self.condition(arguments[1])
            return Term(f"({then.source} if {when.source} else True)", then.maybe, True)
        if name == "code" and len(arguments) in (2, 3):
            return self._code(arguments)
        if name == "check_digit" and len(arguments) == 2:
            kind = arguments[0].value if isinstance(arguments[0], ast.Constant) else None
            if kind not in CHECKS:
                raise ValueError(f"{ast.unparse(arguments[0])} is no check digit; expected one of {', '.join(CHECKS)}")
            return Term(f"check_digit({kind!r}, {self.term(arguments[1], True).source})", True, True)
        if name in ("date", "last_date") and len(arguments) == 1:
            return Term(f"date({self.term(arguments[0], True).source}, {name == 'last_date'})", True, False)
        if name == "length" and len(arguments) == 1:
            return self._unknown(self.term(arguments[0], True), "len({})", False)
        if name == "abs" and len(arguments) == 1:
            return self._unknown(self.term(arguments[0]), "abs({})", False)
        if name in ("count", "sum", "hash", "present", "text", "every") and len(arguments) in (1, 2):
            return self._over(name, arguments)
        if name not in FUNCTIONS:
            raise ValueError(f"{name!r} is no function of rules; expected one of {', '.join(FUNCTIONS)}")
        raise ValueError(f"{ast.unparse(node)!r} is nothing a rule understands: {len(arguments)} values")

    def _code(self, arguments: Sequence[ast.expr]) -> Term:
        named = arguments[0]
        if not isinstance(named, ast.Constant) or not isinstance(named.value, str):
            raise ValueError(f"{ast.unparse(named)} is no code list; expected its name in quotes, such as 'hcpcs'")
        self.lists.add(named.value)
        value = self.term(arguments[1], True).source
        day = self.term(arguments[2], True).source if len(arguments) == 3 else ""
        return Term(f"code({named.value!r}, {value}{f', date({day})' if day else ''})", True, True)

    def _over(self, name: str, arguments: Sequence[ast.expr]) -> Term:
        """A function of all rows of a segment, or of those a condition holds for."""
        place = self._place(arguments[0])
        if place is None:
            raise ValueError(f"{name}() of {ast.unparse(arguments[0])!r} is nothing a rule understands; expected a "
                             f"place such as {name}(PO1/2)")  # fmt: skip
        if name == "every" and len(arguments) != 2:
            raise ValueError("every() takes a segment and a condition, such as every(SV1, SV1/2 > 0)")
        inside = self._row == place.rows
        rows = "(r,)" if inside else place.rows
        if len(arguments) == 2:
            around, self._row = self._row, place.rows
            asked = self.condition(arguments[1])
            self._row = around
            if name == "every":
                return Term(f"all([({asked.source}) is not False for r in {rows} or ()])", False, True)
            rows = f"[r for r in {rows} or () if {asked.source}]"
        return self._counted(name, place, rows)

    def _counted(self, name: str, place: Place, rows: str) -> Term:
        element, component = place.element, place.component
        if name in ("sum", "hash") and element:
            function = "total" if name == "sum" else "hash_total"
            places = self._decimals(place.tag, element)
            return Term(f"{function}({rows}, {place.elements}, {component}, {places})", False, False)
        if name == "text" and element:
            return Term(f"text({rows}, {element}, {component})", True, False)
        if name == "count":
            return Term(f"many({rows}, {element}, {component})" if element else f"len({rows} or ())", False, False)
        if name == "present":
            source = f"text({rows}, {element}, {component}) is not None" if element else f"bool({rows})"
            return Term(f"({source})", False, True)
        raise ValueError(f"{name}({place.tag}) names no element; expected {name}({place.tag}/1)")


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.Tuple | ast.List):
        return any(_is_text(e) for e in node.elts)
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("text", "date", "last_date")
    )


def _numbers(node: ast.expr) -> tuple[int, ...]:
    """Element numbers of a place, none for what is no number."""
    items = node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
    found = [i.value for i in items if isinstance(i, ast.Constant) and type(i.value) is int and 0 < i.value < 100]
    return tuple(found) if len(found) == len(items) else ()
