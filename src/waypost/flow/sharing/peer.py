"""Another worker of the same store: what is asked of it is asked again, in order, until it answers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from pathlib import Path
from typing import Any

import msgspec

from waypost.core.errors import EndpointUnavailable
from waypost.flow.sharing.wire import Ask, Reply, connect, error_of, pack, read_frame, write_frame

_replies = msgspec.msgpack.Decoder(Reply)
RECONNECT_SECONDS = 0.05


class Peer:
    """Questions to one worker. They survive its death: whoever takes its place hears them again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: OrderedDict[int, tuple[Ask, asyncio.Future[Any], Any]] = OrderedDict()
        self._number = 0
        self._writer: asyncio.StreamWriter | None = None
        self._leaving = False

    def ask(self, verb: str, body: Any, kind: Any) -> asyncio.Future[Any]:
        """The answer to a question, as ``kind``. Raises ``EndpointUnavailable`` only after ``leave``."""
        self._number += 1
        ask = Ask(self._number, verb, pack(body))
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = (ask, future, kind)
        if self._writer is not None:
            write_frame(self._writer, ask)
        elif self._leaving:
            self._give_up()
        return future

    def leave(self) -> None:
        """We stop, and so may the other: what it does not answer before it is gone stays unanswered."""
        self._leaving = True
        if self._writer is None:
            self._give_up()

    async def run(self) -> None:
        """Keep a connection until cancelled."""
        while True:
            try:
                reader, writer = await connect(self._path)
            except OSError:
                await asyncio.sleep(RECONNECT_SECONDS)
                continue
            for ask, _, _ in self._waiting.values():
                write_frame(writer, ask)
            self._writer = writer
            try:
                while True:
                    self._answer(_replies.decode(await read_frame(reader)))
            except (asyncio.IncompleteReadError, OSError, EndpointUnavailable):
                self._writer = None
                if self._leaving:
                    self._give_up()
                await asyncio.sleep(RECONNECT_SECONDS)
            finally:
                self._writer = None
                writer.close()

    def _answer(self, reply: Reply) -> None:
        _, future, kind = self._waiting.pop(reply.number, (None, None, None))
        if future is None or future.done():
            return
        if reply.error:
            future.set_exception(error_of(reply))
            future.exception()
            return
        future.set_result(msgspec.msgpack.decode(reply.body, type=kind))

    def _give_up(self) -> None:
        waiting, self._waiting = self._waiting, OrderedDict()
        for _, future, _ in waiting.values():
            if not future.done():
                future.set_exception(EndpointUnavailable("the other worker has stopped", where=self._path.name))
                future.exception()
