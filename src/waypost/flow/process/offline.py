"""Verbs on a store that nothing runs on: looked at as it lies, or opened by its owner for as long as the verb takes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from waypost.core.clock import SystemClock, SystemRandom
from waypost.core.errors import BugError, UsageError
from waypost.core.event import Events
from waypost.flow.batch.assemble import Surroundings
from waypost.flow.batch.versions import Versions
from waypost.flow.declared.merge import merged
from waypost.flow.declared.project import load_project
from waypost.flow.process.attic import looks
from waypost.flow.process.bookkeeping import keeper
from waypost.flow.process.control import Control
from waypost.flow.running.engine import Engine
from waypost.store.check_room import CheckRoom
from waypost.store.division import Division, read_division, write_division
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import live_reader, open_folds
from waypost.store.looking import LookedAtShard
from waypost.store.shard import EmbeddedShard


async def perform_offline(root: Path, environment: str, verb: str, params: Mapping[str, Any]) -> Any:
    """Perform ``verb`` on every shard of the store of the project in ``root``, nothing being read or sent. A verb that
    looks takes no lock and writes nothing."""
    if verb in ("run-schedule", "skip-schedule", "stop", "reload"):
        raise UsageError(f"{verb}: nothing runs here", remedy="start it with: waypost run")
    resting = _Resting(root, environment)
    if verb == "books":
        return await resting.books(params)
    if looks(verb, params) and resting.shards():
        return await resting.look(verb, params)
    return await resting.perform(verb, params)


class _Resting:
    """A project whose system does not run."""

    def __init__(self, root: Path, environment: str) -> None:
        self._root, self._environment = root, environment
        self._project = load_project(root, environment)
        folder = root / self._project.options.store
        self._store = EmbeddedStore(str(folder), folds=open_folds)
        contents = CheckRoom(self._store.setting)
        self._around = Surroundings(root, SystemClock(), SystemRandom(), Events(), contents=contents)
        self._versions = Versions(folder / "bundles", root, environment, self._around)

    def shards(self) -> list[int]:
        """The shards there are; none of a store that never was."""
        return list(self._store.shards()) if Path(self._store.folder).is_dir() else []

    async def look(self, verb: str, params: Mapping[str, Any]) -> Any:
        """Ask every shard there is."""
        self._versions.know(self._project)
        parts = []
        workers = self._workers()
        for number in self.shards():
            async with AsyncExitStack() as closing:
                shard = await self._store.look_at(number)
                closing.push_async_callback(shard.close)
                engine = self._engine(shard, workers)
                closing.push_async_callback(engine.halt)
                closing.push_async_callback(engine.trading.close)
                await engine.start(sources=False)
                parts.append(await self._control(engine).perform(verb, params))
        return merged(verb, parts, params)

    async def books(self, params: Mapping[str, Any]) -> Any:
        """Ask the books of acknowledgements, over what the ledgers of all shards have."""
        if not self._project.partners or not self.shards():
            return {}
        self._versions.know(self._project)
        async with AsyncExitStack() as closing:
            ledgers = {}
            for number in self.shards():
                shard = await self._store.look_at(number)
                closing.push_async_callback(shard.close)
                engine = self._engine(shard, self._workers())
                closing.push_async_callback(engine.trading.close)
                closing.push_async_callback(engine.halt)
                await engine.start(sources=False)
                if engine.trading.ledger is not None:
                    ledgers[number] = engine.trading.ledger
            kept = keeper(Path(self._store.folder), lambda: self._project, self._around.clock)
            await asyncio.to_thread(kept.look, ledgers)
            try:
                return await kept.answer(params)
            finally:
                await asyncio.to_thread(kept.close)

    async def perform(self, verb: str, params: Mapping[str, Any]) -> Any:
        """Change what every shard has, as its owner."""
        self._store.create()
        self._versions.keep(self._project)
        workers = self._workers()
        async with AsyncExitStack() as closing:
            engines: dict[int, Engine] = {}
            for number in sorted({*self.shards(), *range(workers)}):
                shard = await self._store.open_shard(number, workers)
                engine = engines[number] = self._engine(shard, workers)
                closing.push_async_callback(engine.stop)
            for number, engine in engines.items():
                engine.spread.peers = {at: NearPeer(other) for at, other in engines.items() if at != number}
                await engine.start(sources=False)
            asked = [engines[0]] if verb in ("send", "reference") else list(engines.values())
            parts = [await self._control(engine).perform(verb, params) for engine in asked]
            if any(next(e.shard.state.open_batches(), None) for n, e in engines.items() if n >= workers):
                write_division(self._store.disk, self._store.folder, Division(workers, becoming=workers))
        return merged(verb, parts, params)

    def _workers(self) -> int:
        return (read_division(self._store.disk, self._store.folder) or Division(1)).workers

    def _engine(self, shard: EmbeddedShard | LookedAtShard, workers: int) -> Engine:
        project = self._versions.active(self._project, shard.state.activations())
        return Engine(project, shard, live_reader([shard]), self._versions, self._around, workers=workers)

    def _control(self, engine: Engine) -> Control:
        return Control(engine, self._root, self._environment, asyncio.Event())


class NearPeer:
    """A worker whose engine is in this process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ask(self, verb: str, body: Any, kind: Any) -> asyncio.Future[Any]:
        """As ``Peer.ask``, for what a verb makes one worker ask another."""
        return asyncio.ensure_future(self._answer(verb, body))

    async def _answer(self, verb: str, body: Any) -> Any:
        if verb == "load":
            return await (await self._engine.spread.receive(body))
        if verb == "claim":
            return await self._engine.claiming.take(body)
        if verb == "numbers":
            return await self._engine.sequences.give(body)
        if verb == "numbers-taken":
            return self._engine.sequences.taken(body)
        if verb == "numbers-void":
            return await self._engine.sequences.count_void(*body)
        if verb == "is-dead":
            return self._engine.claims.dead(body)
        raise BugError(f"asked {verb!r} while nothing runs", where="another worker")
