"""One worker: opens its shard, starts the engine, answers the control socket and other workers, ends in good order."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from waypost.core.binding import split_listen
from waypost.core.clock import SystemClock, SystemRandom
from waypost.core.errors import EndpointUnavailable, StoreDamaged, StoreError, StoreLocked, StoreTooNew, WaypostError
from waypost.core.event import Events
from waypost.core.listener import Listener
from waypost.flow.assemble import Surroundings
from waypost.flow.attic import Attic
from waypost.flow.control import Control
from waypost.flow.effects import pack_answer
from waypost.flow.engine import Engine
from waypost.flow.peer import Peer
from waypost.flow.placement import FIRST
from waypost.flow.project import load_project
from waypost.flow.spread import Handed, Hopped
from waypost.flow.trying import Trying
from waypost.flow.versions import Versions
from waypost.flow.wire import Server
from waypost.observe.log import EventLog
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import live_reader, open_folds
from waypost.store.record import Positioned
from waypost.store.retention import Ages, Retention
from waypost.store.shard import EmbeddedShard

CANNOT_START = 3
"""The exit code of a worker that would refuse to start again."""
REFUSALS = (StoreLocked, StoreDamaged, StoreTooNew)
RETENTION_SECONDS = 600.0
"""Pause between two looks for messages that may go."""
GC_YOUNG = 50_000
"""Objects between two collections: documents die young and hold no circles; looking for some costs half the time."""
IDLE_TURNS = 3
"""How often in a row ``--once`` must find nothing to do."""
PATIENCE_SECONDS, LOOK_SECONDS = 3.0, 0.02
_hopped = msgspec.msgpack.Decoder(Hopped)
_handed = msgspec.msgpack.Decoder(Handed)
_positioned = msgspec.msgpack.Decoder(Positioned)


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a system runs. ``once``: end when every source was seen empty and nothing more can be done now; ``wait``:
    also wait for retries, up to ``timeout_seconds`` (0 = as long as it takes)."""

    workers: int = 1
    once: bool = False
    wait: bool = False
    flows: Sequence[str] = ()
    timeout_seconds: float = 0.0
    who: str = ""
    log: str = "text"
    """How a worker process writes its events to standard error: ``text`` or ``json``."""
    quiet: bool = False


