"""Steps that combine messages, in a case: what waits, what they ask and release, and time that passes.

They run on benches that apply the engine's rules (``testing.boundary_bench``), all by one clock, so nothing is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from waypost.core.boundary import Ask, Forced
from waypost.core.clock import MICROSECONDS, SeededRandom
from waypost.core.component import Failed
from waypost.core.errors import DataError, EndpointError, near
from waypost.core.message import Ids, Message
from waypost.flow.batch.compiled import CompiledFlow, Processed
from waypost.flow.batch.load import Decoded, Load, decode_load
from waypost.flow.member.codec import CONTENT_TYPE
from waypost.flow.member.envelope import RELEASED, after, branch_of
from waypost.store.record import State
from waypost.testing.boundary_bench import Bench
from waypost.testing.cases.coverage import FlowWatch
from waypost.testing.cases.outcome import Came
from waypost.testing.cases.standing_in import Answers
from waypost.testing.timeline import Timeline

FIRST_PAUSE, LONGEST_PAUSE = MICROSECONDS // 5, 30 * MICROSECONDS
"""Before a system that was away is asked again: twice as long each time."""


class Waiting:
    """The boundaries of a flow during one case; ``came`` gets what comes out."""

    def __init__(self, flow: CompiledFlow, came: Came, effects: Answers, watch: FlowWatch | None, at: int) -> None:
        self._flow, self.came, self._effects, self._watch = flow, came, effects, watch
        self.time = Timeline(at)
        self.ids = Ids(self.time.clock, SeededRandom(0))
        self._boundaries = {
            step.name: _Boundary(self, Bench(step.step, name=step.name, limits=step.options.limits, time=self.time))
            for step in flow.steps
            if step.boundary
        }

    async def take(self, decoded: Decoded, processed: Processed) -> None:
        """What the steps before the first boundary, or behind one, made of messages."""
        names = {target.number: target.boundary for target in self._flow.targets if target.boundary}
        arriving: dict[str, list[Message]] = {}
        for out in processed.outs:
            if out.target in names and out.state is State.OPEN and out.message is not None:
                arriving.setdefault(names[out.target], []).append(out.message)
        if self._watch is not None:
            self._watch.ended(processed)
        rest = [out for out in processed.outs if out.target not in names]
        self.came.add(self._flow.target_names, decoded, replace(processed, outs=rest))
        for name, messages in arriving.items():
            await self._boundaries[name].put(messages)

    async def pass_to(self, moment: int) -> None:
        """Let time pass; what is due first happens first, whichever step it is due at."""
        await self.time.advance_to(moment)

    async def force(self, step: str, key: str, how: Forced) -> None:
        """A person releases or cancels a group. Raises ``DataError`` where nothing waits in it."""
        await self._boundaries[step].force(key, how)

    def waiting(self) -> dict[str, int]:
        """How many messages wait, by step."""
        return {name: boundary.bench.count for name, boundary in self._boundaries.items()}

    def answer(self, step: str, ask: Ask) -> tuple[int, Any]:
        """How long the answer of a branch takes (µs), and what it is. Without one in the case: never."""
        name = branch_of(step, ask.to)
        given = self._effects.given_for(name, ask.request.parameters)
        if given is None:
            self._effects.lacking(name, ask.request.parameters)
            return -1, None
        return round(given.after * MICROSECONDS), self._effects.made(given)

    def ended(self, step: str, message: Any, fate: Any) -> None:
        """A message did not join a group."""
        if isinstance(fate, Failed):
            self.came.errors.append((step, fate.error))
        else:
            self.came.filtered += 1
        if self._watch is not None:
            self._watch.at_boundary(step)

    async def freed(self, step: str, freed: Any) -> None:
        """A group let messages go: lead what it made further."""
        if self._watch is not None:
            self._watch.at_boundary(step, reason=freed.reason)
        if freed.failure is not None:
            self.came.errors += [(step, freed.failure)] * len(freed.members)
            return
        emitted = freed.emitted
        if not emitted:
            return
        load = Load(
            self._flow.name, [one.raw for one in emitted], content_type=CONTENT_TYPE,
            headers=[one.headers for one in emitted] if any(one.headers for one in emitted) else None,
            causes=[one.cause for one in emitted], origin=RELEASED, stage=after(step),
        )  # fmt: skip
        decoded = decode_load(self._flow, load, self.ids.block(), self.time.now, b"")
        processed = await self._flow.process(
            decoded.indices, decoded.messages, self._effects, b"", self._watch, begin=decoded.begin
        )
        await self.take(decoded, processed)

    def joined(self, step: str) -> None:
        """A message came to a boundary."""
        if self._watch is not None:
            self._watch.at_boundary(step)

    def asked(self, step: str, branch: str) -> None:
        """A branch was asked and answered."""
        if self._watch is not None:
            self._watch.at_boundary(step, branch=branch)


class _Asked(msgspec.Struct):
    """A question under way; ``due`` is when it is answered, or asked again."""

    due: int
    key: str
    ask: Ask
    answer: Any
    failures: int = 0


class _Boundary:
    """One boundary in a case: a waiter for its timers and for the answers to what it asked."""

    def __init__(self, case: Waiting, bench: Bench) -> None:
        self._case, self.bench = case, bench
        self._seen = (0, 0)
        self._open: list[_Asked] = []
        case.time.join(self)

    def next_due(self) -> int | None:
        timer = self.bench.next_due()
        return min([*([] if timer is None else [timer]), *(one.due for one in self._open)], default=None)

    async def fire(self) -> None:
        """An answer that comes with the end of its time is in time."""
        answered = min(self._open, key=lambda one: one.due, default=None)
        if answered is not None and answered.due <= self.bench.now:
            self._open.remove(answered)
            await self._answered(answered)
        else:
            await self.bench.fire()
        await self._go_on()

    async def put(self, messages: Sequence[Message]) -> None:
        """Messages come."""
        self._case.joined(self.bench.name)
        await self.bench.put_messages(messages)
        await self._go_on()

    async def force(self, key: str, how: Forced) -> None:
        if key not in self.bench.groups:
            known = near(key, self.bench.groups) or f"waiting: {', '.join(self.bench.groups[:5]) or 'none'}"
            raise DataError(f"no group {key!r} waits", where=f"step {self.bench.name}", remedy=known)
        await self.bench.force(key, how)
        await self._go_on()

    async def _go_on(self) -> None:
        """Lead what was released further, and ask what is to be asked."""
        bench, (released, ended) = self.bench, self._seen
        self._seen = len(bench.released), len(bench.ended)
        for key, ask in bench.take_asked():
            self._ask(_Asked(0, key, ask, None))
        for document, fate in bench.ended[ended : self._seen[1]]:
            self._case.ended(bench.name, document, fate)
        for freed in bench.released[released : self._seen[0]]:
            await self._case.freed(bench.name, freed)

    def _ask(self, asked: _Asked) -> None:
        takes, asked.answer = self._case.answer(self.bench.name, asked.ask)
        if takes >= 0:
            asked.due = self.bench.now + takes
            self._open.append(asked)

    async def _answered(self, asked: _Asked) -> None:
        """What comes of a question: its answer, or it is asked again until the step no longer wants to know."""
        if asked.ask.name not in await self.bench.still_asked(asked.key):
            return
        if isinstance(asked.answer, EndpointError):
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(asked.failures, 30))
            again = _Asked(self.bench.now + pause, asked.key, asked.ask, _AGAIN, asked.failures + 1)
            self._open.append(again)
        elif asked.answer is _AGAIN:
            self._ask(_Asked(0, asked.key, asked.ask, None, asked.failures))
        else:
            self._case.asked(self.bench.name, asked.ask.to)
            await self.bench.answer(asked.key, asked.ask.name, asked.answer)


_AGAIN = object()
