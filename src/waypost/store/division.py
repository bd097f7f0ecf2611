"""Among how many shards the keys of a store are divided: a small file that changes only when their number does.

``workers.json`` says how many share the keys and, while keys are being moved, among how many they will be. It is
replaced in one step, so a change is under way, or it is not.
"""

from __future__ import annotations

import msgspec

from waypost.core.errors import StoreDamaged
from waypost.store.disk import Disk, read_file, write_file
from waypost.store.layout import shard_numbers

NAME = "workers.json"


class Division(msgspec.Struct, frozen=True):
    """``becoming`` = 0: nothing is being moved."""

    workers: int
    becoming: int = 0


def read_division(disk: Disk, store: str) -> Division | None:
    """What was written last; for a store that never wrote it, as many as it has shards; None for an empty one."""
    path = f"{store}/{NAME}"
    if not disk.exists(path):
        numbers = shard_numbers(disk, store)
        return Division(max(numbers) + 1) if numbers else None
    try:
        return msgspec.json.decode(read_file(disk, path), type=Division)
    except ValueError as fault:
        raise StoreDamaged(
            f"text that cannot be read: {fault}", where=path, remedy="restore the store from a backup"
        ) from fault


def write_division(disk: Disk, store: str, division: Division) -> None:
    """Return once it is durable."""
    write_file(disk, f"{store}/{NAME}", msgspec.json.encode(division) + b"\n")
