"""A system that trades, killed with SIGKILL again and again: what is missing or rejected is told, and told once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.flows.test_acknowledgement_ledger import ACK, WAITING
from tests.flows.trading import CONFIRMATION
from waypost.reconcile.book_db import BookDatabase

KILLS = 6
SENT = 24
CONFIRM = """\
flow: confirm
description: Answers to partners.
owner: ops
source: {directory: {path: confirm/*.ndjson, poll_seconds: 0.1}}
format: json
targets:
  out: {directory: {path: out, name: '{id}.edi'}, format: {x12: {partner: acme}}}
"""
ANSWERS = """\
flow: answers
description: Acknowledgements of partners.
owner: ops
source: {directory: {path: in/*.edi, poll_seconds: 0.1}}
format: {x12: {partner: any}}
targets:
  out: {directory: {path: taken, name: '{id}.edi'}}
"""


def start(root: Path, workers: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "waypost.cli.main", "run", str(root), "--workers", str(workers), "--log", "json"]
    with (root / "log.json").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def told(root: Path) -> Counter[str]:
    """The lines of the log about acknowledgements."""
    lines = (root / "log.json").read_bytes().splitlines()
    events = [json.loads(line) for line in lines if line.startswith(b"{") and b"Acknowledgement" in line]
    return Counter(f"{event['event']} {event['number']}" for event in events)


def wait(condition: object, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)


@pytest.mark.parametrize("workers", [1, 2])
def test_events_survive_kills_and_come_once(tmp_path: Path, workers: int) -> None:
    partner = WAITING.replace("within: 2h", "within: 5s")
    for name, text in {
        "waypost.yaml": "name: trade\n", "partners/acme.yaml": partner, "flows/confirm.yaml": CONFIRM,
        "flows/answers.yaml": ANSWERS,
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    chance = random.Random(7)
    for folder in ("confirm", "in", "out"):
        (tmp_path / folder).mkdir()
    wanted: Counter[str] = Counter()
    for number in range(SENT):
        (tmp_path / f"confirm/{number}.ndjson").write_text(CONFIRMATION % number + "\n")
    for kill in range(KILLS + 1):
        running = start(tmp_path, workers)
        try:
            if kill == 0:
                wait(lambda: len(list((tmp_path / "out").glob("*.edi"))) >= SENT)
                for group in range(7, 7 + SENT // 3):
                    (tmp_path / f"in/{group}.edi").write_text(ACK.format(group=group, code="R"))
            if kill < KILLS:
                time.sleep(chance.uniform(1.5, 3.5))
                continue
            wanted.update(f"AcknowledgementRejected group {group}" for group in range(7, 7 + SENT // 3))
            wanted.update(f"AcknowledgementMissing group {group}" for group in range(7 + SENT // 3, 7 + SENT))
            wait(lambda: +(wanted - told(tmp_path)) == Counter())
            time.sleep(1.0)
        finally:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
    found = {name: count for name, count in told(tmp_path).items() if not name.startswith("AcknowledgementLate")}
    late = {name.split()[-1] for name in told(tmp_path) if name.startswith("AcknowledgementLate")}
    missing_and_late = {name for name in found if "Missing" in name and name.split()[-1] in late}
    assert {name: count for name, count in found.items() if name not in missing_and_late} == dict(wanted)
    assert set(told(tmp_path).values()) == {1}
    books = BookDatabase(tmp_path / ".waypost/books.db")
    kinds = Counter(event.kind for event in books.events("", 0, 999))
    assert kinds["rejected"] == SENT // 3 and kinds["missing"] >= SENT - SENT // 3
    assert all(event.told == 1 for event in books.events("", 0, 999))
    books.close()
