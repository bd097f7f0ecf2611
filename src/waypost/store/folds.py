"""What is folded from the journal of an embedded shard, opened, and read while the shard runs."""

from __future__ import annotations

from pathlib import Path

from waypost.core.clock import SystemClock
from waypost.store.derived import Derived, FoldedState
from waypost.store.index import SearchIndex
from waypost.store.layout import ShardFolder
from waypost.store.reader import ShardView, StoreReader
from waypost.store.search import ShardSearch
from waypost.store.shard import EmbeddedShard
from waypost.store.state import StateFold


def open_folds(folder: ShardFolder, secret: bytes) -> tuple[FoldedState, Derived]:
    """Open ``state.db`` and ``index.db`` of a shard folder, making them when they are not there."""
    path = Path(folder.path)
    return StateFold(path / "state.db", SystemClock().now), SearchIndex(path / "index.db", secret)


def reader_of(*shards: EmbeddedShard) -> StoreReader:
    """A reader of shards that are open in this process, with what is committed but not flushed."""
    return StoreReader([_view(shard) for shard in shards])


def _view(shard: EmbeddedShard) -> ShardView:
    state, index = shard.state, shard.index
    assert isinstance(state, StateFold)
    assert isinstance(index, SearchIndex)
    return ShardView(
        number=shard.number, state=state, search=ShardSearch(index), journal=shard.journal, whole=shard.whole
    )
