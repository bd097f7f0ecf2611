"""Verbs on a store that nothing runs on: opened for as long as the verb takes, by its owner."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from waypost.core.clock import SystemClock, SystemRandom
from waypost.core.errors import BugError, UsageError
from waypost.core.event import Events
from waypost.flow.assemble import Surroundings
from waypost.flow.control import Control
from waypost.flow.engine import Engine
from waypost.flow.merge import merged
from waypost.flow.project import load_project
from waypost.flow.versions import Versions
from waypost.store.division import Division, read_division, write_division
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import live_reader, open_folds


async def perform_offline(root: Path, environment: str, verb: str, params: Mapping[str, Any]) -> Any:
    """Perform ``verb`` on every shard of the store of the project in ``root``, nothing being read or sent."""
    if verb in ("run-schedule", "skip-schedule", "stop", "reload"):
        raise UsageError(f"{verb}: nothing runs here", remedy="start it with: waypost run")
    project = load_project(root, environment)
    folder = root / project.options.store
    store = EmbeddedStore(str(folder), folds=open_folds)
    store.create()
    around = Surroundings(root, SystemClock(), SystemRandom(), Events())
    versions = Versions(folder / "bundles", root, environment, around)
    versions.keep(project)
    division = read_division(store.disk, store.folder) or Division(1)
    async with AsyncExitStack() as closing:
        engines: dict[int, Engine] = {}
        for number in sorted({*store.shards(), *range(division.workers)}):
            shard = await store.open_shard(number, division.workers)
            project = versions.active(project, shard.state.activations())
            engine = engines[number] = Engine(
                project, shard, live_reader([shard]), versions, around, workers=division.workers
            )
            closing.push_async_callback(engine.stop)
        for number, engine in engines.items():
            engine.spread.peers = {at: NearPeer(other) for at, other in engines.items() if at != number}
            await engine.start(sources=False)
        asked = [engines[0]] if verb == "send" else list(engines.values())
        parts = [await Control(engine, root, environment, asyncio.Event()).perform(verb, params) for engine in asked]
        if any(next(e.shard.state.open_batches(), None) for n, e in engines.items() if n >= division.workers):
            write_division(store.disk, store.folder, Division(division.workers, becoming=division.workers))
    return merged(verb, parts, params)


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
        raise BugError(f"asked {verb!r} while nothing runs", where="another worker")
