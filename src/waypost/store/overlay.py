"""What changed since the last flush, laid over what the database holds.

A flush runs in another thread while the fold goes on: ``begin`` hands over everything changed so far, which stays
readable here until ``end`` says that the database has it. Everything but ``end``, ``late``, ``changed`` and ``over`` is
called on one thread; who asks from another asks here first and the database afterwards, so that nothing is missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

_ABSENT = object()


class Overlay(Generic[K, V]):
    """A mapping too large for memory: changes and a bounded cache in memory, the rest fetched. None = not there."""

    def __init__(self, fetch: Callable[[K], V | None], cached: int = 4096) -> None:
        self._fetch, self._cached = fetch, cached
        self._dirty: dict[K, V | None] = {}
        self._flushing: dict[K, V | None] = {}
        self._cache: dict[K, V | None] = {}

    def __len__(self) -> int:
        return len(self._dirty)

    def get(self, key: K) -> V | None:
        for layer in (self._dirty, self._flushing, self._cache):
            found = layer.get(key, _ABSENT)
            if found is not _ABSENT:
                return found  # type: ignore[return-value]
        value = self._fetch(key)
        if len(self._cache) >= self._cached:
            self._cache = {}
        self._cache[key] = value
        return value

    def set(self, key: K, value: V | None) -> None:
        """``key`` is now ``value``; None takes it away."""
        self._dirty[key] = value

    def changed(self) -> dict[K, V | None]:
        """Everything the database may not have yet, taken-away keys as None."""
        dirty = self._dirty
        return {**self._flushing, **dirty}

    def late(self, key: K, otherwise: T) -> V | T | None:
        """The value of a key the database may not have yet, or ``otherwise``."""
        for layer in (self._dirty, self._flushing):
            if key in layer:
                return layer[key]
        return otherwise

    def over(self, stored: Iterator[tuple[K, V]]) -> Iterator[tuple[K, V]]:
        """All pairs: ``stored`` ones that did not change, then the changed ones."""
        changed = self.changed()
        for key, value in stored:
            if key not in changed:
                yield key, value
        for key, late in changed.items():
            if late is not None:
                yield key, late

    def begin(self) -> dict[K, V | None]:
        """Hand over the changes for a flush. After a flush that failed, its changes are handed over again."""
        self._flushing = self.changed()
        self._dirty = {}
        if len(self._cache) + len(self._flushing) > self._cached:
            self._cache = {}
        else:
            self._cache.update(self._flushing)
        return self._flushing

    def end(self) -> None:
        """The database has what ``begin`` handed over."""
        self._flushing = {}
