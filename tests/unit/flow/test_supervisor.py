"""One system at a time runs on a store, and says which; its workers are started again as they were."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from waypost.core.errors import StoreLocked, WaypostError
from waypost.flow.client import Client
from waypost.flow.supervisor import alone_in, run
from waypost.flow.worker import RunOptions


def test_a_second_system_is_refused_and_told_who_runs(tmp_path: Path) -> None:
    with alone_in(tmp_path), pytest.raises(StoreLocked, match=f"in use by process {os.getpid()}"), alone_in(tmp_path):
        pass
    with alone_in(tmp_path):
        assert (tmp_path / "run" / "lock").read_text().strip() == str(os.getpid())


FLOW = """
flow: copy
description: Copies.
owner: tests
source: {directory: {path: in/*.ndjson, poll_seconds: 0.05}}
format: {json: {lines: true}}
targets:
  out: {directory: {path: OUT, append: true}}
"""


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(40):
        while not await true():  # noqa: ASYNC110 - other processes tell nobody
            await asyncio.sleep(0.05)


@asynccontextmanager
async def supervised(folder: Path) -> AsyncIterator[Client]:
    """A system of two workers over the flow that copies into ``first``."""
    for name in ("flows", "in"):
        (folder / name).mkdir()
    (folder / "waypost.yaml").write_text("name: p\n")
    (folder / "flows/copy.yaml").write_text(FLOW.replace("OUT", "first"))
    client = Client(folder)
    system = asyncio.ensure_future(run(folder, "dev", RunOptions(workers=2, quiet=True), lambda _: None))
    try:
        await _until(lambda: _answers(client))
        yield client
    finally:
        await client.ask("stop")
        await system


async def _answers(client: Client) -> bool:
    if not client.running:
        return False
    try:
        await client.ask("status")
    except WaypostError:
        return False
    return True


async def _killed(folder: Path, client: Client) -> None:
    """Both workers die; return once others have taken their places."""
    locks = [folder / f".waypost/shard-{number:02d}/lock" for number in range(2)]
    pids = [int(lock.read_text()) for lock in locks]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)

    async def replaced() -> bool:
        return all(
            int(lock.read_text() or pid) != pid for lock, pid in zip(locks, pids, strict=True)
        ) and await _answers(client)

    await _until(replaced)


async def test_a_worker_started_again_goes_on_with_the_version_that_runs(tmp_path: Path) -> None:
    async with supervised(tmp_path) as client:
        version = (await client.ask("status"))["version"]
        (tmp_path / "flows/copy.yaml").write_text("flow: [this is no flow\n")
        await _killed(tmp_path, client)
        assert (await client.ask("status"))["version"] == version
        (tmp_path / "flows/copy.yaml").write_text(FLOW.replace("OUT", "second"))
        reloaded = (await client.ask("reload"))["version"]
        (tmp_path / "flows/copy.yaml").write_text(FLOW.replace("OUT", "third"))
        await _killed(tmp_path, client)
        assert (await client.ask("status"))["version"] == reloaded != version
        (tmp_path / "in/a.ndjson").write_text('{"n": 1}\n')
        await _until(lambda: asyncio.to_thread((tmp_path / "second/copy.ndjson").exists))
        assert not (tmp_path / "third").exists()
