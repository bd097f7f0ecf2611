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
from waypost.flow.batch.assemble import Surroundings
from waypost.flow.batch.effects import Wanted, pack_answer
from waypost.flow.batch.versions import Versions
from waypost.flow.declared.definition import Project
from waypost.flow.declared.project import load_project
from waypost.flow.delivery.placement import FIRST
from waypost.flow.delivery.sequence import Wanted as NumberWanted
from waypost.flow.delivery.trying import Trying
from waypost.flow.history.unfinished import unfinished
from waypost.flow.process.attic import Attic
from waypost.flow.process.bookkeeping import Bookkeeping
from waypost.flow.process.clearing import Clearing, forget_positions
from waypost.flow.process.client import finder_path
from waypost.flow.process.control import Control
from waypost.flow.process.finder import Finder
from waypost.flow.process.serving import Service, services
from waypost.flow.running.engine import Engine
from waypost.flow.sharing.peer import Peer
from waypost.flow.sharing.spread import Handed, Hopped
from waypost.flow.sharing.wire import Server
from waypost.observe.log import EventLog
from waypost.store.check_room import CheckRoom
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import live_reader, open_folds
from waypost.store.record import Positioned
from waypost.store.retention import Ages
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
_wanted = msgspec.msgpack.Decoder(list[Wanted])
_numbers_wanted = msgspec.msgpack.Decoder(list[NumberWanted])
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


class Restart(msgspec.Struct, frozen=True):
    """A worker takes the place of one that died, and goes on with the version that runs, whatever the project's files
    are by now: with ``version``, or, where that is '', with the one its shard had last."""

    store: str
    version: str = ""


