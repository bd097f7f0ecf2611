"""Shards that no worker owns any more: what is finished stays in them, to be looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from waypost.flow.control import Control
from waypost.flow.engine import Engine
from waypost.flow.merge import merged
from waypost.flow.reference_verbs import LOOKING as REFERENCE_LOOKING
from waypost.store.shard import EmbeddedShard

LOOKING = frozenset({"status", "messages", "show", "lineage", "files", "dead", "reference-waiting"})
"""The verbs that are asked of them, too."""


def looks(verb: str, params: Mapping[str, Any]) -> bool:
    """Whether a verb changes nothing."""
    what = {
        "reference": params.get("what") in REFERENCE_LOOKING,
        "replay": params.get("dry_run"),
        "legal-hold": params.get("what") == "list",
        "groups": params.get("what", "list") == "list",
    }
    return verb in LOOKING or verb in ("versions", "numbers", "exchanges") or bool(what.get(verb))


class Attic:
    """Answers for the shards of a store that are left over from a larger number of workers."""

    def __init__(self, open_control: Callable[[EmbeddedShard], Control]) -> None:
        self._open_control = open_control
        self._controls: list[Control] = []
        self._engines: list[Engine] = []

    async def open(self, shards: Sequence[EmbeddedShard]) -> None:
        """Answer for ``shards``; nothing is read or sent."""
        for shard in shards:
            control = self._open_control(shard)
            self._engines.append(control.engine)
            await control.engine.start(sources=False)
            self._controls.append(control)

    @property
    def engines(self) -> Sequence[Engine]:
        return self._engines

    async def joined(self, verb: str, answer: Any, params: Mapping[str, Any]) -> Any:
        """An answer with what these shards have to say, for a verb that looks, or keeps what is finished."""
        if not (verb in LOOKING or verb == "legal-hold" or looks(verb, params)) or not self._controls:
            return answer
        parts = await asyncio.gather(*(control.perform(verb, params) for control in self._controls))
        return merged(verb, [answer, *parts], params)

    async def close(self) -> None:
        """Let them go."""
        async with AsyncExitStack() as closing:
            for engine in self._engines:
                closing.push_async_callback(engine.stop)
