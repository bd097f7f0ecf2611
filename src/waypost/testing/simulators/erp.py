"""A simulator of an ERP's REST interface: takes sales orders over HTTP, fails as it is told, keeps a ledger, and tells
by callbacks what becomes of the orders.

It is no ERP: nothing is stored beyond the life of the process. Every answer says so in the header ``server``.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from waypost.core.clock import Clock, SystemClock
from waypost.core.errors import EndpointUnavailable
from waypost.testing.simulators.erp_event import TakenOrder, event_of

if TYPE_CHECKING:
    from aiohttp import web

FIRST_ORDER_ID = 88_123
_MOST_TRIES = 5
LIMIT_BYTES = 4 << 20


class Mishap(StrEnum):
    """What may go wrong with one request."""

    REFUSE = "refuse"
    """The order is not taken, the answer is an error."""
    HANG = "hang"
    """The order is not taken, no answer ever comes."""
    HANG_UP = "hang-up"
    """The order is not taken, the connection is closed without an answer."""
    LOSE_ANSWER = "lose-answer"
    """The order is taken, the connection is closed without an answer: the caller cannot know."""


@dataclass(slots=True)
class ErpSimulator:
    """``POST {path}`` takes an order: 201 and ``{"order_id": 88123}``; the same ``Idempotency-Key`` again: the same
    answer, nothing new. ``required`` are the fields an order must have, else 422. ``GET {path}/{order_id}`` and
    ``GET {path}`` show what was taken."""

    path: str = "/sales-orders"
    required: tuple[str, ...] = ()
    latency_seconds: float = 0.0
    port: int = 0
    """0 takes a free one; it stays the same when closed and opened again."""
    events_address: str = ""
    """Where it posts what happens to orders."""
    clock: Clock = field(default_factory=SystemClock)
    told: list[Mapping[str, Any]] = field(default_factory=list)
    """The events that were taken from it."""
    orders: list[TakenOrder] = field(default_factory=list)
    requests: int = 0
    """How many were asked, mishaps and repetitions included."""
    _mishaps: deque[tuple[Mishap, int]] = field(default_factory=deque)
    _down_until: float = 0.0
    _down_status: int = 500
    _by_key: dict[str, TakenOrder] = field(default_factory=dict)
    _runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        """Its base URL, once open."""
        return f"http://127.0.0.1:{self.port}"

    def fail(self, requests: int = 1, mishap: Mishap = Mishap.REFUSE, status: int = 500) -> None:
        """Let the next ``requests`` orders meet with a mishap."""
        self._mishaps.extend([(mishap, status)] * requests)

    def fail_for(self, seconds: float, status: int = 500) -> None:
        """Refuse every order for ``seconds`` from now on."""
        self._down_until, self._down_status = self.clock.monotonic() + seconds, status

    def recover(self) -> None:
        """Forget every mishap to come."""
        self._mishaps.clear()
        self._down_until = 0.0

    def repeated(self, field_name: str) -> dict[Any, int]:
        """The values of a field that were taken more than once, with how often: empty means exactly once."""
        counts = Counter(str(order.document.get(field_name)) for order in self.orders)
        return {value: count for value, count in counts.items() if count > 1}

    async def tell(self, event: str, number: str, **changes: Any) -> Mapping[str, Any]:
        """Post that the order ``number`` was ``confirmed``, ``shipped`` or ``invoiced``, until it is taken; the event.
        ``quantities`` by line are what was confirmed in place of what was ordered, also later."""
        order = next(order for order in self.orders if order.document["number"] == number)
        made = event_of(event, order, self.clock.now(), changes.get("quantities") or {})
        for attempt in range(_MOST_TRIES):
            status = await self._post(made)
            if 200 <= status < 300:
                self.told.append(made)
                return made
            await self.clock.sleep(0.1 * (attempt + 1))
        raise EndpointUnavailable(f"answered {status}", where=self.events_address, expected="202")

    async def _post(self, event: Mapping[str, Any]) -> int:
        import aiohttp

        body, headers = json.dumps(event).encode(), {"content-type": "application/json"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.events_address, data=body, headers=headers) as r,
        ):
            return r.status

    async def open(self) -> None:
        """Listen on loopback."""
        from aiohttp import web

        if self._runner is not None:
            return
        app = web.Application(client_max_size=LIMIT_BYTES)
        app.router.add_post(self.path, self._take)
        app.router.add_get(self.path, self._list)
        app.router.add_get(self.path + "/{order_id}", self._show)
        app.on_response_prepare.append(_say_what_it_is)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening; what was taken stays known."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        body = await request.read()
        if self.latency_seconds:
            await self.clock.sleep(self.latency_seconds)
        mishap, status = self._next_mishap()
        if mishap is Mishap.REFUSE:
            return _json(status, {"error": "simulated failure"})
        if mishap is Mishap.HANG:
            await asyncio.Event().wait()
        if mishap is Mishap.HANG_UP:
            return _hang_up(request)
        answer = self._answer(request.headers.get("Idempotency-Key", ""), body)
        return _hang_up(request) if mishap is Mishap.LOSE_ANSWER else answer

    def _next_mishap(self) -> tuple[Mishap | None, int]:
        if self.clock.monotonic() < self._down_until:
            return Mishap.REFUSE, self._down_status
        return self._mishaps.popleft() if self._mishaps else (None, 0)

    def _answer(self, key: str, body: bytes) -> web.Response:
        known = self._by_key.get(key) if key else None
        if known is not None and known.body != body:
            return _json(422, {"error": "this idempotency key came with another order before"})
        if known is not None:
            return _json(201, {"order_id": known.order_id}, {"idempotent-replayed": "true"})
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return _json(400, {"error": "the body is not JSON"})
        missing = [name for name in self.required if not isinstance(document, dict) or not document.get(name)]
        if not isinstance(document, dict) or missing:
            return _json(422, {"error": "fields are missing", "missing": missing})
        order = TakenOrder(FIRST_ORDER_ID + len(self.orders), key, body, document, self.clock.now())
        self.orders.append(order)
        if key:
            self._by_key[key] = order
        return _json(201, {"order_id": order.order_id})

    async def _list(self, request: web.Request) -> web.Response:
        return _json(200, {"orders": [order.order_id for order in self.orders]})

    async def _show(self, request: web.Request) -> web.Response:
        wanted = request.match_info["order_id"]
        for order in self.orders:
            if str(order.order_id) == wanted:
                return _json(200, {"order_id": order.order_id, "order": order.document})
        return _json(404, {"error": "no such order"})


async def _say_what_it_is(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["server"] = "waypost-erp-simulator"


def _json(status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> web.Response:
    from aiohttp import web

    return web.Response(status=status, text=json.dumps(document), content_type="application/json", headers=headers)


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return _json(500, {})
