"""A system behind HTTP that can be away: it listens in a thread of its own, always on the same port."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any


class Peer:
    """Listens while it is up. ``reply`` says what each request is answered."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0
        self._thread = threading.Thread(target=self._loop.run_forever, name="peer", daemon=True)
        self._thread.start()

    def reply(self, path: str, fields: dict[str, str], body: dict[str, Any]) -> tuple[int, Any] | None:
        """Status and answer of a request; None: the connection breaks, and the caller does not know what became of
        it."""
        return 201, {}

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
                first, *head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                fields = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in head)}
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                replied = self.reply(first.split(" ")[1], fields, json.loads(body or b"{}"))
                if replied is None:
                    writer.transport.abort()
                    return
                answer = json.dumps(replied[1]).encode()
                head_text = f"HTTP/1.1 {replied[0]} Said\r\nContent-Length: {len(answer)}\r\n"
                writer.write(f"{head_text}Content-Type: application/json\r\n\r\n".encode() + answer)
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            self._open.discard(writer)
            writer.close()
