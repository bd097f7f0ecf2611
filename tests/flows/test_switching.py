"""Callers hear nothing of a change of versions, whatever their requests are at just then."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from waypost.flow.process.worker import RunOptions, Worker

FLOW = """
flow: orders
description: Orders by HTTP, NUMBER.
owner: ops
source: {http: {path: /orders, answer: ANSWER, timeout_seconds: 20}}
format: json
targets:
  out: {directory: {path: out, append: true}}
"""


def write(root: Path, answer: str, number: int) -> None:
    (root / "flows").mkdir(exist_ok=True)
    (root / "waypost.yaml").write_text("name: p\nlisten: {address: '127.0.0.1:0'}\n")
    (root / "flows/orders.yaml").write_text(FLOW.replace("ANSWER", answer).replace("NUMBER", str(number)))


@contextlib.asynccontextmanager
async def serving(root: Path) -> AsyncIterator[Worker]:
    worker = Worker(root, "dev", 0, RunOptions())
    await worker.start()
    running = asyncio.ensure_future(worker.run())
    try:
        yield worker
    finally:
        worker.stopping.set()
        await running


@pytest.mark.parametrize(("answer", "status"), [("accepted", 202), ("result", 200)])
async def test_callers_are_served_through_reloads(tmp_path: Path, answer: str, status: int) -> None:
    write(tmp_path, answer, 0)
    said: list[int] = []
    done = threading.Event()
    async with serving(tmp_path) as worker:
        address = worker.listener.address if worker.listener else ""

        def call(caller: int) -> None:
            connection, number = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30), 0
            while not done.is_set():
                connection.request("POST", "/orders", json.dumps({"caller": caller, "n": number}))
                answered = connection.getresponse()
                answered.read()
                said.append(answered.status)
                number += 1
            connection.close()

        callers = [asyncio.ensure_future(asyncio.to_thread(call, caller)) for caller in range(4)]
        for number in range(1, 8):
            before = len(said)
            while len(said) < before + 20:  # noqa: ASYNC110 - real callers, real time
                await asyncio.sleep(0.005)
            write(tmp_path, answer, number)
            await worker.perform("reload", {})
        done.set()
        await asyncio.gather(*callers)
        assert worker.listener is not None and worker.listener.address == address
    assert {code: said.count(code) for code in set(said)} == {status: len(said)}
    written = (tmp_path / "out/orders.ndjson").read_text().splitlines()
    assert len(written) == len(set(written)) == len(said)