class Worker:
    """Worker ``number`` of a system."""

    def __init__(
        self, root: Path, environment: str, number: int, options: RunOptions, events: Events | None = None
    ) -> None:
        self.root, self.environment, self.number, self.options = root, environment, number, options
        self.events = events or Events()
        self.stopping = asyncio.Event()
        self.engine: Engine
        self.control: Control
        self.peers: dict[int, Peer] = {}
        self._peers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Raises ``ProjectError``, ``StoreLocked`` and other reasons not to start."""
        one_heap()
        self.project = load_project(self.root, self.environment)
        folder = self.root / self.project.options.store
        self.run_folder = folder / "run"
        store = EmbeddedStore(str(folder), folds=open_folds, fingerprint=fingerprint())
        store.create()
        shard = await self._open_shard(store, self.number)
        self.listener = Listener(*split_listen(self.project.options.listen.address)) if self._listens() else None
        self.control = self._control_of(shard, self.events, self.listener)
        self.engine = self.control.engine
        self.engine.trying = Trying(self.run_folder / f"trying-{self.number}")
        self.project = self.engine.project
        self.attic = Attic(lambda left: self._control_of(left, Events(), None))
        self.server = Server(self.run_folder / f"worker-{self.number}.sock", self._answer)
        await self.server.start()
        if self.options.workers > 1:
            self._meet_peers()
        if self.listener is not None:
            await self.listener.open()
        self.control.activate_at_start()
        await self.engine.start()
        kept = self.project.options.retention
        self.retention = Retention(
            shard, store.disk, self.engine.clock, Ages(finished=int(kept.delivered), dead=int(kept.dead))
        )
        self.engine.spawn(self._retain())
        if self.number == FIRST:
            left = [number for number in store.shards() if number >= self.options.workers]
            await self.attic.open([await self._open_shard(store, number) for number in left])
        gc.freeze()
        gc.set_threshold(GC_YOUNG, 20, 50)

    async def _retain(self) -> None:
        """Let messages go that are older than the project keeps them, now and then."""
        while True:
            await self.engine.clock.sleep(RETENTION_SECONDS)
            await self.retention.run()

    def _control_of(self, shard: EmbeddedShard, events: Events, listener: Listener | None) -> Control:
        around = Surroundings(self.root, SystemClock(), SystemRandom(), events, self.number, listener)
        versions = Versions(self.run_folder.parent / "bundles", self.root, self.environment, around)
        versions.keep(self.project)
        running = versions.active(self.project, shard.state.activations())
        engine = Engine(
            running, shard, live_reader([shard]), versions, around,
            workers=self.options.workers, only=self.options.flows,
        )  # fmt: skip
        return Control(engine, self.root, self.environment, self.stopping, who=self.options.who)

    async def perform(self, verb: str, params: Mapping[str, Any]) -> Any:
        """The result of a verb of the control socket."""
        return await self.attic.joined(verb, await self.control.perform(verb, params), params)

    async def _open_shard(self, store: EmbeddedStore, number: int) -> EmbeddedShard:
        """A shard, as soon as whoever had it and is ending right now has let it go."""
        ending = PATIENCE_SECONDS if self.options.workers > 1 else 0.0
        while True:
            try:
                return await store.open_shard(number, self.options.workers)
            except StoreLocked:
                if ending <= 0:
                    raise
            await asyncio.sleep(LOOK_SECONDS)
            ending -= LOOK_SECONDS

    def _listens(self) -> bool:
        flows = self.project.flows.values()
        return self.number == 0 and any(flow.source.component.name == "http" for flow in flows)

    def _meet_peers(self) -> None:
        numbers = [number for number in range(self.options.workers) if number != self.number]
        self.peers = {number: Peer(self.run_folder / f"worker-{number}.sock") for number in numbers}
        self.engine.spread.peers = self.peers
        self._peers += [asyncio.ensure_future(peer.run()) for peer in self.peers.values()]
        self._peers.append(asyncio.ensure_future(self._leave_peers()))

    async def _leave_peers(self) -> None:
        """Once told to stop, wait for nobody who stops too."""
        await self.stopping.wait()
        for peer in self.peers.values():
            peer.leave()

    async def _answer(self, verb: str, body: bytes) -> Awaitable[bytes]:
        """Questions of other workers and of the control socket, taken in order."""
        if verb in ("load", "hop"):
            await self.engine.ready.wait()
        if verb == "load":
            return self.packed(await self.engine.spread.receive(_handed.decode(body)))
        if verb == "positions":
            flow = msgspec.msgpack.decode(body)
            return self.packed(_done(dict(self.engine.shard.state.positions(flow))))
        if verb == "position":
            self.engine.spread.positioned(_positioned.decode(body))
            return self.packed(_done(None))
        if verb == "hop":
            return self.packed(await self.engine.spread.receive_hop(_hopped.decode(body)))
        return self.told(self.perform(verb, msgspec.msgpack.decode(body)))

    async def packed(self, result: Awaitable[Any]) -> bytes:
        """The reply that carries a result."""
        return msgspec.msgpack.encode(await result)

    async def told(self, result: Awaitable[Any]) -> bytes:
        """The reply that carries what a verb answers, its numbers exact."""
        return pack_answer(await result)

    async def until_done(self) -> None:
        """Run until told to stop, until ``--once`` is done, or until the engine fails, which is raised."""
        failed = self.engine.failed
        assert failed is not None
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self.stopping.wait()), failed]
        if self.options.once and self.options.workers == 1:
            waits.append(asyncio.ensure_future(self._until_idle()))
        if self.options.timeout_seconds:
            waits.append(asyncio.ensure_future(asyncio.sleep(self.options.timeout_seconds)))
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            if wait is not failed:
                wait.cancel()
        if failed.done():
            raise failed.result()

    async def _until_idle(self) -> None:
        idle = 0
        while idle < IDLE_TURNS:
            await asyncio.sleep(0.02)
            engine = self.engine
            left = not engine.drained if self.options.wait else engine.busy
            idle = idle + 1 if engine.exhausted and not left else 0

    async def run(self) -> int:
        """Until done, then stop; the exit code: 0 all done, 1 something of this run is undelivered."""
        try:
            await self.until_done()
            return self.control.exit_code() if self.options.once else 0
        finally:
            with contextlib.suppress(WaypostError):
                await self.stop()

    async def stop(self) -> None:
        if self.listener is not None:
            await self.listener.close()
        for known in self.peers.values():
            known.leave()
        await self.engine.halt()
        await self.server.stop()
        try:
            await self.engine.close()
            await self.attic.close()
        finally:
            self.retention.close()
        for peer in self._peers:
            peer.cancel()
        await asyncio.gather(*self._peers, return_exceptions=True)


def _done(value: Any) -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


def fingerprint() -> str:
    """What recomputing depends on besides the project: Python, packages, time-zone data."""
    import platform
    from importlib.metadata import version

    parts = [f"python {platform.python_version()}"]
    parts += [f"{name} {version(name)}" for name in ("msgspec", "jsonschema-rs", "tzdata")]
    return ", ".join(parts)


async def work(root: Path, environment: str, number: int, options: RunOptions) -> int:
    """A worker process of a supervisor, from start to end; its exit code. What happens is told on standard error."""

    events = Events()
    events.subscribe(EventLog(sys.stderr, options.log, options.quiet, number))
    worker = Worker(root, environment, number, options, events)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, worker.stopping.set)
    try:
        await worker.start()
        return await worker.run()
    except EndpointUnavailable as error:
        if not worker.stopping.is_set():
            sys.stderr.write(f"worker {number}: {error}\n")
            return 1
        await worker.stop()
        return 0
    except WaypostError as error:
        sys.stderr.write(f"worker {number}: {error}\n")
        return exit_code_of(error)


def exit_code_of(error: WaypostError) -> int:
    """How a worker process ends: starting it again can help after a failed commit, not after a refusal to start."""
    return 1 if isinstance(error, StoreError) and not isinstance(error, REFUSALS) else CANNOT_START


def one_heap() -> None:
    """Have the allocator keep one heap for all threads and give back what lies free at its end: with the heaps of
    its own that glibc makes for each, all stay as large as their busiest moment (M_TRIM_THRESHOLD and M_ARENA_MAX of
    mallopt(3))."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(-1, 1 << 18)
        mallopt(-8, 1)


def die_with_parent(parent: int) -> None:
    """Ask the kernel to end this process when ``parent``, which started it, dies (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
