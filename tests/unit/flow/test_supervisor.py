"""One system at a time runs on a store, and says which; its workers are started again as they were."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from waypost.core.errors import StoreLocked, WaypostError
from waypost.flow.process.client import Client
from waypost.flow.process.supervisor import alone_in, run
from waypost.flow.process.worker import RunOptions


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
async def supervised(folder: Path, flow: str) -> AsyncIterator[Client]:
    """A system of two workers over one flow."""
    for name in ("flows", "in"):
        (folder / name).mkdir()
    (folder / "waypost.yaml").write_text("name: p\n")
    (folder / "flows/copy.yaml").write_text(flow)
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
    async with supervised(tmp_path, FLOW.replace("OUT", "first")) as client:
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


ONCE = FLOW.replace("OUT", "out").replace(
    "targets:", "steps:\n  - idempotent_receiver: {key: k}\n  - filter: n + 1 > 0\ntargets:"
)


async def test_a_repetition_is_recognised_whichever_worker_it_comes_to(tmp_path: Path) -> None:
    async with supervised(tmp_path, ONCE) as client:
        for name in ("a", "b"):
            lines = [json.dumps({"k": f"PO{at % 40}", "n": at}) for at in range(400)]
            (tmp_path / f"in/{name}.ndjson").write_text("\n".join(lines))

        async def all_ended() -> bool:
            [flow] = (await client.ask("status"))["flows"]
            return bool(flow["deliveries"]["delivered"] + flow["deliveries"]["filtered"] == 800)

        await _until(all_ended)
        passed = [json.loads(line)["k"] for line in (tmp_path / "out/copy.ndjson").read_text().splitlines()]
        assert sorted(passed) == sorted(f"PO{at}" for at in range(40))
        [one, *_] = (await client.ask("messages", state="filtered"))["messages"]
        [original] = (await client.ask("show", id=one["id"]))["relatives"]
        assert original["relation"] == "duplicate-of"
        assert (await client.ask("show", id=original["id"]))["message"]["state"] == "delivered"


async def test_a_dead_letter_gives_its_key_up_whichever_worker_it_is_in(tmp_path: Path) -> None:
    async with supervised(tmp_path, ONCE) as client:
        broken = [json.dumps({"k": f"PO{at}", "n": "no number"}) for at in range(40)]
        (tmp_path / "in/a.ndjson").write_text("\n".join(broken))

        async def has(word: str, count: int) -> bool:
            return bool((await client.ask("status"))["flows"][0]["deliveries"][word] == count)

        await _until(lambda: has("dead", 40))
        mended = [json.dumps({"k": f"PO{at}", "n": at}) for at in reversed(range(40))]
        (tmp_path / "in/b.ndjson").write_text("\n".join(mended))
        await _until(lambda: has("delivered", 40))
