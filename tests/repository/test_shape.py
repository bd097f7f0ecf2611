"""Files, functions and names keep the size and shape CONTRIBUTING.md asks for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.repository import ROOT, SOURCE, assert_none, place, python_files

FILE_LINES, FUNCTION_LINES = 400, 80
LARGER_WITH_REASON: dict[str, str] = {
    "tests/properties/test_state_fold.py": "one property: the machine, its model and the pictures compared",
    "tests/unit/connectors/test_sql.py": "one connector's cases, on both databases",
    "tests/unit/connectors/test_http_target.py": "one connector's cases",
}
"""``path`` or ``path::function`` that may be larger, and why. Keep it short."""

BANNED_NAMES = {"util", "utils", "helper", "helpers", "common", "base", "misc", "handler", "handlers", "manager"}
BANNED_NAMES |= {"managers"}
ALLOWED_NAMES = {"process_manager", "test_process_manager"}  # the pattern's own name

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def source_files() -> list[Path]:
    return [path for path in python_files() if path.is_relative_to(SOURCE)]


def sizes(path: Path) -> Iterator[tuple[str, int, int]]:
    """What, its lines, the most it may have."""
    yield "", len(path.read_text(encoding="utf-8").splitlines()), FILE_LINES
    for node in ast.walk(tree(path)):
        if isinstance(node, Function):
            yield f"::{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1, FUNCTION_LINES


def too_long(path: Path) -> Iterator[tuple[str, str]]:
    """What is too long, and how much."""
    for what, lines, most in sizes(path):
        if lines > most:
            yield what, f"{lines} lines, {most} at most"


def says_nothing(path: Path) -> bool:
    """Whether a name on the way to a module could stand for anything."""
    names = {*path.stem.split("_"), path.stem, *path.parts[:-1]}
    return path.stem not in ALLOWED_NAMES and bool(names & BANNED_NAMES)


def silent(path: Path) -> Iterator[str]:
    """The module and its public names that have no docstring."""
    if not ast.get_docstring(tree(path)):
        yield ""
    for node in tree(path).body:
        if not isinstance(node, Function | ast.ClassDef) or node.name[0] == "_" or ast.get_docstring(node):
            continue
        if not node.name.endswith("Options"):  # each option of a component has its own sentence
            yield f":{node.lineno} {node.name}"


def prints(path: Path) -> Iterator[str]:
    """Where a module prints."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f":{node.lineno}"


def all_too_long() -> dict[str, str]:
    return {place(path) + what: much for path in python_files() for what, much in too_long(path)}


def test_no_file_or_function_is_too_long() -> None:
    assert_none(f"{what}: {much}" for what, much in all_too_long().items() if what not in LARGER_WITH_REASON)


def test_every_exception_to_the_sizes_is_still_needed_and_has_its_reason() -> None:
    assert set(LARGER_WITH_REASON) - set(all_too_long()) == set()
    assert all(LARGER_WITH_REASON.values())


def test_module_names_say_what_is_inside() -> None:
    assert_none(place(path) for path in python_files() if says_nothing(path.relative_to(ROOT)))


def test_every_module_and_public_name_says_what_it_promises() -> None:
    assert_none(place(path) + what for path in source_files() for what in silent(path))


def test_only_the_command_line_prints() -> None:
    allowed = SOURCE / "cli"
    assert_none(place(p) + line for p in source_files() if not p.is_relative_to(allowed) for line in prints(p))


PLANTED = (
    """class Order: ...
class OrderOptions: ...
def total():
    print("total")
"""
    + "    x = 1\n" * 79
)


def test_what_is_planted_is_found(tmp_path: Path) -> None:
    path = tmp_path / "planted.py"
    path.write_text(PLANTED)
    assert list(too_long(path)) == [("::total", "81 lines, 80 at most")]
    assert list(silent(path)) == ["", ":1 Order", ":3 total"]
    assert list(prints(path)) == [":4"]
    long = tmp_path / "long.py"
    long.write_text("# why\n" * 401)
    assert list(too_long(long)) == [("", "401 lines, 400 at most")]


@pytest.mark.parametrize(
    "name, banned",
    [
        ("src/waypost/flow/helper.py", True),
        ("src/waypost/flow/error_handler.py", True),
        ("src/waypost/common/order.py", True),
        ("src/waypost/steps/process_manager.py", False),
        ("src/waypost/steps/splitter.py", False),
    ],
)
def test_a_banned_name_is_found(name: str, banned: bool) -> None:
    assert says_nothing(Path(name)) is banned
