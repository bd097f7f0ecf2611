"""A system behind HTTP that is away for a while and loses answers now and then. It keeps a book: what it took, in
order, by idempotency key."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

LOSES_EVERY = 20
"""The answer to every so many new orders is lost on the way: the caller must ask again."""
_OK = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"


class Erp:
    """Listens in a thread of its own while it is up. ``book`` has a body per idempotency key, first come first."""

    def __init__(self) -> None:
        self.book: dict[str, dict[str, Any]] = {}
        self.repeated = 0
        self.changed: list[str] = []
        """Keys that came again with another body."""
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0
        self._thread = threading.Thread(target=self._loop.run_forever, name="erp", daemon=True)
        self._thread.start()

    def up(self) -> None:
        """Listen, always on the same port."""
        asyncio.run_coroutine_threadsafe(self._up(), self._loop).result()

    def down(self) -> None:
        """Be away: refuse connections and break those that are open."""
        asyncio.run_coroutine_threadsafe(self._down(), self._loop).result()

    def close(self) -> None:
        """Be gone."""
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _up(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = int(self._server.sockets[0].getsockname()[1])

    async def _down(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.sleep(0.01)  # those who serve them notice

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                fields = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                if not self._take(fields["idempotency-key"].strip('"'), json.loads(body)):
                    writer.transport.abort()
                    return
                writer.write(_OK)
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            self._open.discard(writer)
            writer.close()

    def _take(self, key: str, body: dict[str, Any]) -> bool:
        """Whether it is answered."""
        if key in self.book:
            self.repeated += 1
            if self.book[key] != body:
                self.changed.append(key)
            return True
        self.book[key] = body
        return len(self.book) % LOSES_EVERY != 0
