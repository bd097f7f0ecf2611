"""Steps that combine messages, in a case: what waits, what they release, and time that passes.

They run on the bench that applies the engine's rules (``testing.boundary_bench``), so nothing is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from waypost.core.clock import MICROSECONDS, ManualClock, SeededRandom
from waypost.core.component import Failed
from waypost.core.message import Ids, Message
from waypost.flow.batch.compiled import CompiledFlow, EffectSource, Processed, Watcher
from waypost.flow.batch.load import Decoded, Load, decode_load
from waypost.flow.member.codec import CONTENT_TYPE
from waypost.flow.member.envelope import RELEASED, after
from waypost.store.record import State
from waypost.testing.boundary_bench import Bench
from waypost.testing.cases.outcome import Came


class Waiting:
    """The boundaries of a flow during one case; ``came`` gets what comes out."""

    def __init__(self, flow: CompiledFlow, came: Came, effects: EffectSource, watch: Watcher | None, at: int) -> None:
        self._flow, self._came, self._effects, self._watch = flow, came, effects, watch
        self._ids = Ids(ManualClock(at), SeededRandom(1))
        self._benches = {
            step.name: Bench(step.step, name=step.name, limits=step.options.limits, now=at)
            for step in flow.steps
            if step.boundary
        }
        self._seen = dict.fromkeys(self._benches, (0, 0))

    async def take(self, decoded: Decoded, processed: Processed) -> None:
        """What the steps before the first boundary, or behind one, made of messages."""
        names = {target.number: target.boundary for target in self._flow.targets if target.boundary}
        arriving: dict[str, list[Message]] = {}
        for out in processed.outs:
            if out.target in names and out.state is State.OPEN and out.message is not None:
                arriving.setdefault(names[out.target], []).append(out.message)
        rest = [out for out in processed.outs if out.target not in names]
        self._came.add(self._flow.target_names, decoded, replace(processed, outs=rest))
        for name, messages in arriving.items():
            await self._benches[name].put_messages(messages)
            await self._go_on(name)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass; what is due first happens first, whichever step it is due at."""
        until = max((bench.now for bench in self._benches.values()), default=0) + round(seconds * MICROSECONDS)
        while (first := self._first_due(until)) is not None:
            moment, name = first
            bench = self._benches[name]
            await bench.advance(max(0, moment - bench.now) / MICROSECONDS)
            for other in self._benches.values():
                other.now = max(other.now, moment)
            await self._go_on(name)

    def _first_due(self, until: int) -> tuple[int, str] | None:
        """(moment, step) of the timer that fires next."""
        timers = [(timer[0], name) for name, bench in self._benches.items() if (timer := bench.next_timer())]
        return min((timer for timer in timers if timer[0] <= until), default=None)

    async def _go_on(self, name: str) -> None:
        """Lead what a boundary released further."""
        bench, (released, ended) = self._benches[name], self._seen[name]
        self._seen[name] = len(bench.released), len(bench.ended)
        for _, fate in bench.ended[ended:]:
            if isinstance(fate, Failed):
                self._came.errors.append((name, fate.error))
            else:
                self._came.filtered += 1
        for freed in bench.released[released:]:
            if freed.failure is not None:
                self._came.errors.append((name, freed.failure))
            elif freed.emitted:
                await self._released(name, freed.emitted, bench.now)

    async def _released(self, name: str, emitted: Sequence[Any], now: int) -> None:
        load = Load(
            self._flow.name, [one.raw for one in emitted], content_type=CONTENT_TYPE,
            headers=[one.headers for one in emitted] if any(one.headers for one in emitted) else None,
            causes=[one.cause for one in emitted], origin=RELEASED, stage=after(name),
        )  # fmt: skip
        decoded = decode_load(self._flow, load, self._ids.block(), now, b"")
        processed = await self._flow.process(
            decoded.indices, decoded.messages, self._effects, b"", self._watch, begin=decoded.begin
        )
        await self.take(decoded, processed)
