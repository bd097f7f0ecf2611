"""What lanes have in common that deliver within the engine: to the flows that read a channel, and to the groups of a
boundary."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from waypost.core.component import Outcome
from waypost.core.event import EndpointLost, MessagesDelivered
from waypost.flow.delivery.lane import Lane
from waypost.store.record import Intended, pack_refs

PAUSE_SECONDS = 1.0
"""Pause after a hop that could not be made: another worker is away, or the disk is full."""


class HandOverLane(Lane):
    """Delivers by accepting: the ``Accepted`` of what is handed over and our ``Delivered`` are one commit. Where
    another worker owns a key, the hop is sent there and told apart by ``hop_identity``."""

    def _handed_over(self, refs: Sequence[int], keys: Sequence[int], addresses: Sequence[str]) -> None:
        """All is durable where it went; each of ``refs`` has its address."""
        for ref, key in zip(refs, keys, strict=True):
            self._forget(ref)
            self.backlog.release(key)
        self.events.emit(MessagesDelivered(flow=self.flow, target=self.name, messages=len(refs)))
        if self.watch:
            for ref, address in zip(refs, addresses, strict=True):
                self.watch(ref, Outcome(delivered=True, address=address))

    async def _interrupted(self, refs: Sequence[int], keys: Sequence[int], endpoint: str, error: Exception) -> None:
        """Some may be there already: after a pause they are sent again, and told apart."""
        for ref in refs:
            self.doubt(ref)
        self.shard.append_later([Intended(pack_refs(list(refs)))])
        self._put_back(refs, keys)
        self.events.emit(EndpointLost(endpoint=endpoint, cause=str(error)))
        await self._pause(PAUSE_SECONDS)


def hop_identity(reader: str, idempotency_key: str) -> bytes:
    """What tells a hop that is sent twice from two hops."""
    return hashlib.blake2b(f"{reader}|{idempotency_key}".encode(), digest_size=16).digest()
