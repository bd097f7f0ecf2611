"""Processes of one program: started when needed, asked one question at a time each, killed when they misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import struct
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from waypost.core.component import Request
from waypost.core.errors import BugError, ConfigurationRefused, EndpointUnavailable, MessageError, WaypostError
from waypost.steps.companion import resident_bytes

_PATH = "/usr/local/bin:/usr/bin:/bin"
_HEAD = struct.Struct(">I")
_LOOK_SECONDS = 0.02
_STDERR_CHARACTERS = 2000
_LAUNCH = "import sys; sys.path[:] = {path!r}; from waypost.steps.program_launch import main; main()"
_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_ANSWERS = ("body", "bodies", "drop", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramSettings:
    """What a program is and what it may take."""

    command: tuple[str, ...]
    frames: str = "lines"
    processes: int = 1
    seconds: float = 30.0
    memory_bytes: int = 512 << 20
    answer_bytes: int = 16 << 20
    network: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    where: str = "program"

    def executable(self) -> str:
        """The program's whole path, '' where it is not there."""
        return shutil.which(self.command[0], path=_PATH) or ""


class ProgramPool:
    """A requester: hands questions to processes that are free."""

    def __init__(self, settings: ProgramSettings) -> None:
        self._settings = settings
        self._free: list[_Process] = []
        self._room = asyncio.Semaphore(settings.processes)

    async def open(self) -> None:
        if not self._settings.executable():
            raise ConfigurationRefused(f"there is no program {self._settings.command[0]!r}",
                                       where=self._settings.where, remedy="install it")  # fmt: skip

    async def ask(self, batch: Sequence[Request]) -> Sequence[Any]:
        """The answers in order. A crash of the program, and what it calls transient, is raised for the whole batch."""
        found = await asyncio.gather(*map(self._one, batch), return_exceptions=True)
        for one in found:
            if isinstance(one, BaseException) and not isinstance(one, MessageError):
                raise one
        return found

    async def _one(self, request: Request) -> Any:
        async with self._room:
            process = self._free.pop() if self._free else _Process(self._settings)
            try:
                answer = await process.ask(request.parameters)
            except BaseException:
                await process.end()
                raise
            self._free.append(process)
        if answer.get("class") == "transient" and "error" in answer:
            raise EndpointUnavailable(str(answer["error"])[:500], where=self._settings.where)
        return answer

    async def close(self) -> None:
        for process in self._free:
            await process.end()
        self._free.clear()


class _Process:
    def __init__(self, settings: ProgramSettings) -> None:
        self._settings, self._folder, self._said = settings, "", bytearray()
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None

    async def ask(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        if self._process is None:
            await self._start()
        settings, process = self._settings, self._process
        assert process is not None and process.stdin is not None
        body = _encode(parameters)
        asking = asyncio.ensure_future(self._exchange(body))
        deadline = time.monotonic() + settings.seconds
        try:
            while not asking.done():
                await asyncio.wait([asking], timeout=_LOOK_SECONDS)
                if time.monotonic() > deadline and not asking.done():
                    raise self._refusal(f"no answer in {settings.seconds:g} s", "an answer in time")
                held = resident_bytes(process.pid)
                if held > settings.memory_bytes:
                    raise self._refusal(f"{held >> 20} MiB held", f"at most {settings.memory_bytes >> 20} MiB")
            return self._understood(asking.result())
        except (ConnectionError, asyncio.IncompleteReadError):
            raise await self._crash() from None
        finally:
            asking.cancel()
            with contextlib.suppress(
                asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError, WaypostError
            ):
                await asking

    async def _exchange(self, body: bytes) -> bytes:
        process, settings = self._process, self._settings
        assert process is not None and process.stdin is not None and process.stdout is not None
        lines = settings.frames == "lines"
        process.stdin.write(body + b"\n" if lines else _HEAD.pack(len(body)) + body)
        await process.stdin.drain()
        if not lines:
            size = _HEAD.unpack(await process.stdout.readexactly(4))[0]
            if size > settings.answer_bytes:
                raise self._refusal(f"an answer of {size} bytes", f"at most {settings.answer_bytes}")
            return await process.stdout.readexactly(size)
        try:
            return await process.stdout.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise self._refusal("an answer without end", f"a line of at most {settings.answer_bytes} bytes") from None

    def _understood(self, answer: bytes) -> dict[str, Any]:
        try:
            made = _decode(answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._refusal(f"an answer that is no JSON: {answer[:80]!r} ({error})", "a frame of JSON") from None
        if not isinstance(made, dict) or sum(word in made for word in _ANSWERS) != 1:
            raise self._refusal(f"an answer {answer[:80]!r}", f"a mapping with one of {', '.join(_ANSWERS)}")
        return made

    def _refusal(self, found: str, expected: str) -> BugError:
        said = self._stderr()
        return BugError(found + said, where=self._settings.where, expected=expected,
                        remedy="correct the program, then retry the message")  # fmt: skip

    async def _crash(self) -> EndpointUnavailable:
        process = self._process
        assert process is not None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 1.0)
        if self._listening is not None:
            await asyncio.wait([self._listening], timeout=0.5)
        code = process.returncode
        how = (
            "closed its output" if code is None else f"ended with signal {-code}" if code < 0 else f"exited with {code}"
        )
        return EndpointUnavailable(f"the program {how} without an answer{self._stderr()}", where=self._settings.where)

    def _stderr(self) -> str:
        said = " ".join(self._said.decode("utf-8", "backslashreplace").split())[:_STDERR_CHARACTERS]
        return f"; it said: {said}" if said else ""

    async def _start(self) -> None:
        settings = self._settings
        self._folder = _laid_out(settings.files)
        launch = [sys.executable, "-s", "-E", "-c", _LAUNCH.format(path=[part for part in sys.path if part])]
        how = "network" if settings.network else "alone"
        environment = {"PATH": _PATH, "HOME": self._folder, "TMPDIR": self._folder, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        self._process = await asyncio.create_subprocess_exec(
            *launch, how, self._folder, settings.executable(), *settings.command[1:],
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**environment, **settings.environment}, cwd=self._folder, start_new_session=True,
            limit=max(settings.answer_bytes, 1 << 16),
        )  # fmt: skip
        self._listening = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        """Keep the end of what it says on standard error, however much that is."""
        assert self._process is not None and self._process.stderr is not None
        while piece := await self._process.stderr.read(1 << 14):
            self._said = bytearray((self._said + piece)[-4 * _STDERR_CHARACTERS :])

    async def end(self) -> None:
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            if self._listening is not None:
                self._listening.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._listening
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 5.0)
            transport = getattr(process, "_transport", None)
            if transport is not None:
                transport.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _laid_out(files: Mapping[str, bytes]) -> str:
    """A new folder that holds ``files``."""
    folder = tempfile.mkdtemp(prefix="waypost-program-")
    for name, data in files.items():
        place = Path(folder, *name.split("/"))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return folder
