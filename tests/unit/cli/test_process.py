"""The command as a process: what a shell, a pipe and a job scheduler see."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.repository import ROOT
from tests.unit.cli.commanding import PROJECT, write

ENVIRONMENT = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm-256color"}
WAYPOST = [sys.executable, "-c", "from waypost.cli.main import run; run()"]


def waypost(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WAYPOST, *map(str, arguments)], env=ENVIRONMENT, capture_output=True, text=True, timeout=60, **options
    )


def test_help_imports_nothing_that_only_a_verb_needs() -> None:
    program = "import sys; from waypost.cli.main import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    said = subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    loaded = set(said.stderr.split())
    heavy = {"rich", "yaml", "msgspec", "asyncio", "apsw", "json", "waypost.flow", "waypost.core.errors", "logging"}
    assert loaded & heavy <= {"json"}


def test_a_project_runs_once_and_is_then_found(tmp_path: Path) -> None:
    write(tmp_path, PROJECT | {"in/a.ndjson": '{"k": "A-1", "n": 1}\n{"k": "A-2", "n": -1}\n'})
    ran = waypost("run", tmp_path, "--once")
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    assert "accepted 2 messages" in ran.stderr and "\x1b" not in ran.stderr
    found = waypost("messages", "--project", tmp_path, "--key", "k=a-1", "--json")
    (message,) = json.loads(found.stdout)["messages"]
    assert message["state"] == "delivered" and found.stderr == ""
    shown = json.loads(waypost("show", message["id"], "--project", tmp_path, "--json").stdout)
    assert shown["verdict"] == "proved" and shown["input"]["text"] == '{"k": "A-1", "n": 1}'
    compared = json.loads(waypost("replay", message["id"], "--project", tmp_path, "--dry-run", "--json").stdout)
    assert (compared["same"], compared["differ"]) == (1, 0)


def test_a_mistake_is_told_without_a_traceback(tmp_path: Path) -> None:
    said = waypost("run", tmp_path)
    assert said.returncode == 1 and "no waypost.yaml here" in said.stderr and "Traceback" not in said.stderr
    assert waypost("run").returncode == 2


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*WAYPOST, "describe", "--schema", "flow"], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.wait(60)
    process.stderr.close()


def test_ctrl_c_ends_a_watch_quietly_and_a_run_in_good_order(tmp_path: Path) -> None:
    write(tmp_path, PROJECT | {"in/a.ndjson": '{"k": "1", "n": 1}\n'})
    process = subprocess.Popen(
        [*WAYPOST, "run", str(tmp_path)], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "took 1 messages" in line:
            break
    running = json.loads(waypost("status", "--project", tmp_path, "--json").stdout)
    assert running["running"] is True and running["flows"][0]["deliveries"]["delivered"] == 1
    copied = waypost("backup", tmp_path / "copy", "--project", tmp_path)
    assert copied.returncode == 0, "a backup is made beside a running system"
    assert waypost("verify", tmp_path / "copy").returncode == 0
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0 and "Traceback" not in rest
    stopped = json.loads(waypost("status", "--project", tmp_path, "--json").stdout)
    assert stopped["running"] is False


def test_two_workers_log_as_asked_refuse_wrong_usage_and_stop_when_told(tmp_path: Path) -> None:
    write(tmp_path, PROJECT | {"in/a.ndjson": '{"k": "1", "n": 1}\n'})
    process = subprocess.Popen(
        [*WAYPOST, "run", str(tmp_path), "--workers", "2", "--log", "json"],
        env=ENVIRONMENT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line)
        if event["event"] == "MessagesDelivered":
            break
    assert event["worker"] in (0, 1)
    refused = waypost("pause", "flow:copi", "--project", tmp_path, "--json")
    assert refused.returncode == 2 and json.loads(refused.stdout)["error"]["code"] == "usage"
    assert "did you mean 'flow:copy'?" in refused.stdout
    assert waypost("stop", "--project", tmp_path).returncode == 0
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0, rest


def test_the_details_of_an_unexpected_error_are_written_where_they_can_be(tmp_path: Path) -> None:
    program = (
        "from waypost.cli import asking, main\n"
        "def broken(project, environment): raise LookupError('x')\n"
        "asking.make_client = broken\nmain.run()"
    )
    environment = ENVIRONMENT | {"TMPDIR": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-c", program, "status"], env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert said.returncode == 1 and said.stderr.count("\n") == 1
    (details,) = tmp_path.glob("waypost-error-*.log")
    assert str(details) in said.stderr and "LookupError: x" in details.read_text()
    assert os.stat(details).st_mode & 0o077 == 0, "it may hold what is not for everybody"


@pytest.mark.parametrize("columns", ["40", "200"])
def test_help_fits_any_window(columns: str) -> None:
    said = subprocess.run([*WAYPOST, "--help"], env=ENVIRONMENT | {"COLUMNS": columns}, capture_output=True, text=True)
    assert said.returncode == 0
    assert max(map(len, said.stdout.splitlines())) <= max(int(columns), 50)
