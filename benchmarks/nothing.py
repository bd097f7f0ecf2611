"""Stand-ins for what a measurement leaves out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from waypost.store.derived import CommittedGroup, Watermark
from waypost.store.layout import ShardFolder


class Nothing:
    """A fold that keeps nothing but how far it would be."""

    def __init__(self) -> None:
        self.watermark: Watermark = (0, 0)
        self.last_seq = self.last_arrival = self.incarnation = 0
        self.clean = True

    def apply(self, group: CommittedGroup) -> None:
        self.watermark = group.end

    def stage(self) -> Callable[[], None]:
        return self.close

    def flush(self) -> None: ...

    def close(self) -> None: ...


def nothing_kept(folder: ShardFolder, secret: bytes) -> Any:
    """Folds for a store of which only the journal is wanted."""
    return Nothing(), Nothing()
