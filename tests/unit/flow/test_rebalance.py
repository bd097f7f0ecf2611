"""A change of the number of workers loses nothing, doubles nothing and keeps the order of every key."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from waypost.core.errors import CommitFailed, StoreError
from waypost.flow.delivery.placement import reader_of
from waypost.flow.running.rebalance import rebalance
from waypost.store.chunk import pack
from waypost.store.commit import Committer
from waypost.store.disk import RealDisk
from waypost.store.division import Division, read_division
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import live_reader, open_folds
from waypost.store.frame import Packed
from waypost.store.protocol import Query
from waypost.store.record import (
    ORDER_ROW,
    OUT_ROW,
    ArrivalBegun,
    ArrivalEnded,
    Claimed,
    Commanded,
    Decided,
    Delivered,
    DeliveryFailed,
    LegalHold,
    Numbered,
    OutboundBody,
    Produced,
    State,
    StepState,
    TimerSet,
    pack_refs,
    ref_of,
)
from waypost.store.shard import EmbeddedShard
from waypost.testing.store_books import books_of, opened
from waypost.testing.store_records import accepted

OLD = 2
MESSAGES = 12
STATES = [State.OPEN, State.RETRYING, State.DEAD, State.PARKED, State.DOUBTFUL, State.DELIVERED]
PARTITION = "in/a#1"


def order_of(shard: int, index: int) -> int:
    """The ordering hash of message ``index``: its slot is the old shard's; two messages a batch share each key."""
    return (index // 2 + 1) * 1024 + (index // 2) * OLD + shard


def batch(shard: EmbeddedShard, number: int, arrival: int = 0) -> Any:
    order = b"".join(ORDER_ROW.pack(order_of(shard.number, i)) for i in range(MESSAGES))
    return accepted(
        shard.next_seq(), [f"{shard.number}/{number}/{i}".encode() for i in range(MESSAGES)], shard=shard.number,
        order=order, arrival=arrival, partition=PARTITION, position=f"{number:04}{shard.number}",
    )  # fmt: skip


def fanned_out(seq: int, indices: range, first_row: int = 0) -> Produced:
    rows = [OUT_ROW.pack(i, target, 0, State.OPEN, bytes((i,)) * 16) for i in indices for target in (0, 1)]
    return Produced(seq, ("erp", "log"), b"".join(rows), first_row=first_row)


async def fill(folder: Path) -> None:
    """A store that two workers left: messages in every state, some not processed, and all else a shard may know."""
    store = EmbeddedStore(str(folder), folds=open_folds)
    store.create()
    await rebalance(folder, OLD)
    for number in range(OLD):
        shard = await store.open_shard(number, OLD)
        await shard.append([ArrivalBegun(shard.next_arrival(), "orders", PARTITION, "in/a", "1", 99, 5)])
        await shard.append([ArrivalBegun(shard.next_arrival(), "orders", "in/b#1", "in/b", "1", 9, 6)])
        await shard.append([ArrivalEnded(2, 7, 3, 9, "ab")])
        await shard.append([batch(shard, 0, 1), fanned_out(1, range(MESSAGES))])
        for index, state in enumerate(STATES * 2):
            await shard.append(in_state(ref_of(1, 2 * index), state))
        await shard.append([Delivered(pack_refs([ref_of(1, 2 * i + 1) for i in range(6)]), 8, 3, ("log",), ("ok",))])
        await shard.append([batch(shard, 1, 1)])
        await shard.append([batch(shard, 2, 1), fanned_out(3, range(3))])
        for index in range(MESSAGES):
            done = pack_refs([ref_of(4, 2 * index), ref_of(4, 2 * index + 1)])
            records = [batch(shard, 3, 1), fanned_out(4, range(MESSAGES))] if index == 0 else []
            await shard.append([*records, Delivered(done, 9, 3, ("x",), ("ok",))])
        await shard.append([Claimed((("once", bytes((number,)) * 16, b"m" * 16, 0),)), Numbered("isa", 7 + number)])
        await shard.append([TimerSet(f"timer-{number}-{n}", 100, b"p") for n in range(4)])
        await shard.append([StepState("orders", "aggregate", f"{number}-{n}", b"v") for n in range(4)])
        if number == 0:
            await shard.append([Commanded("flow:orders", "paused", 1, "me", "why")])
        said = "skip:2026" if number == reader_of("night", OLD) else "skip:2025"  # by who read it long ago
        await shard.append([Commanded("schedule:night", said, 1, "me", "why")])
        await shard.close()


def in_state(ref: int, state: State) -> list[Any]:
    failed = DeliveryFailed(ref, 6, 3, state, 70, "transient", "http-503", "no answer")
    match state:
        case State.RETRYING | State.DEAD:
            return [failed, OutboundBody(ref, "text/plain", pack([b"sent %d" % (ref & 0xFF)]))]
        case State.PARKED | State.DOUBTFUL:
            return [Decided(pack_refs([ref]), state, 6, "me", "why", "hold")]
        case State.DELIVERED:
            return [Delivered(pack_refs([ref]), 6, 3, ("there",), ("201",), (b"yes",))]
    return []


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled") / "store"
    asyncio.run(fill(folder))
    return folder


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "store"))


