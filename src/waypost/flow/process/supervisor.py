"""Run a project: alone in this process, or as a supervisor of several workers that it starts again when they die."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from waypost.core.errors import EndpointUnavailable, StoreLocked
from waypost.core.event import Event, Events, WorkerDied
from waypost.flow.batch.effects import pack_answer, unpack_answer
from waypost.flow.declared.merge import merged
from waypost.flow.declared.project import load_project
from waypost.flow.process.client import FINDING, control_path, finder_path
from waypost.flow.process.nursery import Order, Report
from waypost.flow.process.worker import CANNOT_START, LOOK_SECONDS, PATIENCE_SECONDS, Restart, RunOptions, Worker
from waypost.flow.running.rebalance import rebalance
from waypost.flow.sharing.wire import Server, ask_once

RESTART_SECONDS = 0.2
"""Pause before a worker that gave up by itself is started again; one that was killed is back at once."""
GRACE_SECONDS = 30.0
NURSERY = "waypost.flow.process.nursery"
"""The module that workers are born in."""

Say = Callable[[Event], None]


async def run(root: Path, environment: str, options: RunOptions, say: Say) -> int:
    """Run until told to stop, or, with ``once``, until nothing is left to do; the exit code. Raises ``ProjectError``
    and other reasons not to start."""
    project = load_project(root, environment)
    folder = root / project.options.store
    answered = [name for name, flow in project.flows.items() if flow.source.traits.replies]
    with alone_in(folder):
        await _patiently(lambda: rebalance(folder, options.workers, answered))
        if options.workers == 1:
            return await _alone(root, environment, folder, options, say)
        return await _Supervisor(root, environment, folder, options, say).run()


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """One system at a time runs on a store. Raises ``StoreLocked`` naming the process that does; the lock ends with
    this process, however it ends."""
    run = folder / "run"
    run.mkdir(parents=True, exist_ok=True)
    with open(run / "lock", "a+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read(32).decode("ascii", "replace").strip() or "that is just starting"
            raise StoreLocked(
                f"in use by process {holder}", where=str(folder), expected="one system at a time",
                remedy="stop that process, or ask it: waypost status",
            ) from None  # fmt: skip
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n".encode())
        lock.flush()
        yield


async def _patiently(act: Callable[[], Awaitable[None]]) -> None:
    """Workers of a supervisor that was killed end a moment after it."""
    for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
        with contextlib.suppress(StoreLocked):
            return await act()
        await asyncio.sleep(LOOK_SECONDS)
    await act()


def on_signals(stop: Callable[[], None]) -> None:
    """SIGTERM and SIGINT stop in good order; a second one at once."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


async def _alone(root: Path, environment: str, folder: Path, options: RunOptions, say: Say) -> int:
    events = Events()
    events.subscribe(say)
    worker = Worker(root, environment, 0, options, events)
    on_signals(worker.stopping.set)
    await worker.start()

    async def answer(verb: str, body: bytes) -> Awaitable[bytes]:
        return worker.told(worker.perform(verb, msgspec.msgpack.decode(body)))

    control = Server(control_path(folder), answer)
    await control.start()
    try:
        return await worker.run()
    finally:
        await control.stop()