class Worker:
    """Worker ``number`` of a system."""

    def __init__(
        self, root: Path, environment: str, number: int, options: RunOptions, events: Events | None = None,
        restart: Restart | None = None,
    ) -> None:  # fmt: skip
        self.root, self.environment, self.number, self.options = root, environment, number, options
        self.restart = restart
        self.events = events or Events()
        self.stopping = asyncio.Event()
        self.engine: Engine
        self.control: Control
        self.peers: dict[int, Peer] = {}
        self.services: list[Service] = []
        self.books: Bookkeeping | None = None
        self._peers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Raises ``ProjectError``, ``StoreLocked`` and other reasons not to start."""
        one_heap()
        files = None if self.restart else load_project(self.root, self.environment)
        folder = self.root / files.options.store if files else Path(self.restart.store if self.restart else "")
        self.run_folder = folder / "run"
        store = EmbeddedStore(str(folder), folds=open_folds, fingerprint=fingerprint())
        store.create()
        shard = self.shard = await self._open_shard(store, self.number)
        self.contents = CheckRoom(store.setting)
        around, versions = self._surroundings(self.events)
        self.project = self._running(files, versions, shard)
        self.listener = Listener(*split_listen(self.project.options.listen.address)) if self._listens() else None
        around.listener = self.listener
        self.control = self._control_of(shard, around, versions)
        self.engine = self.control.engine
        self.engine.trying = Trying(self.run_folder / f"trying-{self.number}")
        self.attic = Attic(lambda left: self._control_of(left, *self._surroundings(self.events)), lambda: self.control)
        self.server = Server(self.run_folder / f"worker-{self.number}.sock", self._answer)
        await self.server.start()
        at = finder_path(folder, self.number if self.options.workers > 1 else None)
        self.finder = Finder(at, lambda: [self.engine, *self.attic.engines])
        self.finder.start()
        if self.options.workers > 1:
            self._meet_peers()
        if self.listener is not None:
            await self.listener.open()
        await self._serve(around)
        self.control.activate_at_start()
        await self.engine.start()
        kept = self.project.options.retention
        self.clearing = Clearing(self.engine, store.disk, Ages(finished=int(kept.delivered), dead=int(kept.dead)))
        self.clearing.peers = self.peers
        self.clearing.take(shard, self.engine.trading)
        if self.number == FIRST:
            self.clearing.contents = self.contents
            left = [number for number in store.shards() if number >= self.options.workers]
            shards = [await self._open_shard(store, number) for number in left]
            await self.attic.open(shards)
            for engine, leftover in zip(self.attic.engines, shards, strict=True):
                self.clearing.take(leftover, engine.trading, leftover=True)
            self.books = Bookkeeping(folder, self.engine)
            self.books.begin()
        self.engine.spawn(self._retain())
        gc.freeze()
        gc.set_threshold(GC_YOUNG, 20, 50)

    async def _retain(self) -> None:
        """Let messages go that are older than the project keeps them, now and then."""
        while True:
            await self.engine.clock.sleep(RETENTION_SECONDS)
            await self.clearing.run()

    def _surroundings(self, events: Events) -> tuple[Surroundings, Versions]:
        around = Surroundings(
            self.root, SystemClock(), SystemRandom(), events, self.number, contents=self.contents
        )  # fmt: skip
        return around, Versions(self.run_folder.parent / "bundles", self.root, self.environment, around)

    def _running(self, files: Project | None, versions: Versions, shard: EmbeddedShard) -> Project:
        """The project as it is to run: as its files say at the start of a system, as it ran at a restart."""
        activations = shard.state.activations()
        if self.restart is not None and (version := self.restart.version or (activations and activations[-1][0])):
            return versions.project(version)
        files = files or load_project(self.root, self.environment)
        versions.keep(files)
        return versions.active(files, activations)

    def _control_of(self, shard: EmbeddedShard, around: Surroundings, versions: Versions) -> Control:
        versions.know(self.project)
        engine = Engine(
            self.project, shard, live_reader([shard]), versions, around,
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
        serves = self.project.options.self_test is not None and not self.options.once
        return self.number == 0 and (serves or any(flow.source.traits.listens for flow in flows))

    async def _serve(self, around: Surroundings) -> None:
        """Open what the project serves beside its flows; it lives in the process that listens."""
        if self.listener is None or self.options.once:
            return
        grants = around.grants(self.project, "", "self_test")
        self.services = services(self.project, lambda: self.engine.project, grants)
        for service in self.services:
            await service.open()

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
        if verb == "claim":
            return self.packed(self.engine.claiming.take(_wanted.decode(body)))
        if verb == "numbers":
            return self.packed(self.engine.sequences.give(_numbers_wanted.decode(body)))
        if verb == "numbers-taken":
            self.engine.sequences.taken(_numbers_wanted.decode(body))
            return self.packed(_done(None))
        if verb == "numbers-void":
            return self.packed(self.engine.sequences.count_void(*msgspec.msgpack.decode(body, type=tuple[str, int])))
        if verb == "is-dead":
            return self.packed(_done(self.engine.claims.dead(msgspec.msgpack.decode(body))))
        if verb == "forget":
            return self.packed(self._forget(msgspec.msgpack.decode(body, type=list[tuple[str, str]])))
        if verb == "hop":
            return self.packed(await self.engine.spread.receive_hop(_hopped.decode(body)))
        return self.told(self.perform(verb, msgspec.msgpack.decode(body)))

    async def _forget(self, partitions: list[tuple[str, str]]) -> None:
        self.engine.spread.forget(partitions)
        await forget_positions(self.shard, partitions)

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
            if not self.options.once:
                return 0
            for event in unfinished(self.engine):
                self.events.emit(event)
            return self.control.exit_code()
        finally:
            with contextlib.suppress(WaypostError):
                await self.stop()

    async def stop(self) -> None:
        for service in self.services:
            await service.close()
        if self.listener is not None:
            await self.listener.close()
        for known in self.peers.values():
            known.leave()
        await self.engine.halt()
        await self.server.stop()
        self.finder.stop()
        try:
            await self.engine.close()
            await self.attic.close()
            if self.books is not None:
                await self.books.end()
        finally:
            self.clearing.close()
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


async def work(root: Path, environment: str, number: int, options: RunOptions, restart: Restart | None = None) -> int:
    """A worker process of a supervisor, from start to end; its exit code. What happens is told on standard error."""

    events = Events()
    events.subscribe(EventLog(sys.stderr, options.log, options.quiet, number))
    worker = Worker(root, environment, number, options, events, restart)
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
