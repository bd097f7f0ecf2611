"""Control numbers: durable sequences, each owned by one worker, that have no gaps and give no number twice.

Where a sequence stands is step state, so that it moves with its slot when the number of workers changes. The owner's
own lanes put the new standing, the numbered bytes and the intent into one commit. For another worker's lane the owner
first makes durable who has a number; the lane's commit then holds number and bytes, and the owner may forget it. Asked
again for the same delivery, whatever died in between, it gives the same numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol

import msgspec

from waypost.core.errors import StoreFull
from waypost.core.stamping import NumbersWanted
from waypost.flow.delivery.placement import owner_of, slot_of_name
from waypost.store.protocol import Shard
from waypost.store.record import AnyRecord, Commanded, StepState

FLOW = "(sequence)"
"""Stands in step state where other state has its flow."""

_pack = msgspec.msgpack.Encoder().encode
_standing: msgspec.msgpack.Decoder[tuple[int, int, int]] = msgspec.msgpack.Decoder(tuple[int, int, int])
_given: msgspec.msgpack.Decoder[tuple[int, ...]] = msgspec.msgpack.Decoder(tuple[int, ...])


class Wanted(msgspec.Struct, frozen=True, array_like=True):
    """Numbers for one delivery, which ``holder`` names whatever worker it is in."""

    holder: str
    numbers: NumbersWanted


class Asked(Protocol):
    """Another worker."""

    def ask(self, verb: str, body: Any, kind: Any) -> asyncio.Future[Any]: ...


Given = list[int] | str
"""Numbers, or why there are none."""


def _heard(answer: asyncio.Future[Any]) -> None:
    """An owner that did not hear it remembers what it need not; that harms nothing."""
    if not answer.cancelled():
        answer.exception()


def slot_of_sequence(name: str) -> int:
    """The slot that owns a sequence, and all that is known of who has its numbers."""
    return slot_of_name(f"{FLOW}/{name}/")


class Sequences:
    """The sequences of one worker, and the way to those of others."""

    def __init__(self, shard: Shard, workers: int, peers: Callable[[], Mapping[int, Asked]]) -> None:
        self._shard, self._workers, self._peers = shard, workers, peers
        self._lock = asyncio.Lock()
        self._late: dict[str, tuple[int, int, int]] = {}
        """Where sequences stand, with what is on its way into the journal."""

    def owner(self, name: str) -> int:
        """The worker that gives a sequence's numbers."""
        return owner_of(slot_of_sequence(name), self._workers)

    def standing(self, name: str) -> tuple[int, int, int]:
        """The last number given, how many were given in all, and how many of them are void, as this worker has it."""
        if name in self._late:
            return self._late[name]
        known = self._shard.state.step_state(FLOW, name, "")
        return _standing.decode(known) if known else (0, 0, 0)

    @asynccontextmanager
    async def numbers(self, wanted: Sequence[Wanted]) -> AsyncIterator[tuple[list[Given], list[AnyRecord]]]:
        """The numbers for each of ``wanted``, in order, or why there are none; and the records that must be in the
        commit that uses them. Leave the block once that is durable; leaving it by an error gives the numbers back."""
        theirs = [at for at, one in enumerate(wanted) if self.owner(one.numbers.sequence) != self._shard.number]
        given: list[Given] = [[] for _ in wanted]
        for owner in sorted({self.owner(wanted[at].numbers.sequence) for at in theirs}):
            asked = [at for at in theirs if self.owner(wanted[at].numbers.sequence) == owner]
            answers = await self._peers()[owner].ask("numbers", [wanted[at] for at in asked], list[Given])
            for at, answer in zip(asked, answers, strict=True):
                given[at] = answer
        ours = [at for at in range(len(wanted)) if at not in theirs]
        if ours:
            async with self._lock:
                numbers, records = self._take([wanted[at] for at in ours], lasting=False)
                for at, one in zip(ours, numbers, strict=True):
                    given[at] = one
                with self._unless_full():
                    yield given, records
        else:
            yield given, []
        for owner in sorted({self.owner(wanted[at].numbers.sequence) for at in theirs}):
            done = [wanted[at] for at in theirs if self.owner(wanted[at].numbers.sequence) == owner]
            self._peers()[owner].ask("numbers-taken", done, type(None)).add_done_callback(_heard)

    async def give(self, wanted: Sequence[Wanted]) -> list[Given]:
        """Numbers for another worker's deliveries, durable on return, and the same when asked again; a text says why
        there is none."""
        # who asks may die meanwhile, which cancels this call: what was begun is finished all the same
        return await asyncio.shield(asyncio.ensure_future(self._give(wanted)))

    async def _give(self, wanted: Sequence[Wanted]) -> list[Given]:
        async with self._lock:
            with self._unless_full():
                numbers, records = self._take(wanted, lasting=True)
                if records:
                    await self._shard.append(records)
            return numbers

    @contextmanager
    def _unless_full(self) -> Iterator[None]:
        """Numbers count as given from the moment they are taken, but where the disk was full: then nothing was written.
        After any other failure the journal decides, when it is opened again."""
        try:
            yield
        except StoreFull:
            self._late.clear()
            raise

    def taken(self, wanted: Sequence[Wanted]) -> None:
        """The deliveries have their numbers durably: they need not be remembered here."""
        self._shard.append_later(
            [StepState(FLOW, one.numbers.sequence, one.holder, b"") for one in wanted if self._holds(one)]
        )

    async def set_next(self, name: str, number: int, who: str, why: str, at: int) -> int:
        """A person says which number is given next; the number before. The reason is journaled with it."""
        async with self._lock:
            last, count, void = self.standing(name)
            said = f"next number {number}, was after {last}: {why}"
            standing = StepState(FLOW, name, "", _pack((number - 1, count, void)))
            await self._shard.append([standing, Commanded(f"sequence:{name}", "", at, who, said)])
            self._late[name] = (number - 1, count, void)
            return last

    async def void(self, numbers: Sequence[tuple[str, int]]) -> None:
        """Count numbers that were never sent, and are void by their own records."""
        for name in dict.fromkeys(name for name, _ in numbers):
            count = sum(1 for of, _ in numbers if of == name)
            if self.owner(name) == self._shard.number:
                await self.count_void(name, count)
            else:
                await self._peers()[self.owner(name)].ask("numbers-void", (name, count), type(None))

    async def count_void(self, name: str, count: int) -> None:
        """So many more numbers of a sequence of this worker are void."""
        async with self._lock:
            last, given, void = self.standing(name)
            await self._shard.append([StepState(FLOW, name, "", _pack((last, given, void + count)))])
            self._late[name] = (last, given, void + count)

    def _holds(self, one: Wanted) -> bool:
        return bool(self._shard.state.step_state(FLOW, one.numbers.sequence, one.holder))

    def _take(self, wanted: Sequence[Wanted], *, lasting: bool) -> tuple[list[Given], list[AnyRecord]]:
        """Numbers for each, and the records that make it so. ``lasting``: who has them is remembered, too."""
        standings: dict[str, tuple[int, int, int]] = {}
        given: list[Given] = []
        held: list[AnyRecord] = []
        for one in wanted:
            name = one.numbers.sequence
            known = self._shard.state.step_state(FLOW, name, one.holder)
            if known:
                given.append(list(_given.decode(known)))
                continue
            last, count, void = standings.get(name) or self.standing(name)
            numbers = _following(last, one.numbers)
            if len(numbers) < one.numbers.count:
                given.append(f"sequence {name} is used up at {one.numbers.last}")
                continue
            standings[name] = (numbers[-1], count + len(numbers), void)
            given.append(numbers)
            if lasting:
                held.append(StepState(FLOW, name, one.holder, _pack(tuple(numbers))))
        self._late.update(standings)
        return given, [*(StepState(FLOW, name, "", _pack(standing)) for name, standing in standings.items()), *held]


def _following(last: int, wanted: NumbersWanted) -> list[int]:
    """The numbers after ``last``; fewer than wanted where the sequence is used up."""
    made: list[int] = []
    for _ in range(wanted.count):
        if last < wanted.first - 1 or (last >= wanted.last and wanted.rolls) or last < 0:
            last = wanted.first
        elif last < wanted.last:
            last += 1
        else:
            break
        made.append(last)
    return made
