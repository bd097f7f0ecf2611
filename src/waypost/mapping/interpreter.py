"""The slow and talkative way to evaluate: the same values as the compiled code, and errors that name their part.

Used when compiled code raised something; the tree is walked with the same operations, and the first that refuses its
operands becomes an ``ExpressionError`` with the sub-expression, its column and the operands' values.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from waypost.mapping import access, operation
from waypost.mapping.compiler import COMPARISONS
from waypost.mapping.fault import ExpressionError, Refused, Unmapped, UnmappedValue, kind_of, show
from waypost.mapping.function import FUNCTIONS, is_light
from waypost.mapping.parsed import ROOT, Parsed, weight_of

_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operation.add, ast.Sub: operation.subtract, ast.Mult: operation.multiply, ast.Div: operation.divide,
    ast.FloorDiv: operation.floor_divide, ast.Mod: operation.remainder,
}  # fmt: skip


class Interpreter:
    """Evaluates one checked expression for one message."""

    def __init__(self, parsed: Parsed, this: Any, now: int, tables: Mapping[str, Any], work: list[int]) -> None:
        self.parsed, self.this, self.now, self.tables, self.work = parsed, this, now, tables, work
        self.looping = 0

    def evaluate(self, scope: Mapping[str, Any], *, looping: bool = False) -> Any:
        """The value, or an ``ExpressionError``; nothing else is raised."""
        self.looping = int(looping)
        tree = self.parsed.tree
        made = self.value(tree, dict(scope))
        return self.run(tree, {}, access.bounded, made) if self.parsed.loops else made

    def value(self, node: ast.expr, scope: dict[str, Any]) -> Any:
        return _VALUES[type(node)](self, node, scope)

    def run(self, node: ast.AST, operands: Mapping[str, Any], call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except ExpressionError:
            raise
        except Unmapped as unmapped:
            raise self.waiting(node, operands, unmapped) from None
        except Refused as refused:
            raise self.error(node, operands, refused.found, refused.expected, refused.remedy) from None
        except Exception as error:  # whatever a value does, its author gets a located error
            raise self.error(node, operands, f"{type(error).__name__}: {error}") from error

    def waiting(self, node: ast.AST, operands: Mapping[str, Any], unmapped: Unmapped) -> UnmappedValue:
        made = UnmappedValue(
            unmapped.found, text=self.parsed.text, part=self.parsed.part(node), column=self.parsed.column(node),
            values={name: show(value) for name, value in operands.items()}, expected=unmapped.expected,
            remedy=unmapped.remedy,
        )  # fmt: skip
        made.code = unmapped.code
        return made

    def error(
        self, node: ast.AST, operands: Mapping[str, Any], found: str, expected: str = "", remedy: str = ""
    ) -> ExpressionError:
        values = {name: show(value) for name, value in operands.items()}
        return ExpressionError(
            found, text=self.parsed.text, part=self.parsed.part(node), column=self.parsed.column(node), values=values,
            expected=expected, remedy=remedy,
        )  # fmt: skip

    def operands(self, pairs: list[tuple[ast.expr, Any]]) -> dict[str, Any]:
        """The values of the parts that are no constants, under their own text."""
        return {self.parsed.part(node): value for node, value in pairs if not isinstance(node, ast.Constant)}

    def paid(self, node: ast.AST, value: Any) -> Any:
        return self.run(node, {}, access.pay, value, self.work) if self.looping else value

    # ── values ───────────────────────────────────────────────────────────────────────────────────────────────

    def constant(self, node: Any, scope: dict[str, Any]) -> Any:
        return node.value

    def name(self, node: Any, scope: dict[str, Any]) -> Any:
        if node.id in scope:
            return scope[node.id]
        if node.id == ROOT:
            return self.this
        return self.root_field(node)

    def root_field(self, node: ast.Name) -> Any:
        if self.this is not None and not isinstance(self.this, Mapping):
            raise self.error(
                node, {}, f"the message is {kind_of(self.this)}", f"a mapping with the field {node.id!r}",
                "give the flow a format, or start the path with `this`",
            )  # fmt: skip
        return self.run(node, {ROOT: self.this}, access.field, self.this, node.id)

    def attribute(self, node: Any, scope: dict[str, Any]) -> Any:
        above = self.value(node.value, scope)
        return self.run(node, self.operands([(node.value, above)]), access.field, above, node.attr)

    def subscript(self, node: Any, scope: dict[str, Any]) -> Any:
        above, key = self.value(node.value, scope), node.slice
        operands = self.operands([(node.value, above)])
        if isinstance(key, ast.Slice):
            bounds = [None if b is None else self.value(b, scope) for b in (key.lower, key.upper)]
            return self.paid(node, self.run(node, operands, access.part, above, *bounds))
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            return self.run(node, operands, access.field, above, key.value)
        found = self.value(key, scope)
        return self.run(node, operands | self.operands([(key, found)]), access.index, above, found)

    # ── operators ────────────────────────────────────────────────────────────────────────────────────────────

    def binary(self, node: Any, scope: dict[str, Any]) -> Any:
        left, right = self.value(node.left, scope), self.value(node.right, scope)
        operands = self.operands([(node.left, left), (node.right, right)])
        made = self.run(node, operands, _BINARY[type(node.op)], left, right)
        return self.paid(node, made) if isinstance(node.op, ast.Add) else made

    def unary(self, node: Any, scope: dict[str, Any]) -> Any:
        operand = self.value(node.operand, scope)
        if isinstance(node.op, ast.Not):
            return not operand
        return self.run(node, self.operands([(node.operand, operand)]), operation.negate, operand)

    def boolean(self, node: Any, scope: dict[str, Any]) -> Any:
        stops = isinstance(node.op, ast.Or)
        value: Any = None
        for part in node.values:
            value = self.value(part, scope)
            if bool(value) == stops:
                break
        return value

    def condition(self, node: Any, scope: dict[str, Any]) -> Any:
        return self.value(node.body if self.value(node.test, scope) else node.orelse, scope)

    def compare(self, node: Any, scope: dict[str, Any]) -> Any:
        left_node, left, outcome = node.left, self.value(node.left, scope), True
        for operator, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.value(right_node, scope)
            operands = self.operands([(left_node, left), (right_node, right)])
            outcome = self.run(node, operands, self.compared, operator, left, right)
            if not outcome:
                return outcome
            left_node, left = right_node, right
        return outcome

    def compared(self, operator: ast.cmpop, left: Any, right: Any) -> bool:
        work = self.work if self.looping else None
        if isinstance(operator, ast.Is):
            return left is None
        if isinstance(operator, ast.IsNot):
            return left is not None
        if isinstance(operator, ast.In | ast.NotIn):
            if work is not None:
                access.pay(right, work)
            return access.contains(right, left, work) != isinstance(operator, ast.NotIn)
        if work is not None:
            access.pay(left, work)
        if isinstance(operator, ast.Eq | ast.NotEq):
            return operation.equal(left, right, work) == isinstance(operator, ast.Eq)
        compare: Callable[[Any, Any], bool] = getattr(operation, COMPARISONS[type(operator)])
        return compare(left, right)

    # ── collections and calls ────────────────────────────────────────────────────────────────────────────────

    def listing(self, node: Any, scope: dict[str, Any]) -> Any:
        return [self.value(each, scope) for each in node.elts]

    def mapping(self, node: Any, scope: dict[str, Any]) -> Any:
        return {key.value: self.value(each, scope) for key, each in zip(node.keys, node.values, strict=True)}

    def comprehension(self, node: Any, scope: dict[str, Any]) -> Any:
        made: list[Any] = []
        self.walk(node, 0, dict(scope), made, weight_of(node))
        return made

    def walk(self, node: Any, depth: int, scope: dict[str, Any], made: list[Any], weight: int) -> None:
        if depth == len(node.generators):
            made.append(self.value(node.elt, scope))
            return
        clause = node.generators[depth]
        listed = self.value(clause.iter, scope)
        found = self.run(clause.iter, self.operands([(clause.iter, listed)]), access.items, listed, self.work, weight)
        self.looping += 1
        for each in found:
            scope[clause.target.id] = each
            if all(self.value(test, scope) for test in clause.ifs):
                self.walk(node, depth + 1, scope, made, weight)
        self.looping -= 1

    def call(self, node: Any, scope: dict[str, Any]) -> Any:
        name = node.func.id
        if name == "exists":
            return self.value(node.args[0], scope) is not None
        if name == "default":
            return self.first_present(node.args, scope)
        function = FUNCTIONS[name]
        if function.needs == "now":
            return self.run(node, {}, function.call, self.now)
        nodes = node.args[1:] if function.looks else node.args
        values = [self.value(each, scope) for each in nodes]
        operands = self.operands(list(zip(nodes, values, strict=True)))
        if function.needs == "table":
            return self.run(node, operands, function.call, self.tables[node.args[0].value], *values)
        if function.needs == "reference":
            table = self.tables[function.table_key(node.args[0].value)]
            return self.run(node, operands, function.call, table, self.now, *values)
        if is_light(function, node.args):
            return self.run(node, operands, function.call, *values)
        for value in values:
            self.paid(node, value)
        return self.paid(node, self.run(node, operands, function.call, *values))

    def first_present(self, nodes: list[ast.expr], scope: dict[str, Any]) -> Any:
        value: Any = None
        for node in nodes:
            value = self.value(node, scope)
            if value is not None:
                break
        return value


_Value = Callable[[Interpreter, Any, dict[str, Any]], Any]
_VALUES: dict[type[ast.AST], _Value] = {
    ast.Constant: Interpreter.constant, ast.Name: Interpreter.name, ast.Attribute: Interpreter.attribute,
    ast.Subscript: Interpreter.subscript, ast.BinOp: Interpreter.binary, ast.UnaryOp: Interpreter.unary,
    ast.BoolOp: Interpreter.boolean, ast.IfExp: Interpreter.condition, ast.Compare: Interpreter.compare,
    ast.List: Interpreter.listing, ast.Dict: Interpreter.mapping, ast.ListComp: Interpreter.comprehension,
    ast.Call: Interpreter.call,
}  # fmt: skip
