"""Run a project: alone in this process, or as a supervisor of several workers that it starts again when they die."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from waypost.core.errors import EndpointUnavailable
from waypost.core.event import Event, Events, WorkerDied
from waypost.flow.client import control_path
from waypost.flow.merge import merged
from waypost.flow.project import load_project
from waypost.flow.rebalance import rebalance
from waypost.flow.wire import Server, ask_once
from waypost.flow.worker import CANNOT_START, RunOptions, Worker

RESTART_SECONDS = 0.1
GRACE_SECONDS = 30.0

Say = Callable[[Event], None]


async def run(root: Path, environment: str, options: RunOptions, say: Say) -> int:
    """Run until told to stop, or, with ``once``, until nothing is left to do; the exit code. Raises ``ProjectError``
    and other reasons not to start."""
    project = load_project(root, environment)
    folder = root / project.options.store
    await rebalance(folder, options.workers)
    if options.workers == 1:
        return await _alone(root, environment, folder, options, say)
    return await _Supervisor(root, environment, folder, options, say).run()


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
        return worker.packed(worker.control.perform(verb, msgspec.msgpack.decode(body)))

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
        self._refused = False
        self._processes: dict[int, asyncio.subprocess.Process] = {}

    async def run(self) -> int:
        on_signals(self.stopping.set)
        control = Server(control_path(self.folder), self._answer)
        await control.start()
        keepers = [asyncio.ensure_future(self._keep(number)) for number in range(self.options.workers)]
        ends: list[asyncio.Future[Any]] = [asyncio.ensure_future(self.stopping.wait()), *keepers]
        if self.options.once:
            ends.append(asyncio.ensure_future(self._until_idle()))
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            code = 1 if self._refused else next((int(end.result()) for end in done if isinstance(end.result(), int)), 0)
        finally:
            await self._stop(keepers)
            await control.stop()
        return int(code)

    async def _stop(self, keepers: Sequence[asyncio.Future[Any]]) -> None:
        self.stopping.set()
        for process in self._processes.values():
            if process.returncode is None:
                process.terminate()
        _, late = await asyncio.wait(keepers, timeout=GRACE_SECONDS)
        for process in self._processes.values():
            if late and process.returncode is None:
                process.kill()

    async def _keep(self, number: int) -> None:
        """Start worker ``number``, again whenever it dies, until the system stops."""
        while not self.stopping.is_set():
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "waypost.flow.worker", str(self.root), self.environment, str(number),
                msgspec.json.encode(self.options).decode(), env=worker_environment(),
            )  # fmt: skip
            self._processes[number] = process
            code = await process.wait()
            if code == CANNOT_START:
                self._refused = True
                return
            if not self.stopping.is_set():
                self.say(WorkerDied(worker=number, code=code))
                await asyncio.sleep(RESTART_SECONDS)

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
        numbers = [0] if verb == "send" else range(self.options.workers)
        return msgspec.msgpack.encode(merged(verb, await self._ask_all(verb, params, numbers), params))

    async def _ask_all(self, verb: str, params: Any, numbers: Sequence[int] | None = None) -> list[Any]:
        async def one(number: int) -> Any:
            path = self.folder / "run" / f"worker-{number}.sock"
            return msgspec.msgpack.decode(await ask_once(path, verb, params, 600.0))

        return await asyncio.gather(*(one(n) for n in numbers or range(self.options.workers)))


def worker_environment() -> dict[str, str]:
    """What recomputing could depend on is fixed: hash seed, locale, time zone."""
    return {**os.environ, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
