"""The closed list of what an expression may be made of, node by node; everything else is refused with its column."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NoReturn

from waypost.core.errors import near
from waypost.mapping.fault import ExpressionFault, Refused
from waypost.mapping.function import FUNCTIONS, Function
from waypost.mapping.operation import CONTEXT
from waypost.mapping.parsed import CONSTANTS, MAX_DEPTH, ROOT, Parsed
from waypost.mapping.reference_use import Tables

SPECIAL = ("default", "exists")
"""Written as calls, but they look at a value that may be missing before the rest is evaluated."""
OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip

_REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.Lambda: ("a lambda", "write the expression itself"),
    ast.NamedExpr: ("an assignment with :=", "write the value where it is used"),
    ast.JoinedStr: ("an f-string", "use concat(…)"),
    ast.Starred: ("a starred value", "join lists with +"),
    ast.Set: ("a set", "write a list: [a, b]"),
    ast.SetComp: ("a set comprehension", "use unique([… for …])"),
    ast.DictComp: ("a mapping comprehension", "write a list comprehension"),
    ast.GeneratorExp: ("a bare generator", "write a list comprehension: [… for …]"),
    ast.Await: ("await", ""), ast.Yield: ("yield", ""), ast.YieldFrom: ("yield from", ""),
    ast.Pow: ("the power operator **", "write a product"),
    ast.MatMult: ("the operator @", ""), ast.LShift: ("the operator <<", ""), ast.RShift: ("the operator >>", ""),
    ast.BitOr: ("the operator |", "write or"), ast.BitAnd: ("the operator &", "write and"),
    ast.BitXor: ("the operator ^", ""), ast.Invert: ("the operator ~", "write not"), ast.UAdd: ("a plus sign", ""),
}  # fmt: skip

MOST_UNFOLDED = 10_000
"""Most parts of an expression that its shared functions make."""


class Checker:
    """Checks one tree, making its numbers exact and noting the places it reads. Raises ``ExpressionFault``."""

    def __init__(
        self,
        parsed: Parsed,
        origins: Mapping[str, str],
        tables: list[str] | Tables | None,
        constants: Mapping[str, Any],
    ) -> None:
        self.parsed, self.tables = parsed, tables
        self.unfolded = 0
        self.constants = {**CONSTANTS, **constants}
        self.scopes: list[dict[str, str]] = [dict(origins)]

    def check(self, node: ast.expr, depth: int) -> ast.expr:
        if depth > MAX_DEPTH:
            self.refuse(node, "it is nested too deeply", f"at most {MAX_DEPTH} levels", "split it into several rules")
        checker = _CHECKS.get(type(node))
        if checker is None:
            what, remedy = _REFUSED.get(type(node), (f"a {type(node).__name__.lower()}", ""))
            self.refuse(node, f"{what} is not part of expressions", "", remedy)
        return checker(self, node, depth + 1)

    def refuse(self, node: ast.AST, found: str, expected: str = "", remedy: str = "") -> NoReturn:
        raise ExpressionFault(
            found, text=self.parsed.text, column=self.parsed.column(node), expected=expected, remedy=remedy
        )

    def operator(self, node: ast.AST, operator: ast.AST) -> None:
        if type(operator) not in OPERATORS:
            what, remedy = _REFUSED.get(type(operator), ("this operator", ""))
            self.refuse(node, f"{what} is not part of expressions", "", remedy)

    def each(self, nodes: list[ast.expr], depth: int) -> list[ast.expr]:
        return [self.check(node, depth) for node in nodes]

    # ── values ───────────────────────────────────────────────────────────────────────────────────────────────

    def constant(self, node: Any, depth: int) -> ast.expr:
        value = node.value
        if isinstance(value, float):
            node.value = self.decimal(node)
        elif isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                self.refuse(node, "the text holds half a character (a surrogate)", "whole characters")
        elif isinstance(value, int) and not isinstance(value, bool):
            if value.bit_length() > 1000:
                self.refuse(node, "the number is too large", "at most 300 digits")
        elif value is not None and not isinstance(value, bool):
            self.refuse(node, f"a constant {self.parsed.part(node)} is not part of expressions", "text or a number")
        return node  # type: ignore[no-any-return]

    def decimal(self, node: ast.AST) -> Decimal:
        made = Decimal(self.parsed.part(node).replace("_", ""))
        if len(made.as_tuple().digits) > CONTEXT.prec or (made and abs(made.adjusted()) > 6000):
            self.refuse(node, "the number is too long", f"at most {CONTEXT.prec} digits")
        return made

    def name(self, node: Any, depth: int) -> ast.expr:
        if node.id in self.constants and not self.local(node.id):
            return ast.copy_location(ast.Constant(self.constants[node.id]), node)
        self.note(self.path(node))
        return node  # type: ignore[no-any-return]

    def local(self, name: str) -> bool:
        return any(name in scope for scope in self.scopes)

    def attribute(self, node: Any, depth: int, noted: bool = True) -> ast.expr:
        path = self.path(node)
        above = node
        while isinstance(above.value, ast.Attribute):
            self.field_name(above)
            above = above.value
        self.field_name(above)
        above.value = self.chained(above.value, depth)
        if noted:
            self.note(path)
        return node  # type: ignore[no-any-return]

    def field_name(self, node: ast.Attribute) -> None:
        if node.attr.startswith("__"):
            self.refuse(node, f"the name {node.attr!r} is not part of expressions", "the name of a field")

    def chained(self, node: ast.expr, depth: int) -> ast.expr:
        """Check what a path goes on from; only the whole path is noted as read, not its beginning."""
        if isinstance(node, ast.Name):
            return self.base(node)
        if isinstance(node, ast.Attribute):
            return self.attribute(node, depth, noted=False)
        if isinstance(node, ast.Subscript):
            return self.subscript(node, depth, noted=False)
        return self.check(node, depth)

    def base(self, node: ast.Name) -> ast.expr:
        if node.id.startswith("__"):
            self.refuse(node, f"the name {node.id!r} is not part of expressions", "the name of a field")
        if self.local(node.id):
            self.parsed.used.add(node.id)
        elif node.id in self.constants and node.id not in CONSTANTS:
            self.refuse(node, f"the constant {node.id!r} has no fields", "its name alone")
        return node

    def subscript(self, node: Any, depth: int, noted: bool = True) -> ast.expr:
        path = self.path(node)
        node.value = self.chained(node.value, depth)
        if isinstance(node.slice, ast.Slice):
            if node.slice.step is not None:
                self.refuse(node.slice.step, "a step in [a:b:step] is not part of expressions", "[a:b]")
            for bound in ("lower", "upper"):
                if (part := getattr(node.slice, bound)) is not None:
                    setattr(node.slice, bound, self.check(part, depth))
        else:
            if isinstance(node.slice, ast.Tuple):
                self.refuse(node.slice, "a list of indexes is not part of expressions", "one index or name")
            node.slice = self.check(node.slice, depth)
        if noted:
            self.note(path)
        return node  # type: ignore[no-any-return]

    def path(self, node: ast.expr, length: int = 0) -> str | None:
        """The place in the message a chain of names stands for; None for the fields of a computed value."""
        if length > MAX_DEPTH:
            self.refuse(node, "the path is too long", f"at most {MAX_DEPTH} names")
        if isinstance(node, ast.Name):
            for scope in reversed(self.scopes):
                if node.id in scope:
                    self.parsed.used.add(node.id)
                    return scope[node.id] or None
            if node.id.startswith("__"):
                self.refuse(node, f"the name {node.id!r} is not part of expressions", "the name of a field")
            return "" if node.id == ROOT else node.id
        if isinstance(node, ast.Attribute):
            above = self.path(node.value, length + 1)
            return None if above is None else f"{above}.{node.attr}".lstrip(".")
        if isinstance(node, ast.Subscript):
            above, key = self.path(node.value, length + 1), node.slice
            if above is None:
                return None
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                return f"{above}.{key.value}".lstrip(".")
            if isinstance(key, ast.Constant) and type(key.value) is int:
                return f"{above}[{key.value}]"
            return above if isinstance(key, ast.Slice) else f"{above}[]"
        return None

    def note(self, path: str | None) -> None:
        if path is not None:
            self.parsed.paths.add(path or ROOT)

    # ── operators ────────────────────────────────────────────────────────────────────────────────────────────

    def binary(self, node: Any, depth: int) -> ast.expr:
        self.operator(node, node.op)
        node.left, node.right = self.check(node.left, depth), self.check(node.right, depth)
        return node  # type: ignore[no-any-return]

    def unary(self, node: Any, depth: int) -> ast.expr:
        if not isinstance(node.op, ast.Not | ast.USub):
            self.operator(node, node.op)
        node.operand = self.check(node.operand, depth)
        operand = node.operand
        if isinstance(node.op, ast.USub) and isinstance(operand, ast.Constant):
            value = operand.value
            if isinstance(value, int | Decimal) and not isinstance(value, bool):
                return ast.copy_location(ast.Constant(-value), node)
        return node  # type: ignore[no-any-return]

    def boolean(self, node: Any, depth: int) -> ast.expr:
        node.values = self.each(node.values, depth)
        return node  # type: ignore[no-any-return]

    def condition(self, node: Any, depth: int) -> ast.expr:
        node.test, node.body, node.orelse = self.each([node.test, node.body, node.orelse], depth)
        return node  # type: ignore[no-any-return]

    def compare(self, node: Any, depth: int) -> ast.expr:
        node.left, node.comparators = self.check(node.left, depth), self.each(node.comparators, depth)
        for operator, right in zip(node.ops, node.comparators, strict=True):
            self.operator(node, operator)
            if len(node.ops) > 1 and isinstance(operator, ast.Is | ast.IsNot | ast.In | ast.NotIn):
                self.refuse(node, "a chain with `in` or `is`", "one comparison", "join comparisons with and")
            if isinstance(operator, ast.Is | ast.IsNot) and not (
                isinstance(right, ast.Constant) and right.value is None
            ):
                self.refuse(right, "`is` is followed by something else", "is None", "write == to compare")
        return node  # type: ignore[no-any-return]

    # ── collections ──────────────────────────────────────────────────────────────────────────────────────────

    def listing(self, node: Any, depth: int) -> ast.expr:
        elements = self.each(node.elts, depth)
        return ast.copy_location(ast.List(elements, ast.Load()), node)

    def mapping(self, node: Any, depth: int) -> ast.expr:
        for key in node.keys:
            if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
                self.refuse(key or node, "a key that is not a constant text", "{'name': value}")
            self.constant(key, depth)
        node.values = self.each(node.values, depth)
        return node  # type: ignore[no-any-return]

    def comprehension(self, node: Any, depth: int) -> ast.expr:
        self.parsed.loops = True
        opened = len(self.scopes)
        for clause in node.generators:
            if clause.is_async:
                self.refuse(node, "async is not part of expressions")
            if not isinstance(clause.target, ast.Name):
                self.refuse(clause.target, "several loop names", "one name: for line in lines")
            clause.iter = self.check(clause.iter, depth)
            origin = self.path(clause.iter)
            self.scopes.append({self.loop_name(clause.target): "" if origin is None else f"{origin}[]"})
            clause.ifs = self.each(clause.ifs, depth)
        element = self.check(node.elt, depth)
        del self.scopes[opened:]
        return ast.copy_location(ast.ListComp(element, node.generators), node)

    def loop_name(self, target: ast.Name) -> str:
        if target.id.startswith("_") or target.id in (ROOT, *CONSTANTS):
            self.refuse(target, f"the loop name {target.id!r} is taken", "a name that begins with a letter")
        return target.id

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────────

    def call(self, node: Any, depth: int) -> ast.expr:
        if not isinstance(node.func, ast.Name):
            method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            known = FUNCTIONS.get(method) or FUNCTIONS.get("trim" if method == "strip" else "")
            remedy = f"write {known.name}(value, …)" if known else ""
            self.refuse(node, f"a call of .{method}()" if method else "a call of a value", "a function", remedy)
        name = node.func.id
        if name in SPECIAL:
            return self.special(node, depth)
        function = FUNCTIONS.get(name)
        if (
            function is None
            and isinstance(self.tables, Tables)
            and (name in self.tables.functions or self.tables.unread)
        ):
            return self.shared(node, name, self.tables, depth)
        if function is None:
            shared = self.tables.functions if isinstance(self.tables, Tables) else {}
            remedy = near(name, [*FUNCTIONS, *SPECIAL, *shared]) or "see the list of functions"
            self.refuse(node.func, f"unknown function {name!r}", "", remedy)
        node.args = self.arguments(node, function, depth)
        node.keywords = []
        if function.looks:
            self.table(node, function)
        self.parsed.uses_now |= function.needs in ("now", "reference")
        return node  # type: ignore[no-any-return]

    def shared(self, node: Any, name: str, tables: Tables, depth: int) -> ast.expr:
        """A call of a function that maps share is replaced by what it gives."""
        if tables.unread:
            return ast.copy_location(ast.List(self.each(node.args, depth), ast.Load()), node)
        function = tables.functions[name]
        if node.keywords or len(node.args) != len(function.takes):
            self.refuse(node, f"{name} is given {len(node.args) + len(node.keywords)} values", function.signature)
        made = function.called(node)
        self.unfolded += sum(1 for _ in ast.walk(made))
        if self.unfolded > MOST_UNFOLDED:
            self.refuse(node, "it is too large with its shared functions put in", f"at most {MOST_UNFOLDED} parts")
        return self.check(made, depth)

    def special(self, node: Any, depth: int) -> ast.expr:
        wanted = (1, 1) if node.func.id == "exists" else (2, 10)
        if node.keywords or not wanted[0] <= len(node.args) <= wanted[1]:
            self.refuse(
                node, f"{node.func.id} is given {len(node.args)} values", "exists(value) or default(value, instead)"
            )
        node.args = self.each(node.args, depth)
        return node  # type: ignore[no-any-return]

    def arguments(self, node: Any, function: Function, depth: int) -> list[ast.expr]:
        given = [self.argument(each, len(node.args), depth) for each in node.args]
        skip = 1 if function.looks else 0
        parameters = ("name",) * skip + function.parameters
        most = 100 if function.variadic else len(parameters)
        named = {each.arg: each for each in node.keywords}
        for name, each in named.items():
            if name not in parameters or function.variadic or name in parameters[: len(given)]:
                self.refuse(each.value, f"{function.name} has no parameter {name!r} left", function.signature)
        for parameter in parameters[len(given) :] if named else ():
            if parameter in named:
                given.append(self.check(named.pop(parameter).value, depth))
            elif named and parameters.index(parameter) >= function.required + skip:
                given.append(ast.copy_location(ast.Constant(function_default(function, parameter)), node))
        if not function.required + skip <= len(given) <= most or named:
            self.refuse(node, f"{function.name} is given {len(given)} values", function.signature)
        return given

    def argument(self, node: ast.expr, count: int, depth: int) -> ast.expr:
        if isinstance(node, ast.GeneratorExp) and count == 1:
            return self.comprehension(node, depth)
        return self.check(node, depth)

    def table(self, node: Any, function: Function) -> None:
        first = node.args[0]
        if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
            word = "table" if function.needs == "reference" else "lookup"
            self.refuse(first, f"the {word}'s name is computed", f"a constant text: {function.name}('units', value)")
        if function.needs == "reference":
            self.parsed.references.add(first.value)
            self.reference(node, function, first)
        elif self.tables is not None and first.value not in self.tables:
            known = near(first.value, self.tables) or f"known: {', '.join(self.tables) or 'none'}"
            self.refuse(first, f"unknown lookup {first.value!r}", "a name under lookups:", known)

    def reference(self, node: Any, function: Function, first: Any) -> None:
        """Check a look-up in reference data against its declaration, and note of which type its result is."""
        if self.tables is None or (isinstance(self.tables, Tables) and self.tables.unread):
            return
        if not isinstance(self.tables, Tables) or not self.tables.knows_references:
            self.refuse(first, "reference data cannot be looked into here", "a rule of a map, or a step")
        table = self.tables.reference(first.value)
        if table is None:
            self.refuse(first, f"no reference table {first.value!r}", f"one declared in reference/{first.value}.yaml")
        place = function.parameters.index("column") + 1 if "column" in function.parameters else 0
        named = node.args[place] if place and place < len(node.args) else None
        column = table.declaration.columns[table.declaration.first]
        if isinstance(named, ast.Constant) and named.value is not None:
            try:
                column = table.column(named.value)
            except Refused as refused:
                self.refuse(named, refused.found, refused.expected, refused.remedy)
        elif named is not None and not isinstance(named, ast.Constant):
            return
        node.column = column


def function_default(function: Function, parameter: str) -> Any:
    """The value a function takes for a parameter that is left out."""
    defaults = function.call.__defaults__ or ()
    return defaults[function.parameters.index(parameter) - function.required]


_Check = Callable[[Checker, Any, int], ast.expr]
_CHECKS: dict[type[ast.AST], _Check] = {
    ast.Constant: Checker.constant, ast.Name: Checker.name, ast.Attribute: Checker.attribute,
    ast.Subscript: Checker.subscript, ast.BinOp: Checker.binary, ast.UnaryOp: Checker.unary,
    ast.BoolOp: Checker.boolean, ast.IfExp: Checker.condition, ast.Compare: Checker.compare,
    ast.List: Checker.listing, ast.Tuple: Checker.listing, ast.Dict: Checker.mapping,
    ast.ListComp: Checker.comprehension, ast.Call: Checker.call,
}  # fmt: skip
