"""Writes the input, a file at a time, and keeps the book of what it wrote."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from waypost.testing.ledger.project import ERP_EVERY, KEYS

PER_FILE = 1000


class Generator:
    """``written`` says how many messages every key has: their ``n`` are 0, 1, 2, …; more than that come while
    ``more`` says so."""

    def __init__(
        self, folder: Path, messages: int, per_second: float, seed: int, more: Callable[[], bool] = lambda: False
    ) -> None:
        self._folder, self._messages, self._per_second = folder, messages, per_second
        self._random, self._more = random.Random(seed), more
        self.written: Counter[str] = Counter()
        self.files = 0
        self._thread = threading.Thread(target=self._run, name="generator", daemon=True)
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    @property
    def done(self) -> bool:
        """All is written."""
        return not self._thread.is_alive()

    @property
    def erp_wanted(self) -> int:
        """How many of the messages written go to the HTTP system."""
        return sum(-(-count // ERP_EVERY) for count in self.written.values())

    def stop(self) -> None:
        """Write no more."""
        self._ended.set()
        self._thread.join()

    per_file = PER_FILE

    def _run(self) -> None:
        left = self._messages
        while (left > 0 or self._more()) and not self._ended.is_set():
            count = min(left, self.per_file) if left > 0 else self.per_file
            left -= count
            self._write(count)
            self._ended.wait(count / self._per_second)
        self._finish()

    def _finish(self) -> None:
        """Write what must come at the end."""

    def _write(self, count: int) -> None:
        lines = []
        for _ in range(count):
            key = f"k{self._random.randrange(KEYS)}"
            number = self.written[key]
            self.written[key] += 1
            lines.append(json.dumps({"id": f"{key}-{number}", "k": key, "n": number, "pad": "x" * 200}))
        self.files += 1
        path = self._folder / f"{self.files:06}.ndjson"
        part = path.with_suffix(".part")
        part.write_text("\n".join(lines) + "\n")
        part.rename(path)
