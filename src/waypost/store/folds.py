"""The folds of an embedded shard, its state and its search index, and the reader over open shards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from waypost.core.clock import SystemClock
from waypost.store.derived import Derived, FoldedState
from waypost.store.index import SearchIndex
from waypost.store.layout import ShardFolder
from waypost.store.looking import LookedAtShard
from waypost.store.reader import ShardView, StoreReader
from waypost.store.search import ShardSearch
from waypost.store.shard import EmbeddedShard
from waypost.store.state import StateFold


def open_folds(
    folder: ShardFolder, secret: bytes, now: Callable[[], int] = SystemClock().now
) -> tuple[FoldedState, Derived]:
    """Open ``state.db`` and ``index.db`` of a shard folder, making them when they are not there. ``now`` says when what
    was claimed for a time is forgotten."""
    path = Path(folder.path)
    return StateFold(path / "state.db", now), SearchIndex(path / "index.db", secret)


def live_reader(shards: Sequence[EmbeddedShard | LookedAtShard]) -> StoreReader:
    """Questions over shards open in this process; what was committed a moment ago is found."""
    views = []
    for shard in shards:
        if not isinstance(shard.state, StateFold) or not isinstance(shard.index, SearchIndex):
            raise TypeError("only shards opened with open_folds can be read")
        search = ShardSearch(shard.index)
        views.append(
            ShardView(number=shard.number, state=shard.state, search=search, journal=shard.journal, whole=shard.whole)
        )
    return StoreReader(views)