@pytest.mark.parametrize("workers", [1, 3, 4])
async def test_every_message_is_where_its_key_belongs_and_as_it_was(folder: Path, workers: int) -> None:
    was = await books_of(folder, OLD)
    await rebalance(folder, workers)
    assert was.differences(await books_of(folder, workers), workers) == []
    assert len(was.needed) == OLD * (3 * MESSAGES - 1)


async def test_messages_of_a_key_stay_in_order(folder: Path) -> None:
    await rebalance(folder, 3)
    books = await books_of(folder, 3)
    assert len({place.order for places in books.needed.values() for place in places}) == OLD * MESSAGES / 2
    assert books.disordered() == []


async def test_there_and_back_again_is_as_before(folder: Path) -> None:
    was = await books_of(folder, OLD)
    for workers in (3, 1, 4, OLD):
        await rebalance(folder, workers)
    assert was.differences(await books_of(folder, OLD), OLD) == []


async def test_a_moved_message_tells_its_story_where_it_is_now(folder: Path) -> None:
    await rebalance(folder, 1)
    async with opened(folder) as shards:
        reader = live_reader(shards)
        dead = reader.find(Query(state="dead", limit=100))
        assert len(dead) == OLD
        for found in dead:
            history = reader.history(found.message)
            assert history is not None and history.found.shard == 0
            told = [type(record) for record in history.records]
            assert Delivered in told and DeliveryFailed in told


async def test_a_legal_hold_goes_where_its_message_goes(folder: Path) -> None:
    async with opened(folder) as shards:
        dead = [found.message for found in live_reader(shards[1:]).find(Query(state="dead"))]
        done = [found.message for found in live_reader(shards[1:]).find(Query(state="delivered", limit=1))]
        await shards[1].append([LegalHold((*dead, *done), True, 5, "ann", "case 12")])
    await rebalance(folder, 1)
    async with opened(folder) as shards:
        holds = [{at: (held.who, held.why) for at, held in shard.state.legal_holds().items()} for shard in shards]
        assert holds == [dict.fromkeys(dead, ("ann", "case 12")), dict.fromkeys(done, ("ann", "case 12"))]
        [found] = live_reader(shards).find(Query(state="dead", message=dead[0]))
        assert found.shard == 0


async def test_what_is_no_message_is_known_to_who_needs_it(folder: Path) -> None:
    await rebalance(folder, 3)
    async with opened(folder) as shards:
        for shard in shards:
            assert [shard.state.claim("once", bytes((n,)) * 16) for n in range(OLD)] == [b"m" * 16] * OLD
            assert shard.state.number("isa") == 8
            assert shard.state.commands() == {"flow:orders": "paused", "schedule:night": "skip:2026"}
        timers = sorted(name for shard in shards for name, _, _ in shard.state.timers())
        assert timers == sorted(f"timer-{number}-{n}" for number in range(OLD) for n in range(4))
        kept = [(shard.number, key) for shard in shards for _, step, key, _ in shard.state.all_step_states()]
        assert sorted(key for _, key in kept) == sorted(f"{number}-{n}" for number in range(OLD) for n in range(4))


