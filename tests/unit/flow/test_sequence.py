"""A sequence gives no number twice and leaves none out, whatever happens to those who ask."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from waypost.core.errors import StoreFull
from waypost.core.stamping import NumbersWanted
from waypost.flow.delivery.sequence import FLOW, Sequences, Wanted
from waypost.store.record import StepState


class SlowShard:
    """Appends when told; its state knows only what was appended."""

    number = 0

    def __init__(self) -> None:
        self.known: dict[tuple[str, str, str], bytes] = {}
        self.waiting: list[tuple[list[Any], asyncio.Future[None]]] = []
        self.state = self

    def step_state(self, flow: str, step: str, key: str) -> bytes:
        return self.known.get((flow, step, key), b"")

    async def append(self, records: list[Any]) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((records, future))
        await future

    def append_later(self, records: list[Any]) -> None:
        self._take(records)

    def commit(self, fault: Exception | None = None) -> None:
        """What waits is durable, or was not written."""
        waiting, self.waiting = self.waiting, []
        for records, future in waiting:
            if fault is None:
                self._take(records)
            if not future.done():
                future.set_exception(fault) if fault else future.set_result(None)

    def _take(self, records: list[Any]) -> None:
        for record in records:
            if isinstance(record, StepState):
                self.known[record.flow, record.step, record.key] = record.value


def wanted(holder: str, count: int = 1, **more: Any) -> Wanted:
    given = {"first": 1, "last": 999, "rolls": True, **more}
    return Wanted(
        holder, NumbersWanted("acme/x12/test/interchange", count, given["first"], given["last"], given["rolls"])
    )


async def test_a_call_that_is_cancelled_gives_its_numbers_all_the_same() -> None:
    shard = SlowShard()
    sequences = Sequences(shard, 1, dict)  # type: ignore[arg-type]
    asking = asyncio.ensure_future(sequences.give([wanted("a", 4)]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    ours = asyncio.ensure_future(sequences.give([wanted("b")]))
    for _ in range(5):
        await asyncio.sleep(0)
        shard.commit()
    assert await ours == [[5]] and await _given(sequences, shard, "a", 4) == [[1, 2, 3, 4]]


async def _given(sequences: Sequences, shard: SlowShard, holder: str, count: int = 1) -> Any:
    asking = asyncio.ensure_future(sequences.give([wanted(holder, count)]))
    while not asking.done():
        await asyncio.sleep(0)
        shard.commit()
    return asking.result()


async def test_asked_again_the_same_delivery_has_the_same_numbers_until_it_has_taken_them() -> None:
    shard = SlowShard()
    sequences = Sequences(shard, 1, dict)  # type: ignore[arg-type]
    assert [await _given(sequences, shard, holder) for holder in "abab"] == [[[1]], [[2]], [[1]], [[2]]]
    sequences.taken([wanted("a")])
    assert await _given(sequences, shard, "a") == [[3]]


async def test_numbers_that_a_full_disk_refused_are_given_to_the_next() -> None:
    shard = SlowShard()
    sequences = Sequences(shard, 1, dict)  # type: ignore[arg-type]
    with pytest.raises(StoreFull):
        async with sequences.numbers([wanted("a")]) as (given, records):
            assert given == [[1]] and isinstance(records[0], StepState) and records[0].flow == FLOW
            raise StoreFull("full")
    assert await _given(sequences, shard, "b") == [[1]]


@pytest.mark.parametrize(
    ("last", "first", "end", "rolls", "found"),
    [(0, 1, 3, True, [1, 2]), (2, 1, 3, True, [3, 1]), (0, 100, 200, True, [100, 101]), (500, 1, 3, True, [1, 2])],
)
async def test_a_range_is_kept(last: int, first: int, end: int, rolls: bool, found: list[int]) -> None:
    shard = SlowShard()
    sequences = Sequences(shard, 1, dict)  # type: ignore[arg-type]
    if last:
        setting = asyncio.ensure_future(sequences.set_next("acme/x12/test/interchange", last + 1, "ann", "why", 0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        shard.commit()
        await setting
    asking = asyncio.ensure_future(sequences.give([wanted("a", 2, first=first, last=end, rolls=rolls)]))
    while not asking.done():
        await asyncio.sleep(0)
        shard.commit()
    assert asking.result() == [found]


async def test_a_sequence_that_is_used_up_says_so() -> None:
    shard = SlowShard()
    sequences = Sequences(shard, 1, dict)  # type: ignore[arg-type]
    assert await sequences.give([wanted("a", 3, last=2, rolls=False)]) == [
        "sequence acme/x12/test/interchange is used up at 2"
    ]
