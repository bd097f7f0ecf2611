"""``retry`` of a message of which a part was delivered."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apsw
import pytest

from waypost.flow.batch.compiled import Out, Processed
from waypost.flow.process.client import Client
from waypost.flow.process.supervisor import run
from waypost.flow.process.worker import RunOptions
from waypost.flow.running.rework import leave_out
from waypost.store.record import State

FLOW = """
flow: lines
description: Each line goes out with its price.
owner: tests
source: {directory: {path: in/*.json}}
steps:
  - split: lines
  - enrich:
      connection: stock
      ask: {query: 'SELECT price FROM prices WHERE sku = :sku'}
      parameters: {sku: sku}
      into: price
targets:
  out: {channel: priced}
"""
READER = """
flow: priced
description: Keeps what comes.
owner: tests
source: {channel: priced}
targets:
  out: {directory: {path: out, append: true}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "waypost.yaml": "name: retry\n",
        "connections.yaml": "stock: {kind: sql, address: 'sqlite:///stock.db'}\n",
        "flows/lines.yaml": FLOW,
        "flows/priced.yaml": READER,
    }.items():
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


def out(project: Path) -> list[str]:
    return (project / "out/priced.ndjson").read_text().splitlines()


async def half_delivered(project: Path, *skus: str) -> dict[str, Any]:
    """A message of which the line of article A alone was delivered."""
    price(project, "A")
    (project / "in").mkdir()
    lines = ", ".join(f'{{"sku": "{sku}"}}' for sku in skus)
    (project / "in/order.json").write_text(f'{{"lines": [{lines}]}}')
    assert await once(project) == 1
    assert len(out(project)) == 1
    (dead,) = (await Client(project).ask("messages", state="dead"))["messages"]
    return dict(dead)


async def test_what_was_delivered_is_not_sent_again(project: Path) -> None:
    """A retry put the delivered part into its channel a second time."""
    dead = await half_delivered(project, "A", "B")
    await Client(project).ask("retry", id=dead["id"])
    assert await once(project) == 0
    assert len(out(project)) == 1
    (still,) = (await Client(project).ask("messages", state="dead"))["messages"]
    assert still["id"] == dead["id"]


@pytest.mark.parametrize(
    ("digest", "state", "causes"),
    [
        (b"same", State.MOVED, 0),
        (b"other", State.PARKED, 1),
    ],
)
def test_an_output_never_takes_the_key_of_another(digest: bytes, state: State, causes: int) -> None:
    """Under a key that was delivered a target would take it for a repetition and drop it."""
    flow: Any = SimpleNamespace(name="lines", target_names=("out",))
    processed = Processed([Out(0, 0, 0, State.OPEN, None, b"", digest), Out(0, 0, 1, State.OPEN, None, b"", b"new")])
    leave_out(flow, processed, {(0, "out", 0): b"same"}, b"secret")
    assert [out.state for out in processed.outs] == [state, State.OPEN]
    assert len(processed.troubles) == causes
