"""Contents that messages left behind for a ticket: a file each, named by its last day and a keyed digest of itself.

A content is durable, with its name, before ``put`` returns, so before any record that mentions its ticket. A file never
changes, is the same file for the same content and day, and goes when its day is over: nothing refers from a ticket back
to who holds it, so nothing else can tell that it is not wanted any more. Any process of the store may put and get at
any time.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from waypost.core.errors import DataError, StoreDamaged
from waypost.store.chunk import HEADER
from waypost.store.disk import Disk, read_file
from waypost.store.opening import Setting

FOLDER = "checked"
DAY_SECONDS = 86_400
_MAGIC = b"WPcheck1"
_TICKET = re.compile(r"(\d{8})-[0-9a-f]{64}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, tzinfo=UTC)


class CheckRoom:
    """What was left in the store. ``setting`` is asked for when it is first needed: the store may not be there yet."""

    def __init__(self, setting: Callable[[], Setting]) -> None:
        self._setting_of, self._counter = setting, itertools.count()
        self._made: Setting | None = None

    @property
    def _setting(self) -> Setting:
        if self._made is None:
            self._made = self._setting_of()
        return self._made

    @property
    def _folder(self) -> str:
        return f"{self._setting.store}/{FOLDER}"

    def put(self, content: bytes, keep_seconds: int) -> str:
        """Keep a content for at least so long; its ticket. Durable on return. Blocks."""
        setting, disk = self._setting, self._setting.disk
        ticket = f"{self._day_in(keep_seconds)}-{_digest(content, setting.secret)}"
        path = f"{self._folder}/{ticket}"
        if not disk.exists(self._folder):
            disk.make_folder(self._folder)
            disk.sync_folder(setting.store)
        if not disk.exists(path):
            self._write(path, content)
        disk.sync_folder(self._folder)  # also where another process wrote it just now: its name may not be safe yet
        return ticket

    def _write(self, path: str, content: bytes) -> None:
        setting, disk = self._setting, self._setting.disk
        codec, key, data = setting.codec.another().seal(content)
        head = HEADER.pack(_MAGIC, setting.store_id, key, codec, zlib.crc32(data), len(data))
        temporary = f"{path}.{os.getpid()}-{next(self._counter)}.part"
        if disk.exists(temporary):  # of a process of that number that died
            disk.unlink(temporary)
        fd = disk.create(temporary, 0o600)
        try:
            disk.write(fd, [head, data], 0)
            disk.sync(fd)
        except OSError:
            disk.unlink(temporary)
            raise
        finally:
            disk.close(fd)
        disk.rename(temporary, path)

    def get(self, ticket: str) -> bytes:
        """The content left for a ticket. ``DataError`` for what is no ticket of this store, or whose day is over;
        ``StoreDamaged`` where the content should be there and is not. Blocks."""
        named = _TICKET.fullmatch(ticket)
        if named is None:
            raise DataError(f"{ticket[:100]!r} is no ticket", expected="what claim_check gave", code="claim-check")
        path = f"{self._folder}/{ticket}"
        try:
            return self._read(path, ticket)
        except FileNotFoundError:
            if named[1] < self._day_in(0):
                text = f"the content of ticket {ticket} is gone: it was kept until {named[1]}"
                raise DataError(text, remedy="check it in for longer with keep_seconds", code="claim-check") from None
            raise StoreDamaged("no such file", where=path, expected="a content that was checked in",
                               remedy="restore it from a backup, or send the message again") from None  # fmt: skip

    def _read(self, path: str, ticket: str) -> bytes:
        setting = self._setting
        raw = read_file(setting.disk, path)
        if len(raw) >= HEADER.size:
            magic, store_id, key, codec, checksum, length = HEADER.unpack_from(raw)
            data = memoryview(raw)[HEADER.size :]
            if (magic, store_id, length) == (_MAGIC, setting.store_id, len(data)) and zlib.crc32(data) == checksum:
                content = bytes(setting.codec.open(codec, key, data, path))
                if _digest(content, setting.secret) == ticket.partition("-")[2]:
                    return content
        raise StoreDamaged(
            "not what was written", where=path, expected="a content of this store", remedy="restore it from a backup"
        )

    def clear(self) -> int:
        """Remove what was kept long enough, and what was never finished by then; how many files."""
        disk, today, gone = self._setting.disk, self._day_in(0), 0
        for name in self._names(disk):
            if name[:8].isdigit() and name[:8] < today:
                try:
                    disk.unlink(f"{self._folder}/{name}")
                    gone += 1
                except FileNotFoundError:
                    pass  # another process was quicker
        return gone

    def verify(self) -> Iterator[tuple[int, str]]:
        """Read everything; per content its bytes and what is wrong, or ''."""
        for name in self._names(self._setting.disk):
            if _TICKET.fullmatch(name):
                try:
                    yield len(self._read(f"{self._folder}/{name}", name)), ""
                except FileNotFoundError:
                    continue
                except StoreDamaged as damaged:
                    yield 0, str(damaged)

    def _names(self, disk: Disk) -> list[str]:
        return disk.list(self._folder) if disk.exists(self._folder) else []

    def _day_in(self, seconds: int) -> str:
        """The day on which so many seconds from now are over."""
        now = _EPOCH + timedelta(microseconds=self._setting.clock.now())
        day = _LAST if seconds > (_LAST - now).total_seconds() else now + timedelta(seconds=seconds)
        return f"{day:%Y%m%d}"


def _digest(content: bytes, secret: bytes) -> str:
    return hashlib.blake2b(content, digest_size=32, key=secret).hexdigest()
