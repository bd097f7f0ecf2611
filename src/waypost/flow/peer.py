"""Another worker of the same store: what is asked of it is asked again, in order, until it answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import msgspec

from waypost.core.errors import WaypostError
from waypost.flow.wire import Ask, Reply, pack, read_frame, short_path, write_frame

_replies = msgspec.msgpack.Decoder(Reply)
RECONNECT_SECONDS = 0.05


class Peer:
    """Questions to one worker. They survive its death: whoever takes its place hears them again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: OrderedDict[int, tuple[Ask, asyncio.Future[Any], Any]] = OrderedDict()
        self._number = 0
        self._writer: asyncio.StreamWriter | None = None

    def ask(self, verb: str, body: Any, kind: Any) -> asyncio.Future[Any]:
        """The answer to a question, as ``kind``."""
        self._number += 1
        ask = Ask(self._number, verb, pack(body))
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = (ask, future, kind)
        if self._writer is not None:
            write_frame(self._writer, ask)
        return future

    async def run(self) -> None:
        """Keep a connection until cancelled."""
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(short_path(self._path))
            except OSError:
                await asyncio.sleep(RECONNECT_SECONDS)
                continue
            for ask, _, _ in self._waiting.values():
                write_frame(writer, ask)
            self._writer = writer
            try:
                while True:
                    self._answer(_replies.decode(await read_frame(reader)))
            except (asyncio.IncompleteReadError, ConnectionError):
                await asyncio.sleep(RECONNECT_SECONDS)
            finally:
                self._writer = None
                writer.close()

    def _answer(self, reply: Reply) -> None:
        _, future, kind = self._waiting.pop(reply.number, (None, None, None))
        if future is None or future.done():
            return
        if reply.error:
            future.set_exception(WaypostError(reply.error))
            with contextlib.suppress(WaypostError):
                future.exception()
            return
        future.set_result(msgspec.msgpack.decode(reply.body, type=kind))
