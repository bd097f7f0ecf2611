"""Shards that no worker owns any more: what is finished stays in them, to be looked at, sent again and replayed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from waypost.core.errors import UsageError
from waypost.flow.declared.merge import merged
from waypost.flow.history.reference_verbs import LOOKING as REFERENCE_LOOKING
from waypost.flow.history.replay import replay
from waypost.flow.process.control import Control
from waypost.flow.running.engine import Engine
from waypost.store.record import Commanded
from waypost.store.shard import EmbeddedShard

LOOKING = frozenset({"status", "messages", "show", "lineage", "files", "dead", "reference-waiting"})
"""The verbs that are asked of them, too."""
SENDING = frozenset({"resend", "retry", "release", "hold", "cancel"})
"""Those by which something of them is sent again, or what is being sent again is decided about."""
SAYING = frozenset({"pause", "resume"})


def looks(verb: str, params: Mapping[str, Any]) -> bool:
    """Whether a verb changes nothing."""
    what = {
        "reference": params.get("what") in REFERENCE_LOOKING,
        "replay": params.get("dry_run"),
        "legal-hold": params.get("what") == "list",
        "groups": params.get("what", "list") == "list",
    }
    return verb in LOOKING or verb in ("versions", "numbers", "exchanges", "settle") or bool(what.get(verb))


class Attic:
    """Answers for the shards of a store that are left over from a larger number of workers. What is sent again goes
    out from here: it was overtaken long ago, and what is open still at the next start moves to who owns its key. What
    is replayed is a new message, and goes at once to the worker that owns its key."""

    def __init__(self, open_control: Callable[[EmbeddedShard], Control], live: Callable[[], Control]) -> None:
        """``live`` is what the worker that runs answers with."""
        self._open_control, self._live = open_control, live
        self._controls: list[Control] = []
        self._engines: list[Engine] = []
        self._turn = asyncio.Lock()

    async def open(self, shards: Sequence[EmbeddedShard]) -> None:
        """Answer for ``shards``; nothing is read, nor sent of its own accord."""
        for shard in shards:
            control = self._open_control(shard)
            self._engines.append(control.engine)
            await control.engine.start(sources=False)
            self._controls.append(control)
        await self._obey()

    @property
    def engines(self) -> Sequence[Engine]:
        return self._engines

    async def joined(self, verb: str, answer: Any, params: Mapping[str, Any]) -> Any:
        """An answer with what these shards have to say."""
        if not self._controls:
            return answer
        async with self._turn:
            parts = [part for control in self._controls for part in await self._asked(control, verb, params)]
        return merged(verb, [answer, *parts], params) if parts else answer

    async def _asked(self, control: Control, verb: str, params: Mapping[str, Any]) -> list[Any]:
        await self._as_today(control.engine)
        if verb in LOOKING or verb == "legal-hold" or looks(verb, params):
            return [await control.perform(verb, params)]
        if verb == "replay":
            live = self._live()
            await control.engine.shard.findable()
            return [await replay(control.engine, params, control.who_asks(params), onto=live.engine)]
        if verb in SENDING and not params.get("current"):
            if verb == "resend":
                self._refuse_numbered(control.engine, params)
            done = await control.perform(verb, params)
            control.engine.outgoing.begin()
            return [done]
        if verb in SAYING:
            await control.perform(verb, params)
        return []

    async def _as_today(self, engine: Engine) -> None:
        """What is sent again goes out by the connectors of the version that runs."""
        today = self._live().engine.project
        if engine.project.version != today.version:
            await engine.switch(today)

    def _refuse_numbered(self, engine: Engine, params: Mapping[str, Any]) -> None:
        target = str(params.get("target", ""))
        for flow in engine.project.flows.values():
            if target in flow.targets and flow.targets[target].use.traits.numbered:
                raise UsageError(
                    f"target {target!r} numbers its deliveries, and some of the messages may be in a shard left over "
                    "from a larger number of workers, which has no numbers to give",
                    remedy="stop the system, resend, start it again",
                )

    async def _obey(self) -> None:
        """Know what people say now: what they said while others had the shards is in other journals."""
        said = self._live().engine.shard.state.commands()
        for control in self._controls:
            engine = control.engine
            known = engine.shard.state.commands()
            for subject in {*said, *known}:
                if not subject.startswith("schedule:") and said.get(subject, "") != known.get(subject, ""):
                    now = engine.clock.now()
                    why = "as it is for the workers"
                    await engine.shard.append([Commanded(subject, said.get(subject, ""), now, "waypost", why)])
                    engine.obey(subject)

    async def close(self) -> None:
        """Let them go."""
        async with AsyncExitStack() as closing:
            for engine in self._engines:
                closing.push_async_callback(engine.stop)
