"""One target of one flow: takes outputs in order and sends them; what the outcomes mean is in ``settlement``.

What is committed waits in a ``Backlog``; bodies of fresh outputs are kept while few wait, others are recomputed when
their turn comes.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec

from waypost.core.clock import MICROSECONDS, Clock, Random
from waypost.core.component import Outbound, Outcome
from waypost.core.errors import BugError, CommitFailed, EndpointError, StoreFull, WaypostError
from waypost.core.event import Events
from waypost.flow.declared.definition import RetryOptions
from waypost.flow.delivery.circuit import Circuit
from waypost.flow.delivery.settlement import AnswerKeys, Entry, Settlement
from waypost.flow.delivery.stamping import Stamping
from waypost.store.protocol import Shard
from waypost.store.record import (
    Intended,
    State,
    pack_refs,
)

FRESH = 4096
"""Outbound messages of one lane kept in memory while its target takes them; beyond that they are recomputed."""
FRESH_BYTES = 8 << 20
"""About how many bytes they may have."""

Outbounds = tuple[Sequence[int], Sequence[int], Sequence[Outbound]]
"""References, hashes of ordering keys, and what is sent for them."""
Rebuild = Callable[[Sequence[int]], Awaitable[Mapping[int, Outbound | WaypostError]]]
FULL_PAUSE_SECONDS = 1.0
"""Pause after the disk was too full to write an intent."""


@dataclass(slots=True)
class Sending:
    """One send under way."""

    refs: Sequence[int]
    keys: Sequence[int]
    probe: bool


class Lane(Settlement):
    """The way from the journal to one target."""

    def __init__(
        self, flow: str, name: str, *, target: Any, traits: Any, retry: RetryOptions, circuit: Circuit, shard: Shard,
        clock: Clock, random: Random, events: Events, rebuild: Rebuild, answer_keys: AnswerKeys | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            flow, name, traits=traits, retry=retry, circuit=circuit, shard=shard,
            clock=clock, random=random, events=events, answer_keys=answer_keys,
        )  # fmt: skip
        self.target, self.rebuild = target, rebuild
        self.in_flight = 0
        self._flying: set[int] = set()
        self._broken: BaseException | None = None
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._opened = False
        self._stopping = False
        self._no_room = False
        """The disk is too full to say that something will be sent."""

    # ── what the engine says ──

    @property
    def open_count(self) -> int:
        """Outputs not yet ended: waiting, in flight, or waiting for a retry."""
        return len(self.backlog) + self.in_flight + len(self._waiting)

    @property
    def idle(self) -> bool:
        return self.open_count == 0

    @property
    def stuck(self) -> bool:
        """Nothing can be sent now: all that is left waits for a time, a circuit, or a person."""
        if self.in_flight:
            return self._no_room
        return not self.backlog.ready or bool(self.held) or not self.circuit.closed

    def add(self, refs: Sequence[int], keys: Sequence[int], outbounds: Sequence[Outbound] = ()) -> None:
        """Committed outputs, in order."""
        self.backlog.add(refs, keys)
        if outbounds and len(self._fresh) < _most_fresh(outbounds) and self.circuit.closed and not self.held:
            self._fresh.update(zip(refs, outbounds, strict=True))
        self._wake.set()

    def add_waiting(self, ref: int, key: int, attempt: int, due_us: int) -> None:
        """After a restart: an output that failed before and waits for its next attempt."""
        self._attempts[ref] = attempt
        self.backlog.block(key)
        delay = max(0.0, (due_us - self.clock.now()) / MICROSECONDS)
        heapq.heappush(self._waiting, (self.clock.monotonic() + delay, ref, key))

    def drop(self, entries: Iterable[Entry], state: State) -> None:
        """Outputs a person took away, which makes them ``state``. One in flight may still arrive."""
        waiting = {ref for _, ref, _ in self._waiting}
        gone: set[int] = set()
        for ref, key in entries:
            if ref in self._flying:
                self._taken_away[ref] = state
            elif ref in waiting:
                gone.add(ref)
                self.backlog.release(key)
                self._forget(ref)
            elif self.backlog.void(ref, key):
                self._forget(ref)
        if gone:
            self._waiting = [entry for entry in self._waiting if entry[1] not in gone]
            heapq.heapify(self._waiting)
        self._wake.set()

    def restore(self, entries: Iterable[Entry]) -> None:
        """Outputs a person wants sent, again or after all. One that still has its place keeps it; others come before
        what came after them and still waits, so that the order of a key is kept; they may have arrived before."""
        back: list[Entry] = []
        waiting = {ref for _, ref, _ in self._waiting}
        for ref, key in entries:
            if ref in self._flying:
                self._taken_away.pop(ref, None)
            elif ref in waiting:
                self._waiting = [(0.0 if at == ref else due, at, of) for due, at, of in self._waiting]
                heapq.heapify(self._waiting)
            elif not self.backlog.unvoid(ref) and not self.backlog.holds(ref, key):
                self._doubtful.add(ref)
                back.append((ref, key))
        self.backlog.come_back(back)
        self.circuit.close()
        self._wake.set()

    def hold(self, cause: str) -> None:
        self.held = cause
        self._wake.set()

    def resume(self) -> None:
        self.held = ""
        self.circuit.close()
        self._wake.set()

    # ── the loop ──

    async def run(self) -> None:
        """Send until stopped."""
        window = asyncio.Semaphore(self.traits.concurrency)
        try:
            while not self._stopping:
                await window.acquire()
                await self._until_ready()
                if self._stopping:
                    return
                refs, keys = self._take()
                if not refs:
                    window.release()
                    continue
                self.in_flight += len(refs)
                self._flying.update(refs)
                sending = Sending(refs, keys, self.circuit.begin())
                if self.traits.concurrency == 1:
                    await self._carry(window, sending)
                else:
                    task = asyncio.create_task(self._carry(window, sending))
                    self._tasks.add(task)
                    task.add_done_callback(self._landed)
        finally:
            if self._tasks:
                await asyncio.wait(self._tasks)
            if self._opened:
                await self.target.close()

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._broken = task.exception()
            self._wake.set()

    async def stop(self) -> None:
        """Send nothing more; what is in flight is waited for by ``run``."""
        self._stopping = True
        self._wake.set()

    async def _until_ready(self) -> None:
        while not self._stopping:
            if self._broken is not None:
                raise self._broken
            self._wake.clear()
            now = self.clock.monotonic()
            while self._waiting and self._waiting[0][0] <= now:
                _, ref, key = heapq.heappop(self._waiting)
                self.backlog.again(ref, key)
            if self.held or not self.backlog.ready:
                pause = self._waiting[0][0] - now if self._waiting and not self.held else None
            else:
                pause = self.circuit.wait_seconds()
                if not pause:
                    return
            await self._pause(pause)

    async def _pause(self, seconds: float | None) -> None:
        if seconds is None:
            await self._wake.wait()
            return
        sleeper = asyncio.ensure_future(self.clock.sleep(seconds))
        waker = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((sleeper, waker), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
            waker.cancel()

    def _take(self) -> tuple[list[int], list[int]]:
        limit: int = self.traits.batch
        if not self.circuit.closed:
            limit = 1
        elif self._singly:
            limit, self._singly = 1, self._singly - 1
        return self.backlog.take(limit, mark_busy=self.traits.concurrency > 1)

    async def _carry(self, window: asyncio.Semaphore, sending: Sending) -> None:
        try:
            await self._send(sending)
        finally:
            if sending.probe:
                self.circuit.end_probe()
            self.in_flight -= len(sending.refs)
            self._flying.difference_update(sending.refs)
            window.release()
            self._wake.set()

    async def _send(self, sending: Sending) -> None:
        refs, keys, batch = await self._outbounds(sending.refs, sending.keys)
        if not refs:
            return
        begun = self.clock.monotonic()
        try:
            if not self._opened:
                await self.target.open()
                self._opened = True
            if self._unsure and not self._unsure.isdisjoint(refs):
                refs, keys, batch = await self._resolved(refs, keys, batch)
                if not refs:
                    return
            if self.stamping is not None:
                refs, keys, batch = await self._stamped(self.stamping, refs, keys, batch)
                if not refs:
                    return
            elif self.traits.needs_intent:
                await self.shard.append([Intended(pack_refs(list(refs)))])
            outcomes = await self.target.send(batch)
        except EndpointError as error:
            self._endpoint_failed(refs, keys, batch, error)
            return
        except StoreFull:
            self._put_back(refs, keys)
            self._no_room = True
            await self.clock.sleep(FULL_PAUSE_SECONDS)
            self._no_room = False
            return
        except CommitFailed:
            raise
        except WaypostError as error:
            outcomes = [Outcome.failed(error)] * len(refs)
        except Exception as error:  # noqa: BLE001 - a target that raises anything else is a bug of the target
            text = f"{type(error).__name__}: {error}"
            outcomes = [Outcome.failed(BugError(text, where=f"target {self.name}"))] * len(refs)
        if len(outcomes) != len(refs):
            text = f"{len(outcomes)} outcomes for {len(refs)} messages"
            outcomes = [Outcome.failed(BugError(text, where=f"target {self.name}"))] * len(refs)
        self._settle(refs, keys, batch, outcomes, int((self.clock.monotonic() - begun) * MICROSECONDS))

    async def _stamped(
        self, stamping: Stamping, refs: Sequence[int], keys: Sequence[int], batch: Sequence[Outbound]
    ) -> Outbounds:
        """The batch with its numbers, which are durable, and so is the intent, in one commit; what cannot have any is
        parked and left out."""
        async with stamping.stamp(refs, batch) as (made, records):
            good = [at for at, out in enumerate(made) if isinstance(out, Outbound)]
            sent = [refs[at] for at in good]
            if self.traits.needs_intent and sent:
                records = [*records, Intended(pack_refs(sent))]
            if records:
                await self.shard.append(records)
        for at, out in enumerate(made):
            if isinstance(out, Outbound):
                if refs[at] in self._fresh:
                    self._fresh[refs[at]] = out
            else:
                self._fail(refs[at], keys[at], batch[at], Outcome.failed(out), State.PARKED)
        return sent, [keys[at] for at in good], [out for out in made if isinstance(out, Outbound)]

    async def _resolved(self, refs: Sequence[int], keys: Sequence[int], batch: Sequence[Outbound]) -> Outbounds:
        """Ask the target about those in doubt: what happened there is journaled as delivered; the rest is given back
        to be sent, no longer in doubt."""
        asked = [at for at, ref in enumerate(refs) if ref in self._unsure]
        found = await self.target.resolve([batch[at] for at in asked])
        happened: dict[int, Outcome] = {}
        for at, outcome in zip(asked, found, strict=True):
            self._unsure.discard(refs[at])
            self._doubtful.discard(refs[at])
            if outcome is not None and outcome.delivered:
                happened[at] = outcome
        if happened:
            self.circuit.succeeded()
            self._delivered([refs[at] for at in happened], [keys[at] for at in happened], [*happened.values()], 0)
        left = [at for at in range(len(refs)) if at not in happened]
        sent = [msgspec.structs.replace(batch[at], possible_duplicate=self._suspect(refs[at])) for at in left]
        return [refs[at] for at in left], [keys[at] for at in left], sent

    async def _outbounds(self, refs: Sequence[int], keys: Sequence[int]) -> Outbounds:
        """What to send for each reference; one that cannot be recomputed is parked and left out."""
        fresh = self._fresh
        batch: Sequence[Outbound]
        try:
            batch = list(map(fresh.__getitem__, refs))
        except KeyError:
            known = {ref: fresh[ref] for ref in refs if ref in fresh}
            await self._rebuild(known, dict(zip(refs, keys, strict=True)))
            left = [(ref, key) for ref, key in zip(refs, keys, strict=True) if ref in known]
            refs, keys = [ref for ref, _ in left], [key for _, key in left]
            batch = [known[ref] for ref in refs]
        if self._attempts or self._doubtful or self.suspect_below:
            batch = [self._said_again(ref, out) for ref, out in zip(refs, batch, strict=True)]
        if self.numbering:
            numbers = await self.numbering.number(refs)
            batch = [msgspec.structs.replace(out, sequence=n) for out, n in zip(batch, numbers, strict=True)]
        return refs, keys, batch

    def _said_again(self, ref: int, out: Outbound) -> Outbound:
        attempt, suspect = self._attempts.get(ref, 0) + 1, self._suspect(ref)
        if attempt == 1 and not suspect:
            return out
        return msgspec.structs.replace(out, attempt=attempt, possible_duplicate=suspect)

    async def _rebuild(self, known: dict[int, Outbound], keys: Mapping[int, int]) -> None:
        """Make what is not ``known`` again, and add it."""
        missing = [ref for ref in keys if ref not in known]
        rebuilt = await self.rebuild(missing)
        for ref in missing:
            made = rebuilt.get(ref)
            if isinstance(made, Outbound):
                known[ref] = made
            elif made is not None:
                self._fail(ref, keys[ref], None, Outcome.failed(made), State.PARKED)
            else:
                self._forget(ref)
                self.backlog.release(keys[ref])


_body = attrgetter("body")


def _most_fresh(outbounds: Sequence[Outbound]) -> int:
    """How many outbound messages of about the size of these are kept."""
    usual = sum(map(len, map(_body, outbounds))) // len(outbounds)
    return min(FRESH, FRESH_BYTES // (usual + 1))
