"""What a repetition means: dropped, but not while its original is a dead letter (durability rule 22)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from waypost.flow.process.worker import RunOptions, Worker

FLOW = """
flow: once
description: Lets an order pass once.
owner: ops
source: {directory: {path: in/*.ndjson}}
format: {json: {lines: true}}
steps:
  - idempotent_receiver: {key: k, when_original_failed: WHEN}
  - filter: n + 1 > 0
targets:
  out: {directory: {path: out, append: true}}
"""


async def fed(root: Path, name: str, *messages: object) -> None:
    (root / "in").mkdir(exist_ok=True)
    (root / "in" / f"{name}.ndjson").write_text("".join(json.dumps(m) + "\n" for m in messages))
    worker = Worker(root, "dev", 0, RunOptions(once=True))
    await worker.start()
    await worker.run()


@pytest.mark.parametrize("when, passed", [("accept", [5]), ("drop", [])])
async def test_a_repetition_of_a_dead_letter_passes_unless_it_is_to_be_dropped(
    tmp_path: Path, when: str, passed: list[int]
) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "waypost.yaml").write_text("name: once\n")
    (tmp_path / "flows" / "once.yaml").write_text(FLOW.replace("WHEN", when))
    await fed(tmp_path, "broken", {"k": "PO1", "n": "no number"})
    await fed(tmp_path, "mended", {"k": "PO1", "n": 5})
    await fed(tmp_path, "again", {"k": "PO1", "n": 6})
    out = tmp_path / "out" / "once.ndjson"
    assert [json.loads(line)["n"] for line in out.read_text().splitlines()] == passed if out.exists() else passed == []
