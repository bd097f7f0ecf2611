"""Exchange messages with the same process, for tests and samples: nothing survives its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from waypost.core.component import Answer, Arrival, Outbound, Outcome, Received
from waypost.core.errors import BugError, WaypostError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Option
from waypost.core.traits import Repetition, SourceTraits, TargetTraits


@dataclass
class Channel:
    """A named queue of this process. ``waiting`` holds what a source has yet to accept, with its number;
    ``sent`` everything a target put here, by idempotency key and in order. ``token`` tells this process's numbers from
    those of an earlier one."""

    waiting: dict[int, bytes] = field(default_factory=dict)
    sent: dict[str, Outbound] = field(default_factory=dict)
    count: int = 0
    token: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, body: bytes) -> None:
        """Offer ``body`` to the source of this channel."""
        self.count += 1
        self.waiting[self.count] = body
        self.arrived.set()

    @property
    def bodies(self) -> list[bytes]:
        """The bodies a target put here."""
        return [message.body for message in self.sent.values()]


channels: dict[str, Channel] = {}
"""Every channel of this process by name; tests clear it between cases."""


def channel(name: str) -> Channel:
    """The channel of that name, made when it is first asked for."""
    return channels.setdefault(name, Channel())


class MemoryRepetition(StrEnum):
    """How a memory target behaves when a delivery is repeated."""

    SAME_PLACE = "same-place"
    DUPLICATES = "duplicates"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySourceOptions:
    channel: Annotated[str, Option("Name of the channel read from.", example="orders")] = "default"
    items: Annotated[
        tuple[str, ...], Option("Bodies offered first, before anything put into the channel.", example=["{}"])
    ] = ()
    batch: Annotated[int, Option("Most messages of one delivery.", minimum=1, advanced=True)] = 200


@registry.register(
    "source",
    "memory",
    options=MemorySourceOptions,
    traits=SourceTraits(ordered=True, redelivers=True, polling=True),
    shorthand="channel",
    example="{channel: orders, items: ['{\"n\": 1}']}",
)
class MemorySource:
    """Read what this process put into a named channel."""

    def __init__(self, options: MemorySourceOptions, grants: Grants) -> None:
        self._options, self._grants = options, grants
        self._channel, self._looked, self._closed = channel(options.channel), False, False
        self._items = {number: item.encode() for number, item in enumerate(options.items, start=1)}
        self._held: dict[str, set[int]] = {}

    async def open(self) -> None:
        self._closed = False
        self._channel.token = self._channel.token or f"{self._grants.random.bits(64):016x}"

    async def receive(self) -> MemoryDelivery | None:
        """The waiting messages, items first. With none, the first call returns None and the next one waits."""
        delivery = self._look()
        if delivery is None and self._looked and not self._closed:
            self._channel.arrived.clear()
            await self._channel.arrived.wait()
            delivery = self._look()
        self._looked = delivery is None
        return delivery

    def _look(self) -> MemoryDelivery | None:
        name = self._options.channel
        for partition, waiting in (
            (f"{name}/items", self._items),
            (f"{name}/{self._channel.token}", self._channel.waiting),
        ):
            held = self._held.setdefault(partition, set())
            done = int(self._grants.positions.get(partition) or 0)
            for number in [n for n in waiting if n <= done and n not in held]:
                del waiting[number]
            ready = sorted(waiting.keys() - held)[: self._options.batch]
            if ready and not self._closed:
                held.update(ready)
                return MemoryDelivery(self._channel, partition, {n: waiting[n] for n in ready}, waiting, held)
        return None

    async def close(self) -> None:
        self._closed = True
        self._channel.arrived.set()


class MemoryDelivery:
    """Messages of a channel; rejected ones are offered again."""

    arrival: Arrival | None = None

    def __init__(
        self, source: Channel, partition: str, bodies: dict[int, bytes], waiting: dict[int, bytes], held: set[int]
    ) -> None:
        self.partition, self._channel, self._numbers = partition, source, list(bodies)
        self._waiting, self._held = waiting, held
        self.records: Sequence[Received] | None = [
            Received(body=body, position=f"{number:020d}") for number, body in bodies.items()
        ]

    def read(self, offset: int) -> AsyncIterator[bytes]:
        raise BugError("a memory delivery has records, not content", where=self.partition)

    async def accept(self) -> None:
        for number in self._numbers:
            self._waiting.pop(number, None)
        self._held.difference_update(self._numbers)

    async def reject(self, cause: WaypostError) -> None:
        self._held.difference_update(self._numbers)
        self._channel.arrived.set()

    async def answer(self, answers: Sequence[Answer]) -> None:
        raise BugError("nobody waits for an answer to a memory delivery", where=self.partition)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTargetOptions:
    channel: Annotated[str, Option("Name of the channel written to.", example="results")] = "default"
    repetition: Annotated[
        MemoryRepetition,
        Option("Whether a repeated delivery replaces the first or stands beside it.", advanced=True),
    ] = MemoryRepetition.SAME_PLACE


def _target_traits(options: MemoryTargetOptions) -> TargetTraits:
    return TargetTraits(repetition=Repetition(options.repetition.value), batch=1000, concurrency=8)


@registry.register(
    "target",
    "memory",
    options=MemoryTargetOptions,
    traits=TargetTraits(repetition=Repetition.SAME_PLACE, batch=1000, concurrency=8),
    traits_for=_target_traits,
    shorthand="channel",
    example="{channel: results}",
)
class MemoryTarget:
    """Put messages into a named channel of this process."""

    def __init__(self, options: MemoryTargetOptions, grants: Grants) -> None:
        self._options, self._channel = options, channel(options.channel)

    async def open(self) -> None:
        """Nothing to make ready."""

    async def send(self, batch: Sequence[Outbound]) -> Sequence[Outcome]:
        sent, duplicates = self._channel.sent, self._options.repetition is MemoryRepetition.DUPLICATES
        for message in batch:
            key = message.idempotency_key
            sent[f"{key}#{len(sent)}" if duplicates and key in sent else key] = message
        return [Outcome(delivered=True, address=f"memory:{self._options.channel}")] * len(batch)

    async def close(self) -> None:
        """Nothing to let go of: the channel belongs to the process."""
