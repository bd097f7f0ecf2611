"""Files, functions and names keep the size and shape CONTRIBUTING.md asks for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.repository import ROOT, SOURCE, place, python_files

FILE_LINES, FUNCTION_LINES = 400, 80
LARGER_WITH_REASON: dict[str, str] = {}
"""``path`` or ``path::function`` that may be larger, and why. Keep it short."""

BANNED_NAMES = {"util", "utils", "helper", "helpers", "common", "base", "misc", "handler", "handlers", "manager"}
BANNED_NAMES |= {"managers"}
ALLOWED_NAMES = {"process_manager"}  # the pattern's own name

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def source_files() -> list[Path]:
    return [path for path in python_files() if path.is_relative_to(SOURCE)]


def sizes() -> Iterator[tuple[str, int, int]]:
    """What, its lines, the most it may have."""
    for path in python_files():
        yield place(path), len(path.read_text(encoding="utf-8").splitlines()), FILE_LINES
        for node in ast.walk(tree(path)):
            if isinstance(node, Function):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield f"{place(path)}::{node.name}", lines, FUNCTION_LINES


def test_no_file_or_function_is_too_long() -> None:
    long = [f"{what}: {n} lines, {most} at most" for what, n, most in sizes() if n > most]
    assert [line for line in long if line.partition(": ")[0] not in LARGER_WITH_REASON] == []


def test_every_exception_to_the_sizes_is_still_needed_and_has_its_reason() -> None:
    too_long = {what for what, n, most in sizes() if n > most}
    assert set(LARGER_WITH_REASON) - too_long == set()
    assert all(LARGER_WITH_REASON.values())


def test_module_names_say_what_is_inside() -> None:
    def says_nothing(path: Path) -> bool:
        words = set(path.stem.split("_")) | {path.stem, *path.relative_to(ROOT).parts[:-1]}
        return path.stem not in ALLOWED_NAMES and bool(words & BANNED_NAMES)

    assert [place(path) for path in python_files() if says_nothing(path)] == []


def test_every_module_and_public_name_says_what_it_promises() -> None:
    def silent(path: Path) -> Iterator[str]:
        module = tree(path)
        if not ast.get_docstring(module):
            yield place(path)
        for node in module.body:
            if isinstance(node, Function | ast.ClassDef) and node.name[0] != "_" and not ast.get_docstring(node):
                yield f"{place(path)}:{node.lineno} {node.name}"

    assert [where for path in source_files() for where in silent(path)] == []


def test_only_the_command_line_prints() -> None:
    def prints(path: Path) -> Iterator[str]:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                yield f"{place(path)}:{node.lineno}"

    allowed = SOURCE / "cli"
    assert [where for path in source_files() if not path.is_relative_to(allowed) for where in prints(path)] == []
