"""Every small change of a module's functions, and how one is put in place of the function that runs."""

from __future__ import annotations

import ast
import copy
import importlib
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.BitOr: ast.BitAnd,
}  # fmt: skip
_EDGES: dict[type[ast.AST], type[ast.AST]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_NOT_RUN = ("annotation", "returns", "decorator_list", "type_params")
"""Fields of a function's tree that have no part in what it does once it is there."""


@dataclass(frozen=True)
class Mutant:
    """One change: the module, where the function stands, and the changed function."""

    module: str
    file: str
    line: int
    what: str
    function: ast.FunctionDef
    owner: str
    begins: int
    """The line of the function's ``def``."""
    statement: int
    """The line of the statement that is changed."""

    @property
    def place(self) -> str:
        return f"{Path(self.file).name}:{self.line}"


def mutants(module: str) -> Iterator[Mutant]:
    """Every change of the functions of a module, each alone."""
    file = str(importlib.import_module(module).__file__)
    for owner, function in _functions(ast.parse(Path(file).read_text("utf-8"))):
        statements = sorted(
            {function.lineno, *(each.lineno for each in ast.walk(function) if isinstance(each, ast.stmt))}
        )
        for number, node in enumerate(_running(function)):
            for what, change in _changes(node):
                changed = copy.deepcopy(function)
                change(_running(changed)[number])
                line = getattr(node, "lineno", function.lineno)
                statement = max(each for each in statements if each <= line)
                what = f"{function.name}: {what}"
                yield Mutant(module, file, line, what, changed, owner, function.lineno, statement)


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield "", node
        elif isinstance(node, ast.ClassDef):
            yield from ((node.name, each) for each in node.body if isinstance(each, ast.FunctionDef))


def _running(node: ast.AST) -> list[ast.AST]:
    """The nodes of a function that run: neither annotations nor texts that stand alone."""
    found: list[ast.AST] = []
    for name, value in ast.iter_fields(node):
        if name in _NOT_RUN:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue
            if isinstance(child, ast.AST):
                found += [child, *_running(child)]
    return found


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[Any], None]]]:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for table in (_SWAPS, _EDGES):
                if type(operator) in table:
                    other = table[type(operator)]
                    yield f"{type(operator).__name__} made {other.__name__}", _other_comparison(place, other)
    elif isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in _SWAPS:
        yield f"{type(node.op).__name__} made {_SWAPS[type(node.op)].__name__}", _other_operator
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not left out", _without_not
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield "condition turned round", _turned
    elif isinstance(node, ast.Return) and node.value is not None:
        yield "nothing returned", _nothing_returned
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | str) and str(node.value).strip():
        yield f"{node.value!r} changed", _other_constant


def _other_comparison(place: int, other: type[ast.AST]) -> Callable[[Any], None]:
    def change(node: Any) -> None:
        node.ops[place] = other()

    return change


def _other_operator(node: Any) -> None:
    node.op = _SWAPS[type(node.op)]()


def _without_not(node: Any) -> None:
    node.operand = ast.UnaryOp(ast.Not(), node.operand)


def _turned(node: Any) -> None:
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _nothing_returned(node: Any) -> None:
    node.value = ast.Constant(None)


def _other_constant(node: Any) -> None:
    value = node.value
    node.value = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"X{value}"


def put_in_place(mutant: Mutant) -> bool:
    """Give the function of the running module the changed code; whether it could be."""
    return _replaced(importlib.import_module(mutant.module), mutant.owner, mutant.function)


def mark(name: str) -> set[int]:
    """Give every function of a running module a mark at each of its statements; the lines that are then come to."""
    module = importlib.import_module(name)
    reached: set[int] = set()
    vars(module)["__reached__"] = reached.add
    for owner, function in _functions(ast.parse(Path(str(module.__file__)).read_text("utf-8"))):
        line = function.lineno
        _Marker().visit(function)
        function.body.insert(0, _marked(line))
        _replaced(module, owner, function)
    return reached


def _marked(line: int) -> ast.stmt:
    return ast.parse(f"__reached__({line})").body[0]


class _Marker(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list) and statements:
                setattr(node, name, [each for one in statements for each in (_marked(one.lineno), one)])
        return node


def _replaced(module: types.ModuleType, owner: str, function: ast.FunctionDef) -> bool:
    function.decorator_list = []
    body: list[ast.stmt] = [function]
    tree = ast.fix_missing_locations(ast.Module(body=body, type_ignores=[]))
    namespace: dict[str, Any] = {}
    flags = importlib.import_module("__future__").annotations.compiler_flag
    exec(compile(tree, str(module.__file__), "exec", flags=flags, dont_inherit=True), module.__dict__, namespace)
    new = namespace[function.name]
    at = getattr(module, owner) if owner else module
    old = vars(at)[function.name]
    while not isinstance(old, types.FunctionType):
        inner = getattr(old, "__func__", None) or getattr(old, "fget", None) or getattr(old, "__wrapped__", None)
        if inner is None:
            return False
        old = inner
    if old.__code__.co_freevars != new.__code__.co_freevars:
        return False
    old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__
    return True
