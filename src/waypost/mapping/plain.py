"""Where Python does the same as the language, so that compiled code may leave it to Python."""

from __future__ import annotations

import ast
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from waypost.mapping import operation

EXACT: dict[type[ast.AST], Callable[[Any, Any], Decimal]] = {
    ast.Add: operation.CONTEXT.add, ast.Sub: operation.CONTEXT.subtract, ast.Mult: operation.CONTEXT.multiply,
}  # fmt: skip
"""What the decimal context does with a number and a decimal."""
EXACT_IN_FLOAT = 1 << 53
_SCALAR_RESULTS = frozenset(("sum", "count", "join", "concat", "round", "text", "decimal", "int", "exists", "contains"))


def may_be_large(node: ast.expr) -> bool:
    """Whether the value may be a list or mapping, as far as its outermost operation shows."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id not in _SCALAR_RESULTS
    return not isinstance(node, ast.Compare)


def is_number(value: Any) -> bool:
    """Whether a constant is a number; true and false are none."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def is_plain(node: ast.expr) -> bool:
    """A constant that Python compares with any document value as the language does, floats included: text, nothing,
    true, false, and whole numbers that a float holds exactly."""
    if not isinstance(node, ast.Constant) or isinstance(node.value, Decimal):
        return False
    return not isinstance(node.value, int) or abs(node.value) <= EXACT_IN_FLOAT
