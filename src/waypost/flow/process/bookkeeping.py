"""The books of acknowledgements in the worker that keeps them: begun once there are partners, ended after the shards.

The keeper belongs to a package above the flows, so that it is named here and imported when it is opened.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from waypost.core.clock import Clock
from waypost.core.event import Event
from waypost.flow.declared.definition import Project
from waypost.flow.running.engine import Engine

_KEEPER = "waypost.partners.keeper"
LOOK_SECONDS = 2.0
BOOKS = "books of acknowledgements"


class Keeper(Protocol):
    """Who keeps the books; see ``waypost.partners.keeper``."""

    def open(self) -> None: ...

    def look(self, ledgers: Mapping[int, Any]) -> None: ...

    def close(self) -> None: ...

    async def keep(self, emit: Callable[[Event], None]) -> None: ...

    async def settle(self) -> None: ...

    async def tell(self, emit: Callable[[Event], None]) -> None: ...

    async def answer(self, params: Mapping[str, Any]) -> dict[str, Any]: ...


def keeper(store: Path, project: Callable[[], Project], clock: Clock) -> Keeper:
    """A keeper of the books of a store."""
    module: Any = importlib.import_module(_KEEPER)
    made: Keeper = module.BookKeeper(store, project, clock)
    return made


class Bookkeeping:
    """Has the books kept beside an engine, and answers for them (``engine.books``)."""

    def __init__(self, store: Path, engine: Engine) -> None:
        self._store, self._engine = store, engine
        self._keeper: Keeper | None = None
        self._opening = asyncio.Lock()

    def begin(self) -> None:
        """From now on; a fault is told in the status and stops nothing else."""
        self._engine.books = self
        self._engine.spawn(self._run(), lasting=True)

    async def _run(self) -> None:
        try:
            while (kept := await self._opened()) is None:
                await self._engine.clock.sleep(LOOK_SECONDS)
            await kept.keep(self._engine.events.emit)
        except Exception as fault:  # noqa: BLE001 - told to who looks at the status
            self._engine.trouble[BOOKS] = f"{fault}; they are kept again after a restart"

    async def _opened(self) -> Keeper | None:
        async with self._opening:
            if self._keeper is None and self._engine.project.partners:
                made = keeper(self._store, lambda: self._engine.project, self._engine.clock)
                await asyncio.to_thread(made.open)
                self._keeper = made
        return self._keeper

    async def answer(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What the books say, with all that the ledgers have by now; nothing where there are no partners."""
        kept = await self._opened()
        if kept is None:
            return {}
        await kept.settle()
        return await kept.answer(params)

    async def end(self) -> None:
        """Take in the rest, tell what is to be told, and let the books go."""
        if self._keeper is not None:
            if BOOKS not in self._engine.trouble:
                await self._keeper.settle()
                await self._keeper.tell(self._engine.events.emit)
            await asyncio.to_thread(self._keeper.close)
