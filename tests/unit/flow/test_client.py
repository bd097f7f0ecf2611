"""What a running system answers, over its sockets."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from pathlib import Path

import pytest

from waypost.core.errors import WaypostError
from waypost.flow.process.client import Client
from waypost.flow.process.supervisor import run
from waypost.flow.process.worker import RunOptions

FLOW = """
flow: copy
description: Copies.
owner: tests
source: {directory: {path: in/*.ndjson}}
format: {json: {lines: true}}
targets:
  out: {directory: {path: out, append: true}}
"""


@pytest.mark.parametrize("workers", [1, 2])
async def test_numbers_come_with_the_digits_they_have(tmp_path: Path, workers: int) -> None:
    """As floats they lost their trailing zeros; as MessagePack has them they would be texts."""
    for name, text in {"waypost.yaml": "name: p\n", "flows/copy.yaml": FLOW, "in/a.ndjson": '{"n": 1.20}\n'}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    client = Client(tmp_path)
    running = asyncio.ensure_future(run(tmp_path, "dev", RunOptions(workers=workers), print))
    try:
        async with asyncio.timeout(60):
            while not (found := await _delivered(client)):  # noqa: ASYNC110 - it runs elsewhere, and tells nobody
                await asyncio.sleep(0.05)
            shown = await client.ask("show", id=found[0])
            assert str(shown["outputs"][0]["document"]) == str({"n": Decimal("1.20")})
            await client.ask("stop")
            await running
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def _delivered(client: Client) -> list[str]:
    if not client.running:
        return []
    with contextlib.suppress(WaypostError):  # workers are still starting
        return [message["id"] for message in (await client.ask("messages", state="delivered"))["messages"]]
    return []
