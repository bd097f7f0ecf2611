"""Receive messages and receipts of trading partners over AS2.

==========================================  ========================================================================
what happened                               what the partner hears
==========================================  ========================================================================
the message is durable                      200 and a receipt that accepts, if it asked for one; asynchronous: 200 at
                                            once, the receipt in a request to the address it gave
its Message-ID was accepted before          the receipt it got then, or one that says ``duplicate-document``
it cannot be opened, or not as agreed       200 and a receipt that says why; 400 where it asked for none
its TLS certificate is not the partner's    403, and no receipt
nobody here has its names                   200 and ``unknown-trading-partner``, or 403 where it asked for no receipt
it cannot be taken now                      503, and no receipt: it is sent again
the receipt of something we sent            200; it settles the delivery, in whatever process that waits
==========================================  ========================================================================

The documents of a message become what the flow's format makes of their bytes; headers ``as2.from``, ``as2.to``,
``as2.message_id``, ``as2.subject`` and ``as2.filename`` say where they came from.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from waypost.connectors.as2_answer import As2Answers, Asked
from waypost.connectors.as2_connection import As2Connection, as2_connection
from waypost.core.component import Answer, Arrival, Received
from waypost.core.errors import ConfigurationRefused, EndpointUnavailable, WaypostError
from waypost.core.grants import Grants, HttpRequest, HttpResponse, RouteClosed
from waypost.core.problem import problem
from waypost.core.registry import registry
from waypost.core.spec import ConnectionRef, Duration, Option, OptionFault, Size
from waypost.core.traits import SourceTraits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from waypost.as2.outgoing import Document

_WAIT, _LIMIT = Duration(60), Size(64 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class As2SourceOptions:
    path: Annotated[str, Option("Path that is answered.", example="/as2")]
    connections: Annotated[
        tuple[ConnectionRef, ...], Option("The partners taken from, as named in connections.yaml.", kinds=("as2",))
    ]
    timeout_seconds: Annotated[Duration, Option("Longest wait of a partner.", minimum=0.001)] = _WAIT
    limit_bytes: Annotated[
        Size, Option("Largest message taken, as it comes and once it is opened.", minimum=1, maximum=64 << 30)
    ] = _LIMIT
    client_certificate_header: Annotated[
        str,
        Option(
            "Header in which the proxy with TLS before us hands on the caller's certificate (RFC 9440, or PEM "
            "percent-encoded); it must take away what callers send under this name.",
            example="Client-Cert",
        ),
    ] = ""

    def faults(self) -> Iterator[OptionFault]:
        if not self.path.startswith("/"):
            yield OptionFault("path", f"found {self.path!r}", "a path that begins with /")
        if not self.connections:
            yield OptionFault("connections", "there is none", "the partners that may send")


@dataclass(slots=True, eq=False)
class Taken:
    """A message that was opened and waits to be durable."""

    partner: As2Connection
    asked: Asked
    documents: Sequence[Document]
    done: asyncio.Future[WaypostError | None]
    left: int = field(default=0)
    """Documents that are not durable yet."""


@registry.register(
    "source",
    "as2",
    options=As2SourceOptions,
    traits=SourceTraits(ordered=True, redelivers=True, polling=False, listens=True),
    example="{path: /as2, connections: [acme-as2]}",
)
class As2Source:
    """Take the documents of each message, and answer it once they are durable."""

    def __init__(self, options: As2SourceOptions, grants: Grants) -> None:
        self._options, self._grants = options, grants
        self._partners: dict[tuple[str, str], As2Connection] = {}
        self._queue: deque[As2Delivery] = deque()
        self._under_way: dict[tuple[str, str], asyncio.Future[WaypostError | None]] = {}
        self._arrived = asyncio.Event()
        self._answers = As2Answers(grants)
        self._is_open = False

    async def open(self) -> None:
        if self._is_open:
            return
        if self._grants.listener is None:
            raise ConfigurationRefused(
                "there is no HTTP listener", where=f"as2 {self._options.path}", remedy="run the project as a server"
            )
        for name in self._options.connections:
            partner = as2_connection(name, self._grants)
            await partner.open()
            names = (partner.options.them, partner.options.us)
            if self._partners.get(names, partner) is not partner:
                raise ConfigurationRefused(
                    f"two connections are from {names[0]!r} to {names[1]!r}", where=f"as2 {self._options.path}",
                    expected="one for each pair of AS2 names",
                )  # fmt: skip
            if partner.options.their_client_certificates and not self._options.client_certificate_header:
                raise ConfigurationRefused(
                    f"connection {name!r} asks for TLS client certificates", where=f"as2 {self._options.path}",
                    expected="client_certificate_header, in which the proxy hands them on",
                )  # fmt: skip
            self._partners[names] = partner
        spool = as2_connection(self._options.connections[0], self._grants).spool.folder
        self._grants.listener.mount(
            "POST", self._options.path, self._answer, limit_bytes=self._options.limit_bytes, spool=spool
        )
        self._is_open = True

    async def receive(self) -> As2Delivery | None:
        """The next document; waits for one. None once closed."""
        while self._is_open:
            if self._queue:
                return self._queue.popleft()
            self._arrived.clear()
            await self._arrived.wait()
        return None

    async def close(self) -> None:
        """Partners whose messages were not taken yet are told to come again."""
        if not self._is_open:
            return
        self._is_open = False
        if self._grants.listener is not None:
            self._grants.listener.unmount("POST", self._options.path)
        for delivery in self._queue:
            if not delivery.taken.done.done():
                delivery.taken.done.set_exception(RouteClosed())
        self._queue.clear()
        for done in list(self._under_way.values()):
            if not done.done():
                done.set_result(EndpointUnavailable("the flow ended", where=f"as2 {self._options.path}"))
        self._arrived.set()
        await self._answers.close()

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        from waypost.as2.failure import As2Error

        if not self._is_open:
            raise RouteClosed
        try:
            asked = Asked.of(request)
        except As2Error as error:
            return problem(400, str(error))
        partner = self._partners.get((asked.head.sender, asked.head.receiver))
        if partner is None:
            return self._answers.unknown(asked)
        stranger = partner.why_not_caller(request.headers, self._options.client_certificate_header)
        if stranger:
            return self._answers.stranger(partner, stranger)
        if asked.is_receipt:
            return await self._answers.receipt(partner, asked)
        return await self._message(partner, asked)

    async def _message(self, partner: As2Connection, asked: Asked) -> HttpResponse:
        from waypost.as2.failure import As2Error

        key = (asked.head.sender, asked.head.message_id)
        try:
            opened = await asyncio.to_thread(asked.opened, partner, self._options.limit_bytes)
        except As2Error as error:
            return await self._answers.refused(partner, asked, error)
        except EndpointUnavailable as error:
            return self._answers.no_room(partner, error)
        if self._grants.positions.arrival_done(*_arrival_of(asked, len(opened.documents) - 1)):
            return await self._answers.repeated(partner, asked, opened)
        # it may be sent again while its first sending is being made durable
        done = self._under_way.get(key) or self._begin(partner, asked, opened.documents)
        try:
            async with asyncio.timeout(self._options.timeout_seconds):
                cause = await asyncio.shield(done)
        except TimeoutError:
            return problem(503, "the message is not durable yet; send it again", headers={"retry-after": "5"})
        if cause is not None:
            return await self._answers.not_taken(partner, asked, cause)
        return await self._answers.accepted(partner, asked, opened)

    def _begin(
        self, partner: As2Connection, asked: Asked, documents: Sequence[Document]
    ) -> asyncio.Future[WaypostError | None]:
        done: asyncio.Future[WaypostError | None] = asyncio.get_running_loop().create_future()
        key = (asked.head.sender, asked.head.message_id)
        self._under_way[key] = done
        done.add_done_callback(lambda _: self._under_way.pop(key, None))
        taken = Taken(partner, asked, documents, done, len(documents))
        self._queue += [As2Delivery(taken, number) for number in range(len(documents))]
        self._arrived.set()
        return done


def _arrival_of(asked: Asked, number: int) -> tuple[str, str]:
    """Name and identity of a document of a message, as of an arrival."""
    name = asked.head.message_id if number == 0 else f"{asked.head.message_id} part {number + 1}"
    return name, f"{asked.head.sender} {asked.head.receiver}"


class As2Delivery:
    """One document of a message. See ``core.component.Delivery``."""

    partition = ""
    records: Sequence[Received] | None = None

    def __init__(self, taken: Taken, number: int) -> None:
        self.taken, self._document = taken, taken.documents[number]
        name, identity = _arrival_of(taken.asked, number)
        self.arrival: Arrival | None = Arrival(
            name=name, identity=identity, size=self._document.content.size, content_type=self._document.content_type,
            headers=_headers(taken.asked, self._document),
        )  # fmt: skip

    async def read(self, offset: int) -> AsyncIterator[bytes]:
        for piece in self._document.content.pieces(offset):
            yield piece

    async def accept(self) -> None:
        self.taken.left -= 1
        if self.taken.left == 0 and not self.taken.done.done():
            self.taken.done.set_result(None)

    async def reject(self, cause: WaypostError) -> None:
        if not self.taken.done.done():
            self.taken.done.set_result(cause)

    async def answer(self, answers: Sequence[Answer]) -> None:
        """Nobody waits for what the flow makes of it."""


def _headers(asked: Asked, document: Document) -> Mapping[str, str]:
    head = asked.head
    return {
        "as2.from": head.sender, "as2.to": head.receiver, "as2.message_id": head.message_id,
        **({"as2.subject": head.subject} if head.subject else {}),
        **({"as2.filename": document.filename} if document.filename else {}),
    }  # fmt: skip
