"""What a store folder holds, and how one comes to be.

::

    store.json        format version, id, created
    secret.key        32 bytes that key digests and hashes; readable by its owner alone
    checked/          contents that messages left for a ticket
    shard-00/         one per worker
      lock            held, and naming the process that holds it
      journal/        segments
      chunks/         large bodies
      state.db        derived
      index.db        derived
      reserve         given up when the disk is full
"""

from __future__ import annotations

import json
from contextlib import suppress

import msgspec

from waypost.core.clock import Clock, Random
from waypost.core.errors import StoreDamaged, StoreError, StoreLocked, StoreTooNew
from waypost.store.disk import Disk, read_file, write_file
from waypost.store.record import FORMAT_VERSION

DESCRIPTION = "store.json"
SECRET = "secret.key"
SECRET_BYTES = 32


class StoreDescription(msgspec.Struct, frozen=True):
    """What ``store.json`` says."""

    format: int
    id: str
    created: int

    @property
    def store_id(self) -> bytes:
        return bytes.fromhex(self.id)


class ShardFolder:
    """The paths of one shard."""

    def __init__(self, store: str, number: int) -> None:
        self.path = f"{store}/shard-{number:02d}"
        self.journal = f"{self.path}/journal"
        self.chunks = f"{self.path}/chunks"
        self.lock = f"{self.path}/lock"

    def make(self, disk: Disk) -> None:
        """Create the folders that are missing, durably."""
        for path in (self.path, self.journal, self.chunks):
            disk.make_folder(path)
        disk.sync_folder(self.path)
        store = self.path.rpartition("/")[0]
        disk.sync_folder(store)  # for store.json too: who made it may have died before its name was safe
        _sync_parent(disk, store)


def _sync_parent(disk: Disk, path: str) -> None:
    """Make the name of a folder safe, where we may read the folder it is in."""
    with suppress(PermissionError):
        disk.sync_folder(path.rpartition("/")[0] or "/")


def shard_numbers(disk: Disk, store: str) -> list[int]:
    """The shards of a store."""
    names = [name.removeprefix("shard-") for name in disk.list(store) if name.startswith("shard-")]
    return sorted(int(name) for name in names if name.isdigit())


def create_store(disk: Disk, store: str, clock: Clock, random: Random) -> StoreDescription:
    """Make a new, empty store; one that is there already stays as it is, and is not locked for it, so that workers
    may start at the same time. ``store.json`` is written last."""
    disk.make_folder(store)
    if disk.exists(f"{store}/{DESCRIPTION}"):
        return read_description(disk, store)
    held = lock_folder(disk, f"{store}/lock")
    try:
        if not disk.exists(f"{store}/{DESCRIPTION}"):
            write_file(
                disk, f"{store}/{SECRET}", random.bits(8 * SECRET_BYTES).to_bytes(SECRET_BYTES, "big"), mode=0o600
            )
            described = StoreDescription(FORMAT_VERSION, random.bits(128).to_bytes(16, "big").hex(), clock.now())
            text = json.dumps(msgspec.to_builtins(described), indent=2) + "\n"
            write_file(disk, f"{store}/{DESCRIPTION}", text.encode())
            _sync_parent(disk, store)
    finally:
        disk.close(held)
    return read_description(disk, store)


def read_description(disk: Disk, store: str) -> StoreDescription:
    """What a store says of itself. Raises ``StoreError``, ``StoreTooNew`` or ``StoreDamaged``."""
    path = f"{store}/{DESCRIPTION}"
    if not disk.exists(path):
        raise StoreError("no store", where=store, expected=DESCRIPTION, remedy="name the folder of a store")
    raw = read_file(disk, path)
    try:
        described = msgspec.json.decode(raw, type=StoreDescription)
        if len(described.store_id) != 16:
            raise ValueError(f"id {described.id!r}")
    except ValueError as fault:
        raise StoreDamaged(
            f"text that cannot be read: {fault}", where=path, remedy="restore the store from a backup"
        ) from fault
    if described.format > FORMAT_VERSION:
        raise StoreTooNew(
            f"format {described.format}", where=path, expected=f"at most {FORMAT_VERSION}", remedy="run a newer waypost"
        )
    return described


def read_secret(disk: Disk, store: str) -> bytes:
    """The 32 bytes that key this store's digests."""
    path = f"{store}/{SECRET}"
    secret = read_file(disk, path) if disk.exists(path) else b""
    if len(secret) != SECRET_BYTES:
        raise StoreDamaged(
            f"{len(secret)} bytes", where=path, expected=f"{SECRET_BYTES} bytes", remedy="restore it from a backup"
        )
    return secret


def lock_folder(disk: Disk, path: str) -> int:
    """Take a lock file for this process, or raise ``StoreLocked`` naming the process that has it."""
    try:
        fd = disk.lock(path)
    except BlockingIOError as taken:
        holder = read_file(disk, path).decode("ascii", "replace").strip()
        raise StoreLocked(
            f"in use by process {holder or 'unknown'}",
            where=path.rpartition("/")[0],
            expected="one process at a time",
            remedy="stop that process, or ask it over its control channel",
        ) from taken
    return fd
