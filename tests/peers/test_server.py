"""A server process is ready when it speaks, explains why it is not, and never outlives the tests."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers import server
from tests.peers.server import PeerFailed, ServerProcess
from tests.repository import ROOT

FAMILY = "trap '' TERM; setsid sleep 600 & echo $! >child; mv child child.pid; wait"
"""A server that will not be asked to end, with a child outside its group."""


def family(folder: Path) -> ServerProcess:
    child = folder / "child.pid"
    return ServerProcess(["sh", "-c", f"cd {folder}; {FAMILY}"], speaks=child.exists, log=folder / "log")


def ended(pid: int, seconds: float = 10.0) -> bool:
    """Whether the process ends within the time."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], seconds)[0])
    finally:
        os.close(watched)


def test_a_kill_ends_what_left_the_group_too(tmp_path: Path) -> None:
    process = family(tmp_path)
    process.start()
    child, pid = int((tmp_path / "child.pid").read_text()), process.pid
    assert pid and not ended(child, 0)
    process.kill()
    assert ended(child) and ended(pid)


def test_a_server_that_does_not_listen_to_reason_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = family(tmp_path)
    process.start()
    pid = process.pid
    monkeypatch.setattr(server, "PATIENCE_SECONDS", 0.1)
    process.stop()
    assert ended(pid, 0)
    process.stop()


def test_a_server_that_ends_at_once_says_why(tmp_path: Path) -> None:
    process = ServerProcess(["sh", "-c", "echo no room; exit 3"], speaks=lambda: False, log=tmp_path / "log")
    with pytest.raises(PeerFailed, match=r"sh ended with 3:\nno room"):
        process.start()


def test_a_server_that_never_speaks_is_given_up_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE_SECONDS", 0.1)
    asked: list[int] = []
    process = ServerProcess(
        ["sh", "-c", "exec sleep 600"], speaks=lambda: bool(asked.append(process.pid)), log=tmp_path / "log"
    )
    with pytest.raises(PeerFailed, match="did not speak"):
        process.start()
    assert ended(asked[0], 0) and process.pid == 0


def test_a_server_ends_with_a_test_process_that_is_killed(tmp_path: Path) -> None:
    program = "from tests.peers.test_server import family; from pathlib import Path; import sys; "
    program += "p = family(Path(sys.argv[1])); p.start(); print(p.pid, flush=True); sys.stdin.read()"
    testing = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert testing.stdin and testing.stdout
    with testing, testing.stdin, testing.stdout:
        pid = int(testing.stdout.readline())
        testing.send_signal(signal.SIGKILL)
    assert ended(pid)
    os.kill(int((tmp_path / "child.pid").read_text()), signal.SIGKILL)
