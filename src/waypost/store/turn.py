"""How soon a thread that waits for Python's interpreter lock gets its turn.

A thread that wants to go on waits until the one that runs lets go of the lock, which it is asked to do after the switch
interval. At full load long turns are best: each change costs both threads. A commit, a delivery or an answer takes some
ten or twenty turns, though: while little is to do, or while a person waits for an answer, turns are short, or the turns
alone would take longer than all else.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

USUAL_SECONDS, SHORT_SECONDS = 0.0005, 0.0001
"""Python's own default is 5 ms."""


class Turns:
    """The switch interval of this process, which is one for all its threads. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = 0
        self._light = False

    def load(self, *, light: bool) -> None:
        """Say whether little is to do."""
        if light is not self._light:
            with self._lock:
                self._light = light
                self._set()

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """Somebody waits for an answer."""
        with self._lock:
            self._waiting += 1
            self._set()
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1
                self._set()

    def _set(self) -> None:
        sys.setswitchinterval(SHORT_SECONDS if self._waiting or self._light else USUAL_SECONDS)


turns = Turns()
