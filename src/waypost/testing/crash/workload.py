"""What the recorded store is made to do: every kind of record, full segments, large bodies, stops and openings."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import msgspec

from waypost.core.errors import CommitFailed, StoreError, StoreFull
from waypost.flow.running.rebalance import rebalance
from waypost.store import record as r
from waypost.store.chunk import LARGE, pack
from waypost.store.derived import Watermark
from waypost.store.record import AnyRecord, State, ref_of
from waypost.store.retention import Ages, Retention
from waypost.store.shard import EmbeddedShard
from waypost.testing.crash.changed import copied_books, made_again
from waypost.testing.crash.combining import combining, groups_are_whole
from waypost.testing.crash.inspector import BACKED_UP, BACKUP
from waypost.testing.crash.platter import Image
from waypost.testing.crash.recording import Recording, Stage, Workload
from waypost.testing.crash.recording_disk import Fails, never


class Traffic:
    """Random work of a shard, as an engine would do it."""

    def __init__(self, shard: EmbeddedShard, random: Random, large: float = 0.05) -> None:
        self.shard, self.random, self._large = shard, random, large
        self.open: list[int] = []
        self.time = 1_000

    async def run(self, steps: int) -> None:
        for _ in range(steps):
            await asyncio.gather(*(self._try_step() for _ in range(self.random.choice((1, 1, 2, 4)))))

    async def _try_step(self) -> None:
        with suppress(StoreFull):
            await self.step()

    async def step(self) -> None:
        self.time += 1000
        work = self.random.random()
        if work < 0.35 or not self.open:
            await self.accept()
        elif work < 0.6:
            self.shard.append_later([self._delivered()])
        elif work < 0.7:
            await self.shard.append(self._failed())
        elif work < 0.75:
            await self.shard.append([r.Intended(r.pack_refs([self._pick()]))])
        else:
            await self.shard.append(self._small())

    async def finish(self) -> None:
        """Nothing stays open: some are delivered, some parked, some dead."""
        while self.open:
            refs, self.open = self.open[:5], self.open[5:]
            state = self.random.choice((State.DELIVERED, State.DELIVERED, State.PARKED, State.DEAD))
            await self.shard.append([r.Decided(r.pack_refs(refs), state, self.time, "ada", "", "finish")])

    async def accept(self) -> None:
        seq, count = self.shard.next_seq(), self.random.randint(1, 4)
        large = self.random.random() < self._large
        bodies = [
            self.random.randbytes(LARGE + 1 if large and n == 0 else self.random.randint(0, 300)) for n in range(count)
        ]
        keys = (("po", tuple((f"{seq}-{n}",) for n in range(count))),)
        first, key = self.shard.number << 96 | seq << 64, seq % 7 * 2 + self.shard.number
        accepted = r.Accepted(
            seq, "orders", "v1", first.to_bytes(16, "big"), count, self.time, pack(bodies), partition="in",
            position=f"{seq:09d}", order=r.ORDER_ROW.pack(key) * count, keys=keys,
        )  # fmt: skip
        rows = b"".join(r.OUT_ROW.pack(n, 0, 0, State.OPEN, self.random.randbytes(16)) for n in range(count))
        produced = r.Produced(seq, ("erp",), rows, at=self.time)
        if self.random.random() < 0.7:
            await self.shard.append([accepted, produced])
        else:
            await self.shard.append([accepted])
            await self.shard.append([produced])
        self.open += [ref_of(seq, n) for n in range(count)]

    def _pick(self, *, done: bool = False) -> int:
        place = self.random.randrange(len(self.open))
        return self.open.pop(place) if done and len(self.open) > 1 else self.open[place]

    def _delivered(self) -> AnyRecord:
        refs = sorted({self._pick(done=True) for _ in range(self.random.randint(1, 4))})
        keys = (("so", 0, str(refs[0])),)
        return r.Delivered(r.pack_refs(refs), self.time, 12, ("address",), ("201",), keys=keys)

    def _failed(self) -> Sequence[AnyRecord]:
        ref = self._pick()
        state = self.random.choice((State.RETRYING, State.PARKED, State.DEAD))
        failed = r.DeliveryFailed(ref, self.time, 1, state, self.time + 5, "transient", "503", "busy")
        return [failed, r.OutboundBody(ref, "text", pack([self.random.randbytes(50)]))]

    def _small(self) -> Sequence[AnyRecord]:
        """One of the many small things, at random."""
        n, now, refs = self.random.randint(0, 20), self.time, r.pack_refs([self._pick()])
        if self.random.random() < 0.2:
            number = self.shard.next_arrival()
            name = f"file-{self.shard.number}-{number}"
            begun = r.ArrivalBegun(number, "orders", name, name, "id", 10, now)
            return [begun, r.ArrivalEnded(number, now, 3, 10, "ab"), r.ArrivalDisposed(number, now)]
        chosen: list[Sequence[AnyRecord]] = [
            [r.Claimed((("scope", bytes([n]) * 16, self.random.randbytes(16), 0),))],
            [r.Numbered("control", now)],
            [r.TimerSet(f"timer-{n}", now + n, b"payload"), r.TimerDone(f"timer-{n + 1}")],
            [r.StepState("orders", "aggregate", str(n), self.random.randbytes(n))],
            [r.Positioned("orders", f"part-{n}", f"{now:09d}", self.random.choice((-1, 2 + self.shard.number)))],
            [r.Decided(refs, State.OPEN, now, "ada", "why", "retry")],
            [r.Commanded("flow:orders", self.random.choice(("", "paused")), now, "ada", "")],
            [r.Activated(f"v{n}", now, "ada", {"flows": ["orders"]})],
        ]
        return self.random.choice(chosen)


async def flowing(stage: Stage) -> None:
    """One process, from an empty disk to a clean stop."""
    shard = await stage.open()
    await Traffic(shard, stage.chance(1)).run(60)
    await shard.close()


async def stopping(stage: Stage) -> None:
    """Clean stops and openings, each time a little work."""
    for turn in range(4):
        shard = await stage.open()
        await Traffic(shard, stage.chance(turn)).run(12)
        await shard.close()


async def recovering(stage: Stage) -> None:
    """Opened on what another process left, a little work, a clean stop."""
    shard = await stage.open()
    traffic = Traffic(shard, stage.chance(7))
    await traffic.accept()
    await traffic.run(4)
    await shard.close()


async def changing(stage: Stage) -> None:
    """The engine changes the number of workers, twice, over all that two shards may hold."""
    await rebalance(Path(stage.store.folder), 2, store=stage.store)
    for number in range(2):
        shard = await stage.open(number, 2)
        await Traffic(shard, stage.chance(number), large=0.1).run(25)
        await shard.close()
    stage.recording.books = await copied_books(stage.store.folder, 2)
    for workers in (3, 1):
        with stage.log.phase("change of workers"):
            await rebalance(Path(stage.store.folder), workers, store=stage.store)


async def failing(stage: Stage) -> None:
    """A sync fails now and then: the shard stops, and is opened again."""
    for turn in range(6):
        with suppress(StoreError):
            shard = await stage.open()
            with suppress(CommitFailed):
                await Traffic(shard, stage.chance(turn)).run(20)
            await shard.close()
    stage.disk.fails = never
    await recovering(stage)


async def filling(stage: Stage) -> None:
    """The disk is full now and then; what is refused leaves nothing behind."""
    for turn in range(3):
        with suppress(StoreFull):
            shard = await stage.open()
            traffic = Traffic(shard, stage.chance(turn), large=0.3)
            await traffic.run(20)
            await shard.close()
    stage.disk.fails = never
    await recovering(stage)


async def moving(stage: Stage) -> None:
    """Two workers become one: what is open on the second moves to the first, copied and safe before it is given up."""
    first, second = await stage.open(0, 2), await stage.open(1, 2)
    await asyncio.gather(Traffic(first, stage.chance(1)).run(12), Traffic(second, stage.chance(2)).run(12))
    with stage.log.phase("change of workers"):
        for batch in list(second.state.open_batches()):
            accepted = (await second.read_batch(batch)).accepted
            copy = msgspec.structs.replace(accepted, seq=first.next_seq(), origin="moved", partition="", position="")
            await first.append([copy])
            await second.append([r.MovedAway(b"", (batch.seq,), 0, 1)])
    await second.close()
    await first.close()


def none_lost_in_moving(recording: Recording, counts: Mapping[int, int], image: Image) -> str:
    """Whatever one shard gave up, another has."""
    groups = recording.groups
    records = {
        shard: [r for group in groups[shard][:count] for _, r in group.records] for shard, count in counts.items()
    }
    given = {seq for found in records.values() for gone in found if isinstance(gone, r.MovedAway) for seq in gone.seqs}
    firsts = {one.seq: one.first_id for one in records.get(1, ()) if isinstance(one, r.Accepted)}
    copied = {one.first_id for one in records.get(0, ()) if isinstance(one, r.Accepted) and one.origin == "moved"}
    lost = [seq for seq in given if firsts[seq] not in copied]
    return f"batch {lost[0]} was given up, and no other shard has it" if lost else ""


class FailingSync:
    """Every ``every``-th sync of a segment fails."""

    def __init__(self, every: int) -> None:
        self._every, self._count = every, 0

    def __call__(self, operation: str, path: str) -> int:
        if operation == "sync" and path.endswith(".seg"):
            self._count += 1
            return errno.EIO if self._count % self._every == 0 else 0
        return 0


async def _flushed(shard: EmbeddedShard, end: Watermark) -> None:
    """Return once the index has written down what was committed before ``end``: retention lets go of nothing else. A
    thread does it when something comes after its time."""
    for _ in range(400):
        if min(shard.index.watermark, shard.state.watermark) >= end:
            return
        await asyncio.sleep(0.005)


async def retaining(stage: Stage) -> None:
    """Old segments go; what is kept in them is carried forward first."""
    ages = Ages(finished=1, dead=4, share=0.9)
    for turn in range(2):
        shard = await stage.open()
        traffic, retention = Traffic(shard, stage.chance(turn)), Retention(shard, stage.disk, stage.clock, ages)
        for _ in range(6):
            await traffic.run(5)
            await traffic.finish()
            end = shard.end
            await stage.clock.advance(2)
            await traffic.step()
            await _flushed(shard, end)
            with stage.log.phase("retention"):
                await retention.run()
        retention.close()
        await shard.close()


async def backing_up(stage: Stage) -> None:
    """A backup is made while the store is written."""
    shard = await stage.open()
    traffic = Traffic(shard, stage.chance(5))
    await traffic.run(15)
    with stage.log.phase("backup"):
        async for _ in stage.store.backup(f"{stage.store.folder}/{BACKUP}"):
            await traffic.step()
    stage.log.acknowledge(BACKED_UP, (1, 0))
    await traffic.run(3)
    await shard.close()


Across = Callable[[Recording, Mapping[int, int], Image], str]
"""(what was recorded, how many commits of each shard are left, the disk) → what is wrong."""


def nothing(recording: Recording, counts: Mapping[int, int], image: Image) -> str:
    """Each shard is judged by itself."""
    return ""


class FullDisk:
    """Now and then nothing more can be written, or created, in the journal and in the folder of large bodies."""

    def __init__(self, every: int) -> None:
        self._every, self._count = every, 0

    def __call__(self, operation: str, path: str) -> int:
        if operation in ("write", "create", "allocate") and (
            "/journal/" in path or "/chunks/" in path or "reserve" in path
        ):
            self._count += 1
            return errno.ENOSPC if self._count % self._every == 0 else 0
        return 0


@dataclass(frozen=True, slots=True)
class Scene:
    """A workload, what goes wrong on its disk, and what must hold between its shards."""

    workload: Workload
    fails: Callable[[], Fails] = lambda: never
    across: Across = nothing


SCENES = {
    "flowing": Scene(flowing),
    "stopping": Scene(stopping),
    "failing": Scene(failing, lambda: FailingSync(23)),
    "filling": Scene(filling, lambda: FullDisk(7)),
    "retaining": Scene(retaining),
    "backing up": Scene(backing_up),
    "moving": Scene(moving, across=none_lost_in_moving),
    "changing": Scene(changing, across=made_again),
    "combining": Scene(combining, across=groups_are_whole),
}
