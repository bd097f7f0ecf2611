"""``python -m tests.mutants``: change one thing in the compiler of maps, and see whether a test notices.

Each mutant is a copy of a function with one operator, constant, condition or result changed. It is put in place of the
function in a process forked for it, which runs the tests of maps until one fails. What no test notices *survives* and
is printed with its place. The score is the share that was noticed. A mutant whose tests take ten times as long counts
as noticed, one that means the same as before as a survivor. Tests that take longest are left out.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib
import io
import os
import random
import signal
import sys
import time
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

MODULES = (
    "waypost.mapping.compiler", "waypost.mapping.writer", "waypost.mapping.rows", "waypost.mapping.missing",
    "waypost.mapping.compile",
)  # fmt: skip
TESTS = (
    "tests/unit/mapping/test_strict.py", "tests/unit/mapping/test_map.py", "tests/unit/mapping/test_map_words.py",
    "tests/unit/mapping/test_expression.py", "tests/properties/test_expression_maps.py",
    "tests/properties/test_expression_properties.py",
)  # fmt: skip
SLOW = "bounded_together or too_much_work or work_and_size"
LIMIT_SECONDS = 300
_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.BitOr: ast.BitAnd,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: the module, where the function stands, and the changed function."""

    module: str
    place: str
    line: int
    what: str
    function: ast.FunctionDef
    owner: str


def mutants(module: str) -> Iterator[Mutant]:
    """Every change of the functions of a module."""
    path = Path(str(importlib.import_module(module).__file__))
    tree = ast.parse(path.read_text("utf-8"))
    for owner, function in _functions(tree):
        nodes = [node for node in ast.walk(function) if not isinstance(node, ast.FunctionDef) or node is function]
        for number, node in enumerate(nodes):
            for what in _changes(node, function):
                changed = copy.deepcopy(function)
                at = [each for each in ast.walk(changed) if not isinstance(each, ast.FunctionDef) or each is changed]
                _apply(at[number], what)
                line = getattr(node, "lineno", function.lineno)
                yield Mutant(module, f"{path.name}:{line}", line, f"{function.name}: {what}", changed, owner)


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield "", node
        elif isinstance(node, ast.ClassDef):
            yield from ((node.name, each) for each in node.body if isinstance(each, ast.FunctionDef))


def _changes(node: ast.AST, function: ast.FunctionDef) -> Iterator[str]:
    if isinstance(node, ast.Compare):
        yield from (f"operator {i} of a comparison" for i, op in enumerate(node.ops) if type(op) in _SWAPS)
    elif isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in _SWAPS:
        yield f"{type(node.op).__name__} swapped"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not left out"
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield "condition turned round"
    elif isinstance(node, ast.Return) and node.value is not None:
        yield "nothing returned"
    elif isinstance(node, ast.Constant) and node is not _docstring(function):
        if isinstance(node.value, bool):
            yield "the other truth"
        elif isinstance(node.value, int):
            yield "one more"
        elif isinstance(node.value, str) and node.value.strip():
            yield "another text"


def _docstring(function: ast.FunctionDef) -> ast.AST | None:
    first = function.body[0]
    return first.value if isinstance(first, ast.Expr) else None


def _apply(node: Any, what: str) -> None:
    if isinstance(node, ast.Compare):
        place = int(what.split()[1])
        node.ops[place] = _SWAPS[type(node.ops[place])]()
    elif isinstance(node, ast.BoolOp | ast.BinOp):
        node.op = _SWAPS[type(node.op)]()
    elif isinstance(node, ast.UnaryOp):
        node.op = ast.Not()
        node.operand = ast.UnaryOp(ast.Not(), node.operand)
    elif isinstance(node, ast.Return):
        node.value = ast.Constant(None)
    elif isinstance(node, ast.Constant):
        node.value = not node.value if isinstance(node.value, bool) else (
            node.value + 1 if isinstance(node.value, int) else f"X{node.value}"
        )  # fmt: skip
    else:
        node.test = ast.UnaryOp(ast.Not(), node.test)


def put_in_place(mutant: Mutant) -> bool:
    """Give the function of the running module the changed code; whether it could be."""
    module = importlib.import_module(mutant.module)
    mutant.function.decorator_list = []
    body: list[ast.stmt] = [mutant.function]
    tree = ast.fix_missing_locations(ast.Module(body=body, type_ignores=[]))
    namespace: dict[str, Any] = {}
    flags = importlib.import_module("__future__").annotations.compiler_flag
    exec(compile(tree, str(module.__file__), "exec", flags=flags, dont_inherit=True), module.__dict__, namespace)
    new = namespace[mutant.function.name]
    at = getattr(module, mutant.owner) if mutant.owner else module
    old = vars(at)[mutant.function.name]
    old = getattr(old, "__func__", getattr(old, "fget", old))
    if not isinstance(old, types.FunctionType) or old.__code__.co_freevars != new.__code__.co_freevars:
        return False
    old.__code__ = new.__code__
    return True


def noticed(mutant: Mutant, limit: float) -> bool | None:
    """Whether a test fails; None where the mutant cannot be put in place."""
    child = os.fork()
    if child == 0:
        os.setsid()
        code = 2
        with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
            os.dup2(nothing.fileno(), 1)
            os.dup2(nothing.fileno(), 2)
            with contextlib.suppress(BaseException):
                code = 3 if not put_in_place(mutant) else int(_run() != 0)
        os._exit(code)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return None if code == 3 else code != 0
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def _run() -> int:
    return int(
        pytest.main(
            ["-x", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-p", "no:randomly", "-k", f"not ({SLOW})", *TESTS]
        )
    )


def main() -> int:
    """Print the survivors and the score; 1 below ``--least``."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="so many mutants, drawn by chance")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--least", type=float, default=80.0, help="percent that must be noticed")
    asked = parser.parse_args()
    begun = time.monotonic()
    with contextlib.redirect_stdout(io.StringIO()):
        if _run() != 0:
            print("the tests fail without a mutant", file=sys.stderr)
            return 2
    took = time.monotonic() - begun
    found = [mutant for module in MODULES for mutant in mutants(module)]
    chosen = random.Random(asked.seed).sample(found, min(asked.count, len(found)))
    print(f"{len(found)} mutants, {len(chosen)} drawn by seed {asked.seed}; the tests take {took:.0f} s", flush=True)
    killed = tried = 0
    for mutant in chosen:
        answer = noticed(mutant, min(LIMIT_SECONDS, 10 * took + 10))
        if answer is None:
            continue
        tried, killed = tried + 1, killed + answer
        if not answer:
            print(f"survived  {mutant.place}  {mutant.what}", flush=True)
    score = 100.0 * killed / tried if tried else 0.0
    print(f"{killed} of {tried} noticed: {score:.1f} % in {time.monotonic() - begun:.0f} s")
    return 0 if score >= asked.least else 1


if __name__ == "__main__":
    sys.exit(main())
