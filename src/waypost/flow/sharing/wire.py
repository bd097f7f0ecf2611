"""Length-prefixed MessagePack over a Unix socket: between workers, and from the command line to a running system."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from waypost.core.errors import CommitFailed, EndpointUnavailable, StoreFull, UsageError, WaypostError

MAX_FRAME = 256 << 20
_LENGTH = 4
READ_AHEAD = 2 << 20
"""Bytes a connection reads before they are wanted: some loads, so that one does not come in by pieces."""

pack = msgspec.msgpack.Encoder().encode


class Ask(msgspec.Struct, array_like=True):
    """A question: ``body`` is MessagePack of what ``verb`` wants."""

    number: int
    verb: str
    body: bytes


class Reply(msgspec.Struct, array_like=True):
    """The answer to question ``number``; ``error`` is empty when it went well, else what it says and its ``code``."""

    number: int
    body: bytes = b""
    error: str = ""
    code: str = ""


_asks = msgspec.msgpack.Decoder(Ask)
_replies = msgspec.msgpack.Decoder(Reply)
Answerer = Callable[[str, bytes], Awaitable[Awaitable[bytes]]]
"""Takes (verb, body), in the order sent; what it returns gives the reply's body, maybe much later."""


def write_frame(writer: asyncio.StreamWriter, value: Ask | Reply) -> None:
    """Queue one frame; it is sent as the connection allows."""
    data = pack(value)
    writer.write(len(data).to_bytes(_LENGTH, "little"))
    writer.write(data)


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """The next frame. Raises ``IncompleteReadError`` at the end, ``EndpointUnavailable`` for one that is too long."""
    length = int.from_bytes(await reader.readexactly(_LENGTH), "little")
    return await reader.readexactly(_checked(length))


def send(connection: socket.socket, value: Ask | Reply) -> None:
    """Send one frame. Blocks."""
    data = pack(value)
    connection.sendall(len(data).to_bytes(_LENGTH, "little") + data)


def receive(connection: socket.socket) -> bytes:
    """The one frame that comes before an answer. Blocks. Raises ``EOFError`` at the end, ``EndpointUnavailable`` for
    one that is too long."""
    data, wanted = bytearray(), _LENGTH
    while len(data) < wanted:
        piece = connection.recv(1 << 16)
        if not piece:
            raise EOFError
        data += piece
        if wanted == _LENGTH and len(data) >= _LENGTH:
            wanted += _checked(int.from_bytes(data[:_LENGTH], "little"))
    return bytes(data[_LENGTH:])


def _checked(length: int) -> int:
    if length > MAX_FRAME:
        raise EndpointUnavailable(f"a frame of {length} bytes", expected=f"at most {MAX_FRAME}")
    return length


@contextlib.contextmanager
def short_path(path: Path) -> Iterator[str]:
    """A path for ``bind`` and ``connect``, whose limit is 108 bytes: long ones go through a folder held open."""
    text = str(path)
    if len(text.encode()) < 100:
        yield text
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


async def connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to who listens there. Raises ``OSError`` when nobody does."""
    with short_path(path) as short:
        return await asyncio.open_unix_connection(short, limit=READ_AHEAD)


def failed(number: int, error: WaypostError) -> Reply:
    """The reply that says so."""
    return Reply(number, b"", str(error), error.code)


def error_of(reply: Reply) -> WaypostError:
    """What went wrong there, of the kind the asker can act on."""
    kinds = (StoreFull, EndpointUnavailable, UsageError)
    error = next((kind for kind in kinds if kind.code == reply.code), WaypostError)(reply.error)
    error.code = reply.code or error.code
    return error


class Server:
    """Answers questions on a socket only its owner may open."""

    def __init__(self, path: Path, answerer: Answerer) -> None:
        self._path, self._answerer = path, answerer
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        with short_path(self._path) as short:
            self._server = await asyncio.start_unix_server(self._serve, short, limit=READ_AHEAD)
        self._path.chmod(0o600)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        replies: set[asyncio.Task[None]] = set()
        try:
            while True:
                ask = _asks.decode(await read_frame(reader))
                try:
                    later = await self._answerer(ask.verb, ask.body)
                except WaypostError as error:
                    write_frame(writer, failed(ask.number, error))
                    continue
                answer = asyncio.ensure_future(later)
                task = asyncio.ensure_future(self._reply(writer, ask.number, answer))
                replies.add(task)
                task.add_done_callback(replies.discard)
                task.add_done_callback(partial(_let_go, answer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            for task in replies:
                task.cancel()
            writer.close()

    async def _reply(self, writer: asyncio.StreamWriter, number: int, later: Awaitable[bytes]) -> None:
        try:
            reply = Reply(number, await later)
        except CommitFailed:
            return  # whether it is durable only reopening tells: this process ends, and the next one is asked again
        except WaypostError as error:
            reply = failed(number, error)
        except Exception as error:  # noqa: BLE001 - the asker must hear of it; the engine notices its own failures
            reply = Reply(number, b"", f"internal error: {type(error).__name__}: {error}")
        if not writer.is_closing():
            write_frame(writer, reply)


def _let_go(answer: asyncio.Future[bytes], _: asyncio.Task[None]) -> None:
    """Nobody waits for an answer any more."""
    if not answer.done():
        answer.cancel()
    elif not answer.cancelled():
        answer.exception()


async def ask_once(path: Path, verb: str, body: Any, timeout_seconds: float = 30.0) -> bytes:
    """One question on a fresh connection. Raises ``EndpointUnavailable`` when nobody answers there."""
    try:
        reader, writer = await connect(path)
    except (OSError, ConnectionError) as error:
        raise EndpointUnavailable("nobody answers", where=str(path), remedy="is it running?") from error
    try:
        write_frame(writer, Ask(0, verb, pack(body)))
        async with asyncio.timeout(timeout_seconds):
            reply = _replies.decode(await read_frame(reader))
    except (asyncio.IncompleteReadError, ConnectionError, TimeoutError) as error:
        raise EndpointUnavailable("no answer", where=str(path), remedy="is it stopping?") from error
    finally:
        writer.close()
    if reply.error:
        raise error_of(reply)
    return reply.body
