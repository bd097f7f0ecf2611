"""From a source to durable messages: cut, send each record to the shard that owns its key, then accept."""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

from waypost.core.component import CONTINUED, Answer, Arrival, Delivery, NamedDelivery, Slice, TimedSource
from waypost.core.cutting import cut, cut_end, reads_from
from waypost.core.errors import ConfigurationRefused, DataError, EndpointError, StoreFull, WaypostError
from waypost.core.event import ArrivalCompleted, ArrivalRefused, EndpointFound, EndpointLost, FlowStopped, SourcePaused
from waypost.flow.batch.compiled import CompiledFlow
from waypost.flow.batch.content_position import end_of, position_at, unit_of
from waypost.flow.batch.load import BATCH, Load, Part
from waypost.flow.delivery.circuit import backoff
from waypost.flow.sharing.host import Host
from waypost.flow.sharing.spread import ids_of
from waypost.store.record import ArrivalBegun, ArrivalDisposed, ArrivalEnded

WINDOW = 32
"""Loads of one source on their way to being durable at once."""
WINDOW_MESSAGES, WINDOW_BYTES = 2048, 4 << 20
"""Messages and bytes of them at which the source waits: as documents, and on their way to the journal, they take
several times the room, and a sync of 50 ms still has enough to do."""


class Intake:
    """Reads one flow's source in this worker."""

    def __init__(self, engine: Host, flow: CompiledFlow, source: Any) -> None:
        self.engine, self.flow, self.source = engine, flow, source
        self.traits = flow.definition.source.traits
        self.exhausted = False
        """A polling source's last look found nothing, or it may not look."""
        self.paused = ""
        self.crowded = ""
        """Why nothing more is read for now, though nobody said so."""
        self.refused = 0
        """Arrivals that could not be taken in to their end since the start."""
        self._under_way: set[asyncio.Future[Any]] = set()
        self._messages = self._bytes = 0
        self._failed: BaseException | None = None
        self._resumed = asyncio.Event()
        self._resumed.set()
        self.resting = asyncio.Event()
        """Set while it is paused with nothing in its hands."""
        self.opened = asyncio.Event()
        self._looking: asyncio.Future[Delivery | None] | None = None
        if isinstance(source, TimedSource):
            source.told(engine.shard.state.commands().get(f"schedule:{flow.name}", ""))

    @property
    def pause_seconds(self) -> float:
        return float(getattr(self.flow.definition.source.options, "poll_seconds", 1.0))

    def pause(self, cause: str) -> None:
        self.paused = cause
        self._resumed.clear()
        if self._looking is not None:
            self._looking.cancel()

    def resume(self) -> None:
        self.paused = ""
        self._resumed.set()

    async def run(self) -> None:
        """Receive until cancelled, or until ``--once`` has seen everything."""
        failures = 0
        try:
            while True:
                try:
                    failures = await self._turn(failures)
                except EndpointError as error:
                    self.exhausted = True
                    failures += 1
                    if isinstance(error, ConfigurationRefused):
                        self.engine.events.emit(FlowStopped(flow=self.flow.name, cause=str(error)))
                        self.pause(f"stopped: {error}")
                        continue
                    self.engine.events.emit(EndpointLost(endpoint=f"source of {self.flow.name}", cause=str(error)))
                    self.engine.trouble[f"source of {self.flow.name}"] = str(error)
                    await self.engine.clock.sleep(backoff(failures, 0.5, 30.0, self.engine.random))
                except StoreFull as error:
                    self.crowded = str(error)
                    self.exhausted = True
                    self.engine.events.emit(SourcePaused(flow=self.flow.name, cause=str(error)))
                    await self.engine.clock.sleep(1.0)
        finally:
            await self.source.close()

    async def _turn(self, failures: int) -> int:
        if self.paused:
            self.exhausted = True
            self.resting.set()
        await self._resumed.wait()
        self.resting.clear()
        await self._room()
        if not self.opened.is_set():
            await self.source.open()
            self.opened.set()
        looked, delivery = await self._look()
        if not looked:
            return failures
        if failures:
            self.engine.events.emit(EndpointFound(endpoint=f"source of {self.flow.name}"))
            self.engine.trouble.pop(f"source of {self.flow.name}", None)
        if delivery is None:
            self.exhausted = True
            await self.engine.clock.sleep(self.pause_seconds)
            return 0
        self.exhausted = False
        if delivery.records is not None:
            await self._records(delivery)
        else:
            await self._content(delivery)
        self.crowded = ""
        return 0

    async def _look(self) -> tuple[bool, Delivery | None]:
        """What the source has; ``(False, None)`` when a pause ended the wait for it."""
        self._looking = asyncio.ensure_future(self.source.receive())
        try:
            await asyncio.wait([self._looking])
            return (False, None) if self._looking.cancelled() else (True, self._looking.result())
        finally:
            self._looking.cancel()

    async def _room(self) -> None:
        """Wait while too much is open or the disk is full."""
        limit = self.flow.definition.options.delivery.max_open
        cause = self.engine.crowded(self.flow.name, limit)
        if not cause:
            return
        self.engine.events.emit(SourcePaused(flow=self.flow.name, cause=cause))
        self.crowded = cause
        self.exhausted = True  # as far as ``--once`` is concerned: only a delivery makes room
        while self.engine.crowded(self.flow.name, limit - limit // 10):
            await self.engine.clock.sleep(0.05)
        self.exhausted, self.crowded = False, ""

    # ── records: rows, requests, ticks ──

    async def _records(self, delivery: Delivery) -> None:
        received = delivery.records or ()
        reading = self._reading() if delivery.partition else 0
        try:
            taken = []
            for start in range(0, len(received), BATCH):
                part = received[start : start + BATCH]
                load = Load(
                    self.flow.name, [r.body for r in part], content_type=part[0].content_type,
                    partition=delivery.partition, position=part[-1].position,
                    headers=[dict(r.headers) for r in part] if any(r.headers for r in part) else None,
                    reading=reading,
                )  # fmt: skip
                taken.append(await self._hand(load, [r.position for r in part]))
            placed = [await ticket for ticket in taken]
        except WaypostError as error:
            await delivery.reject(error)
            raise
        if isinstance(delivery, NamedDelivery):
            delivery.identify([message_id for parts in placed for message_id in ids_of(parts)])
        if received:
            self.engine.level(self.flow.name, delivery.partition, received[-1].position)
        await delivery.accept()
        if self.traits.replies:
            waiting = [self.engine.answers.wait(part.seq, len(part.indices)) for parts in placed for part in parts]
            self.engine.spawn(self._answer(delivery, waiting), lasting=True)

    async def _answer(self, delivery: Delivery, answers: Sequence[asyncio.Future[list[Answer]]]) -> None:
        await delivery.answer([answer for part in answers for answer in await part])

    def _reading(self) -> int:
        return self.engine.random.bits(62) | 1

    # ── contents: files and streams ──

    async def _content(self, delivery: Delivery) -> None:
        arrival = delivery.arrival or Arrival(name=delivery.partition, identity="")
        shard = self.engine.shard
        known = shard.state.arrival(self.flow.name, arrival.name, arrival.identity)
        if known and known[1]:
            await delivery.accept()
            shard.append_later([ArrivalDisposed(known[0], self.engine.clock.now())])
            return
        number, partition = known[0] if known else shard.next_arrival(), f"{arrival.name}#{arrival.identity}"
        now = self.engine.clock.now()
        if known is None:
            begun = ArrivalBegun(number, self.flow.name, partition, arrival.name, arrival.identity, arrival.size, now)
            await shard.append([begun])
        start = Load(
            self.flow.name, [], partition=partition, arrival=number, reading=self._reading(),
            content=(arrival.name, arrival.identity, arrival.size, now), shared_headers=dict(arrival.headers),
        )  # fmt: skip
        reading = _Reading(self, start)
        error = ""
        try:
            await reading.read(delivery)
        except DataError as refusal:
            error = str(refusal)
            await reading.settle()
        except WaypostError as failure:
            await reading.settle()
            await delivery.reject(failure)
            raise
        ended = ArrivalEnded(number, self.engine.clock.now(), reading.records, reading.size, reading.digest(), error)
        await shard.append([ended])
        if error:
            await delivery.reject(DataError(error, where=arrival.name))
        else:
            await delivery.accept()
        shard.append_later([ArrivalDisposed(number, self.engine.clock.now())])
        if error:
            self.refused += 1
            self.engine.events.emit(ArrivalRefused(flow=self.flow.name, name=arrival.name, cause=error))
        else:
            self.engine.events.emit(ArrivalCompleted(flow=self.flow.name, name=arrival.name, records=reading.records))

    async def _hand(self, load: Load, positions: Sequence[str]) -> asyncio.Future[list[Part]]:
        """Send a load to the shards that own its keys; the future says where its records are, once all are durable."""
        count, size = len(load.raws), sum(map(len, load.raws))
        while len(self._under_way) >= WINDOW or self._crowds(count, size):
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        if self._failed:
            raise self._failed
        ticket = await self.engine.dispatch(self.flow, load, positions)
        self._under_way.add(ticket)
        self._messages += count
        self._bytes += size
        ticket.add_done_callback(lambda done: self._landed(done, count, size))
        return ticket

    def _crowds(self, count: int, size: int) -> bool:
        """Whether so many more would be too many at once; one load may always be under way."""
        full = self._messages + count > WINDOW_MESSAGES or self._bytes + size > WINDOW_BYTES
        return bool(self._under_way) and full

    def _landed(self, ticket: asyncio.Future[Any], count: int, size: int) -> None:
        self._under_way.discard(ticket)
        self._messages -= count
        self._bytes -= size


class _Reading:
    """One pass over a content, from where all shards have it on."""

    def __init__(self, intake: Intake, start: Load) -> None:
        self.intake, self.start = intake, start
        position = intake.engine.low_position(start.flow, start.partition)
        _, context, records = (*position.split("|"), "", "")[:3]
        self.offset = end_of(position)
        self.context, self.unit = bytes.fromhex(context), unit_of(position)
        self.records = int(records or "0", 16)
        self.size, self._whole = self.offset, self.offset == 0
        self._sha = hashlib.sha256()
        self._tickets: deque[tuple[asyncio.Future[Any], str]] = deque()
        self._unsaid = 0

    def digest(self) -> str:
        """SHA-256 of the content, or '' when only its end was read after a restart."""
        return self._sha.hexdigest() if self._whole else ""

    async def read(self, delivery: Delivery) -> None:
        limit = self.intake.flow.definition.options.delivery.max_message_bytes
        framer = self.intake.flow.format.framer(limit, self.offset, self.context)
        self.size = begin = reads_from(framer, self.offset)
        self._whole = begin == 0
        loop = asyncio.get_running_loop()
        digested: asyncio.Future[None] = loop.create_future()
        digested.set_result(None)
        try:
            async for piece in delivery.read(begin):
                await digested
                digested = loop.run_in_executor(None, self._sha.update, piece)
                self.size += len(piece)
                for slices in cut(framer, piece):
                    await self._send(slices)
        finally:
            await digested
        for slices in cut_end(framer):
            await self._send(slices)
        await self.settle()

    async def settle(self) -> None:
        """Wait until everything sent so far is durable."""
        tickets, self._tickets = self._tickets, deque()
        for ticket, _ in tickets:
            await ticket

    async def _send(self, slices: Sequence[Slice]) -> None:
        for evenly in in_batches(slices, BATCH * self.intake.engine.workers):
            for context, part in by_context(evenly):
                await self._send_part(context, part)

    async def _send_part(self, context: bytes, part: Sequence[Slice]) -> None:
        intake = self.intake
        await intake._room()
        self.records += len(part)
        self.unit = self.unit if part[0].unit == CONTINUED else part[0].unit
        load = msgspec.structs.replace(
            self.start, raws=[s.data for s in part], context=context,
            position=position_at(part[-1].end, context, self.records, self.unit),
            ranges=packed_ranges(part), occurrence=occurrence_of(self.start.partition, self.unit),
            faults={at: s.fault for at, s in enumerate(part) if s.fault},
        )  # fmt: skip
        self._tickets.append((await intake._hand(load, ()), load.position))
        self._level()
        await asyncio.sleep(0)

    def _level(self) -> None:
        """Now and then, tell everyone up to where all is durable, so that little is read again after a crash."""
        reached = ""
        while self._tickets and _well_done(self._tickets[0][0]):
            _, reached = self._tickets.popleft()
            self._unsaid += 1
        if reached and self._unsaid >= WINDOW:
            self._unsaid = 0
            self.intake.engine.level(self.start.flow, self.start.partition, reached)


def _well_done(ticket: asyncio.Future[Any]) -> bool:
    return ticket.done() and not ticket.cancelled() and ticket.exception() is None


def packed_ranges(slices: Sequence[Slice]) -> bytes:
    """As ``Accepted.ranges``."""
    edges = [0] * (2 * len(slices))
    edges[0::2], edges[1::2] = [s.start for s in slices], [s.end for s in slices]
    return struct.pack(f"<{len(edges)}Q", *edges)


def occurrence_of(partition: str, unit: int) -> bytes:
    """What tells one coming of a unit from a repetition of it: the same whenever the same content is read; b'' where
    there is no unit."""
    return hashlib.blake2b(f"{partition}@{unit}".encode(), digest_size=16).digest() if unit >= 0 else b""


def in_batches(slices: Sequence[Slice], usual: int) -> list[Sequence[Slice]]:
    """Parts of about the ``usual`` length and of one another's: a batch costs nearly as much when it is small."""
    count = max(1, round(len(slices) / usual))
    size = -(-len(slices) // count)
    return [slices[start : start + size] for start in range(0, len(slices), size or 1)]


def by_context(slices: Sequence[Slice]) -> list[tuple[bytes, Sequence[Slice]]]:
    """Runs of slices with the same context, parts of the same unit."""
    if len({(id(s.context), s.unit) for s in slices}) == 1:
        return [(slices[0].context, slices)]
    runs: list[tuple[bytes, Sequence[Slice]]] = []
    start = 0
    while start < len(slices):
        own, unit, end = slices[start].context, slices[start].unit, start + 1
        while end < len(slices) and slices[end].context is own and slices[end].unit == unit:
            end += 1
        runs.append((own, slices[start:end]))
        start = end
    return runs
