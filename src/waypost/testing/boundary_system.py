"""A flow in a real engine over a real store, whose process can be told to die at a commit, and starts again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from waypost.connectors.memory import channel, channels
from waypost.core.clock import MICROSECONDS, ManualClock, SeededRandom
from waypost.core.event import Events
from waypost.flow.batch.assemble import Surroundings
from waypost.flow.batch.versions import Versions
from waypost.flow.boundary.boundary import Boundary
from waypost.flow.declared.project import load_project
from waypost.flow.running.engine import Engine
from waypost.flow.running.rebalance import rebalance
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import live_reader, open_folds
from waypost.store.protocol import Shard
from waypost.store.record import AnyRecord
from waypost.store.shard import EmbeddedShard

IDLE_TURNS = 4
MOST_TURNS = 4000
TURN_SECONDS = 0.02
"""How much time passes while something is waited for: a source looks again only after a while."""
FIRST_MOMENT = 1_700_000_000_000_000


class Mortal:
    """Counts commits, and dies at one: before it is durable, or after, when nobody has heard of it yet."""

    def __init__(self, at: int = 0, *, durable: bool = False) -> None:
        self.at, self.durable, self.count = at, durable, 0
        self.died = asyncio.Event()

    def over(self, shard: Shard) -> None:
        """Watch a shard."""
        real = shard.submit

        def submit(records: Sequence[AnyRecord]) -> asyncio.Future[None]:
            if self.died.is_set():
                return asyncio.get_running_loop().create_future()
            self.count += bool(records)
            if self.count != self.at or not records:
                return real(records)
            never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if self.durable:
                real(records).add_done_callback(lambda _: self.died.set())
            else:
                self.died.set()
            return never

        shard.submit = submit  # type: ignore[method-assign]


class BoundarySystem:
    """One flow between the memory channels ``in`` and ``out``."""

    def __init__(
        self, root: Path, files: Mapping[str, str], mortal: Mortal | None = None, *, clock: ManualClock | None = None,
        shard: Callable[[], Awaitable[EmbeddedShard]] | None = None,
    ) -> None:  # fmt: skip
        """``shard`` opens the shard, where it is another than that of a store in ``root``."""
        self.root, self.mortal = root, mortal or Mortal()
        self.clock = clock or ManualClock(FIRST_MOMENT)
        self._open_shard = shard or self._own_shard
        self.deaths = 0
        self._starts = 0
        channels.clear()
        for name, text in {"waypost.yaml": "name: kit\n", **files}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        self.engines: list[Engine] = []

    @property
    def engine(self) -> Engine:
        return self.engines[0]

    def boundary(self, flow: str, step: str) -> Boundary:
        """A boundary of the flow."""
        return self.engine.boundaries.of[flow, step]

    async def start(self) -> None:
        """Begin, or begin again."""
        project = load_project(self.root)
        folder = self.root / ".waypost"
        self._starts += 1
        shard = await self._open_shard()
        self.mortal.over(shard)
        around = Surroundings(self.root, self.clock, SeededRandom(self._starts), Events())
        versions = Versions(folder / "bundles", self.root, "dev", around)
        versions.keep(project)
        self.engines = [Engine(project, shard, live_reader([shard]), versions, around)]
        await self.engine.start()

    async def _own_shard(self) -> EmbeddedShard:
        store = EmbeddedStore(str(self.root / ".waypost"), folds=open_folds, clock=self.clock)
        store.create()
        return await store.open_shard(0, 1)

    async def stop(self) -> None:
        """End in good order."""
        self.mortal.at = 0
        await self.engine.stop()

    async def move(self, workers: int) -> None:
        """Have the keys shared by so many workers; while nothing runs."""
        await rebalance(self.root / ".waypost", workers)

    async def kill(self) -> None:
        """End as if the process had died: nothing more is written."""
        engine, shard = self.engine, self.engine.shard
        tasks = [*engine._tasks, *engine._lasting, *engine.outgoing._tasks]
        for lane in engine.lanes.values():
            tasks += lane._tasks
        shard._later.clear()  # type: ignore[attr-defined]
        shard._closed = True  # type: ignore[attr-defined]
        for task in tasks:
            task.remove_done_callback(engine._ended)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(shard._stop_threads)  # type: ignore[attr-defined]
        shard._stop_timers()  # type: ignore[attr-defined]
        await asyncio.to_thread(shard._opened.close)  # type: ignore[attr-defined]

    async def put(self, *bodies: bytes) -> None:
        """Messages come, and all that can follow from them now happens."""
        for body in bodies:
            channel("in").put(body)
        await self.settle()

    async def advance(self, seconds: float) -> None:
        """Time passes; what a timer brings about is done before more of it has passed."""
        until = self.clock.now() + round(seconds * MICROSECONDS)
        while (left := until - self.clock.now()) > 0:
            due = [at - self.clock.now() for b in self.engine.boundaries for at in b.timers.values()]
            await self._advance(max(min([left, *due]), 1000) / MICROSECONDS)
            await self.settle()

    async def settle(self) -> None:
        """Let everything happen that can, through deaths and new starts."""
        idle = 0
        for _ in range(MOST_TURNS):
            if self.mortal.died.is_set():
                await self._again()
            await self._advance(TURN_SECONDS)
            await asyncio.sleep(0.0005)
            failed = self.engine.failed
            assert failed is None or not failed.done(), f"the engine ended: {failed.result()!r}" if failed else ""
            moving = self.engine.busy or any(runner.behind for runner in self.engine.runners.values())
            idle = 0 if moving or not self.engine.exhausted or channel("in").waiting else idle + 1
            if idle >= IDLE_TURNS:
                return
        raise AssertionError(f"it does not settle: {self.engine.trouble}")

    async def _again(self) -> None:
        self.deaths += 1
        await self.kill()
        self.mortal.died.clear()
        await self.start()

    async def _advance(self, seconds: float) -> None:
        with contextlib.suppress(asyncio.InvalidStateError):
            await self.clock.advance(seconds)

    @property
    def out(self) -> list[Any]:
        """What the target ``out`` got, in order."""
        return [bytes(body) for body in channel("out").bodies]
