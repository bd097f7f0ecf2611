"""Contents left for a ticket, in whole flows: across channels, deaths, backups and the end of their time."""

from __future__ import annotations

import asyncio
import json

from tests.flows.system import System
from tests.flows.test_engine import Counting
from waypost.flow.process.clearing import Clearing
from waypost.store.check_room import CheckRoom
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import open_folds
from waypost.store.retention import Ages

CHECK = """
flow: check
description: Leaves the document.
owner: ops
source: {memory: in}
steps:
  - claim_check: {content: document, ticket: ticket, keep_seconds: 2d}
targets:
  next: {channel: next}
"""
REDEEM = """
flow: redeem
description: Fetches the document again.
owner: ops
source: {channel: next}
steps:
  - claim_redeem: {ticket: ticket, into: document}
targets:
  out: {memory: out}
"""
FILES = {"flows/check.yaml": CHECK, "flows/redeem.yaml": REDEEM}
LARGE = {"n": 1, "document": {"text": "x" * 300_000, "total": 1.5}}


async def test_a_content_travels_as_a_ticket_and_comes_back_whole(tmp_path):
    system = await System(tmp_path, FILES).start()
    system.put(json.dumps(LARGE))
    body = json.loads((await system.arrived(1))[0])
    assert body["document"] == LARGE["document"]
    hop = next(m for m in await system.messages() if m["flow"] == "redeem")
    assert hop["size"] < 200
    shown = await system.ask("show", id=hop["id"])
    assert shown["verdict"] == "proved"
    assert shown["effects"][0]["answer"]["bytes"] > 300_000 and "content" not in shown["effects"][0]["answer"]
    await system.stop()


async def test_a_ticket_is_good_after_the_death_of_the_process(tmp_path):
    target = Counting()
    target.gate.clear()
    system = await System(tmp_path, FILES, out=target).start()
    system.put(json.dumps(LARGE))
    await system.until(lambda: target.sends)
    await system.kill()
    target.gate.set()
    await system.start()
    await system.until(lambda: target.arrived)
    assert {json.loads(body)["document"]["total"] for body in target.arrived} == {1.5}
    assert len(list((tmp_path / ".waypost/checked").iterdir())) == 1
    await system.stop()


async def test_showing_and_replaying_leave_nothing_anew(tmp_path):
    system = await System(tmp_path, FILES).start()
    system.put(json.dumps(LARGE))
    await system.arrived(1)
    first = next(m for m in await system.messages() if m["flow"] == "check")
    (left,) = (tmp_path / ".waypost/checked").iterdir()
    left.unlink()
    assert (await system.ask("show", id=first["id"]))["verdict"] == "proved"
    assert not list((tmp_path / ".waypost/checked").iterdir())
    await system.stop()


async def test_a_ticket_whose_time_is_over_is_a_dead_letter_that_says_so(tmp_path):
    system = await System(tmp_path, FILES).start()
    system.put(json.dumps(LARGE))
    body = json.loads((await system.arrived(1))[0])
    clearing = Clearing(system.engine, system.engine.shard._setting.disk, Ages(finished=10**9, dead=10**9))
    clearing.contents = system.engine.around.contents
    await system.clock.advance(3 * 86_400)
    await clearing.run()
    clearing.close()
    hop = next(m for m in await system.messages() if m["flow"] == "redeem")
    await system.ask("replay", id=hop["id"], effects="fresh")
    await system.settle()
    dead = await system.messages(state="dead")
    assert len(dead) == 1 and "it was kept until" in dead[0]["failures"][0]["text"]
    assert body["ticket"] in dead[0]["failures"][0]["text"]
    await system.stop()


async def test_a_forged_ticket_is_a_dead_letter(tmp_path):
    system = await System(tmp_path, {"flows/redeem.yaml": REDEEM.replace("{channel: next}", "{memory: in}")}).start()
    system.put('{"ticket":"../secret.key"}', '{"ticket":5}', "{}")
    await system.settle()
    await asyncio.sleep(0)
    assert await system.states() == ["dead"] * 3
    await system.stop()


async def test_a_backup_holds_what_the_tickets_in_it_mean(tmp_path):
    system = await System(tmp_path, FILES).start()
    system.put(json.dumps(LARGE))
    ticket = json.loads((await system.arrived(1))[0])["ticket"]
    store = EmbeddedStore(str(tmp_path / ".waypost"), folds=open_folds, clock=system.clock)
    async for _ in store.backup(str(tmp_path / "copy")):
        pass
    copy = EmbeddedStore(str(tmp_path / "copy"), folds=open_folds, clock=system.clock)
    assert CheckRoom(copy.setting).get(ticket)
    assert [fault async for _, _, fault in store.verify() if fault] == []
    (tmp_path / ".waypost/checked" / ticket).write_bytes(b"?")
    assert [ticket in fault async for _, _, fault in store.verify() if fault] == [True]
    await system.stop()
