"""``--once``: when it ends, and with which exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.system import System
from tests.flows.test_engine import Counting, record
from waypost.core.errors import StoreFull
from waypost.flow.process.client import Client
from waypost.flow.process.supervisor import run
from waypost.flow.process.worker import RunOptions
from waypost.store.reserve import Reserve

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


def project(root: Path, *targets: tuple[str, str], records: int = 1) -> Path:
    """A project whose flow goes from its target to another address."""
    flow = FLOW
    for was, now in targets:
        flow = flow.replace(was, now)
    lines = "".join(f'{{"n": {n}}}\n' for n in range(records))
    connections = "erp: {kind: http, address: 'http://127.0.0.1:9'}\n"
    files = {
        "waypost.yaml": "name: p\n",
        "flows/copy.yaml": flow,
        "in/a.ndjson": lines,
        "connections.yaml": connections,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    return root


DEAD = ("{directory: {path: out, append: true}}", "{http: {connection: erp, method: POST, path: /orders}}")
SMALL = ("targets:", "delivery: {max_open: 400}\ntargets:")


@pytest.mark.parametrize("workers", [1, 2])
async def test_it_ends_behind_a_dead_target_and_says_what_was_not_done(
    tmp_path: Path, workers: int, capfd: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path, DEAD, SMALL, records=30000)
    told: list[str] = []
    options = RunOptions(once=True, workers=workers, timeout_seconds=30)
    assert await run(tmp_path, "dev", options, lambda event: told.append(str(event))) == 1
    said = "\n".join(told) + capfd.readouterr().err
    assert "flow copy: nothing more was read from its source: " in said
    assert "outputs wait to be delivered; mend what keeps the flow from delivering, or raise its max_open" in said
    assert "flow copy, target out: " in said
    assert "cannot connect" in said
    assert (tmp_path / "in/a.ndjson").exists()


async def test_it_ends_on_a_full_disk_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was open, so it ended well though it had read nothing."""
    monkeypatch.setattr(Reserve, "look", lambda self: setattr(self, "room", False))
    told: list[str] = []
    options = RunOptions(once=True, timeout_seconds=30)
    assert await run(project(tmp_path), "dev", options, lambda event: told.append(str(event))) == 1
    wanted = (
        "flow copy: nothing more was read from its source: the disk is nearly full; free some space, then run again"
    )
    assert wanted in told
    assert (tmp_path / "in/a.ndjson").exists()
    monkeypatch.undo()
    assert await run(tmp_path, "dev", options, print) == 0


async def test_a_commit_that_finds_no_room_is_an_end_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the look at the disk says there is room and the write does not, it tried for ever."""
    system = await System(tmp_path).start()

    async def full(*_: object) -> object:
        raise StoreFull("no room left", where="store", remedy="free some space")

    monkeypatch.setattr(system.engine, "dispatch", full)
    system.put(record("a", 1))
    for _ in range(3):
        await system.clock.advance(0.1)
        await system.settle()
    assert system.engine.exhausted
    assert system.control.exit_code() == 1
    monkeypatch.undo()
    await system.arrived(1, step=1)
    assert system.control.exit_code() == 0
    await system.stop()


async def test_a_target_whose_intents_find_no_room_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Counting()
    system = await System(tmp_path, out=target).start()
    lane = system.engine.lane(system.engine.runners["copy"].flow, "out")

    async def full(_: object) -> None:
        raise StoreFull("no room left", where="store")

    monkeypatch.setattr(target, "send", full)
    system.put(record("a", 1))
    await system.until(lambda: lane.in_flight)
    await system.settle()
    assert not system.engine.busy
    assert system.control.exit_code() == 1
    monkeypatch.undo()
    await system.until(lambda: target.arrived)
    await system.stop()
