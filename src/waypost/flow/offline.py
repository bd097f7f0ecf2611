"""Verbs on a store that nothing runs on: opened for as long as the verb takes, by its owner."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from waypost.core.clock import SystemClock, SystemRandom
from waypost.core.errors import UsageError
from waypost.core.event import Events
from waypost.flow.assemble import Surroundings
from waypost.flow.control import Control
from waypost.flow.engine import Engine
from waypost.flow.merge import merged
from waypost.flow.project import load_project
from waypost.flow.versions import Versions
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
    parts = []
    shards = store.shards() or [0]
    for number in shards:
        shard = await store.open_shard(number, len(shards))
        project = versions.active(project, shard.state.activations())
        engine = Engine(project, shard, live_reader([shard]), versions, around, workers=len(shards))
        try:
            await engine.start(sources=False)
            parts.append(await Control(engine, root, environment, asyncio.Event()).perform(verb, params))
        finally:
            await engine.stop()
    return merged(verb, parts, params)
