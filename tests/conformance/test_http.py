"""The http connector keeps the promises of its traits, against servers and clients of aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from tests.peers.server import free_port
from waypost.connectors.http_connection import HttpConnection, HttpConnectionOptions
from waypost.core.component import Outbound, Request
from waypost.core.grants import Connection, Grants
from waypost.core.listener import Listener
from waypost.core.spec import Duration, Secret
from waypost.testing.connector_kit import (
    CommittedPositions,
    ConnectionSuite,
    RequesterSuite,
    SourceSuite,
    TargetSuite,
    outbound,
)

COVERS = {("source", "http"), ("target", "http"), ("requester", "http"), ("connection", "http")}
TOKEN = "s3cr3t-token-canary"
PRICES = {"A1": {"sku": "A1", "price": Decimal("12.50"), "stock": 2**70}, "B/2": {"sku": "B/2", "price": 3}}


class TestHttpSource(SourceSuite):
    name = "http"
    answer = "accepted"

    @pytest.fixture
    async def grants(self, tmp_path: Any) -> AsyncIterator[Grants]:
        self.listener = Listener()
        await self.listener.open()
        yield Grants(root=tmp_path, flow="kit", name="side", positions=CommittedPositions(), listener=self.listener)
        await self.listener.close()

    @pytest.fixture
    def options(self) -> Any:
        return {"path": "/orders", "answer": self.answer}

    @pytest.fixture
    def absent(self) -> Any:
        return None

    async def put(self, bodies: Sequence[bytes]) -> None:
        reader, writer = await asyncio.open_connection(*self.listener.address.removeprefix("http://").split(":"))
        try:
            for body in bodies:
                writer.write(b"POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            for _ in bodies:
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 202"), head
                await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


class Erp:
    """A REST service that keeps what it is sent, once per idempotency key."""

    def __init__(self) -> None:
        self.port, self.bodies, self.keys = free_port(), list[bytes](), set[str]()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/orders", self._take)
        app.router.add_get("/prices/{sku}", self._price)
        app.router.add_route("*", "/", self._root)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _root(self, request: web.Request) -> web.Response:
        return web.Response(status=404)

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers["authorization"] != f"Bearer {TOKEN}":
            return web.Response(status=401)
        if body == b"refuse me":
            return web.Response(status=422, text=f"no: {request.headers['authorization']}")
        if request.headers["idempotency-key"] not in self.keys:
            self.keys.add(request.headers["idempotency-key"])
            self.bodies.append(body)
        return web.Response(status=201, text=f"taken with {TOKEN}", headers={"x-echo": TOKEN})

    async def _price(self, request: web.Request) -> web.Response:
        price = PRICES.get(request.match_info["sku"])
        if price is None:
            return web.Response(status=404)
        return web.Response(text=json.dumps(price, default=float), content_type="application/json")


class WithErp:
    """Fixtures: a service that runs, and a connection to it and to one that does not."""

    secrets = (TOKEN,)
    restartable = True
    erp: Erp

    @pytest.fixture
    async def grants(self, tmp_path: Any) -> AsyncIterator[Grants]:
        self.erp = Erp()
        await self.erp.start()
        async with connected(tmp_path, self.erp.port) as grants:
            yield grants
        await self.erp.stop()

    @pytest.fixture
    async def absent_grants(self, tmp_path: Any) -> AsyncIterator[Grants]:
        async with connected(tmp_path, free_port()) as grants:
            yield grants

    async def stop_system(self) -> None:
        await self.erp.stop()

    async def start_system(self) -> None:
        await self.erp.start()


@contextlib.asynccontextmanager
async def connected(root: Any, port: int) -> AsyncIterator[Grants]:
    options = HttpConnectionOptions(
        address=f"http://127.0.0.1:{port}", bearer=Secret(TOKEN), timeout_seconds=Duration(5)
    )
    grants = Grants(root=root, flow="kit", name="side", positions=CommittedPositions())
    pool = HttpConnection(options, grants)
    await pool.open()
    yield replace(grants, connections={"erp": Connection(name="erp", kind="http", options=options, pool=pool)})
    await pool.close()


class TestHttpTarget(WithErp, TargetSuite):
    name = "http"

    @pytest.fixture
    def options(self) -> Any:
        return {"connection": "erp", "path": "/orders", "idempotency_header": "Idempotency-Key"}

    @pytest.fixture
    def absent(self, options: Any) -> Any:
        return options

    async def landed(self) -> Sequence[Any]:
        return self.erp.bodies

    def refused(self) -> Outbound | None:
        return outbound(99, b"refuse me")


class TestHttpRequester(WithErp, RequesterSuite):
    name = "http"

    @pytest.fixture
    def options(self) -> Any:
        return {"connection": "erp", "path": "/prices/{sku}"}

    @pytest.fixture
    def absent(self, options: Any) -> Any:
        return options

    def questions(self) -> Iterable[tuple[Request, Any]]:
        yield Request(parameters={"sku": "A1"}), PRICES["A1"]
        yield Request(parameters={"sku": "none"}), None
        yield Request(parameters={"sku": "B/2", "day": "2026-01-01"}), PRICES["B/2"]


class TestHttpConnection(WithErp, ConnectionSuite):
    name = "http"

    @pytest.fixture
    def options(self, grants: Grants) -> Any:
        return {"address": f"http://127.0.0.1:{self.erp.port}", "bearer": Secret(TOKEN)}

    @pytest.fixture
    def absent(self) -> Any:
        return {"address": f"http://127.0.0.1:{free_port()}", "bearer": Secret(TOKEN)}
