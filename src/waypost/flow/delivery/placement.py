"""Which worker owns what: pure functions of names and numbers, so that every process agrees."""

from __future__ import annotations

import zlib
from collections.abc import Collection

from waypost.core.key import SLOTS, slot_of

FIRST = 0
"""The worker with the listener: what callers wait for is accepted where they can be answered."""


def owner_of(slot: int, workers: int) -> int:
    """The worker that owns a slot."""
    return slot % workers


def slot_of_name(name: str) -> int:
    """The slot of something that has a name and no ordering key: a timer, a step's state."""
    return zlib.crc32(name.encode()) % SLOTS


def reader_of(flow: str, workers: int) -> int:
    """The worker that reads a flow's source, whatever other flows there are."""
    return zlib.crc32(flow.encode()) % workers


def place_of(flow: str, order: int, shard: int, workers: int, answered: Collection[str]) -> int:
    """The shard a message of ``shard`` belongs to among ``workers``: that of its key; one without a key stays, as long
    as there is a worker. ``answered`` flows stay with the listener."""
    if flow in answered:
        return FIRST
    return owner_of(slot_of(order), workers) if order else shard % workers
