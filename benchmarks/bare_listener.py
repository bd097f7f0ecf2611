"""The listener alone: it answers every order with 202, no more. ``python -m benchmarks.bare_listener PORT``"""

from __future__ import annotations

import asyncio
import sys

from waypost.core.grants import HttpRequest, HttpResponse
from waypost.core.listener import Listener


async def main(port: int) -> None:
    async def accepted(request: HttpRequest) -> HttpResponse:
        return HttpResponse(202, b'{"id":"00000000-0000-0000-0000-000000000000"}', {"content-type": "application/json"})

    listener = Listener("127.0.0.1", port)
    listener.mount("POST", "/orders", accepted, limit_bytes=1 << 20)
    await listener.open()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
