"""A proxy with TLS that asks its callers for a certificate and hands it on, as nginx or HAProxy before a listener."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

HEADER = "Client-Cert"
_HOP = ("host", "connection", "content-length", "transfer-encoding", HEADER.lower())


@asynccontextmanager
async def tls_proxy(upstream: str, context: ssl.SSLContext, known: Sequence[bytes]) -> AsyncIterator[str]:
    """Its address. ``known`` are the certificates, as PEM, without one of which nobody is let in."""
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata="\n".join(pem.decode() for pem in known))

    async def forward(request: web.Request) -> web.Response:
        assert request.transport is not None
        der = request.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        headers[HEADER] = f":{base64.b64encode(der).decode()}:"
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, upstream, data=await request.read(), headers=headers) as answer,
        ):
            shown = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            return web.Response(status=answer.status, body=await answer.read(), headers=shown)

    app = web.Application(client_max_size=1 << 24)
    app.router.add_route("*", "/{tail:.*}", forward)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        yield f"https://127.0.0.1:{port}/as2"
    finally:
        await runner.cleanup()
