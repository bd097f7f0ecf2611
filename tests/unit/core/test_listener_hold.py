"""While routes are mounted anew, callers wait."""

from __future__ import annotations

import asyncio

from tests.unit.core.test_listener import ask, echo, listening, post
from waypost.core.grants import HttpRequest, HttpResponse, RouteClosed
from waypost.core.listener import ListenerLimits


async def test_a_request_waits_while_routes_are_mounted_anew_and_goes_to_the_next() -> None:
    begun = asyncio.Event()

    async def closed(request: HttpRequest) -> HttpResponse:
        begun.set()
        await asyncio.sleep(0)
        raise RouteClosed

    async with listening(closed) as listener:
        with listener.hold():
            listener._gate.set()  # one request comes in before
            early = asyncio.ensure_future(ask(listener, post("/orders", b"early")))
            await begun.wait()
            listener._gate.clear()
            late = asyncio.ensure_future(ask(listener, post("/orders", b"late")))
            await asyncio.sleep(0.05)
            assert not early.done() and not late.done()
            listener.unmount("POST", "/orders")
            listener.mount("POST", "/orders", echo, limit_bytes=100)
        assert [(await answer)[::2] for answer in (early, late)] == [(200, b"early"), (200, b"late")]


async def test_without_another_to_go_to_a_request_that_was_not_begun_hears_503() -> None:
    async def closed(request: HttpRequest) -> HttpResponse:
        raise RouteClosed

    async with listening(closed) as listener:
        status, headers, _ = await ask(listener, post("/orders"))
        assert (status, headers["retry-after"]) == (503, "5")


async def test_nobody_waits_for_ever_for_routes_to_be_mounted() -> None:
    async with listening(limits=ListenerLimits(held_seconds=0.05)) as listener:
        with listener.hold():
            assert (await ask(listener, post("/orders", b"x")))[0] == 200
