"""What a caller hears who waits for what a flow makes of a message."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.flows.system import COPY, System
from tests.flows.test_engine import Counting, record
from tests.unit.connectors.test_http_source import Asked, Mounts
from tests.unit.flow.lane_bench import AWAY, BAD, BROKEN, REFUSED
from waypost.core.component import Outcome

RESULT = COPY.replace("{memory: in}", "{http: {path: /orders, answer: result, timeout_seconds: 20}}")
ACCEPTED = COPY.replace("{memory: in}", "{http: {path: /orders}}")


async def serving(tmp_path, flow=RESULT, files=None, **targets):
    system = System(tmp_path, {"flows/copy.yaml": flow, **(files or {})}, **targets)
    system.listener = Mounts()
    await system.start()
    await system.settle()
    return system


def call(system, body, **asked):
    handler = system.listener.routes["POST", "/orders"]
    return asyncio.ensure_future(handler(Asked(body=body.encode(), **asked)))


async def heard(system, body):
    """The response to one request."""
    response = call(system, body)
    await system.until(response.done)
    return response.result()


async def test_the_answer_of_the_target_is_the_callers(tmp_path):
    target = Counting(answers={record("a", 1): [Outcome(delivered=True, answer=b'{"order":88}')]})
    system = await serving(tmp_path, out=target)
    response = await heard(system, record("a", 1))
    assert (response.status, response.body) == (200, b'{"order":88}')
    assert response.headers["waypost-message-id"] == (await system.messages())[0]["id"]
    await system.stop()


async def test_without_an_answer_of_the_target_the_caller_gets_what_was_delivered(tmp_path):
    system = await serving(tmp_path)
    response = await heard(system, record("a", 1))
    assert (response.status, response.body) == (200, record("a", 1).encode())
    await system.stop()


async def test_a_channel_answers_with_what_was_handed_over(tmp_path):
    reader = COPY.replace("flow: copy", "flow: reader").replace("{memory: in}", "{channel: orders}")
    flow = RESULT.replace("{memory: out}", "{channel: orders}")
    system = await serving(tmp_path, flow, {"flows/reader.yaml": reader})
    response = await heard(system, record("a", 1))
    assert (response.status, response.body) == (200, record("a", 1).encode())
    assert await system.arrived(1) == [record("a", 1)]
    await system.stop()


async def test_a_filtered_message_has_no_content_to_answer(tmp_path):
    flow = RESULT.replace("targets:", "steps: [{filter: n > 5}]\ntargets:")
    system = await serving(tmp_path, flow)
    assert (await heard(system, record("a", 1))).status == 204
    await system.stop()


@pytest.mark.parametrize(("error", "status"), [(BAD, 422), (REFUSED, 422), (BROKEN, 500)])
async def test_the_class_of_a_failure_is_the_status(tmp_path, error, status):
    system = await serving(tmp_path, out=Counting(answers={record("a", 1): [error]}))
    response = await heard(system, record("a", 1))
    assert response.status == status
    assert json.loads(response.body)["message_id"] == (await system.messages())[0]["id"]
    await system.stop()


async def test_attempts_used_up_are_another_systems_failure(tmp_path):
    system = await serving(tmp_path, out=Counting(answers={record("a", 1): [AWAY]}))
    assert (await heard(system, record("a", 1))).status == 502
    assert await system.states() == ["dead"]
    await system.stop()


async def test_content_that_cannot_be_read_is_the_callers_fault(tmp_path):
    system = await serving(tmp_path)
    response = await heard(system, "not json")
    assert response.status == 422
    assert "JSON" in json.loads(response.body)["detail"]
    await system.stop()


async def test_a_caller_who_waits_too_long_hears_the_id_and_the_message_goes_on(tmp_path):
    target = Counting(down=AWAY)
    system = await serving(tmp_path, out=target)
    response = await heard(system, record("a", 1))
    assert response.status == 504
    assert json.loads(response.body)["message_id"] == (await system.messages())[0]["id"]
    target.down = None
    await system.until(lambda: target.arrived, step=1)
    assert await system.states() == ["delivered"]
    await system.stop()


async def test_a_caller_who_hangs_up_leaves_its_message_on_its_way(tmp_path):
    target = Counting()
    target.gate.clear()
    system = await serving(tmp_path, out=target)
    response = call(system, record("a", 1))
    await system.until(lambda: target.sends)
    response.cancel()
    target.gate.set()
    await system.until(lambda: target.arrived)
    assert await system.states() == ["delivered"]
    await system.stop()


async def test_a_caller_is_not_forgotten_by_a_reload(tmp_path):
    target = Counting()
    target.gate.clear()
    system = await serving(tmp_path, out=target)
    response = call(system, record("a", 1))
    await system.until(lambda: target.sends)
    reloading = asyncio.ensure_future(system.ask("reload"))
    await asyncio.sleep(0.01)
    target.gate.set()
    await reloading
    await system.until(response.done)
    assert response.result().status in (200, 503, 504)
    await system.until(lambda: target.arrived)
    await system.settle()
    assert target.arrived == [record("a", 1)]
    await system.stop()


async def test_an_accepted_message_is_answered_after_its_commit_with_its_id(tmp_path):
    target = Counting(down=AWAY)
    system = await serving(tmp_path, ACCEPTED, out=target)
    response = await heard(system, record("a", 1))
    assert response.status == 202
    assert (await system.messages())[0]["id"].encode() in response.body
    await system.stop()


async def test_messages_a_person_sends_leave_no_caller_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("waypost.flow.sharing.answers.UNASKED", 3)
    system = await serving(tmp_path)
    for n in range(10):
        await system.ask("send", flow="copy", body=record("a", n))
    await system.arrived(10)
    assert len(system.engine.answers._waiting) <= 3
    assert (await heard(system, record("a", 11))).status == 200
    await system.stop()
