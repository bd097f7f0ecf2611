"""The embedded Message Store keeps what every store promises."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from waypost.core.clock import ManualClock, SeededRandom
from waypost.store.commit import Limits
from waypost.store.derived import Derived, FoldedState
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import live_reader
from waypost.store.index import SearchIndex
from waypost.store.layout import ShardFolder
from waypost.store.protocol import Reader, Shard
from waypost.store.shard import EmbeddedShard
from waypost.store.state import StateFold
from waypost.testing.store_kit import StoreHarness, StoreSuite

COVERS: set[tuple[str, str]] = set()  # a store is no component


class EmbeddedHarness:
    def __init__(self, folder: Path, flush_bytes: int = 64 << 20) -> None:
        self.clock, self._folder = ManualClock(), folder
        self._limits = Limits(reserve_bytes=1 << 16, free_bytes=0, segment_bytes=1 << 20, flush_bytes=flush_bytes)

    def _folds(self, folder: ShardFolder, secret: bytes) -> tuple[FoldedState, Derived]:
        path = Path(folder.path)
        return StateFold(path / "state.db", self.clock.now), SearchIndex(path / "index.db", secret)

    async def open(self, number: int = 0, workers: int = 1) -> Shard:
        store = EmbeddedStore(
            str(self._folder), folds=self._folds, clock=self.clock, random=SeededRandom(1), limits=self._limits
        )
        store.create()
        return await store.open_shard(number, workers)

    async def crash(self, shard: Shard) -> None:
        assert isinstance(shard, EmbeddedShard)
        shard._committer.fail(OSError("killed"))
        shard.state.flush = shard.index.flush = lambda: None  # type: ignore[attr-defined]
        await shard.close()

    async def settle(self, shard: Shard) -> None:
        assert isinstance(shard, EmbeddedShard)
        for _ in range(100_000):
            if not shard._feed.lag and shard._flushing is None:
                break
            await asyncio.sleep(0)
        await asyncio.to_thread(shard.state.stage())  # type: ignore[attr-defined]

    def reader(self, *shards: Shard) -> Reader:
        return live_reader([shard for shard in shards if isinstance(shard, EmbeddedShard)])


class TestEmbeddedStore(StoreSuite):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> StoreHarness:
        return EmbeddedHarness(tmp_path / "store")


class TestEagerlyFlushedStore(StoreSuite):
    """Every commit is flushed to the databases at once."""

    @pytest.fixture
    def harness(self, tmp_path: Path) -> StoreHarness:
        return EmbeddedHarness(tmp_path / "store", flush_bytes=1)
