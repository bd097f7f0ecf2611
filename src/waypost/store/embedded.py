"""The embedded Message Store: a folder on this machine, a segment log and SQLite."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence

import apsw

from waypost.core.clock import Clock, Random, SystemClock, SystemRandom
from waypost.core.errors import StoreError, StoreFull
from waypost.store.backup import Backup, stepwise
from waypost.store.codec import Codec
from waypost.store.commit import Limits
from waypost.store.disk import Disk, RealDisk
from waypost.store.layout import create_store, read_description, read_secret, shard_numbers
from waypost.store.looking import LookedAtShard
from waypost.store.opening import Folds, Setting, open_shard
from waypost.store.reserve import NO_ROOM
from waypost.store.shard import EmbeddedShard
from waypost.store.verify import verify

SQLITE_OLDEST = (3, 51, 3)
"""SQLite 3.7.0 to 3.51.2 can lose what is in a write-ahead log that two connections use."""


class EmbeddedStore:
    """A ``MessageStore`` in one folder. ``create`` makes the folder when it is missing."""

    def __init__(
        self,
        folder: str,
        *,
        folds: Folds,
        disk: Disk | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
        codec: Codec | None = None,
        limits: Limits | None = None,
        fingerprint: str = "",
    ) -> None:
        require_sqlite(apsw.sqlite_lib_version())
        self.folder = os.path.abspath(folder)
        self.disk = disk or RealDisk()
        self._clock, self._random = clock or SystemClock(), random or SystemRandom()
        self._codec, self._limits = codec or Codec(), limits or Limits()
        self._folds, self._fingerprint = folds, fingerprint

    def create(self) -> None:
        """Make an empty store unless there is one."""
        create_store(self.disk, self.folder, self._clock, self._random)

    def shards(self) -> Sequence[int]:
        return shard_numbers(self.disk, self.folder)

    def setting(self) -> Setting:
        """What its shards share. Raises ``StoreError`` when there is no store, ``StoreTooNew``, ``StoreDamaged``."""
        described = read_description(self.disk, self.folder)
        return Setting(
            disk=self.disk,
            store=self.folder,
            store_id=described.store_id,
            secret=read_secret(self.disk, self.folder),
            codec=self._codec,
            clock=self._clock,
            folds=self._folds,
            limits=self._limits,
        )

    async def open_shard(self, number: int, workers: int) -> EmbeddedShard:
        """Open a shard for writing, making its folder when it is new."""
        setting = self.setting()
        try:
            opened = await asyncio.to_thread(open_shard, setting, number)
        except OSError as fault:
            kind = StoreFull if fault.errno in NO_ROOM else StoreError
            raise kind(
                f"cannot be opened: {fault.strerror}",
                where=fault.filename or self.folder,
                expected="a folder this user may read and write",
                remedy="check its owner, its mode and the disk",
            ) from fault
        shard = EmbeddedShard(opened, setting, number)
        try:
            await shard.start(workers, self._fingerprint)
        except BaseException:
            await shard.close()
            raise
        return shard

    async def look_at(self, number: int) -> LookedAtShard:
        """A shard for looking alone: without its lock, and where nobody may write. Close it in the end."""
        try:
            return await asyncio.to_thread(LookedAtShard, self.setting(), number)
        except OSError as fault:
            raise StoreError(
                f"cannot be read: {fault.strerror}", where=fault.filename or self.folder,
                expected="a folder this user may read", remedy="check its owner and its mode",
            ) from fault  # fmt: skip

    def backup(self, folder: str) -> AsyncIterator[tuple[int, int]]:
        """Copy the store into a new folder, whether or not it is open, here or elsewhere."""
        return stepwise(Backup(self.setting(), os.path.abspath(folder)).run())

    def verify(self) -> AsyncIterator[tuple[int, int, str]]:
        """Read everything, whether or not the store is open."""
        return stepwise(verify(self.setting()))


def require_sqlite(found: str) -> None:
    """Refuse a SQLite with known ways to lose data."""
    if tuple(map(int, found.split("."))) < SQLITE_OLDEST:
        raise StoreError(
            f"SQLite {found}",
            where="store",
            expected="at least " + ".".join(map(str, SQLITE_OLDEST)),
            remedy="pip install --upgrade apsw",
        )
