"""The one HTTP listener of an installation, and the limits that keep a stranger from taking it over.

Whatever answers over HTTP mounts its routes here: sources, gateway, console. It listens on loopback only, until
callers can be authenticated. A request is read whole before its handler runs, into memory or the spool of its route,
within limits of size and time that hold for every route; what is refused is answered with a problem document
(RFC 9457).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from waypost.core.binding import address_of, bind
from waypost.core.content import MEMORY_BYTES, Content, Draft, Spool
from waypost.core.errors import ErrorClass, WaypostError
from waypost.core.event import Event, Events, Level
from waypost.core.grants import HttpHandler, HttpResponse, RouteClosed
from waypost.core.problem import problem, problem_bytes
from waypost.core.routing import Route, Routes

if TYPE_CHECKING:
    import uvicorn

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_SILENT = logging.getLogger("uvicorn.error")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerLimits:
    """What callers may take together and each. ``waiting_bytes`` bounds the bodies held in memory at once;
    ``connections`` the callers served at once; beyond either a caller hears 503 and may come again."""

    head_bytes: int = 32 << 10
    head_seconds: float = 10.0
    body_seconds: float = 60.0
    idle_seconds: int = 15
    stop_seconds: int = 30
    held_seconds: float = 20.0
    connections: int = 2_000
    waiting_bytes: int = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFailed(Event):
    """Whoever answers a route broke down over a request; the caller heard 500."""

    metric = "waypost_http_requests_failed_total"
    level = Level.ERROR
    sentence = "{method} {path} could not be answered: {cause}"
    method: str
    path: str
    cause: str


class Request:
    """An inbound request, read whole. See ``core.grants.HttpRequest``."""

    __slots__ = ("__dict__", "_scope", "content", "method", "parameters", "path")

    def __init__(self, scope: Scope, parameters: Mapping[str, str], content: Content) -> None:
        self._scope, self.parameters, self.content = scope, parameters, content
        self.method: str = scope["method"]
        self.path: str = scope["path"]

    @cached_property
    def body(self) -> bytes:
        return self.content.whole()

    @cached_property
    def query(self) -> Mapping[str, str]:
        raw: bytes = self._scope["query_string"]
        return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True)) if raw else {}

    @cached_property
    def headers(self) -> Mapping[str, str]:
        made: dict[str, str] = {}
        for raw_name, raw_value in self._scope["headers"]:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            made[name] = f"{made[name]}, {value}" if name in made else value
        return made

    @property
    def gone(self) -> bool:
        cycle = self._scope.get("waypost.cycle")
        return cycle is not None and bool(cycle.disconnected or cycle.transport.is_closing())


class _Refused(Exception):
    def __init__(self, response: HttpResponse) -> None:
        self.response = response


class Listener:
    """Implements ``core.grants.HttpListener`` on the running event loop. ``port`` 0 takes a free one.
    ``authenticated`` says that every mounted route checks its callers; only then may it leave loopback."""

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, *, events: Events | None = None,
        limits: ListenerLimits | None = None, authenticated: bool = False,
    ) -> None:  # fmt: skip
        self._host, self._port, self._authenticated = host, port, authenticated
        self._events, self._limits = events or Events(), limits or ListenerLimits()
        self._routes, self._waiting_bytes, self._address = Routes(), 0, ""
        self._gate = asyncio.Event()
        self._gate.set()
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        return self._address

    def mount(
        self, method: str, path: str, handler: HttpHandler, *, limit_bytes: int, spool: Path | None = None
    ) -> None:
        self._routes.add(method.upper(), path, Route(handler, limit_bytes, spool))

    def unmount(self, method: str, path: str) -> None:
        self._routes.remove(method.upper(), path)

    @property
    def held(self) -> bool:
        return not self._gate.is_set()

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """While routes are mounted anew: requests that come, or were not begun, wait for the end of it, or
        ``held_seconds``."""
        self._gate.clear()
        try:
            yield
        finally:
            self._gate.set()

    async def open(self) -> None:
        """Listen. ``ConfigurationRefused`` when the address is not ours to take."""
        if self._task is not None:
            return
        bound = bind(self._host, self._port, self._authenticated)
        try:
            self._server = _server(self._app, self._limits)
            await self._server.startup(sockets=[bound])
        except BaseException:
            bound.close()
            raise
        self._address = address_of(bound)
        self._task = asyncio.create_task(self._server.main_loop())

    async def close(self) -> None:
        """Take no new requests, let those under way finish within ``stop_seconds``, then cut them off."""
        server, task, self._server, self._task = self._server, self._task, None, None
        if server is None or task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await server.shutdown()
        self._address = ""

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._answer(scope, receive)
        except _Refused as refused:
            response = refused.response
        finally:
            scope.pop("waypost.cycle", None)  # it holds the scope: left as they are, only the collector frees the two
        headers = [(name.encode("ascii"), value.encode("ascii")) for name, value in response.headers.items()]
        headers.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _answer(self, scope: Scope, receive: Receive) -> HttpResponse:
        await self._let_in()
        found = self._routes.find(scope["method"], scope["raw_path"].decode("ascii"))
        if found.route is None and found.allowed:
            allowed = ", ".join(found.allowed)
            return problem(405, f"this path answers {allowed}", headers={"allow": allowed})
        if found.route is None:
            return problem(404, "nothing is mounted at this path")
        with self._body_room() as room:
            body = await self._read(scope, receive, found.route, room)
            try:
                return await self._handle(found.route, Request(scope, found.parameters, body))
            except RouteClosed:
                await self._let_in()
            found = self._routes.find(scope["method"], scope["raw_path"].decode("ascii"))
            with contextlib.suppress(RouteClosed):
                if found.route is not None:
                    return await self._handle(found.route, Request(scope, found.parameters, body))
            return problem(503, "the flow is stopping", headers={"retry-after": "5"})

    async def _let_in(self) -> None:
        if self.held:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gate.wait(), self._limits.held_seconds)

    async def _handle(self, route: Route, request: Request) -> HttpResponse:
        try:
            response = await route.handler(request)
            if not all(value.isascii() and value.isprintable() for value in response.headers.values()):
                raise ValueError("a header of the answer holds what no header may hold")
            return response
        except RouteClosed:
            raise
        except WaypostError as error:
            self._events.emit(RequestFailed(method=request.method, path=request.path, cause=str(error)))
            return problem(503 if error.error_class is ErrorClass.TRANSIENT else 500)
        except Exception as error:  # noqa: BLE001  one broken route must not take the listener with it
            cause = f"{type(error).__name__}: {error}"
            self._events.emit(RequestFailed(method=request.method, path=request.path, cause=cause))
            return problem(500)

    @contextlib.contextmanager
    def _body_room(self) -> Iterator[Callable[[int], bool]]:
        """A function that books bytes of the shared room, or says there are none; all are given back at the end."""
        taken = 0

        def take(count: int) -> bool:
            nonlocal taken
            if self._waiting_bytes + count > self._limits.waiting_bytes:
                return False
            self._waiting_bytes += count
            taken += count
            return True

        try:
            yield take
        finally:
            self._waiting_bytes -= taken

    async def _read(self, scope: Scope, receive: Receive, route: Route, room: Callable[[int], bool]) -> Content:
        declared, limit = _declared_length(scope), route.limit_bytes
        if declared == 0:
            return Content()
        if declared is not None and declared > limit:
            raise _Refused(_too_large(limit))
        parts: list[bytes] = []
        size, draft = 0, Spool(route.spool).begin()
        scope["waypost.spooled"] = route.spool is not None
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise _Refused(problem(400, "the caller hung up"))
            part: bytes = event["body"]
            size += len(part)
            if size > limit:
                raise _Refused(_too_large(limit))
            if (route.spool is None or size <= MEMORY_BYTES) and not room(len(part)):
                raise _Refused(_busy())
            parts.append(part)
            if not event["more_body"] or (route.spool is not None and sum(map(len, parts)) >= MEMORY_BYTES):
                await self._write(scope, draft, parts, on_disk=route.spool is not None and size > MEMORY_BYTES)
                parts = []
            if not event["more_body"]:
                return draft.finish()

    async def _write(self, scope: Scope, draft: Draft, parts: Sequence[bytes], *, on_disk: bool) -> None:
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        if not on_disk:
            draft.write(data)
            return
        try:
            await asyncio.to_thread(draft.write, data)
        except WaypostError as error:
            self._events.emit(RequestFailed(method=scope["method"], path=scope["path"], cause=str(error)))
            no_room = "there is no room for the body now; send it again"
            raise _Refused(problem(503, no_room, headers={"retry-after": "60"})) from error


def _too_large(limit: int) -> HttpResponse:
    return problem(413, f"the body is larger than {limit} bytes")


def _busy() -> HttpResponse:
    return problem(503, "too much is waiting already", headers={"retry-after": "1"})


def _declared_length(scope: Scope) -> int | None:
    """What the headers promise: 0 without a body, None when chunked. The parser refused what is not a number."""
    length: int | None = 0
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            return None
    return length


def _server(app: Any, limits: ListenerLimits) -> uvicorn.Server:
    import uvicorn

    from waypost.core.listener_protocol import CallerLimits, limited_protocol

    _SILENT.propagate = False
    if not _SILENT.handlers:
        _SILENT.addHandler(logging.NullHandler())
    caller = CallerLimits(
        head_bytes=limits.head_bytes, head_seconds=limits.head_seconds, body_seconds=limits.body_seconds,
        take_seconds=limits.body_seconds,
    )  # fmt: skip
    config = uvicorn.Config(
        app, http=limited_protocol(caller, problem_bytes), ws="none",
        loop="none", lifespan="off", log_config=None, access_log=False, server_header=False, proxy_headers=False,
        limit_concurrency=limits.connections, timeout_keep_alive=limits.idle_seconds, workers=1,
        timeout_graceful_shutdown=limits.stop_seconds, interface="asgi3",
    )  # fmt: skip
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    return server
