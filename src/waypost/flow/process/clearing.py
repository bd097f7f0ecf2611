"""Retention in a worker: of its own shard, and of those that are left over from a larger number of workers."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from waypost.flow.running.engine import Engine
from waypost.flow.running.trading import Trading
from waypost.flow.sharing.claiming import Asked
from waypost.store.check_room import CheckRoom
from waypost.store.disk import Disk
from waypost.store.record import Forgotten
from waypost.store.retention import Ages, Retention
from waypost.store.shard import EmbeddedShard
from waypost.store.state import StateFold


class Clearing:
    """Lets messages go that are older than the project keeps them."""

    def __init__(self, engine: Engine, disk: Disk, ages: Ages) -> None:
        self._engine, self._disk, self._ages = engine, disk, ages
        self.peers: Mapping[int, Asked] = {}
        self._leftover: list[EmbeddedShard] = []
        self._runs: list[Retention] = []
        self.contents: CheckRoom | None = None
        """What messages left for a ticket, where this worker is the one to see to it."""

    def take(self, shard: EmbeddedShard, trading: Trading, *, leftover: bool = False) -> None:
        """See to a shard from now on, and to what follows its journal beside it."""
        if leftover:
            self._leftover.append(shard)
        sources = _Nothing() if leftover else self
        self._runs.append(
            Retention(shard, self._disk, self._engine.clock, self._ages, sources, lambda: trading.watermark)
        )

    async def run(self) -> None:
        """Let go what may go now."""
        for retention in self._runs:
            await retention.run()
        if self.contents is not None:
            await asyncio.to_thread(self.contents.clear)

    def left(self, flow: str, name: str) -> bool:
        """As ``Sources``: who does not read a source needs no row to know what was read."""
        if flow not in self._engine.project.flows:
            return False
        return not self._engine.reads(flow) or self._engine.lying.gone(flow, name)

    async def forget(self, partitions: Collection[tuple[str, str]]) -> None:
        """As ``Sources``: have the other workers and the shards left over forget them."""
        self._engine.spread.forget(partitions)
        asked = [peer.ask("forget", sorted(partitions), type(None)) for peer in self.peers.values()]
        await asyncio.gather(*asked, *(forget_positions(shard, partitions) for shard in self._leftover))

    def close(self) -> None:
        """Let the databases go."""
        for retention in self._runs:
            retention.close()


class _Nothing:
    """The sources of a shard that is left over: none."""

    def left(self, flow: str, name: str) -> bool:
        return True

    async def forget(self, partitions: Collection[tuple[str, str]]) -> None:
        pass


async def forget_positions(shard: EmbeddedShard, partitions: Collection[tuple[str, str]]) -> None:
    """Forget where some (flow, partition) stand, durably."""
    assert isinstance(shard.state, StateFold)
    stood: Sequence[tuple[str, str, int]] = await asyncio.to_thread(shard.state.positions_of, set(partitions))
    if stood:
        await shard.append([Forgotten((), tuple(stood))])
