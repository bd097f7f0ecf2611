"""The HTTP listener: routes, refusals, and what a stranger cannot do to it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from waypost.core.errors import ConfigurationRefused
from waypost.core.event import Event, Events
from waypost.core.grants import HttpRequest, HttpResponse
from waypost.core.listener import Listener, ListenerLimits, RequestFailed

Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]


async def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(200, request.body, {"content-type": request.headers.get("content-type", "text/plain")})


@asynccontextmanager
async def listening(
    handler: Handler = echo, *, path: str = "/orders", method: str = "POST", limit_bytes: int = 1 << 20,
    limits: ListenerLimits | None = None, events: Events | None = None,
) -> AsyncIterator[Listener]:  # fmt: skip
    listener = Listener(limits=limits, events=events)
    listener.mount(method, path, handler, limit_bytes=limit_bytes)
    await listener.open()
    try:
        yield listener
    finally:
        await listener.close()


async def connect(listener: Listener) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = listener.address.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return int(first.split()[1]), headers, await reader.readexactly(int(headers.get("content-length", 0)))


async def ask(listener: Listener, raw: bytes) -> tuple[int, dict[str, str], bytes]:
    reader, writer = await connect(listener)
    writer.write(raw)
    try:
        return await answer(reader)
    finally:
        await hang_up(writer)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def until(met: Callable[[], bool]) -> None:
    for _ in range(1000):
        if met():
            return
        await asyncio.sleep(0.005)
    pytest.fail("never came about")


def post(path: str, body: bytes = b"", headers: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {len(body)}\r\n\r\n".encode() + body


async def test_a_body_arrives_byte_for_byte() -> None:
    body = b"\r\n" + bytes(range(256)) * 2000 + b"\r\n"
    async with listening() as listener:
        assert (await ask(listener, post("/orders", body)))[2] == body


async def test_a_chunked_body_is_put_together() -> None:
    raw = b"POST /orders HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with listening() as listener:
        assert (await ask(listener, raw))[2] == b"abcde"


async def test_a_request_without_a_body_is_answered_at_once() -> None:
    async with listening(method="GET") as listener:
        assert (await ask(listener, b"GET /orders HTTP/1.1\r\nhost: x\r\n\r\n"))[0] == 200


async def test_requests_of_one_connection_are_answered_in_turn() -> None:
    async with listening() as listener:
        reader, writer = await connect(listener)
        writer.write(post("/orders", b"one") + post("/orders", b"two"))
        assert [(await answer(reader))[2], (await answer(reader))[2]] == [b"one", b"two"]
        await hang_up(writer)


async def test_path_parameters_and_query_are_decoded() -> None:
    async def show(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, json.dumps([dict(request.parameters), dict(request.query)]).encode())

    async with listening(show, path="/orders/{number}/lines/{line}") as listener:
        _, _, body = await ask(listener, post("/orders/4%2F7%C3%A9/lines/1?q=a%20b&empty="))
    assert json.loads(body) == [{"number": "4/7é", "line": "1"}, {"q": "a b", "empty": ""}]


async def test_an_encoded_slash_does_not_reach_another_route() -> None:
    async with listening(path="/admin/stop") as listener:
        assert (await ask(listener, post("/admin%2Fstop")))[0] == 404


async def test_repeated_headers_are_joined_and_their_names_lower_case() -> None:
    async def show(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, request.headers["x-tag"].encode())

    async with listening(show) as listener:
        assert (await ask(listener, post("/orders", b"", "X-Tag: a\r\nx-tag: b\r\n")))[2] == b"a, b"


async def test_an_unknown_path_is_a_problem_document() -> None:
    async with listening() as listener:
        status, headers, body = await ask(listener, post("/nowhere"))
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert json.loads(body) == {
        "type": "about:blank", "title": "Not Found", "status": 404, "detail": "nothing is mounted at this path",
    }  # fmt: skip


async def test_another_method_hears_which_are_allowed() -> None:
    async with listening() as listener:
        status, headers, _ = await ask(listener, b"DELETE /orders HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (status, headers["allow"]) == (405, "POST")


async def test_a_route_is_gone_after_unmount_and_can_be_taken_again() -> None:
    async with listening() as listener:
        listener.unmount("POST", "/orders")
        assert (await ask(listener, post("/orders")))[0] == 404
        listener.mount("POST", "/orders", echo, limit_bytes=10)
        assert (await ask(listener, post("/orders", b"x")))[0] == 200


@pytest.mark.parametrize(
    ("first", "second"),
    [("/orders", "/orders"), ("/orders/{a}", "/orders/{b}")],
    ids=["the same path", "the same shape under another name"],
)
async def test_a_route_cannot_be_taken_twice(first: str, second: str) -> None:
    listener = Listener()
    listener.mount("POST", first, echo, limit_bytes=1)
    with pytest.raises(ConfigurationRefused, match="already answered"):
        listener.mount("POST", second, echo, limit_bytes=1)


@pytest.mark.parametrize("path", ["orders", "/a/{", "/a/x{b}", "/{a}/{a}", "/a?b=1"])
def test_a_malformed_path_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationRefused, match="cannot be answered"):
        Listener().mount("POST", path, echo, limit_bytes=1)


async def test_a_declared_body_above_the_limit_is_refused_unread() -> None:
    reached = []

    async def note(request: HttpRequest) -> HttpResponse:
        reached.append(request)
        return HttpResponse(200)

    async with listening(note, limit_bytes=10) as listener:
        status, _, _ = await ask(listener, b"POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n")
    assert (status, reached) == (413, [])


async def test_a_chunked_body_above_the_limit_is_refused_while_it_comes() -> None:
    raw = b"POST /orders HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nffff\r\n" + b"x" * 0xFFFF
    async with listening(limit_bytes=1000) as listener:
        assert (await ask(listener, raw))[0] == 413


async def test_a_caller_that_sends_all_of_a_refused_body_still_reads_the_answer() -> None:
    async with listening(limit_bytes=10) as listener:
        reader, writer = await connect(listener)
        writer.write(post("/orders", b"x" * 3_000_000))
        assert (await answer(reader))[0] == 413
        writer.write(post("/orders", b"ok"))
        assert (await answer(reader))[2] == b"ok"
        await hang_up(writer)


async def test_a_refused_expectation_closes_so_that_no_request_is_taken_for_a_body() -> None:
    async with listening(limit_bytes=10) as listener:
        reader, writer = await connect(listener)
        writer.write(b"POST /orders HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 1000\r\n\r\n")
        status, headers, _ = await answer(reader)
        assert (status, headers["connection"], await reader.read()) == (413, "close", b"")
        await hang_up(writer)


async def test_bodies_that_wait_share_one_bounded_room() -> None:
    inside, leave = asyncio.Event(), asyncio.Event()

    async def wait(request: HttpRequest) -> HttpResponse:
        inside.set()
        await leave.wait()
        return HttpResponse(200)

    async with listening(wait, limits=ListenerLimits(waiting_bytes=1000)) as listener:
        first = asyncio.create_task(ask(listener, post("/orders", b"x" * 800)))
        await inside.wait()
        status, headers, _ = await ask(listener, post("/orders", b"x" * 800))
        assert (status, headers["retry-after"]) == (503, "1")
        leave.set()
        assert (await first)[0] == 200
        assert (await ask(listener, post("/orders", b"x" * 800)))[0] == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /orders HTTP/1.1\r\nhost: x\r\nx-a: " + b"a" * 9000 + b"\r\n\r\n",
        b"POST /orders HTTP/1.1\r\nhost: x\r\nx-a: " + b"a" * 9000,
        b"POST /" + b"a" * 9000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
    ids=["whole", "unfinished", "a long path"],
)
async def test_headers_above_the_limit_are_refused(raw: bytes) -> None:
    async with listening(limits=ListenerLimits(head_bytes=8000)) as listener:
        assert (await ask(listener, raw))[0] == 431


@pytest.mark.parametrize(
    "raw",
    [b"", b"POST /orders HT", post("/orders", b"abc")[:-1], post("/orders") + b"POST"],
    ids=["nothing sent", "half a head", "half a body", "half a second head"],
)
async def test_a_caller_that_stops_sending_is_let_go(raw: bytes) -> None:
    limits = ListenerLimits(head_seconds=0.05, body_seconds=0.05)
    async with listening(limits=limits) as listener:
        reader, writer = await connect(listener)
        writer.write(raw)
        said = await asyncio.wait_for(reader.read(), 5)
        assert b"HTTP/1.1 408 " in said
        await hang_up(writer)


async def test_a_caller_that_stops_reading_is_let_go() -> None:
    async def much(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, b"x" * 50_000_000)

    async with listening(much, limits=ListenerLimits(body_seconds=0.05)) as listener:
        reader, writer = await connect(listener)
        writer.write(post("/orders"))
        await reader.readexactly(10)
        server = listener._server
        assert server is not None
        await until(lambda: not server.server_state.connections)
        writer.transport.abort()
        await hang_up(writer)


@pytest.mark.parametrize(
    "headers",
    [
        "content-length: 3\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 3\r\n",
        "content-length: 3\r\ncontent-length: 4\r\n",
        "content-length: +3\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "content-length : 3\r\n",
        " folded: x\r\ncontent-length: 3\r\n",
    ],
)
async def test_a_request_whose_end_could_be_disputed_is_refused(headers: str) -> None:
    async with listening() as listener:
        reader, writer = await connect(listener)
        writer.write(f"POST /orders HTTP/1.1\r\nhost: x\r\n{headers}\r\n0\r\n\r\nGET /orders HTTP/1.1\r\n\r\n".encode())
        said = await asyncio.wait_for(reader.read(), 5)
        assert said.startswith(b"HTTP/1.1 400 ") and said.count(b"\r\ncontent-length") == 1
        await hang_up(writer)


async def test_a_broken_handler_answers_500_without_its_reason_and_says_so_in_an_event() -> None:
    seen: list[Event] = []
    events = Events()
    events.subscribe(seen.append)

    async def broken(request: HttpRequest) -> HttpResponse:
        raise RuntimeError("inner secret")

    async with listening(broken, events=events) as listener:
        status, _, body = await ask(listener, post("/orders"))
    assert status == 500 and b"secret" not in body
    assert seen == [RequestFailed(method="POST", path="/orders", cause="RuntimeError: inner secret")]


@pytest.mark.parametrize("value", ["1\r\nset-cookie: evil", "1\nset-cookie: evil", "\x00", "€"])
async def test_a_header_cannot_split_the_answer(value: str) -> None:
    async def split(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, b"", {"x-a": value})

    async with listening(split) as listener:
        status, headers, _ = await ask(listener, post("/orders"))
    assert status == 500 and "set-cookie" not in headers


async def test_a_handler_can_see_that_its_caller_hung_up() -> None:
    inside, gone = asyncio.Event(), asyncio.Event()

    async def wait(request: HttpRequest) -> HttpResponse:
        assert not request.gone
        inside.set()
        await until(lambda: request.gone)
        gone.set()
        return HttpResponse(200)

    async with listening(wait) as listener:
        _, writer = await connect(listener)
        writer.write(post("/orders", b"x"))
        await inside.wait()
        await hang_up(writer)
        await asyncio.wait_for(gone.wait(), 5)


async def test_closing_lets_a_request_under_way_finish() -> None:
    inside, leave = asyncio.Event(), asyncio.Event()

    async def wait(request: HttpRequest) -> HttpResponse:
        inside.set()
        await leave.wait()
        return HttpResponse(200, b"done")

    async with listening(wait) as listener:
        asked = asyncio.create_task(ask(listener, post("/orders")))
        await inside.wait()
        closing = asyncio.create_task(listener.close())
        await asyncio.sleep(0)
        leave.set()
        assert (await asked)[2] == b"done"
        await closing
        await listener.close()


async def test_closing_cuts_off_what_does_not_finish() -> None:
    inside = asyncio.Event()

    async def forever(request: HttpRequest) -> HttpResponse:
        inside.set()
        await asyncio.Event().wait()
        return HttpResponse(200)

    async with listening(forever, limits=ListenerLimits(stop_seconds=0)) as listener:
        asked = asyncio.create_task(ask(listener, post("/orders")))
        await inside.wait()
        await listener.close()
        assert (await asked)[0] == 500


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_an_address_others_can_reach_is_refused_without_authentication(host: str) -> None:
    with pytest.raises(ConfigurationRefused, match="other machines"):
        await Listener(host).open()


async def test_an_address_others_can_reach_is_taken_with_authentication() -> None:
    listener = Listener("0.0.0.0", authenticated=True)
    await listener.open()
    assert listener.address.startswith("http://0.0.0.0:")
    await listener.close()


async def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationRefused, match=f"127.0.0.1:{port}: cannot listen"):
            await Listener("127.0.0.1", port).open()


async def test_a_name_that_is_no_address_is_refused() -> None:
    with pytest.raises(ConfigurationRefused, match="is no address"):
        await Listener("no such host").open()


async def test_an_answer_does_not_wait_for_the_caller_to_acknowledge_its_head():
    async with listening() as listener:
        host, port = listener.address.removeprefix("http://").split(":")
        taken = next(s for s in listener._server.servers[0].sockets)
        assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert (host, int(port)) == taken.getsockname()
