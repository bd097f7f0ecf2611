"""What a running or resting system is told, verb by verb, and that it lasts."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.flows.system import COPY, System
from tests.flows.test_engine import Counting, record
from tests.unit.flow.lane_bench import AWAY, BAD, MISSET
from waypost.core.component import Outcome
from waypost.core.errors import StoreLocked, UsageError
from waypost.flow.process.offline import perform_offline
from waypost.store.disk import RealDisk
from waypost.store.layout import lock_folder


async def _resting(tmp_path, target, *bodies):
    """A system whose target is away, with ``bodies`` accepted and tried."""
    target.down = AWAY
    system = await System(tmp_path, out=target).start()
    system.put(*bodies)
    await system.until(lambda: target.sends)
    await system.settle()
    return system


SUBJECTS = pytest.mark.parametrize("subject", ["flow:copy", "target:copy/out", "connection:copy/out", "all"])


@pytest.mark.parametrize("subject", ["flow:copy", "target:copy/out", "all"])
async def test_a_pause_lasts_over_a_restart_until_resumed(tmp_path, subject):
    system = await System(tmp_path).start()
    assert await system.ask("pause", subject=subject, why="window") == {"subject": subject, "state": "paused"}
    system.put(record("a", 1))
    for _ in range(5):
        await system.clock.advance(5)
        await system.settle()
    assert system.out() == []
    await system.stop()
    await system.start()
    for _ in range(5):
        await system.clock.advance(5)
        await system.settle()
    assert system.out() == []
    assert (await system.ask("status"))["commands"] == {subject: "paused"}
    await system.ask("resume", subject=subject)
    assert await system.arrived(1) == [record("a", 1)]
    await system.stop()


async def test_a_paused_flow_reads_nothing_more(tmp_path):
    system = await System(tmp_path).start()
    await system.clock.advance(5)
    await system.settle()
    await system.ask("pause", subject="copy")
    system.put(record("a", 1))
    await system.clock.advance(5)
    await system.settle()
    assert await system.messages() == []
    await system.ask("resume", subject="copy")
    await system.arrived(1)
    await system.stop()


async def test_resuming_one_part_leaves_what_else_is_paused(tmp_path):
    system = await System(tmp_path).start()
    await system.ask("pause", subject="all")
    await system.ask("pause", subject="target:copy/out")
    await system.ask("resume", subject="target:copy/out")
    system.put(record("a", 1))
    await system.clock.advance(5)
    await system.settle()
    assert await system.messages() == []
    assert system.engine.intakes["copy"].paused == "paused by a person"
    await system.ask("resume", subject="all")
    await system.arrived(1)
    await system.stop()


async def test_an_unknown_subject_is_refused_with_a_near_name(tmp_path):
    system = await System(tmp_path).start()
    with pytest.raises(UsageError, match="did you mean 'flow:copy'"):
        await system.ask("pause", subject="flow:cpoy")
    with pytest.raises(UsageError, match="no verb 'stauts'; did you mean 'status'"):
        await system.ask("stauts")
    await system.stop()


async def test_a_stopped_target_says_why_and_starts_again_when_resumed(tmp_path):
    target = Counting(down=MISSET)
    system = await System(tmp_path, out=target).start()
    system.put(record("a", 1))
    await system.until(lambda: target.sends)
    await system.settle()
    (shown,) = (await system.ask("status"))["flows"][0]["targets"]
    assert shown["state"] == "held"
    assert "no such path" in shown["cause"]
    target.down = None
    await system.ask("resume", subject="target:copy/out", why="path mended")
    await system.until(lambda: target.arrived)
    await system.stop()


@pytest.mark.parametrize("offline", [False, True])
async def test_held_messages_wait_for_their_release(tmp_path, offline):
    target = Counting()
    system = await _resting(tmp_path, target, record("a", 1), record("a", 2), record("b", 3))
    if offline:
        await system.stop()
        held = await perform_offline(tmp_path, "dev", "hold", {"key": "k=a", "why": "audit"})
        target.down = None
        await system.start()
    else:
        held = await system.ask("hold", key="k=a", why="audit")
        target.down = None
    assert held == {"count": 2}
    await system.until(lambda: target.arrived, step=5)
    assert target.arrived == [record("b", 3)]
    assert await system.states() == ["parked", "parked", "delivered"]
    assert await system.ask("release", key="k=a") == {"count": 2}
    await system.until(lambda: len(target.arrived) == 3, step=5)
    assert target.arrived[1:] == [record("a", 1), record("a", 2)]
    shown = await system.ask("show", id=(await system.messages())[0]["id"])
    assert [(h["what"], h["why"]) for h in shown["history"]] == [("hold", "audit"), ("release", "")]
    await system.stop()


async def test_a_held_message_stays_held_over_a_restart(tmp_path):
    target = Counting()
    system = await _resting(tmp_path, target, record("a", 1), record("a", 2))
    await system.ask("hold", id=(await system.messages())[0]["id"])
    await system.kill()
    target.down = None
    await system.start()
    await system.until(lambda: target.arrived, step=5)
    assert target.arrived == [record("a", 2)]
    await system.stop()


async def test_cancelled_messages_are_never_sent(tmp_path):
    target = Counting()
    system = await _resting(tmp_path, target, record("a", 1), record("a", 2))
    assert await system.ask("cancel", id=(await system.messages())[0]["id"]) == {"count": 1}
    target.down = None
    await system.until(lambda: target.arrived, step=5)
    assert target.arrived == [record("a", 2)]
    assert await system.states() == ["cancelled", "delivered"]
    assert system.engine.drained
    await system.stop()


async def test_a_decision_without_a_query_is_refused(tmp_path):
    system = await System(tmp_path).start()
    for verb in ("hold", "release", "cancel", "retry"):
        with pytest.raises(UsageError, match="names no messages"):
            await system.ask(verb)
    with pytest.raises(UsageError, match="names no target"):
        await system.ask("resend", flow="copy")
    await system.stop()


@pytest.mark.parametrize("restart", [False, True])
async def test_a_message_long_finished_can_be_sent_again(tmp_path, restart):
    target = Counting()
    system = await System(tmp_path, out=target).start()
    system.put(record("a", 1), record("b", 2))
    await system.until(lambda: len(target.arrived) == 2)
    await system.settle()
    if restart:
        await system.stop()
        await system.start()
    original = (await system.messages())[0]["id"]
    assert await system.ask("resend", id=original, target="out", why="lost there") == {"count": 1}
    await system.until(lambda: len(target.arrived) == 3)
    assert target.arrived[2] == record("a", 1)
    sent = [message for batch in target.sends for message in batch]
    assert sent[0].idempotency_key == sent[2].idempotency_key
    assert await system.states() == ["delivered", "delivered"]
    counts = system.engine.shard.state.counts()["copy"]
    assert (counts["accepted"], counts["delivered"]) == (2, 2)
    [flow] = (await system.ask("status"))["flows"]
    assert flow["messages"] == {"accepted": 2}
    assert {word: count for word, count in flow["deliveries"].items() if count} == {"delivered": 2}
    await system.stop()


async def test_a_message_sent_by_a_person_is_answered_with_its_id(tmp_path):
    system = await System(tmp_path).start()
    sent = await system.ask("send", flow="copy", body=record("a", 1))
    await system.arrived(1)
    assert [message["id"] for message in await system.messages()] == sent["ids"]
    with pytest.raises(UsageError, match="did you mean 'copy'"):
        await system.ask("send", flow="cpoy", body="{}")
    await system.stop()


async def test_a_message_that_failed_in_a_step_is_processed_again_on_retry(tmp_path):
    flow = COPY.replace("targets:", "steps: [{python: steps/s.py}]\ntargets:")
    step = "def process(body):\n    return {**body, 'v': 10 // body['n']}\n"
    system = await System(tmp_path, {"flows/copy.yaml": flow, "steps/s.py": step}).start()
    system.put(record("a", 0), record("a", 1))
    await system.arrived(1)
    assert await system.states() == ["parked", "delivered"]
    assert await system.ask("retry", flow="copy", state="parked") == {"count": 1}
    await system.settle()
    assert await system.states() == ["parked", "delivered"]
    await system.stop()
    await system.start()
    assert await system.ask("cancel", flow="copy", state="parked") == {"count": 1}
    assert await system.states() == ["cancelled", "delivered"]
    await system.stop()


async def test_the_dead_are_grouped_by_cause(tmp_path):
    target = Counting(answers={record("a", n): [BAD] for n in range(3)})
    system = await System(tmp_path, out=target).start()
    system.put(*(record("a", n) for n in range(3)), "nonsense")
    await system.until(lambda: system.engine.shard.state.counts().get("copy", {}).get("dead") == 4)
    await system.settle()
    groups = (await system.ask("dead"))["groups"]
    assert [(group["place"], group["count"]) for group in groups] == [("out", 3), ("format", 1)]
    await system.stop()


async def test_a_retry_of_what_waits_comes_at_once(tmp_path):
    target = Counting(answers={record("a", 1): [AWAY, Outcome(delivered=True)]})
    system = await System(tmp_path, out=target).start()
    system.put(record("a", 1), record("a", 2))
    await system.until(lambda: target.sends)
    await system.settle()
    assert await system.ask("retry", id=(await system.messages())[0]["id"]) == {"count": 1}
    for _ in range(10):
        await system.settle()
        await asyncio.sleep(0.002)
    assert target.arrived == [record("a", 1), record("a", 2)]
    await system.stop()


async def test_an_activated_version_lasts_over_a_restart_until_the_files_change(tmp_path):
    system = await System(tmp_path).start()
    first = system.engine.project.version
    system.write({"flows/copy.yaml": COPY.replace("keyed", "all")})
    second = (await system.ask("reload"))["version"]
    await system.ask("activate", version=first, why="roll back")
    await system.stop()
    await system.start()
    assert system.engine.project.version == first
    await system.stop()
    system.write({"flows/copy.yaml": COPY.replace("keyed", "most")})
    await system.start()
    assert system.engine.project.version not in (first, second)
    await system.stop()


async def test_looking_at_a_resting_system_takes_no_lock_and_writes_nothing(tmp_path):
    system = await System(tmp_path).start()
    system.put(record("a", 1))
    await system.arrived(1)
    await system.stop()
    shard = tmp_path / ".waypost" / "shard-00"
    held = lock_folder(RealDisk(), str(shard / "lock"))
    before = {path.name: path.read_bytes() for path in (shard / "journal").iterdir()}
    [message] = (await perform_offline(tmp_path, "dev", "messages", {"key": "k=a"}))["messages"]
    shown = await perform_offline(tmp_path, "dev", "show", {"id": message["id"]})
    assert shown["message"]["id"] == message["id"]
    assert (await perform_offline(tmp_path, "dev", "status", {}))["running"] is False
    assert (await perform_offline(tmp_path, "dev", "replay", {"id": message["id"], "dry_run": True}))["same"] == 1
    assert {path.name: path.read_bytes() for path in (shard / "journal").iterdir()} == before
    with pytest.raises(StoreLocked):
        await perform_offline(tmp_path, "dev", "resend", {"id": message["id"], "target": "out"})
    os.close(held)


async def test_messages_are_put_on_legal_hold_listed_and_let_go(tmp_path):
    system = await System(tmp_path).start()
    system.put(record("a", 1), record("b", 2))
    await system.arrived(2)
    [kept] = await system.messages(key="k=a")
    for missing, said in (({"key": "k=a"}, "no reason"), ({"why": "case 12"}, "no messages")):
        with pytest.raises(UsageError, match=said):
            await system.ask("legal-hold", what="set", **missing)
    asked = {"key": "k=a", "who": "ann", "why": "case 12"}
    assert await system.ask("legal-hold", what="set", **asked) == {"count": 1}
    assert await system.ask("legal-hold", what="set", **asked) == {"count": 0}
    await system.stop()
    [row] = (await perform_offline(tmp_path, "dev", "legal-hold", {"what": "list"}))["messages"]
    assert (row["id"], row["who"], row["why"]) == (kept["id"], "ann", "case 12")
    assert (await perform_offline(tmp_path, "dev", "legal-hold", {"what": "list", "key": "k=b"}))["messages"] == []
    await system.start()
    assert await system.ask("legal-hold", what="lift", key="k=a", who="bob", why="closed") == {"count": 1}
    assert (await system.ask("legal-hold", what="list"))["messages"] == []
    await system.settle()
    shown = await system.ask("show", id=kept["id"])
    assert [(said["what"], said["who"], said["why"]) for said in shown["history"]] == [
        ("legal hold set", "ann", "case 12"),
        ("legal hold lifted", "bob", "closed"),
    ]
    await system.stop()
