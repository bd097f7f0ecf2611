"""Routes with a spool: large bodies are on disk, may take long, and are refused when there is no room."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.unit.core.test_listener import ask, connect, hang_up, post, until
from waypost.core.event import Event, Events
from waypost.core.grants import HttpRequest, HttpResponse
from waypost.core.listener import Listener, ListenerLimits, RequestFailed

BODY = bytes(range(256)) * 12_345


@asynccontextmanager
async def listening(spool: Path | None, events: Events | None = None, room: int = 2 << 20) -> AsyncIterator[Listener]:
    """One that has room in memory for less than ``BODY``; it answers with the digest of what it got."""

    async def digest(request: HttpRequest) -> HttpResponse:
        made = hashlib.sha256()
        for piece in request.content.pieces():
            made.update(piece)
        return HttpResponse(200, made.hexdigest().encode())

    listener = Listener(limits=ListenerLimits(waiting_bytes=room, body_seconds=1000), events=events)
    listener.mount("POST", "/large", digest, limit_bytes=1 << 30, spool=spool)
    await listener.open()
    try:
        yield listener
    finally:
        await listener.close()


def chunked(body: bytes, size: int = 100_000) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    sent = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return b"POST /large HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + sent + b"0\r\n\r\n"


@pytest.mark.parametrize("raw", [post("/large", BODY), chunked(BODY)], ids=["by length", "in chunks"])
async def test_a_body_larger_than_the_room_in_memory_is_taken_by_way_of_the_disk(tmp_path: Path, raw: bytes) -> None:
    async with listening(tmp_path / "spool") as listener:
        assert (await ask(listener, raw))[::2] == (200, hashlib.sha256(BODY).hexdigest().encode())
    assert list((tmp_path / "spool").iterdir()) == [], "it is gone with its request"


async def test_without_a_spool_the_same_body_finds_no_room() -> None:
    async with listening(None) as listener:
        assert (await ask(listener, post("/large", BODY)))[0] == 503


async def test_a_full_disk_is_said_to_the_caller_and_to_who_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, os.strerror(28))

    seen: list[Event] = []
    events = Events()
    events.subscribe(seen.append)
    monkeypatch.setattr(os, "write", full)
    async with listening(tmp_path / "spool", events) as listener:
        status, headers, _ = await ask(listener, post("/large", BODY))
        assert (status, headers["retry-after"]) == (503, "60")
    (failed,) = [event for event in seen if isinstance(event, RequestFailed)]
    assert "No space left on device" in failed.cause and "make room" in failed.cause


@pytest.mark.parametrize("on_disk", [True, False])
async def test_only_a_body_that_goes_to_disk_may_take_longer_as_long_as_it_comes_on(
    tmp_path: Path, on_disk: bool
) -> None:
    async with listening(tmp_path / "spool" if on_disk else None, room=1 << 30) as listener:
        reader, writer = await connect(listener)
        raw = post("/large", BODY)
        writer.write(raw[: 1 << 19])
        assert listener._server is not None
        await until(lambda: bool(listener._server and listener._server.server_state.connections))
        (protocol,) = listener._server.server_state.connections
        await until(lambda: protocol.body_bytes > 400_000)
        due = protocol.send_timer.when()
        writer.write(raw[1 << 19 : 2 << 20])
        if on_disk:
            await until(lambda: protocol.send_timer is not None and protocol.send_timer.when() > due)
        else:
            await until(lambda: protocol.body_bytes > 2_000_000)
            assert protocol.send_timer.when() == due
        await asyncio.wait_for(hang_up(writer), 30)
        assert reader is not None
