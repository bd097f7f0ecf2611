"""The seam between the journal and what is folded from it.

The journal hands every committed group, in order, to each ``Derived``; a fold keeps a *watermark* in its own database,
so that after a crash it is given exactly what it had not yet made durable. ``(segment, offset)`` names the place just
after a frame, so that places compare as tuples; a store that has committed nothing stands at ``(0, 0)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from waypost.store.protocol import Location, ShardState
from waypost.store.record import AnyRecord

Watermark = tuple[int, int]
"""(segment, offset) just after the last frame that counts."""


class CommittedGroup(msgspec.Struct):
    """Records that became durable together, in journal order. ``end`` is the place just after their last frame;
    ``bytes`` is what they take in the journal. A body too large for the journal is named by ``Bodies.chunks``, not
    present in the record."""

    records: list[tuple[Location, AnyRecord]]
    end: Watermark
    bytes: int


class Derived(Protocol):
    """Something folded from the journal into a database of its own."""

    @property
    def watermark(self) -> Watermark:
        """Everything before it is in the database and synced: it may never be ahead of the journal."""
        ...

    def apply(self, group: CommittedGroup) -> None:
        """Take in a group. The groups after ``watermark`` come again after a crash, never those before it."""
        ...

    def stage(self) -> Callable[[], None]:
        """Set aside what was applied since the last stage, quickly, in the thread of ``apply``. The returned function
        writes it to the database, synced, with the watermark in the same transaction, and only then moves
        ``watermark``. It blocks, and may run in another thread while ``apply`` goes on. When it raises, what was set
        aside is still to be written and belongs to the next stage. Who stages must run it, for what it holds is in no
        later stage, and never stages again before it returned."""
        ...

    def flush(self) -> None:
        """``stage()()``."""
        ...

    def close(self) -> None:
        """Flush and let the database go."""
        ...


class FoldedState(Derived, ShardState, Protocol):
    """The state of a shard, with what the shard itself must know when it opens."""

    @property
    def last_seq(self) -> int:
        """The highest ``Accepted.seq``, 0 before the first; outlives retention."""
        ...

    @property
    def last_arrival(self) -> int: ...

    @property
    def incarnation(self) -> int:
        """Of the last ``Opened``, 0 before the first."""
        ...

    @property
    def clean(self) -> bool:
        """Nothing was ``Opened`` since the last ``Closed``; True for a new shard."""
        ...
