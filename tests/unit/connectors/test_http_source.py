"""What a caller of the http source hears, and when."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from waypost.connectors.http_source import HttpDelivery, HttpSource, HttpSourceOptions
from waypost.core.clock import ManualClock
from waypost.core.component import Answer, NamedDelivery
from waypost.core.content import Content
from waypost.core.errors import (
    BugError,
    ConfigurationRefused,
    DataError,
    EndpointUnavailable,
    ErrorClass,
    StoreFull,
    WaypostError,
)
from waypost.core.grants import Grants, HttpHandler, HttpResponse, RouteClosed
from waypost.core.message import id_text

IDS = [bytes([n]) * 16 for n in range(1, 4)]


@dataclass
class Asked:
    """A request without a network."""

    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    path: str = "/orders"
    gone: bool = False

    @property
    def content(self) -> Content:
        return Content.of(self.body)


class Mounts:
    """A listener that only remembers what was mounted."""

    address = "http://here"
    held = False

    def __init__(self) -> None:
        self.routes: dict[tuple[str, str], HttpHandler] = {}
        self.limits: dict[tuple[str, str], int] = {}

    def mount(
        self, method: str, path: str, handler: HttpHandler, *, limit_bytes: int, spool: Path | None = None
    ) -> None:
        self.routes[method, path], self.limits[method, path] = handler, limit_bytes

    def unmount(self, method: str, path: str) -> None:
        del self.routes[method, path]


class Scene:
    """A source, its clock, and callers."""

    def __init__(self, **options: Any) -> None:
        self.clock, self.mounts = ManualClock(), Mounts()
        grants = Grants(root=Path(), clock=self.clock, listener=self.mounts)
        self.source = HttpSource(replace(HttpSourceOptions(path="/orders"), **options), grants)

    async def call(self, asked: Asked | None = None) -> asyncio.Task[HttpResponse]:
        handler = self.mounts.routes["POST", "/orders"]
        task = asyncio.ensure_future(handler(asked or Asked()))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        return task

    async def receive(self) -> HttpDelivery:
        delivery = await asyncio.wait_for(self.source.receive(), 5)
        assert delivery is not None
        return delivery


@pytest.fixture
async def accepted() -> AsyncIterator[Scene]:
    async for scene in opened(Scene()):
        yield scene


@pytest.fixture
async def result() -> AsyncIterator[Scene]:
    async for scene in opened(Scene(answer="result")):
        yield scene


async def opened(scene: Scene) -> AsyncIterator[Scene]:
    await scene.source.open()
    yield scene
    await scene.source.close()


async def settled(task: asyncio.Task[HttpResponse]) -> tuple[int, Any]:
    response = await asyncio.wait_for(task, 5)
    return response.status, json.loads(response.body) if response.body else None


async def test_callers_who_wait_share_one_delivery(accepted: Scene) -> None:
    calls = [await accepted.call(Asked(b"%d" % n)) for n in range(3)]
    delivery = await accepted.receive()
    assert [record.body for record in delivery.records or ()] == [b"0", b"1", b"2"]
    assert (delivery.partition, delivery.arrival, {r.position for r in delivery.records or ()}) == ("", None, {""})
    delivery.identify(IDS)
    await delivery.accept()
    assert [await settled(call) for call in calls] == [(202, {"message_ids": [id_text(i)]}) for i in IDS]


async def test_nobody_is_answered_before_the_commit(accepted: Scene) -> None:
    call = await accepted.call()
    delivery = await accepted.receive()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not call.done()
    await delivery.accept()
    assert await settled(call) == (202, {"message_ids": []})


async def test_a_delivery_takes_its_ids_by_protocol(accepted: Scene) -> None:
    await accepted.call()
    assert isinstance(await accepted.receive(), NamedDelivery)


async def test_a_delivery_is_bounded_in_count_and_bytes(accepted: Scene) -> None:
    for _ in range(201):
        await accepted.call()
    assert [len((await accepted.receive()).records or ()) for _ in range(2)] == [200, 1]
    for _ in range(3):
        await accepted.call(Asked(bytes(5 << 20)))
    assert [len((await accepted.receive()).records or ()) for _ in range(2)] == [2, 1]


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (DataError("not an order"), 400),
        (StoreFull("no room"), 503),
        (EndpointUnavailable("busy"), 503),
        (ConfigurationRefused("wrong"), 503),
        (BugError("broken"), 500),
    ],
)
async def test_a_rejection_says_whether_coming_again_helps(accepted: Scene, cause: WaypostError, status: int) -> None:
    call = await accepted.call()
    await (await accepted.receive()).reject(cause)
    response = await call
    assert (response.status, "retry-after" in response.headers) == (status, status == 503)
    assert response.headers["content-type"] == "application/problem+json"


async def test_the_result_is_answered_as_it_is(result: Scene) -> None:
    call = await result.call()
    delivery = await result.receive()
    delivery.identify(IDS[:1])
    await delivery.accept()
    await asyncio.sleep(0)
    assert not call.done()
    await delivery.answer([Answer(ok=True, body=b"<ok/>", content_type="text/xml")])
    response = await call
    assert (response.status, response.body, response.headers["content-type"]) == (200, b"<ok/>", "text/xml")
    assert response.headers["waypost-message-id"] == id_text(IDS[0])


@pytest.mark.parametrize(
    ("error_class", "status", "shown"),
    [
        (ErrorClass.DATA, 422, True),
        (ErrorClass.CONTRACT, 422, True),
        (ErrorClass.TRANSIENT, 502, False),
        (ErrorClass.AUTHORISATION, 502, False),
        (ErrorClass.CONFIGURATION, 502, False),
        (ErrorClass.BUG, 500, False),
        (None, 502, False),
    ],
)
async def test_a_failed_flow_answers_by_the_class_of_its_error(
    result: Scene, error_class: ErrorClass | None, status: int, shown: bool
) -> None:
    call = await result.call()
    delivery = await result.receive()
    await delivery.answer([Answer(ok=False, error="inner cause", error_class=error_class, message_id="m-1")])
    got, document = await settled(call)
    assert (got, "inner cause" in document["detail"], document["message_id"]) == (status, shown, "m-1")


async def test_an_empty_result_has_no_content(result: Scene) -> None:
    call = await result.call()
    await (await result.receive()).answer([Answer(ok=True)])
    assert await settled(call) == (204, None)


async def test_a_result_that_comes_too_late_is_told_where_to_be_found(result: Scene) -> None:
    call = await result.call()
    delivery = await result.receive()
    delivery.identify(IDS[:1])
    await delivery.accept()
    await result.clock.advance(31)
    status, document = await settled(call)
    assert (status, document["message_id"]) == (504, id_text(IDS[0]))
    await delivery.answer([Answer(ok=True, body=b"late")])


async def test_a_caller_nobody_got_to_in_time_may_come_again_and_is_not_taken(accepted: Scene) -> None:
    late = await accepted.call(Asked(b"late"))
    await accepted.clock.advance(20)
    next_one = await accepted.call(Asked(b"next"))
    await accepted.clock.advance(11)
    assert (await settled(late))[0] == 503
    assert [r.body for r in (await accepted.receive()).records or ()] == [b"next"]
    assert not next_one.done()
    await accepted.clock.advance(20)
    assert (await settled(next_one))[0] == 504


async def test_a_caller_that_hung_up_before_it_was_taken_sent_nothing(accepted: Scene) -> None:
    await accepted.call(Asked(b"gone", gone=True))
    await accepted.call(Asked(b"here"))
    assert [r.body for r in (await accepted.receive()).records or ()] == [b"here"]


async def test_too_many_callers_hear_503_at_once() -> None:
    async for scene in opened(Scene(waiting=1)):
        first = await scene.call()
        assert (await settled(await scene.call()))[0] == 503
        await (await scene.receive()).accept()
        await first
        third = await scene.call()
        assert not third.done()


async def test_closing_sends_on_who_waits_and_keeps_answering_who_was_taken(accepted: Scene) -> None:
    taken = await accepted.call()
    delivery = await accepted.receive()
    waiting = await accepted.call()
    await accepted.source.close()
    with pytest.raises(RouteClosed):
        await settled(waiting)
    assert accepted.mounts.routes == {}
    await delivery.accept()
    assert (await settled(taken))[0] == 202


async def test_credentials_and_connection_headers_do_not_enter_a_message(accepted: Scene) -> None:
    sent = {
        "authorization": "Bearer x", "cookie": "a=b", "proxy-authorization": "x", "connection": "close", "te": "x",
        "host": "here", "content-length": "2", "content-type": "application/json", "x-tag": "kept",
    }  # fmt: skip
    await accepted.call(Asked(headers=sent))
    (record,) = (await accepted.receive()).records or ()
    assert record.headers == {"content-type": "application/json", "x-tag": "kept"}
    assert record.content_type == "application/json"


async def test_path_and_query_are_headers_nobody_can_forge(accepted: Scene) -> None:
    await accepted.call(
        Asked(headers={"path.number": "9", "query.x": "9"}, parameters={"number": "1"}, query={"full": "yes"})
    )
    (record,) = (await accepted.receive()).records or ()
    assert record.headers == {"path.number": "1", "query.full": "yes"}


async def test_the_listener_is_told_the_limit() -> None:
    async for scene in opened(Scene(limit_bytes=7)):
        assert scene.mounts.limits == {("POST", "/orders"): 7}


async def test_without_a_listener_it_says_so() -> None:
    with pytest.raises(ConfigurationRefused, match="no HTTP listener"):
        await HttpSource(HttpSourceOptions(path="/orders"), Grants(root=Path())).open()
