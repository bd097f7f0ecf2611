"""A process beside a worker that runs an engine for a step: answered in time and within its memory, or killed.

It is started with the first message and again after it was killed. A frame is four bytes of length and MessagePack.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import struct
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from waypost.core.errors import BugError

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_HEAD = struct.Struct(">I")
_LOOK_SECONDS = 0.02
_START_SECONDS = 30.0
_PROGRAM = "import sys; sys.path[:] = {path!r}; from waypost.steps.companion_engine import main; main()"


class Companion:
    """One engine with its set-up. ``seconds`` is what one answer may take, ``memory_bytes`` what the process may hold,
    ``answer_bytes`` what one answer may be. Not for several threads at once."""

    def __init__(
        self, engine: str, setup: Mapping[str, Any], *, where: str, seconds: float, memory_bytes: int,
        answer_bytes: int = 64 << 20,
    ) -> None:  # fmt: skip
        self._setup, self._where = {"engine": engine, **setup}, where
        self._seconds, self._memory, self._answer = seconds, memory_bytes, answer_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[[subprocess.Popen[bytes]], Companion] | None = None
        self.confined: tuple[str, ...] = ()
        """What the process gave up, of ``files``, ``network``, ``calls``; empty before the first message."""

    def start(self) -> Mapping[str, Any]:
        """What the engine says of its set-up: ``{}`` when all is well, else ``error`` and maybe ``line``, ``file``."""
        if self._process is not None:
            return {}
        environment = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin"}
        self._process = subprocess.Popen(
            [sys.executable, "-s", "-E", "-c", _PROGRAM.format(path=[p for p in sys.path if p])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd="/",
            start_new_session=True, bufsize=0,
        )  # fmt: skip
        self._end = weakref.finalize(self, _kill, self._process)
        for stream in (self._process.stdin, self._process.stdout):
            os.set_blocking(_fd(stream), False)
        made: list[Mapping[str, Any] | BugError] = []
        self._exchange([self._setup], _START_SECONDS, made)
        answer = made[0]
        assert not isinstance(answer, BugError)
        if "error" in answer:
            self.stop()
        else:
            self.confined = tuple(answer.get("confined", ()))
        return answer if "error" in answer else {}

    def ask(self, requests: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any] | BugError]:
        """The engine's answers in order. A ``BugError`` for a request that takes too long, needs too much, says too
        much, or of which the engine dies; those behind it are asked of the next process."""
        made: list[Mapping[str, Any] | BugError] = []
        while len(made) < len(requests):
            try:
                refused = self.start()
                if refused:
                    remedy = "correct it, then retry the message"
                    raise BugError(str(refused["error"])[:500], where=self._where, remedy=remedy)
                self._exchange(requests[len(made) :], self._seconds, made)
            except BugError as error:
                made.append(error)
        return made

    def stop(self) -> None:
        """End the process; the next message starts another."""
        if self._process is not None:
            _kill(self._process)
        if self._end is not None:
            self._end.detach()
        self._process = self._end = None

    def _exchange(
        self, requests: Sequence[Mapping[str, Any]], seconds: float, made: list[Mapping[str, Any] | BugError]
    ) -> None:
        """Add an answer to ``made`` for each request, in turn; each has ``seconds`` from the one before."""
        process = self._process
        assert process is not None
        begun = looked = time.monotonic()
        waiting, left, answered = iter(requests), memoryview(b""), 0
        writer, reader, heard = _fd(process.stdin), _fd(process.stdout), bytearray()
        more = True
        try:
            while answered < len(requests):
                if not left and more:
                    left, more = _frame(next(waiting, None))
                readable, writable, _ = select.select([reader], [writer] if left else [], [], _LOOK_SECONDS)
                if time.monotonic() - looked > _LOOK_SECONDS:
                    self._bounds(process, begun + seconds, seconds)
                    looked = time.monotonic()
                if writable:
                    left = left[os.write(writer, left[: 1 << 16]) :]
                for answer in self._heard(reader, heard) if readable else ():
                    made.append(answer)
                    answered, begun = answered + 1, time.monotonic()
        except (BrokenPipeError, msgspec.DecodeError, _Gone):
            code = process.poll()
            self.stop()
            how = f", exit code {code}" if code is not None and code >= 0 else f", signal {-code}" if code else ""
            raise self._refusal(f"the engine ended without an answer{how}", "an answer") from None
        except BugError:
            self.stop()
            raise

    def _heard(self, reader: int, heard: bytearray) -> Iterator[Mapping[str, Any]]:
        """The answers that are whole."""
        with contextlib.suppress(BlockingIOError):
            piece = os.read(reader, 1 << 20)
            if not piece:
                raise _Gone
            heard += piece
        while len(heard) >= 4:
            size = int(_HEAD.unpack_from(heard)[0])
            if size > self._answer:
                raise self._refusal(f"an answer of {size} bytes", f"at most {self._answer} bytes")
            if len(heard) < size + 4:
                return
            answer: Mapping[str, Any] = _decode(bytes(heard[4 : size + 4]))
            del heard[: size + 4]
            yield answer

    def _bounds(self, process: subprocess.Popen[bytes], deadline: float, seconds: float) -> None:
        if time.monotonic() > deadline:
            raise self._refusal(f"no answer in {seconds:g} s", "an answer in time")
        held = resident_bytes(process.pid)
        if held > self._memory:
            raise self._refusal(f"{held >> 20} MiB held", f"at most {self._memory >> 20} MiB")

    def _refusal(self, found: str, expected: str) -> BugError:
        remedy = "find what in the message or the program does not end, or allow it more"
        return BugError(found, where=self._where, expected=expected, remedy=remedy)


def _frame(request: Mapping[str, Any] | None) -> tuple[memoryview, bool]:
    """A request as bytes; and whether there was one."""
    if request is None:
        return memoryview(b""), False
    body = _encode(request)
    return memoryview(_HEAD.pack(len(body)) + body), True


class _Gone(Exception):
    """The process closed its end."""


def _fd(stream: IO[bytes] | None) -> int:
    assert stream is not None
    return stream.fileno()


def resident_bytes(pid: int) -> int:
    """The memory a process holds; 0 where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGESIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process with all it started, and take its remains away."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    process.wait()
