"""An outside that refuses for a long time: said with place, cause and remedy, and nothing is lost or sent twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.flows.system import COPY, System
from tests.flows.test_engine import record
from tests.peers.postgres import PostgresServer
from waypost.flow.process.supervisor import run
from waypost.flow.process.worker import RunOptions

POSTED = COPY.replace("{memory: out}", "{http: {connection: erp, method: POST, path: /orders}}").replace(
    "attempts: 3", "attempts: 8"
)
STORED = """\
flow: orders
description: Orders become rows.
owner: tests
source: {directory: {path: in/*.ndjson}}
format: {json: {lines: true}}
steps:
  - enrich: {connection: sales, ask: {query: 'SELECT 1 AS found'}, parameters: {n: n}, into: found}
targets:
  table: {sql: {connection: sales, table: TABLE, operation: insert, columns: {n: n}, ledger: true}}
"""


class Erp:
    """A server that answers every request with ``status`` and keeps what it answered 201."""

    def __init__(self) -> None:
        self.status, self.taken, self.refused = 500, list[int](), 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                body = await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
                if self.status == 201:
                    self.taken.append(json.loads(body)["n"])
                else:
                    self.refused += 1
                writer.write(f"HTTP/1.1 {self.status} X\r\ncontent-length: 0\r\n\r\n".encode())
        writer.close()


@pytest.fixture
async def erp() -> AsyncIterator[tuple[Erp, int]]:
    served = Erp()
    server = await asyncio.start_server(served, "127.0.0.1", 0, family=socket.AF_INET)
    yield served, server.sockets[0].getsockname()[1]
    server.close()


async def test_an_hour_of_500_loses_nothing_and_sends_nothing_twice(tmp_path: Path, erp: tuple[Erp, int]) -> None:
    served, port = erp
    files = {
        "flows/copy.yaml": POSTED,
        "connections.yaml": f"erp: {{kind: http, address: 'http://127.0.0.1:{port}'}}\n",
    }
    system = await System(tmp_path, files).start()
    system.put(*(record("ab"[n % 2], n) for n in range(30)))
    await system.until(lambda: served.refused >= 5)
    begun = system.clock.now()
    while system.clock.now() - begun < 3600 * 1_000_000:
        await system.clock.advance(5)
        await asyncio.sleep(0.001)
    assert served.taken == []
    assert set(await system.states()) <= {"processing", "retrying"}
    status = await system.ask("status")
    (target,) = status["flows"][0]["targets"]
    assert target["circuit"] == "open"
    for part in (f"POST http://127.0.0.1:{port}/orders", "answered 500", "it is tried again"):
        assert part in target["cause"]
    served.status = 201
    await system.until(lambda: len(served.taken) == 30, step=5)
    await system.settle()
    assert [n for n in served.taken if n % 2 == 0] == list(range(0, 30, 2))
    assert sorted(served.taken) == list(range(30))
    assert await system.states() == ["delivered"] * 30
    await system.stop()


@pytest.fixture
async def table(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The name of an empty table for orders."""
    name = "outage_orders"
    connection = await asyncpg.connect(postgres_server.dsn)
    await connection.execute(f"DROP TABLE IF EXISTS {name}; CREATE TABLE {name} (n bigint)")
    yield name
    await connection.execute(f"DROP TABLE {name}")
    await connection.close()


async def rows(server: PostgresServer, table: str) -> list[int]:
    connection = await asyncpg.connect(server.dsn)
    try:
        return [row[0] for row in await connection.fetch(f"SELECT n FROM {table} ORDER BY n")]
    finally:
        await connection.close()


def database_project(root: Path, server: PostgresServer, table: str, *, look_up: bool) -> None:
    """A project whose secret file holds another password than the server's."""
    flow = STORED.replace("TABLE", table)
    if not look_up:
        flow = flow.replace(flow[flow.index("steps:") : flow.index("targets:")], "")
    address = f"postgresql://{server.address}/{server.database}"
    files = {
        "waypost.yaml": "name: p\n",
        "flows/orders.yaml": flow,
        "connections.yaml": f"sales: {{kind: sql, address: '{address}', user: {server.user}, password: '${{pass}}'}}\n",
        "environments/dev.yaml": "environment: dev\nsecrets: {pass: {file: secrets/pass}}\n",
        "secrets/pass": "wrong-horse",
        "in/a.ndjson": '{"n": 1}\n{"n": 2}\n{"n": 3}\n',
    }
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize("look_up", [False, True])
async def test_a_wrong_password_is_said_and_everything_arrives_once_it_is_right(
    tmp_path: Path, postgres_server: PostgresServer, table: str, look_up: bool
) -> None:
    database_project(tmp_path, postgres_server, table, look_up=look_up)
    told: list[str] = []
    options = RunOptions(once=True)
    async with asyncio.timeout(30):  # it ends by itself, though nothing can move
        assert await run(tmp_path, "dev", options, lambda event: told.append(str(event))) == 1
    for part in (postgres_server.address, "password authentication failed", "check user, password and rights"):
        assert any(part in line for line in told), told
    assert not any("wrong-horse" in line for line in told)
    assert not any("dead letter" in line for line in told)
    assert await rows(postgres_server, table) == []
    (tmp_path / "secrets/pass").write_text(postgres_server.password)
    assert await run(tmp_path, "dev", RunOptions(once=True, wait=True, timeout_seconds=30), print) == 0
    assert await rows(postgres_server, table) == [1, 2, 3]
