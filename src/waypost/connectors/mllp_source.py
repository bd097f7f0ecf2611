"""Receive HL7 v2 messages over MLLP: each is answered when it is durable, or with what the flow makes of it.

======================================  ===============================  ==============================================
what happened                           ``answer: accepted``             ``answer: result``
======================================  ===============================  ==============================================
the message is durable                  AA                               waits for the flow
the flow ended                          —                                what the flow made, or AA where it is nothing
the flow failed                         — (found under its id)           AE for the message's fault, else AR
it could not be taken                   AR: the sender tries again       the same
its content was refused                 AE                               the same
no answer in ``timeout_seconds``        AR if not begun, else the connection is closed: the sender cannot know
======================================  ===============================  ==============================================

A sender that asks for commit acknowledgements (MSH-15) hears CA, CE or CR; MSH-15, or MSH-16 without it, says whether
it hears always, never, of errors or of success alone. A sender hears one answer before its next message is read. Sent
again, a message is another message; use ``idempotent_receiver`` by MSH-10 against that. A message beyond
``limit_bytes`` is answered AE; what is no block, or does not end in ``timeout_seconds``, closes the connection and is
told as an event.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from waypost.connectors.mllp_frame import END, START, BlockTooLarge, Header, acknowledgement, read_block
from waypost.core.binding import bind, split_listen
from waypost.core.component import Answer, Arrival, Received
from waypost.core.errors import BugError, ContractError, DataError, ErrorClass, WaypostError
from waypost.core.event import SenderRefused
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Duration, Option, OptionFault, Size
from waypost.core.traits import SourceTraits

MOST_TOGETHER = 200
CONTENT_TYPE = "application/hl7-v2"
_WAIT, _LIMIT = Duration(30), Size(1 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class MllpSourceOptions:
    listen: Annotated[str, Option("Address and port to listen on.", example="127.0.0.1:2575")]
    answer: Annotated[
        Literal["accepted", "result"], Option("Answer once the message is durable, or with what the flow makes of it.")
    ] = "accepted"
    allow: Annotated[
        tuple[str, ...],
        Option(
            "Networks whose systems may connect; without it only this machine may, since MLLP has no passwords.",
            example=["10.1.0.0/16"],
        ),
    ] = ()
    timeout_seconds: Annotated[Duration, Option("Longest wait of a sender.", minimum=0.001)] = _WAIT
    limit_bytes: Annotated[Size, Option("Largest message taken.", minimum=1, maximum=1 << 30)] = _LIMIT
    connections: Annotated[int, Option("Most connections at once.", minimum=1, maximum=10_000, advanced=True)] = 100

    def faults(self) -> Iterator[OptionFault]:
        try:
            split_listen(self.listen)
        except ValueError as wrong:
            yield OptionFault("listen", f"found {self.listen!r}, {wrong}", "HOST:PORT such as 127.0.0.1:2575")
        for network in self.allow:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                yield OptionFault("allow", f"found {network!r}", "a network such as 10.1.0.0/16")


@dataclass(slots=True, eq=False)
class _Waiting:
    """One message whose sender waits. None closes the connection; an empty answer is none, where none is wanted."""

    body: bytes
    peer: str
    said: asyncio.Future[bytes | None]
    taken: bool = False

    def say(self, answer: bytes | None) -> None:
        if not self.said.done():
            self.said.set_result(answer)


def _traits(options: MllpSourceOptions) -> SourceTraits:
    return SourceTraits(ordered=True, redelivers=False, polling=False, replies=options.answer == "result")


@registry.register(
    "source", "mllp", options=MllpSourceOptions, shorthand="listen",
    traits=SourceTraits(ordered=True, redelivers=False, polling=False), traits_for=_traits,
    example="{listen: '127.0.0.1:2575', answer: accepted}",
)  # fmt: skip
class MllpSource:
    """Take HL7 v2 messages over MLLP and acknowledge them."""

    def __init__(self, options: MllpSourceOptions, grants: Grants) -> None:
        self._options, self._grants = options, grants
        self._networks = [ipaddress.ip_network(network) for network in options.allow]
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.address = ""

    async def open(self) -> None:
        """Listen. ``ConfigurationRefused`` where the address is not ours to take."""
        if self._server is not None:
            return
        host, port = split_listen(self._options.listen)
        bound = bind(host, port, bool(self._networks), "mllp listener")
        self._server = await asyncio.start_server(self._connected, sock=bound, limit=1 << 16)
        self.address = "{}:{}".format(*bound.getsockname()[:2])

    async def receive(self) -> MllpDelivery | None:
        """Every message that waits, up to 200; waits for the first. None once closed."""
        while self._server is not None:
            taken = list(self._take())
            if taken:
                return MllpDelivery(taken, self)
            self._arrived.clear()
            await self._arrived.wait()
        return None

    async def close(self) -> None:
        """Senders not yet taken hear AR; those taken lose their connection unless they are answered first."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for waiting in self._queue:
            waiting.say(self.ack(waiting, "AR", "stopping"))
        self._queue.clear()
        self._arrived.set()
        await asyncio.sleep(0)
        tasks = set(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def ack(self, waiting: _Waiting, code: str, text: str = "") -> bytes:
        return self._acknowledged(waiting.body, code, text)

    def _acknowledged(self, body: bytes, code: str, text: str = "") -> bytes:
        if not Header.of(body).wants(code):
            return b""
        moment = datetime.fromtimestamp(self._grants.clock.now() / 1e6, UTC)
        return acknowledgement(body, code, text, moment)

    @property
    def waits_for_result(self) -> bool:
        return self._options.answer == "result"

    def _take(self) -> Iterator[_Waiting]:
        for _ in range(min(len(self._queue), MOST_TOGETHER)):
            waiting = self._queue.popleft()
            if not waiting.said.done():
                waiting.taken = True
                yield waiting

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        peer = str((writer.get_extra_info("peername") or ("?",))[0])
        try:
            if self._admits(peer):
                await self._serve(reader, writer, peer)
        except (DataError, EOFError, TimeoutError) as wrong:  # it has no answer: the connection is closed
            cause = wrong if isinstance(wrong, DataError) else "a message that did not end, or not in time"
            self._grants.events.emit(SenderRefused(flow=self._grants.flow, peer=peer, cause=str(cause)))
        except OSError:
            pass  # it is gone
        except asyncio.CancelledError:
            if self._server is not None:
                raise
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    def _admits(self, peer: str) -> bool:
        if len(self._connections) > self._options.connections:
            return False
        address = ipaddress.ip_address(peer.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback or any(address in network for network in self._networks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        """One message after the other, each answered before the next is read."""
        while True:
            try:
                body = await read_block(reader, self._options.limit_bytes, self._options.timeout_seconds)
                if body is None:
                    return
                waiting = _Waiting(body, peer, asyncio.get_running_loop().create_future())
                self._queue.append(waiting)
                self._arrived.set()
                answer = await self._answer(waiting)
            except BlockTooLarge as refusal:
                answer = self._acknowledged(refusal.head, "AE", refusal.found)
                self._grants.events.emit(SenderRefused(flow=self._grants.flow, peer=peer, cause=str(refusal)))
            if answer is None:
                return
            if answer:
                writer.write(START + answer + END)
                await writer.drain()

    async def _answer(self, waiting: _Waiting) -> bytes | None:
        if self._server is None:
            return self.ack(waiting, "AR", "stopping")
        limit = asyncio.ensure_future(self._grants.clock.sleep(self._options.timeout_seconds))
        both: set[asyncio.Future[Any]] = {waiting.said, limit}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.cancel()
        if not waiting.said.done():
            waiting.say(None if waiting.taken else self.ack(waiting, "AR", "not taken in time"))
        return waiting.said.result()


class MllpDelivery:
    """The messages taken together. See ``core.component.Delivery``."""

    partition = ""
    arrival: Arrival | None = None

    def __init__(self, senders: Sequence[_Waiting], source: MllpSource) -> None:
        self._senders, self._source = senders, source
        self.records: Sequence[Received] | None = [
            Received(body=one.body, headers={"peer": one.peer}, content_type=CONTENT_TYPE) for one in senders
        ]

    def read(self, offset: int) -> AsyncIterator[bytes]:
        raise BugError("an MLLP delivery has records, not content", where=self._source.address)

    async def accept(self) -> None:
        if not self._source.waits_for_result:
            self._say("AA")

    async def reject(self, cause: WaypostError) -> None:
        refused = isinstance(cause, DataError | ContractError)
        self._say("AE" if refused else "AR", cause.found if refused else "cannot be taken now")

    async def answer(self, answers: Sequence[Answer]) -> None:
        for waiting, answer in zip(self._senders, answers, strict=True):
            if answer.ok:
                waiting.say(answer.body if answer.body and END not in answer.body else self._source.ack(waiting, "AA"))
            elif answer.error_class in (ErrorClass.DATA, ErrorClass.CONTRACT):
                waiting.say(self._source.ack(waiting, "AE", answer.error))
            else:
                waiting.say(self._source.ack(waiting, "AR", "kept, but its way ended"))

    def _say(self, code: str, text: str = "") -> None:
        for waiting in self._senders:
            waiting.say(self._source.ack(waiting, code, text))
