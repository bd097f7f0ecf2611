"""Imports run one way. The contract stands in pyproject.toml; here it is kept, and shown to bite."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import ROOT, SOURCE


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--no-logo"], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "200"},
    )  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(SOURCE, tmp_path / "src" / "waypost", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_contracts_are_kept() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


PLANTED = [
    ("flow", "import waypost.connectors.planted", "the engine finds components through the registry only"),
    ("connectors", "import waypost.flow.planted", "a component does not know the engine"),
    ("formats", "import waypost.store.planted", "a component is granted a view, never the store"),
    ("mapping", "import waypost.store.planted", "services are independent of each other"),
    ("core", "import waypost.mapping.planted", "core imports nothing of ours"),
    ("store", "import waypost.testing.planted", "what is shipped for tests is not used by what is tested"),
    ("store", "import waypost.cli.planted", "nothing sees the command line"),
]


@pytest.mark.parametrize("package, line, reason", PLANTED, ids=[reason for *_, reason in PLANTED])
def test_a_planted_import_is_found(copy: Path, package: str, line: str, reason: str) -> None:
    imported = copy / "src" / Path(*line.split()[1].split("."))
    imported.with_suffix(".py").write_text("")
    (copy / "src" / "waypost" / package / "planting.py").write_text(line + "\n")
    result = lint_imports(copy)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"waypost.{package}.planting -> {line.split()[1]}" in result.stdout.replace("\n", " ")


def test_a_planted_circle_is_found(copy: Path) -> None:
    (copy / "src/waypost/core/hen.py").write_text("import waypost.core.egg\n")
    (copy / "src/waypost/core/egg.py").write_text("import waypost.core.hen\n")
    result = lint_imports(copy)
    assert result.returncode == 1
    assert "hen" in result.stdout and "egg" in result.stdout


def test_a_package_without_a_place_is_found(copy: Path) -> None:
    (copy / "src/waypost/anywhere").mkdir()
    (copy / "src/waypost/anywhere/__init__.py").write_text('"""Nowhere in the drawing."""\n')
    result = lint_imports(copy)
    assert result.returncode == 1
    assert "anywhere" in result.stdout


BY_NAME = {
    "core/checking.py": "declared modules of the component packages",
    "core/declared.py": "the component packages",
    "core/registry.py": "declared modules of the component packages",
    "flow/process/bookkeeping.py": "partners.keeper, in the worker that keeps the books",
    "flow/process/serving.py": "partners.self_test, which a project may have served",
    "formats/library.py": "libraries of others",
}
"""The places that import by a name, which the contracts cannot see, and what they import."""


def by_name(folder: Path) -> set[str]:
    found = re.compile(r"^[^'\"]*\b(import_module|__import__)\(", re.MULTILINE)  # what stands in a text imports nothing
    files = [file for file in folder.rglob("*.py") if found.search(file.read_text("utf-8"))]
    return {file.relative_to(folder).as_posix() for file in files}


def test_nothing_else_is_imported_past_the_contracts(tmp_path: Path) -> None:
    assert by_name(SOURCE) == set(BY_NAME)
    (tmp_path / "planted.py").write_text("import importlib\nimportlib.import_module('waypost.cli')\n")
    assert by_name(tmp_path) == {"planted.py"}
