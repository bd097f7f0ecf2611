"""Has files looked at by processes of their own, so many at once, each within its limits."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from waypost.core.clock import Clock
from waypost.core.errors import DataError
from waypost.flow.declared.service import SelfTestOptions
from waypost.partners.self_test.child import Report, Task

_FOLDERS = ("partners/", "schemas/")
_MOST_NAME = 120
_CANNOT = "self-test-limit"


class Bench:
    """Looks at files under the limits of the project."""

    def __init__(self, options: SelfTestOptions, clock: Clock, root: Path) -> None:
        self._options, self._clock, self._root = options, clock, root
        self._room = asyncio.Semaphore(options.at_once)
        self._running: set[asyncio.subprocess.Process] = set()

    async def close(self) -> None:
        """End what is under way."""
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def look(self, partner: str, name: str, content: bytes, files: Mapping[str, bytes]) -> Report:
        """The report on a file. ``DataError`` where it takes more time or memory than there is."""
        known = {path: data for path, data in files.items() if path.startswith(_FOLDERS)}
        codes = self._root / "codes"
        now = datetime.fromtimestamp(self._clock.now() / 1_000_000, UTC)
        shown = "".join(c if c.isprintable() else "?" for c in name)[:_MOST_NAME] or "the file"
        task = Task(partner, shown, content, known, now, str(codes) if codes.is_dir() else "")
        async with self._room:
            return await self._perform(msgspec.msgpack.encode(task))

    async def _perform(self, task: bytes) -> Report:
        options = self._options
        seconds = max(1, math.ceil(options.timeout_seconds))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "waypost.partners.self_test.child", str(int(options.memory_bytes)), str(seconds),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LC_ALL": "C.UTF-8"},
            cwd="/",
        )  # fmt: skip
        self._running.add(process)
        try:
            async with asyncio.timeout(options.timeout_seconds):
                out, said = await process.communicate(task)
        except TimeoutError:
            raise self._refused(f"it took longer than {options.timeout_seconds:g} s") from None
        finally:
            self._running.discard(process)
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            memory = b"MemoryError" in said
            raise self._refused("it took more memory than there is" if memory else "the look at it broke off")
        return msgspec.msgpack.decode(out, type=Report)

    @staticmethod
    def _refused(why: str) -> DataError:
        return DataError(why, where="self-test", expected="a sample", remedy="send fewer messages in one file",
                         code=_CANNOT)  # fmt: skip
