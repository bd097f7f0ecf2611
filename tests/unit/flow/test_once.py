"""``--once``: when it ends, and with which exit code."""

from __future__ import annotations

from pathlib import Path

from waypost.flow.client import Client
from waypost.flow.supervisor import run
from waypost.flow.worker import RunOptions

FLOW = """
flow: copy
description: Copies.
owner: tests
source: {directory: {path: in/*.ndjson}}
format: {json: {lines: true}}
targets:
  out: {directory: {path: out, append: true}}
"""


async def test_it_ends_while_a_person_has_paused_the_source_and_says_that_not_all_is_done(tmp_path: Path) -> None:
    for name, text in {"waypost.yaml": "name: p\n", "flows/copy.yaml": FLOW, "in/a.ndjson": '{"n": 1}\n'}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    options = RunOptions(once=True, timeout_seconds=20)
    await Client(tmp_path).ask("pause", subject="copy")
    assert await run(tmp_path, "dev", options, print) == 1
    assert (tmp_path / "in/a.ndjson").exists()
    await Client(tmp_path).ask("resume", subject="copy")
    assert await run(tmp_path, "dev", options, print) == 0
    assert (tmp_path / "out/copy.ndjson").read_text() == '{"n":1}\n'
