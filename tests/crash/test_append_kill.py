"""Two processes append to one file and are killed at random: every line is there once, in its writer's order."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

KILLS = 24
SOURCE = Path(__file__).parents[2] / "src"


def start(folder: Path, name: str, seed: int) -> subprocess.Popen[bytes]:
    arguments = [str(Path(__file__).with_name("append_writer.py")), str(folder), name, str(seed)]
    return subprocess.Popen([sys.executable, *arguments], env={**os.environ, "PYTHONPATH": str(SOURCE)})


@pytest.mark.slow
def test_writers_killed_at_random_leave_every_line_once_and_in_order(tmp_path: Path) -> None:
    chance = random.Random()
    writers = {name: start(tmp_path, name, chance.getrandbits(32)) for name in "ab"}
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.05, 0.35))
        name = chance.choice("ab")
        writers[name].send_signal(signal.SIGKILL)
        assert writers[name].wait() == -signal.SIGKILL
        writers[name] = start(tmp_path, name, chance.getrandbits(32))
    (tmp_path / "stop").touch()
    assert [writer.wait(30) for writer in writers.values()] == [0, 0]
    lines = (tmp_path / "out.txt").read_text().splitlines()
    for name in "ab":
        confirmed = int((tmp_path / f"{name}.note").read_text())
        numbers = [int(line.split()[1]) for line in lines if line.startswith(name)]
        assert numbers == list(range(confirmed))
        assert confirmed > 500, "too few lines to mean anything"
    assert all(line[0] in "ab" for line in lines)
