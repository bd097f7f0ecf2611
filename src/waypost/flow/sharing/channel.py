"""The lane of a channel: a hand-off to the flows that read it, in the journal's own commit.

A queue gives each message to its one reader; publish/subscribe to every reader. Where another worker owns the
reader's key, the hop is sent there and told apart by the id of the message it came from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from waypost.core.component import Outbound, Outcome
from waypost.core.errors import EndpointError, StoreFull
from waypost.core.event import EndpointLost, MessagesDelivered
from waypost.flow.batch.load import Load
from waypost.flow.delivery.lane import Lane, Sending
from waypost.flow.sharing.host import Host
from waypost.store.record import AnyRecord, Delivered, Intended, pack_refs

PAUSE_SECONDS = 1.0
"""Pause after a hop that could not be made: another worker is away, or the disk is full."""


class ChannelLane(Lane):
    """Delivers by accepting: the readers' ``Accepted`` and our ``Delivered`` are one commit."""

    engine: Host

    async def _send(self, sending: Sending) -> None:
        refs, keys, batch = await self._outbounds(sending.refs, sending.keys)
        if not refs:
            return
        name = self.target.channel
        readers = self.engine.readers(name)
        if not readers:
            self._put_back(refs, keys)
            self._stop_for(f"no flow reads channel {name!r}")
            return
        delivered = Delivered(pack_refs(list(refs)), self.clock.now(), 0, (f"channel:{name}",), ("accepted",))
        try:
            for number, reader in enumerate(readers):
                extra: list[AnyRecord] = [delivered] if number == len(readers) - 1 else []
                await self._hop(reader, name, batch, extra)
        except (EndpointError, StoreFull) as error:
            self._interrupted(refs, keys)
            self.events.emit(EndpointLost(endpoint=f"channel {name}", cause=str(error)))
            await self._pause(PAUSE_SECONDS)
            return
        for ref, key in zip(refs, keys, strict=True):
            self._forget(ref)
            self.backlog.release(key)
        self.events.emit(MessagesDelivered(flow=self.flow, target=self.name, messages=len(refs)))
        if self.watch:
            for ref in refs:
                self.watch(ref, Outcome(delivered=True, address=f"channel:{name}"))

    def _interrupted(self, refs: Sequence[int], keys: Sequence[int]) -> None:
        """Some of the readers may have them already: they are sent again, and told apart."""
        for ref in refs:
            self.doubt(ref)
        self.shard.append_later([Intended(pack_refs(list(refs)))])
        self._put_back(refs, keys)

    async def _hop(self, reader: str, name: str, batch: Sequence[Outbound], extra: list[AnyRecord]) -> None:
        load = Load(
            reader, [out.body for out in batch], content_type=batch[0].content_type, partition=f"channel:{name}",
            headers=[dict(out.headers) for out in batch] if any(out.headers for out in batch) else None,
            causes=[out.message_id for out in batch], origin="channel",
        )  # fmt: skip
        identities = [hop_identity(reader, out.idempotency_key) for out in batch]
        await self.engine.hop(load, identities, extra, again=any(out.possible_duplicate for out in batch))


def hop_identity(reader: str, idempotency_key: str) -> bytes:
    """What tells a hop that is sent twice from two hops."""
    return hashlib.blake2b(f"{reader}|{idempotency_key}".encode(), digest_size=16).digest()