async def test_a_store_that_stopped_uncleanly_stays_in_doubt(folder: Path) -> None:
    store = EmbeddedStore(str(folder), folds=open_folds)
    shard = await store.open_shard(1, OLD)
    await shard.close(clean=False)
    await rebalance(folder, 3)
    for number in range(3):
        shard = await store.open_shard(number, 3)
        assert shard.unclean
        await shard.close()


def touched(folder: Path) -> list[tuple[Path, int]]:
    return sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))


async def test_the_same_number_of_workers_touches_nothing(folder: Path) -> None:
    before = touched(folder)
    await rebalance(folder, OLD)
    assert touched(folder) == before


class Killed(RealDisk):
    """Every operation from number ``at`` on fails."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.died = False

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            self.died = True
            raise OSError(5, "killed")

    def write(self, fd: int, buffers: Any, at: int) -> None:
        self._step()
        super().write(fd, buffers, at)

    def datasync(self, fd: int) -> None:
        self._step()
        super().datasync(fd)

    def rename(self, old: str, new: str) -> None:
        self._step()
        super().rename(old, new)


Name = tuple[int, str]
"""A shard and a kind of record: the first commit there of such a record is a place to break off at."""


def watch_commits(monkeypatch: pytest.MonkeyPatch, seen: Callable[[Committer, set[Name], bool], None]) -> None:
    """Have ``seen`` told of every commit, before (False) and after it (True)."""
    commit = Committer.commit

    def watched(committer: Committer, group: Sequence[Any]) -> Any:
        records = [r for one in group for r in (one.records if isinstance(one, Packed) else one)]
        names = {(committer._place.identity.shard, type(record).__name__) for record in records}
        seen(committer, names, False)
        done = commit(committer, group)
        seen(committer, names, True)
        return done

    monkeypatch.setattr(Committer, "commit", watched)


async def places_of(folder: Path, workers: int) -> list[Name]:
    """What a change writes where, in order."""
    found: dict[Name, None] = {}
    with pytest.MonkeyPatch.context() as patched:
        watch_commits(patched, lambda _, names, after: found.update(dict.fromkeys(sorted(names))))
        await rebalance(folder, workers)
    return list(found)


async def broken_off(folder: Path, workers: int, place: Name, *, after: bool) -> bool:
    """Whether a change came to a place, at which it broke off: before the commit, or when it was durable."""
    came: list[Name] = []

    def stop(committer: Committer, names: set[Name], done: bool) -> None:
        if place in names and done is after:
            came.append(place)
            raise committer.fail(OSError(5, "killed"))

    with pytest.MonkeyPatch.context() as patched:
        watch_commits(patched, stop)
        with suppress(StoreError):
            await rebalance(folder, workers)
    return bool(came)


@pytest.mark.parametrize(("workers", "least"), [(1, 18), (3, 40)])
async def test_a_change_broken_off_anywhere_is_made_again(
    filled: Path, tmp_path: Path, workers: int, least: int
) -> None:
    was = await books_of(Path(shutil.copytree(filled, tmp_path / "was")), OLD)
    places = await places_of(Path(shutil.copytree(filled, tmp_path / "whole")), workers)
    assert len(places) >= least
    for number, place in enumerate(places):
        folder = Path(shutil.copytree(filled, tmp_path / "store"))
        assert await broken_off(folder, workers, place, after=number % 2 == 1), place
        await rebalance(folder, workers)
        assert was.differences(await books_of(folder, workers), workers) == []
        shutil.rmtree(folder)


async def test_a_change_broken_off_is_finished_before_another(filled: Path, tmp_path: Path) -> None:
    was = await books_of(Path(shutil.copytree(filled, tmp_path / "was")), OLD)
    for point in range(5, 60, 12):
        folder = Path(shutil.copytree(filled, tmp_path / f"store-{point}"))
        store = EmbeddedStore(str(folder), folds=open_folds, disk=Killed(point))
        with pytest.raises((CommitFailed, OSError, StoreError)):
            await rebalance(folder, 3, store=store)
        division = read_division(RealDisk(), str(folder))
        assert division == Division(OLD, becoming=3) or point < 10
        await rebalance(folder, OLD)
        assert was.differences(await books_of(folder, OLD), OLD) == []
