"""Answers of outside systems kept for a while, so that an enricher need not ask for the same thing again and again.

A cache belongs to a worker and lives in its memory: a restart begins empty. What is taken from it is recorded as an
effect like any answer, with its age, so recomputing never looks into a cache.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from waypost.core.component import Request, Requester
from waypost.core.errors import WaypostError
from waypost.flow.batch.answered import request_digest
from waypost.flow.batch.effects import Aged, pack_answer, unpack_answer

_OVERHEAD = 200
"""Bytes an entry takes besides its answer, roughly."""


class CacheBounds(Protocol):
    """How long and how much is kept: the `cache` options of an enricher."""

    @property
    def seconds(self) -> float: ...

    @property
    def missing_seconds(self) -> float: ...

    @property
    def entries(self) -> int: ...

    @property
    def bytes(self) -> int: ...


@dataclass(slots=True)
class AnswerCache:
    """Packed answers by the digest of their request; the least recently used go first."""

    entries: OrderedDict[bytes, tuple[int, bytes]] = field(default_factory=OrderedDict)
    """When it was asked for (UTC µs), and the packed answer."""
    size: int = 0

    def get(self, digest: bytes, now: int, bounds: CacheBounds) -> Aged | None:
        """An answer that is not too old."""
        found = self.entries.get(digest)
        if found is None:
            return None
        asked_at, packed = found
        limit = bounds.missing_seconds if packed == _MISSING else bounds.seconds
        if not 0 <= now - asked_at < limit * 1_000_000:
            self._drop(digest)
            return None
        self.entries.move_to_end(digest)
        return Aged(unpack_answer(packed), now - asked_at)

    def put(self, digest: bytes, now: int, answer: Any, bounds: CacheBounds) -> None:
        """Keep an answer; none larger than the whole cache, and no missing one unless it is to be."""
        self._drop(digest)
        packed = pack_answer(answer)
        if len(packed) + _OVERHEAD > bounds.bytes or (packed == _MISSING and not bounds.missing_seconds):
            return
        self.entries[digest] = (now, packed)
        self.size += len(packed) + _OVERHEAD
        while len(self.entries) > bounds.entries or self.size > bounds.bytes:
            self._drop(next(iter(self.entries)))

    def _drop(self, digest: bytes) -> None:
        found = self.entries.pop(digest, None)
        if found is not None:
            self.size -= len(found[1]) + _OVERHEAD


_MISSING = pack_answer(None)


class CachingRequester:
    """A ``Requester`` that asks ``behind`` for what its cache does not have; equal questions of a batch are one."""

    def __init__(self, behind: Requester, cache: AnswerCache, bounds: CacheBounds, now: Callable[[], int]) -> None:
        self.behind, self._cache, self._bounds, self._now = behind, cache, bounds, now
        self.anew: Requester = _Anew(self)
        """The same, passing over what the cache has: for a person who wants fresh answers."""

    async def open(self) -> None:
        """The system behind is opened when it is asked."""

    async def ask(self, batch: Sequence[Request]) -> Sequence[Any]:
        now, digests = self._now(), [request_digest(request) for request in batch]
        known = {digest: self._cache.get(digest, now, self._bounds) for digest in digests}
        wanted = {digest: request for digest, request in zip(digests, batch, strict=True) if known[digest] is None}
        fresh = await self.ask_anew(wanted) if wanted else {}
        return [fresh[digest] if digest in fresh else known[digest] for digest in digests]

    async def ask_anew(self, wanted: dict[bytes, Request]) -> dict[bytes, Any]:
        """Answers by digest from the system itself, kept for others."""
        await self.behind.open()
        answers = dict(zip(wanted, await self.behind.ask(list(wanted.values())), strict=True))
        now = self._now()
        for digest, answer in answers.items():
            if not isinstance(answer, WaypostError):
                self._cache.put(digest, now, answer, self._bounds)
        return answers

    async def close(self) -> None:
        await self.behind.close()


class _Anew:
    """Asks the system itself."""

    def __init__(self, caching: CachingRequester) -> None:
        self._caching = caching

    async def open(self) -> None:
        """As the one it stands for."""

    async def ask(self, batch: Sequence[Request]) -> Sequence[Any]:
        digests = [request_digest(request) for request in batch]
        answers = await self._caching.ask_anew(dict(zip(digests, batch, strict=True)))
        return [answers[digest] for digest in digests]

    async def close(self) -> None:
        await self._caching.close()
