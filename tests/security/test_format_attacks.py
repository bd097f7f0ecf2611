"""Content made to hurt is refused, or read as documented, in bounded memory and time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.repository import ROOT
from tests.security.attacks import ATTACKS, Attack

MOST_SECONDS = 20.0
"""Far above what each takes alone; a pattern that runs away takes hours."""
MOST_MB = 400.0
"""Of memory above the content itself, of at most 64 MiB; a bomb that goes off takes gigabytes."""


@pytest.fixture(scope="module")
def told() -> dict[int, dict[str, Any]]:
    """What each attack came to, in one process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    run = subprocess.run(
        [sys.executable, "-m", "tests.security.attacks"], cwd=ROOT, env=environment, capture_output=True, timeout=600,
        check=False,
    )  # fmt: skip
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 0, f"attack {ATTACKS[len(lines)]} broke the process: {run.stderr.decode()[-2000:]}"
    return {line["index"]: line for line in lines}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("attack", ATTACKS, ids=map(str, ATTACKS))
def test_an_attack_is_refused_or_read_within_bounds(attack: Attack, told: dict[int, dict[str, Any]]) -> None:
    found = told[ATTACKS.index(attack)]
    assert set(found["outcome"]) <= set(attack.expected.split()), found
    assert found["seconds"] < MOST_SECONDS, found
    assert found["peak_mb"] < MOST_MB, found
