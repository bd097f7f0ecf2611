"""What is being processed right now, told to whoever starts after this process has died of it.

It is a small file that is written and not synced: what a process wrote outlives the process, and a message does not
make the machine lose its power. So a message is blamed only for a death while its steps ran, not while others waited
for the disk, however often a system is killed.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


class Notes(msgspec.Struct, array_like=True):
    """``deaths`` has, by name, how many processes died while it was tried; ``current`` is tried now, '' = nothing."""

    deaths: dict[str, int] = {}
    current: str = ""


class Trying:
    """The notes of one shard. Without a path they are forgotten at the end."""

    def __init__(self, path: Path | None = None) -> None:
        self._fd = -1
        self._notes = Notes()
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        written = os.pread(self._fd, 1 << 20, 0)
        length = int.from_bytes(written[:4], "little")
        if length and len(written) >= 4 + length:
            self._notes = msgspec.msgpack.decode(written[4 : 4 + length], type=Notes)
        if died := self._notes.current:
            self._notes.deaths[died] = self.deaths(died) + 1
            self.end()

    def deaths(self, name: str) -> int:
        """How many processes died while it was tried."""
        return self._notes.deaths.get(name, 0)

    def begin(self, name: str) -> None:
        """It is tried now."""
        self._notes.current = name
        self._write()

    def end(self) -> None:
        """Nothing is tried now."""
        self._notes.current = ""
        self._write()

    def acquit(self, *names: str) -> None:
        """They are done with."""
        if any(self._notes.deaths.pop(name, 0) for name in names):
            self._write()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self) -> None:
        if self._fd >= 0:
            packed = msgspec.msgpack.encode(self._notes)
            os.pwrite(self._fd, len(packed).to_bytes(4, "little") + packed, 0)
