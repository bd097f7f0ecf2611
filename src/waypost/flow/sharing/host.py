"""What the parts of an engine may ask of it: they know this, never the engine itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from waypost.core.clock import Clock, Random
from waypost.core.component import Requester
from waypost.core.event import Events
from waypost.core.message import Ids
from waypost.flow.batch.compiled import CompiledFlow, Processed
from waypost.flow.batch.effects import Claims, Recorded
from waypost.flow.batch.load import Decoded, Load, Part, Placed
from waypost.flow.batch.lying import Lying
from waypost.flow.delivery.lane import Lane
from waypost.flow.delivery.sequence import Sequences
from waypost.flow.delivery.trying import Trying
from waypost.flow.sharing.answers import Answers
from waypost.flow.sharing.claiming import Claiming
from waypost.flow.sharing.readings import Readings
from waypost.store.protocol import Shard
from waypost.store.record import AnyRecord


class Boundaries(Protocol):
    """The steps that combine messages, of all flows."""

    async def take(self, load: Load, extra: Sequence[AnyRecord]) -> asyncio.Future[Placed]:
        """Accept members of a boundary's groups; ``extra`` records are in the same commit."""
        ...

    def find(self, flow: str, target: str) -> Any | None:
        """The boundary that a target's name stands for."""
        ...


class Taker(Protocol):
    """Accepts loads of one flow."""

    flow: CompiledFlow

    @property
    def behind(self) -> int:
        """Batches accepted without being processed."""
        ...

    async def take(
        self, load: Load, extra: Sequence[AnyRecord] = (), recorded: Recorded | None = None
    ) -> asyncio.Future[Placed]:
        """Accept a load; ``extra`` records are in the same commit."""
        ...


class Host(Protocol):
    """One worker's engine, as its intakes, runners, lanes and spread see it."""

    number: int
    workers: int
    shard: Shard
    clock: Clock
    random: Random
    events: Events
    ids: Ids
    claims: Claims
    claiming: Claiming
    sequences: Sequences
    answers: Answers
    readings: Readings
    trying: Trying
    lying: Lying
    trouble: dict[str, str]

    @property
    def boundaries(self) -> Boundaries:
        """The boundaries of the current version."""
        ...

    standing: bool
    """Nothing is read or sent."""

    def fail(self, error: BaseException | None) -> None:
        """End the engine."""
        ...

    def takers(self) -> Mapping[str, Taker]:
        """Who accepts loads, by flow."""
        ...

    def taker_of(self, version: str, name: str) -> Taker:
        """Who accepts loads of a flow of one version."""
        ...

    def submit(
        self, result: Placed, records: Sequence[AnyRecord], committed: Callable[[], None], load: Load | None = None
    ) -> asyncio.Future[Placed]:
        """Append records; once durable ``committed`` runs, then the future gives ``result``."""
        ...

    def spawn(self, work: Coroutine[Any, Any, Any], *, lasting: bool = False) -> asyncio.Task[Any]:
        """A task that ends the engine when it fails; a ``lasting`` one goes on when versions are switched."""
        ...

    def lane(self, flow: CompiledFlow, target: str) -> Lane: ...

    def processed(self, decoded: Decoded, processed: Processed, seq: int, first_row: int) -> None:
        """(Part of) a batch whose senders wait for an answer is durable, and its outputs are with their lanes."""
        ...

    def compiled(self, name: str) -> CompiledFlow:
        """A flow of the current version."""
        ...

    def version_of(self, version: str, name: str) -> tuple[CompiledFlow, Mapping[str, Requester]]:
        """A flow of a version and who answers its questions today."""
        ...

    async def dispatch(self, flow: CompiledFlow, load: Load, positions: Sequence[str]) -> asyncio.Future[list[Part]]:
        """Send a load to the workers that own its keys."""
        ...

    def crowded(self, flow: str, limit: int) -> str:
        """Why the flow's source must wait, or ''."""
        ...

    def low_position(self, flow: str, partition: str) -> str:
        """Up to where every shard has a partition."""
        ...

    def readers(self, channel: str) -> list[str]:
        """The flows that read a channel."""
        ...

    def level(self, flow: str, partition: str, position: str) -> None:
        """All of a partition up to ``position`` is durable."""
        ...

    def resume(self, flow: str, seqs: Sequence[int]) -> None:
        """Have batches of a flow processed that are durable and were not processed yet."""
        ...

    async def hop_by(
        self, load: Load, identities: Sequence[bytes], extra: Sequence[AnyRecord], hashes: Sequence[int], *,
        again: bool = False,
    ) -> None:  # fmt: skip
        """As ``hop``, each record to the worker that owns the slot of its hash."""
        ...

    async def hop(
        self, load: Load, identities: Sequence[bytes], extra: Sequence[AnyRecord], *, again: bool = False
    ) -> None:
        """Accept a load that another flow of this store sends."""
        ...
