"""A whole engine over a temporary store, with memory channels, a clock that moves when told, and scripted outsides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from waypost.connectors.memory import Channel, channel
from waypost.core.clock import ManualClock, SeededRandom, SystemClock
from waypost.core.component import Request
from waypost.core.event import Event, Events
from waypost.flow.batch.assemble import Surroundings
from waypost.flow.batch.versions import Versions
from waypost.flow.declared.project import load_project
from waypost.flow.process.control import Control
from waypost.flow.running import engine as engine_module
from waypost.flow.running.engine import Engine
from waypost.store.check_room import CheckRoom
from waypost.store.commit import Limits
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import live_reader, open_folds

COPY = """\
flow: copy
description: Copies keyed messages.
owner: ops
source: {memory: in}
format: json
keys: {k: k}
targets:
  out: {memory: out}
delivery: {order_by: k, retry: {attempts: 3, first: 1s, limit: 10s}}
"""


class StandIns(Surroundings):
    """Builds what components are asked for, but for targets that a test stands in for."""

    targets: Mapping[str, Any] = {}

    def build(self, use: Any, project: Any, flow: str, positions: Any = None) -> Any:
        if use.path[:1] == ("targets",) and use.name in self.targets and "format" not in use.path:
            return self.targets[use.name]
        return super().build(use, project, flow, positions)


class ScriptedRequester:
    """Answers a question with ``answers`` by its only parameter; an error in ``down`` is raised."""

    def __init__(self, answers: Mapping[Any, Any]) -> None:
        self.answers, self.asked = answers, []
        self.down: Exception | None = None

    async def open(self) -> None:
        pass

    async def ask(self, batch: Sequence[Request]) -> Sequence[Any]:
        if self.down is not None:
            raise self.down
        given = [next(iter(request.parameters.values())) for request in batch]
        self.asked += given
        return [self.answers.get(value) for value in given]

    async def close(self) -> None:
        pass


class System:
    """One project, started, stopped, killed and started again. ``files`` are the project's, by path."""

    def __init__(self, root: Path, files: Mapping[str, str] | None = None, **targets: Any) -> None:
        self.root, self.clock, self.events = root, ManualClock(SystemClock().now()), Events()
        self.targets, self.listener = targets, None
        self.told: list[Event] = []
        self.events.subscribe(self.told.append)
        self.write({"waypost.yaml": "name: test\n", **(files or {"flows/copy.yaml": COPY})})
        self.engine: Engine
        self.control: Control
        self._seed = 0

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")

    async def start(self, *, sources: bool = True) -> System:
        project = load_project(self.root)
        folder = self.root / ".waypost"
        store = EmbeddedStore(
            str(folder),
            folds=partial(open_folds, now=self.clock.now),
            clock=self.clock,
            limits=Limits(index_seconds=1.0),
        )
        store.create()
        shard = await store.open_shard(0, 1)
        self._seed += 1
        around = StandIns(self.root, self.clock, SeededRandom(self._seed), self.events)
        around.targets, around.listener, around.contents = self.targets, self.listener, CheckRoom(store.setting)
        versions = Versions(folder / "bundles", self.root, "dev", around)
        versions.keep(project)
        project = versions.active(project, shard.state.activations())
        self.engine = Engine(project, shard, live_reader([shard]), versions, around)
        self.control = Control(self.engine, self.root, "dev", asyncio.Event(), who="ann")
        self.control.activate_at_start()
        await self.engine.start(sources=sources)
        return self

    async def stop(self) -> None:
        await self.engine.stop()

    async def kill(self) -> None:
        """End as if the process had died: nothing more is written, not even that it ended."""
        engine, shard = self.engine, self.engine.shard
        tasks = [*engine._tasks, *engine.outgoing._tasks]
        for lane in engine.lanes.values():
            tasks += lane._tasks
        shard._later.clear()
        shard._closed = True
        for task in tasks:
            task.remove_done_callback(engine._ended)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(shard._stop_threads)
        shard._stop_timers()
        await asyncio.to_thread(shard._opened.close)
        await engine.trading.close(abandon=True)

    async def ask(self, verb: str, **params: Any) -> Any:
        return await self.control.perform(verb, params)

    def put(self, *bodies: str, to: str = "in") -> None:
        for body in bodies:
            channel(to).put(body.encode())

    def out(self, name: str = "out") -> list[str]:
        """The bodies a memory channel got, in order."""
        return [body.decode() for body in channel(name).bodies]

    async def until(self, true: Callable[[], Any], step: float = 0.05, turns: int = 600) -> None:
        """Let time pass in steps until something is true."""
        for _ in range(turns):
            if true():
                return
            await self.clock.advance(step)
            await asyncio.sleep(0.001)
        assert true(), f"it did not happen; told: {[str(event) for event in self.told[-8:]]}"

    async def arrived(self, count: int, name: str = "out", step: float = 0.05) -> list[str]:
        await self.until(lambda: len(channel(name).sent) >= count, step)
        await self.settle()
        return self.out(name)

    async def settle(self) -> None:
        """Let everything that can happen now happen, and be durable."""
        for _ in range(3):
            for _ in range(20):
                await asyncio.sleep(0)
            await self.engine.shard.append([])
        while self.engine.shard._feed.lag:  # noqa: ASYNC110 - nothing tells when the index has it
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.03)  # outcomes reach the index a moment later, and nothing counts them

    async def messages(self, **params: Any) -> list[dict[str, Any]]:
        await self.settle()
        return list(reversed((await self.ask("messages", **params))["messages"]))

    async def states(self, **params: Any) -> list[str]:
        """The state of every message, oldest first."""
        return [message["state"] for message in await self.messages(limit=1000, **params)]


def stand_in_requester(monkeypatch: Any, requester: Any) -> None:
    """Have every asking step ask ``requester``."""

    def made(flow: Any, project: Any, around: Any) -> dict[str, Any]:
        return {step.name: requester for step in flow.steps if step.asks == "requester"}

    monkeypatch.setattr(engine_module, "requesters_of", made)


def memory(name: str) -> Channel:
    return channel(name)
