"""What the text of an expression says of missing values: which it reads, which it has a word for, when it has none."""

from __future__ import annotations

import ast

from waypost.mapping.function import FUNCTIONS


def is_field(node: ast.AST) -> bool:
    """Whether it is ``value['name']``, which is the same as ``value.name``."""
    return (
        isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
    )


def root_of(node: ast.AST) -> str:
    """The name a path begins with; '' for anything that is no path."""
    while isinstance(node, ast.Attribute) or is_field(node):
        node = node.value  # type: ignore[attr-defined]
    return node.id if isinstance(node, ast.Name) else ""


def takes_missing(node: ast.AST) -> bool:
    """Whether an operation knows what to do with a missing operand."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in ("exists", "default") or FUNCTIONS[node.func.id].missing != "first"
    return isinstance(node, ast.BoolOp | ast.IfExp | ast.Compare | ast.List | ast.Dict | ast.UnaryOp)


def never_missing(node: ast.AST) -> bool:
    """Whether an expression always has a value, where it has one."""
    if isinstance(node, ast.Constant):
        return node.value is not None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
        return FUNCTIONS[node.func.id].missing == "never"
    if isinstance(node, ast.IfExp):
        return never_missing(node.body) and never_missing(node.orelse)
    return isinstance(node, ast.BinOp | ast.Compare | ast.UnaryOp | ast.List | ast.Dict | ast.ListComp)


def is_direct(node: ast.AST) -> bool:
    """Whether strict code has Python's own function for it, which takes nothing that is missing."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1):
        return False
    function = FUNCTIONS.get(node.func.id)
    return function is not None and function.direct is not None and bool(root_of(node.args[0]))


def needs_all(node: ast.AST) -> bool:
    """Whether an expression has a value just when what it reads first has one."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS and node.args:
        function = FUNCTIONS[node.func.id]
        return function.missing == "first" and needs_all(node.args[0])
    return bool(root_of(node))
