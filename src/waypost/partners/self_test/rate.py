"""How many files a partner may try in a minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

_MINUTE = 60.0


class Rate:
    """So many in a minute, for each name."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float]) -> None:
        self._most, self._now = per_minute, monotonic
        self._times: dict[str, deque[float]] = {}

    def wait(self, name: str) -> float:
        """Takes one; 0, or the seconds after which there is room for it."""
        now, times = self._now(), self._times.setdefault(name, deque())
        while times and times[0] <= now - _MINUTE:
            times.popleft()
        if len(times) >= self._most:
            return times[0] + _MINUTE - now
        times.append(now)
        return 0.0
