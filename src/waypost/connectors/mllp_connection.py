"""Systems that take HL7 v2 messages over MLLP: one connection, one message at a time, each answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from waypost.connectors.mllp_frame import read_block, verdict_of
from waypost.core.binding import split_listen
from waypost.core.errors import DataError, EndpointTimeout, EndpointUnavailable
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Duration, Option, OptionFault, Size

_REMEMBERED = 1000
_CONNECT, _ANSWER, _LIMIT = Duration(5), Duration(30), Size(1 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class MllpConnectionOptions:
    address: Annotated[str, Option("Host and port of the system.", example="ehr.example:2575")]
    connect_seconds: Annotated[Duration, Option("Longest wait for a connection.", minimum=0.01)] = _CONNECT
    timeout_seconds: Annotated[Duration, Option("Longest wait for an acknowledgement.", minimum=0.01)] = _ANSWER
    answer_limit_bytes: Annotated[Size, Option("Largest acknowledgement taken.", maximum=1 << 24)] = _LIMIT

    def faults(self) -> Iterator[OptionFault]:
        try:
            if split_listen(self.address)[1] == 0:
                raise ValueError("port 0")
        except ValueError as wrong:
            yield OptionFault("address", f"found {self.address!r}, {wrong}", "HOST:PORT such as ehr.example:2575")


@registry.register("connection", "mllp", options=MllpConnectionOptions, example="{address: 'ehr.example:2575'}")
class MllpConnection:
    """A system with an MLLP interface."""

    def __init__(self, options: MllpConnectionOptions, grants: Grants) -> None:
        self._options = options
        self.address = f"mllp://{options.address}"
        self._turn = asyncio.Lock()
        self._link: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._committed: deque[bytes] = deque(maxlen=_REMEMBERED)
        """Control ids of messages that were taken by CA over this link: their application may answer, too, later."""

    async def open(self) -> None:
        """Nothing is sent: the first message connects."""

    async def check(self) -> None:
        """Connect, if that was not done."""
        async with self._turn:
            await self._connected()

    async def close(self) -> None:
        link, self._link = self._link, None
        self._committed.clear()
        if link is not None:
            link[1].close()
            with contextlib.suppress(OSError):
                await link[1].wait_closed()

    async def exchange(self, block: bytes) -> bytes:
        """Send a block and take the message that answers it; what answers one before that was taken by CA is passed
        over. ``EndpointUnavailable`` when nothing was sent, ``EndpointTimeout`` when it may have been taken there; the
        connection is then given up."""
        async with self._turn:
            reader, writer = await self._connected()
            try:
                async with asyncio.timeout(self._options.timeout_seconds):
                    writer.write(block)
                    await writer.drain()
                    answer = await self._answer(reader)
            except (TimeoutError, EOFError, OSError, DataError) as wrong:
                await self.close()
                cause = "no acknowledgement in time" if isinstance(wrong, TimeoutError) else f"no answer: {wrong}"
                raise self._in_doubt(cause) from None
            except BaseException:
                await self.close()
                raise
            if answer is None:
                await self.close()
                raise self._in_doubt("it closed the connection without an answer")
            return answer

    async def _answer(self, reader: asyncio.StreamReader) -> bytes | None:
        while (answer := await read_block(reader, self._options.answer_limit_bytes)) is not None:
            verdict = verdict_of(answer)
            if verdict is None or not (verdict.code.startswith("A") and verdict.control_id in self._committed):
                if verdict is not None and verdict.code == "CA":
                    self._committed.append(verdict.control_id)
                break
        return answer

    def _in_doubt(self, found: str) -> EndpointTimeout:
        return EndpointTimeout(found, where=self.address, expected="an acknowledgement",
                               remedy="ask there whether it arrived")  # fmt: skip

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._link is not None and not (self._link[0].at_eof() or self._link[1].is_closing()):
            return self._link
        await self.close()
        host, port = split_listen(self._options.address)
        try:
            async with asyncio.timeout(self._options.connect_seconds):
                self._link = await asyncio.open_connection(host, port, limit=1 << 16)
        except (OSError, TimeoutError) as wrong:
            cause = "no connection in time" if isinstance(wrong, TimeoutError) else f"cannot connect: {wrong}"
            raise EndpointUnavailable(cause, where=self.address, expected="a system that listens",
                                      remedy="check address, network and that system") from None  # fmt: skip
        return self._link
