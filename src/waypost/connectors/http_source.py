"""Receive messages over HTTP: each request is one message, answered when it is durable or when the flow is done.

Requests that wait are taken together, so callers share one commit. What a caller hears:

=====================================  =================================  =============================================
what happened                          ``answer: accepted``               ``answer: result``
=====================================  =================================  =============================================
the message is durable                 202 and its id                     waits for the flow
the flow ended                         —                                  200 and what the flow made
the flow failed                        — (found under the id)             422 the message's fault, 502 another system's
it could not be taken                  503, ``Retry-After``               the same
its content was refused                400                                the same
not durable in ``timeout_seconds``     503 if not begun, else 504         the same
no result in ``timeout_seconds``       —                                  504 with the id; work goes on
=====================================  =================================  =============================================

A caller that hangs up before its request was taken has sent nothing. One that hangs up later has: the message goes its
way, and is found by its id. Sent again, it is another message; use ``idempotent_receiver`` against that.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from waypost.core.component import Answer, Arrival, Received
from waypost.core.errors import (
    BugError,
    ConfigurationRefused,
    ContractError,
    DataError,
    ErrorClass,
    StoreError,
    WaypostError,
)
from waypost.core.grants import Grants, HttpRequest, HttpResponse, RouteClosed
from waypost.core.message import id_text
from waypost.core.problem import problem
from waypost.core.registry import registry
from waypost.core.spec import Duration, Option, OptionFault, Size
from waypost.core.traits import SourceTraits

MOST_TOGETHER = 200
MOST_BYTES_TOGETHER = 8 << 20
RETRY_SECONDS = "5"
_WAIT, _LIMIT = Duration(30), Size(1 << 20)
_KEPT_BACK = frozenset({
    "authorization", "connection", "content-length", "cookie", "expect", "host", "keep-alive", "proxy-authenticate",
    "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
"""Headers about the connection (RFC 9110 section 7.6.1) and those that carry credentials."""
_OWN = ("path.", "query.")
_JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSourceOptions:
    path: Annotated[str, Option("Path that is answered; {NAME} takes any segment.", example="/orders")]
    method: Annotated[Literal["POST", "PUT", "PATCH"], Option("Request method.")] = "POST"
    answer: Annotated[
        Literal["accepted", "result"], Option("Answer once the message is durable, or with what the flow makes of it.")
    ] = "accepted"
    timeout_seconds: Annotated[Duration, Option("Longest wait of a caller.", minimum=0.001)] = _WAIT
    limit_bytes: Annotated[Size, Option("Largest body taken.", minimum=1, maximum=1 << 30)] = _LIMIT
    status: Annotated[int | None, Option("Status of a success, in place of 202 or 200.", minimum=200, maximum=299)] = (
        None
    )
    waiting: Annotated[int, Option("Most callers waiting at once; more hear 503.", minimum=1, advanced=True)] = 2_000

    def faults(self) -> Iterator[OptionFault]:
        if not self.path.startswith("/"):
            yield OptionFault("path", f"found {self.path!r}", "a path that begins with /")


@dataclass(slots=True, eq=False)
class _Waiting:
    """One caller. ``message_id`` is known once its message is durable."""

    request: HttpRequest
    due: float
    said: asyncio.Future[HttpResponse]
    taken: bool = False
    message_id: str = ""

    def say(self, response: HttpResponse) -> None:
        if not self.said.done():
            self.said.set_result(response)


def _traits(options: HttpSourceOptions) -> SourceTraits:
    replies = options.answer == "result"
    return SourceTraits(ordered=True, redelivers=False, polling=False, replies=replies, listens=True)


@registry.register(
    "source", "http", options=HttpSourceOptions, shorthand="path",
    traits=SourceTraits(ordered=True, redelivers=False, polling=False, listens=True), traits_for=_traits,
    example="{path: '/orders', answer: accepted}",
)  # fmt: skip
class HttpSource:
    """Take the body of each request as a message."""

    def __init__(self, options: HttpSourceOptions, grants: Grants) -> None:
        self._options, self._grants = options, grants
        self._queue: deque[_Waiting] = deque()
        self._callers: dict[_Waiting, None] = {}
        self._arrived = asyncio.Event()
        self._sweeper: asyncio.Task[None] | None = None
        self._last_sweeper: asyncio.Task[None] | None = None
        """Of a closed source whose callers are still answered."""

    async def open(self) -> None:
        if self._sweeper is not None:
            return
        if self._grants.listener is None:
            raise ConfigurationRefused(
                "there is no HTTP listener", where=f"http {self._options.path}", remedy="run the project as a server"
            )
        options = self._options
        self._grants.listener.mount(options.method, options.path, self._answer, limit_bytes=options.limit_bytes)
        self._sweeper = asyncio.create_task(self._sweep())

    async def receive(self) -> HttpDelivery | None:
        """Every request that waits, up to 200; waits for the first. None once closed."""
        while self._sweeper is not None:
            taken = list(self._take())
            if taken:
                return HttpDelivery(taken, self._options)
            self._arrived.clear()
            await self._arrived.wait()
        return None

    async def close(self) -> None:
        """Callers not yet taken go to who mounts the route next, or hear 503. Those taken hear that it is too late,
        but while the listener is held: then they are still answered by their delivery."""
        sweeper, self._sweeper = self._sweeper, None
        if sweeper is None:
            return
        listener = self._grants.listener
        if listener is not None:
            listener.unmount(self._options.method, self._options.path)
        for waiting in self._queue:
            if not waiting.said.done():
                waiting.said.set_exception(RouteClosed())
        if listener is not None and listener.held and len(self._callers) > len(self._queue):
            self._last_sweeper = sweeper
        else:
            sweeper.cancel()
            for waiting in self._callers:
                if waiting.message_id:
                    waiting.say(_too_late(waiting))
        self._queue.clear()
        self._arrived.set()

    def _take(self) -> Iterator[_Waiting]:
        count = size = 0
        while self._queue and count < MOST_TOGETHER and size < MOST_BYTES_TOGETHER:
            waiting = self._queue.popleft()
            if waiting.said.done() or waiting.request.gone:
                waiting.say(_later("the caller hung up"))
                continue
            waiting.taken = True
            count, size = count + 1, size + len(waiting.request.body)
            yield waiting

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        if self._sweeper is None:
            raise RouteClosed
        if len(self._callers) >= self._options.waiting:
            return _later("too many callers are waiting")
        due = self._grants.clock.monotonic() + self._options.timeout_seconds
        waiting = _Waiting(request, due, asyncio.get_running_loop().create_future())
        self._callers[waiting] = None
        self._queue.append(waiting)
        self._arrived.set()
        try:
            return await waiting.said
        finally:
            self._callers.pop(waiting, None)
            if self._last_sweeper is not None and not self._callers:
                self._last_sweeper.cancel()

    async def _sweep(self) -> None:
        """Answer callers whose time is up, oldest first: all wait equally long, so they are due in order."""
        clock = self._grants.clock
        while True:
            now = clock.monotonic()
            for waiting in [w for w in self._callers if w.due <= now]:
                waiting.say(_too_late(waiting) if waiting.taken else _later("the flow did not get to it in time"))
            oldest = next((w for w in self._callers if w.due > now), None)
            await clock.sleep(oldest.due - now if oldest else self._options.timeout_seconds)


class HttpDelivery:
    """The requests taken together. See ``core.component.NamedDelivery``."""

    partition = ""
    arrival: Arrival | None = None

    def __init__(self, callers: Sequence[_Waiting], options: HttpSourceOptions) -> None:
        self._callers, self._options = callers, options
        self.records: Sequence[Received] | None = [_received(waiting.request) for waiting in callers]

    def read(self, offset: int) -> AsyncIterator[bytes]:
        raise BugError("an HTTP delivery has records, not content", where=self._options.path)

    def identify(self, message_ids: Sequence[bytes]) -> None:
        for waiting, message_id in zip(self._callers, message_ids, strict=True):
            waiting.message_id = id_text(message_id)

    async def accept(self) -> None:
        if self._options.answer == "accepted":
            status = self._options.status or 202
            for waiting in self._callers:
                ids = f'["{waiting.message_id}"]' if waiting.message_id else "[]"
                waiting.say(HttpResponse(status, f'{{"message_ids": {ids}}}'.encode(), _JSON))

    async def reject(self, cause: WaypostError) -> None:
        for waiting in self._callers:
            waiting.say(_rejection(cause))

    async def answer(self, answers: Sequence[Answer]) -> None:
        for waiting, answer in zip(self._callers, answers, strict=True):
            waiting.say(_result(answer, answer.message_id or waiting.message_id, self._options.status))


def _received(request: HttpRequest) -> Received:
    headers = {
        name: value for name, value in request.headers.items() if name not in _KEPT_BACK and not name.startswith(_OWN)
    }
    headers.update({f"path.{name}": value for name, value in request.parameters.items()})
    headers.update({f"query.{name}": value for name, value in request.query.items()})
    return Received(body=request.body, headers=headers, content_type=headers.get("content-type", ""))


def _later(detail: str) -> HttpResponse:
    return problem(503, detail, headers={"retry-after": RETRY_SECONDS})


def _too_late(waiting: _Waiting) -> HttpResponse:
    if waiting.message_id:
        detail = "the message is kept and work on it goes on; look it up by its id"
        return problem(504, detail, extra={"message_id": waiting.message_id})
    return problem(504, "it is not known yet whether the message is kept")


def _rejection(cause: WaypostError) -> HttpResponse:
    if isinstance(cause, DataError | ContractError):
        return problem(400, cause.found)
    if isinstance(cause, StoreError) or cause.error_class is not ErrorClass.BUG:
        return _later("the message cannot be kept now")
    return problem(500)


_FAILED = {
    ErrorClass.DATA: 422, ErrorClass.CONTRACT: 422, ErrorClass.TRANSIENT: 502, ErrorClass.AUTHORISATION: 502,
    ErrorClass.CONFIGURATION: 502, ErrorClass.BUG: 500,
}  # fmt: skip


def _result(answer: Answer, message_id: str, status: int | None) -> HttpResponse:
    known = {"waypost-message-id": message_id} if message_id else {}
    if not answer.ok:
        failed = _FAILED.get(answer.error_class, 502) if answer.error_class else 502
        detail = answer.error if failed == 422 else "the message is kept, but its way ended; look it up by its id"
        return problem(failed, detail, headers=known, extra={"message_id": message_id} if message_id else None)
    if not answer.body and status is None:
        return HttpResponse(204, b"", known)
    kind = answer.content_type if answer.content_type.isascii() and answer.content_type.isprintable() else ""
    return HttpResponse(status or 200, answer.body, {"content-type": kind or "application/octet-stream", **known})
