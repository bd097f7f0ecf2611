"""Steps that ask: who opens what they ask, what a system that is away means, and whose key a replay has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from waypost.connectors.sql_requester import SqlRequester
from waypost.core.component import Request
from waypost.core.errors import EndpointUnavailable
from waypost.flow.process.client import Client
from waypost.flow.process.supervisor import run
from waypost.flow.process.worker import RunOptions

FILES = {
    "waypost.yaml": "name: asking\n",
    "connections.yaml": "stock: {kind: sql, address: 'sqlite:///stock.db'}\n",
    "flows/priced.yaml": """
flow: priced
description: Prices what comes.
owner: tests
source: {directory: {path: in/*.ndjson}}
format: {json: {lines: true}}
keys: {sku: sku}
steps:
  - idempotent_receiver: sku
  - enrich:
      connection: stock
      ask: {query: 'SELECT price FROM prices WHERE sku = :sku'}
      parameters: {sku: sku}
      into: price
targets:
  out: {directory: {path: out, append: true}}
""",
    "in/one.ndjson": '{"sku": "A"}\n',
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with apsw.Connection(str(tmp_path / "stock.db")) as database:
        database.execute("CREATE TABLE prices (sku TEXT, price TEXT)")
    return tmp_path


def price(project: Path, sku: str) -> None:
    with apsw.Connection(str(project / "stock.db")) as database:
        database.execute("INSERT INTO prices VALUES (?, '1.20')", (sku,))


async def once(project: Path) -> int:
    return await run(project, "dev", RunOptions(once=True, wait=True, timeout_seconds=30), print)


async def test_a_connection_that_only_a_step_uses_is_opened_for_it(project: Path) -> None:
    price(project, "A")
    assert await once(project) == 0
    assert '"price"' in (project / "out" / "priced.ndjson").read_text()


async def test_a_system_that_is_away_for_long_is_not_the_death_of_a_process(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message was parked as poison after three unanswered questions."""
    price(project, "A")
    real, asked = SqlRequester.ask, 0

    async def ask(self: SqlRequester, batch: Sequence[Request]) -> Sequence[Any]:
        nonlocal asked
        asked += 1
        if asked < 6:
            raise EndpointUnavailable("away", where="stock")
        return await real(self, batch)

    monkeypatch.setattr(SqlRequester, "ask", ask)
    monkeypatch.setattr("waypost.flow.running.runner.backoff", lambda *_: 0.0)
    assert await once(project) == 0
    assert asked == 6


async def test_a_replay_is_no_repetition_of_what_it_replays(project: Path) -> None:
    assert await once(project) == 1
    (dead,) = (await Client(project).ask("messages", state="dead"))["messages"]
    price(project, "A")
    await Client(project).ask("replay", id=dead["id"], effects="fresh")
    assert await once(project) == 0
    states = [m["state"] for m in (await Client(project).ask("messages"))["messages"]]
    assert sorted(states) == ["dead", "delivered"]
