"""The simulated ERP takes each order once, fails as it is told, and remembers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from waypost.core.clock import ManualClock
from waypost.testing.simulators.erp import ErpSimulator, Mishap


@pytest.fixture
async def erp() -> AsyncIterator[ErpSimulator]:
    simulator = ErpSimulator(required=("number",), clock=ManualClock())
    await simulator.open()
    yield simulator
    await simulator.close()


async def post(erp: ErpSimulator, body: Any = None, key: str = "", seconds: float = 5) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body or {"number": "4711"}).encode()
    timeout = aiohttp.ClientTimeout(total=seconds)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(erp.address + erp.path, data=data, headers={"Idempotency-Key": key} if key else {}) as response,
    ):
        assert response.headers["server"] == "waypost-erp-simulator"
        return response.status, await response.json()


async def test_orders_get_rising_numbers(erp: ErpSimulator) -> None:
    assert [await post(erp, {"number": str(n)}) for n in range(2)] == [
        (201, {"order_id": 88123}), (201, {"order_id": 88124}),
    ]  # fmt: skip
    assert erp.repeated("number") == {}


async def test_the_same_key_is_answered_as_before_and_taken_once(erp: ErpSimulator) -> None:
    assert await post(erp, key="k") == await post(erp, key="k") == (201, {"order_id": 88123})
    assert (len(erp.orders), erp.requests) == (1, 2)


async def test_the_same_key_with_another_order_is_refused(erp: ErpSimulator) -> None:
    await post(erp, key="k")
    assert (await post(erp, {"number": "other"}, key="k"))[0] == 422


async def test_without_keys_a_repetition_shows(erp: ErpSimulator) -> None:
    await post(erp)
    await post(erp)
    assert erp.repeated("number") == {"4711": 2}


@pytest.mark.parametrize(("body", "status"), [(b"<xml/>", 400), (b"[1]", 422), ({"total": 1}, 422)])
async def test_what_is_no_order_is_refused(erp: ErpSimulator, body: Any, status: int) -> None:
    assert (await post(erp, body))[0] == status
    assert erp.orders == []


async def test_it_fails_as_often_as_told(erp: ErpSimulator) -> None:
    erp.fail(2, status=503)
    assert [(await post(erp))[0] for _ in range(3)] == [503, 503, 201]


async def test_it_fails_as_long_as_told(erp: ErpSimulator) -> None:
    clock = erp.clock
    assert isinstance(clock, ManualClock)
    erp.fail_for(60)
    assert (await post(erp))[0] == 500
    await clock.advance(61)
    assert (await post(erp))[0] == 201
    erp.fail_for(60)
    erp.recover()
    assert (await post(erp))[0] == 201


@pytest.mark.parametrize(("mishap", "taken"), [(Mishap.HANG_UP, 0), (Mishap.LOSE_ANSWER, 1)])
async def test_a_connection_can_be_lost_before_or_after_the_order_is_taken(
    erp: ErpSimulator, mishap: Mishap, taken: int
) -> None:
    erp.fail(1, mishap)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await post(erp, key="k")
    assert len(erp.orders) == taken
    await post(erp, key="k")
    assert len(erp.orders) == 1


async def test_it_can_hang(erp: ErpSimulator) -> None:
    erp.fail(1, Mishap.HANG)
    with pytest.raises(asyncio.TimeoutError):
        await post(erp, seconds=0.1)


async def test_it_can_be_slow(erp: ErpSimulator) -> None:
    erp.latency_seconds = 5
    asked = asyncio.ensure_future(post(erp))
    while not erp.requests:  # noqa: ASYNC110  the request is on its way over a real socket
        await asyncio.sleep(0.001)
    clock = erp.clock
    assert isinstance(clock, ManualClock) and not asked.done()
    await asyncio.sleep(0)
    await clock.advance(5)
    assert (await asked)[0] == 201


async def test_it_comes_back_on_the_same_port_with_its_memory(erp: ErpSimulator) -> None:
    await post(erp, key="k")
    address = erp.address
    await erp.close()
    await erp.open()
    assert erp.address == address and await post(erp, key="k") == (201, {"order_id": 88123})


async def test_what_it_took_can_be_looked_up(erp: ErpSimulator) -> None:
    await post(erp)
    async with aiohttp.ClientSession(erp.address) as session:
        for path, found in (
            ("/sales-orders", {"orders": [88123]}),
            ("/sales-orders/88123", {"order_id": 88123, "order": {"number": "4711"}}),
            ("/sales-orders/1", {"error": "no such order"}),
        ):
            async with session.get(path) as response:
                assert await response.json() == found


async def test_it_tells_what_becomes_of_an_order(erp: ErpSimulator) -> None:
    taken: list[dict[str, Any]] = []
    statuses = [503, 202]

    async def take(request: web.Request) -> web.Response:
        taken.append(await request.json())
        return web.Response(status=statuses.pop(0) if statuses else 202)

    app = web.Application()
    app.router.add_post("/events", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    erp.events_address = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    lines = [{"line": 1, "sku": "A", "quantity": 5, "unit": "PCE", "price": 1.18, "amount": 5.90}]
    order = {
        "number": "AC-1",
        "origin": "acme",
        "date": "2026-11-16",
        "currency": "EUR",
        "customer": {},
        "lines": lines,
    }
    await post(erp, order)
    try:
        telling = asyncio.ensure_future(erp.tell("confirmed", "AC-1", quantities={1: 4}))
        while not telling.done():
            await asyncio.sleep(0.01)
            await erp.clock.advance(1)  # type: ignore[attr-defined]
        await telling
        await erp.tell("shipped", "AC-1")
        await erp.tell("invoiced", "AC-1", quantities={1: 4})
    finally:
        await runner.cleanup()
    assert [event["event"] for event in taken] == ["confirmed", "confirmed", "shipped", "invoiced"]
    assert [event["event"] for event in erp.told] == ["confirmed", "shipped", "invoiced"]
    assert taken[1]["lines"][0]["quantity"] == 4 and "promised" in taken[1]["lines"][0]
    assert (taken[2]["document"], taken[3]["document"], taken[3]["total"]) == ("488123", "988123", 4.72)
