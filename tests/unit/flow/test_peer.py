"""Workers ask each other over sockets; whoever takes a dead one's place hears what it did not answer."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import warnings
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from waypost.core.errors import CommitFailed, EndpointUnavailable, StoreFull
from waypost.flow.sharing.peer import Peer
from waypost.flow.sharing.wire import Ask, Server, ask_once, connect, short_path, write_frame


async def echo(verb: str, body: bytes) -> Awaitable[bytes]:
    async def later() -> bytes:
        if verb == "full":
            raise StoreFull("no room")
        if verb == "failed":
            raise CommitFailed("nobody knows")
        return body

    return later()


@asynccontextmanager
async def running(peer: Peer) -> AsyncIterator[None]:
    task = asyncio.ensure_future(peer.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_question_is_asked_again_until_somebody_is_there(tmp_path: Path) -> None:
    peer, server = Peer(tmp_path / "w.sock"), Server(tmp_path / "w.sock", echo)
    async with running(peer):
        answers = [peer.ask("load", number, int) for number in range(3)]
        await server.start()
        assert await asyncio.gather(*answers) == [0, 1, 2]
        await server.stop()


async def test_a_full_disk_there_is_a_full_disk_here(tmp_path: Path) -> None:
    peer, server = Peer(tmp_path / "w.sock"), Server(tmp_path / "w.sock", echo)
    await server.start()
    async with running(peer):
        with pytest.raises(StoreFull):
            await peer.ask("full", None, int)
    await server.stop()


async def test_a_commit_that_failed_is_not_answered(tmp_path: Path) -> None:
    peer, server = Peer(tmp_path / "w.sock"), Server(tmp_path / "w.sock", echo)
    await server.start()
    async with running(peer):
        unsure = peer.ask("failed", None, int)
        assert await peer.ask("load", 1, int) == 1
        assert not unsure.done()
    await server.stop()


async def test_who_leaves_waits_for_nobody_who_is_gone(tmp_path: Path) -> None:
    peer = Peer(tmp_path / "w.sock")
    async with running(peer):
        waiting = peer.ask("load", 1, int)
        peer.leave()
        with pytest.raises(EndpointUnavailable):
            await waiting
        with pytest.raises(EndpointUnavailable):
            await peer.ask("load", 2, int)


async def test_a_long_path_works_and_leaves_no_descriptor_open(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    server = Server(deep / "w.sock", echo)
    await server.start()
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        assert msgspec.msgpack.decode(await ask_once(deep / "w.sock", "x", number)) == number
        with short_path(deep / "w.sock") as short:
            assert len(short) < 100
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    await server.stop()


async def test_an_asker_who_hangs_up_leaves_no_answer_unawaited(tmp_path: Path) -> None:
    hung_up, left = asyncio.Event(), asyncio.Event()

    async def late(verb: str, body: bytes) -> Awaitable[bytes]:
        left.set()
        await hung_up.wait()
        return await echo(verb, body)

    server = Server(tmp_path / "w.sock", late)
    await server.start()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        _, writer = await connect(tmp_path / "w.sock")
        write_frame(writer, Ask(1, "load", b""))
        await left.wait()
        writer.close()
        await writer.wait_closed()
        for _ in range(20):
            await asyncio.sleep(0)
        hung_up.set()
        for _ in range(20):
            await asyncio.sleep(0)
        gc.collect()
    assert [str(warning.message) for warning in said] == []
    await server.stop()