class _Supervisor:
    """Keeps ``workers`` processes running and speaks for all of them on the control socket."""

    def __init__(self, root: Path, environment: str, folder: Path, options: RunOptions, say: Say) -> None:
        self.root, self.environment, self.folder, self.options, self.say = root, environment, folder, options, say
        self.stopping = asyncio.Event()
        self._pids: dict[int, int] = {}
        self._version = ""
        """What a person activated since the start, as far as a worker said so."""
        self._nursery: asyncio.subprocess.Process

    async def run(self) -> int:
        on_signals(self.stopping.set)
        control = Server(control_path(self.folder), self._answer)
        await control.start()
        await self._open_nursery()
        ends: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self.stopping.wait()), asyncio.ensure_future(self._tend())
        ]  # fmt: skip
        if self.options.once:
            ends.append(asyncio.ensure_future(self._until_idle()))
        if self.options.timeout_seconds:
            ends.append(asyncio.ensure_future(asyncio.sleep(self.options.timeout_seconds, 1)))
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            code = next((end.result() for end in done if type(end.result()) is int), 0)  # told to stop is True
        finally:
            await self._stop(ends[1])
            await control.stop()
        return int(code)

    async def _open_nursery(self, *, again: bool = False) -> None:
        self._nursery = await asyncio.create_subprocess_exec(
            sys.executable, "-m", NURSERY, str(os.getpid()),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=worker_environment(),
        )  # fmt: skip
        for number in range(self.options.workers):
            self._order(number, again=again)

    async def _stop(self, tending: asyncio.Future[Any]) -> None:
        self.stopping.set()
        for pid in self._pids.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        if not tending.done() and self._pids:
            await asyncio.wait([tending], timeout=GRACE_SECONDS)
        if self._nursery.returncode is None:
            self._nursery.kill()
        await self._nursery.wait()
        tending.cancel()

    def _order(self, number: int, *, again: bool = False) -> None:
        """Have a worker started; ``again``: in the place of a dead one."""
        restart = Restart(str(self.folder), self._version) if again else None
        order = Order(number, str(self.root), self.environment, self.options, restart)
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(msgspec.json.encode(order) + b"\n")

    async def _tend(self) -> int:
        """Hear of births and deaths; the dead are started again until the system stops. Returns once all are gone, or
        a worker refused to start."""
        while True:
            code = await self._listen()
            if code is not None:
                return code
            if self.stopping.is_set() or not self._pids:
                return 0 if self.stopping.is_set() else 1
            for number in sorted(self._pids):
                self.say(WorkerDied(worker=number, code=-signal.SIGKILL))
            self._pids = {}
            await asyncio.sleep(RESTART_SECONDS)
            await self._open_nursery(again=True)

    async def _listen(self) -> int | None:
        """Hear what the nursery says; the exit code, or None when it is gone, and all workers with it."""
        assert self._nursery.stdout is not None
        while line := await self._nursery.stdout.readline():
            report = msgspec.json.decode(line, type=Report)
            if report.code is None:
                self._pids[report.number] = report.pid
                continue
            self._pids.pop(report.number, None)
            if report.code == CANNOT_START:
                return 1
            if self.stopping.is_set():
                if not self._pids:
                    return 0
                continue
            self.say(WorkerDied(worker=report.number, code=report.code))
            if report.code > 0:
                await asyncio.sleep(RESTART_SECONDS)
            self._order(report.number, again=True)
        await self._nursery.wait()
        return None

    async def _until_idle(self) -> int:
        idle, left = 0, []
        while idle < 3:
            await asyncio.sleep(0.05)
            try:
                left = await self._ask_all("left", {"wait": self.options.wait})
            except EndpointUnavailable:
                idle = 0
                continue
            idle = 0 if any(part["left"] for part in left) else idle + 1
        return max(int(part["exit_code"]) for part in left)

    async def _answer(self, verb: str, body: bytes) -> Awaitable[bytes]:
        return self._perform(verb, msgspec.msgpack.decode(body))

    async def _perform(self, verb: str, params: Any) -> bytes:
        if verb == "stop":
            self.stopping.set()
            return msgspec.msgpack.encode({})
        numbers = [0] if verb in ("send", "reference", "books") else range(self.options.workers)
        return pack_answer(merged(verb, await self._ask_all(verb, params, numbers), params))

    async def _ask_all(self, verb: str, params: Any, numbers: Sequence[int] | None = None) -> list[Any]:
        async def one(number: int) -> Any:
            found = verb in FINDING
            path = finder_path(self.folder, number) if found else self.folder / "run" / f"worker-{number}.sock"
            answer = unpack_answer(await ask_once(path, verb, params, 600.0))
            if verb in ("reload", "activate"):
                self._version = answer["version"]
            return answer

        return await asyncio.gather(*(one(n) for n in numbers or range(self.options.workers)))


def worker_environment() -> dict[str, str]:
    """What recomputing could depend on is fixed: hash seed, locale, time zone."""
    return {**os.environ, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
