"""The command line answers at once."""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import time

import pytest

from tests.repository import ROOT

BARE = [sys.executable, "-c", "pass"]
HELP = [sys.executable, "-c", "import sys; sys.argv[1:] = ['--help']; from waypost.cli.main import run; run()"]
ALLOWED_SECONDS = 0.150
BARE_SECONDS = 0.015
"""What an interpreter that does nothing takes on a machine left alone. Where it takes longer, so may we."""


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin", "TERM": "dumb", "LANG": "C.UTF-8"}
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


@pytest.mark.skipif(importlib.util.find_spec("waypost.cli.main") is None, reason="there is no command line yet")
def test_help_comes_before_a_person_notices_waiting() -> None:
    rounds = [(seconds(BARE), seconds(HELP)) for _ in range(15)]
    bare, said = (statistics.median(column) for column in zip(*rounds, strict=True))
    allowed = ALLOWED_SECONDS * max(1.0, bare / BARE_SECONDS)
    assert said < allowed, f"--help took {said * 1000:.0f} ms; a bare interpreter {bare * 1000:.0f} ms"
