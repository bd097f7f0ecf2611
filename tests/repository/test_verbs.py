"""The verbs: one list, in the Makefile; what CI runs is what the README says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.repository import ROOT, tracked

VERBS = {"demo", "test", "check", "bench", "docs"}
SCRIPTS = ["tools/setup", "tools/lock", ".ci/run"]


def test_every_verb_is_explained_by_make_alone() -> None:
    said = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in said.splitlines()} >= VERBS


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_can_be_run_and_parsed(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", script], cwd=ROOT, check=True)


@pytest.fixture
def ci(tmp_path: Path) -> Path:
    """A folder with ``.ci/run`` and a ``make`` that does what ``outcome`` says: ``make-test``, ``make-check``."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    make = tmp_path / "bin" / "make"
    make.parent.mkdir()
    make.write_text('#!/bin/sh\necho "make $1, PEERS=$PEERS, CI=$CI"\ncat outcome-$1\nexit $(cat status-$1)\n')
    make.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("tests, checks", [(0, 0), (2, 0), (0, 2), (2, 2)])
def test_ci_runs_tests_and_checks_and_fails_if_either_fails(ci: Path, tests: int, checks: int) -> None:
    closing = "12 passed, 1 skipped in 3.45s"
    for verb, status, said in (("test", tests, f"F.\n{closing}\n"), ("check", checks, "All checks passed!\n")):
        (ci / f"status-{verb}").write_text(str(status))
        (ci / f"outcome-{verb}").write_text(said)
    environment = {**os.environ, "PATH": f"{ci / 'bin'}:{os.environ['PATH']}"}
    result = subprocess.run([ci / ".ci/run"], env=environment, capture_output=True, text=True)
    assert (result.returncode == 0) == (tests == checks == 0)
    assert "make test, PEERS=required, CI=true" in result.stdout
    assert "make check" in result.stdout
    assert result.stdout.splitlines()[-1] == closing


def test_an_unknown_profile_of_setup_is_refused() -> None:
    result = subprocess.run([ROOT / "tools/setup", "demonstration"], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr == "setup: unknown profile 'demonstration'; expected nothing or 'demo'\n"


def test_ci_calls_the_test_command_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    if "```" not in readme:
        pytest.skip("the README shows no command yet")
    assert re.search(r"^\s*(?:\$ )?make test\b", readme, re.MULTILINE)
    assert re.search(r"^make test\b", (ROOT / ".ci/run").read_text(), re.MULTILINE)


def test_what_setup_and_the_tools_write_is_not_part_of_the_repository() -> None:
    parts = {part for path in tracked() for part in path.relative_to(ROOT).parts}
    assert parts & {".venv", ".cache", "__pycache__", ".pytest_cache", ".hypothesis"} == set()
