"""The lane of a channel: a hand-off to the flows that read it, in the journal's own commit.

A queue gives each message to its one reader; publish/subscribe to every reader. Where another worker owns the
reader's key, the hop is sent there and told apart by the id of the message it came from.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from waypost.core.component import Outbound
from waypost.core.errors import EndpointUnavailable, StoreFull, WaypostError
from waypost.core.event import MessagesDelivered
from waypost.flow.lane import Lane
from waypost.flow.load import Load
from waypost.store.record import AnyRecord, Delivered, Intended, pack_refs

if TYPE_CHECKING:
    from waypost.flow.engine import Engine


class ChannelLane(Lane):
    """Delivers by accepting: the readers' ``Accepted`` and our ``Delivered`` are one commit."""

    engine: Engine

    async def _send(self, refs: list[int], keys: list[int]) -> None:
        outbounds = await self._outbounds(refs, keys)
        if not outbounds:
            return
        refs, keys, batch = map(list, zip(*outbounds, strict=True))
        name = self.target.channel
        readers = self.engine.readers(name)
        if not readers:
            self._put_back(refs, keys)
            self._stop_for(f"no flow reads channel {name!r}")
            return
        delivered = Delivered(pack_refs(refs), self.clock.now(), 0, (f"channel:{name}",), ("accepted",))
        try:
            for number, reader in enumerate(readers):
                extra: list[AnyRecord] = [delivered] if number == len(readers) - 1 else []
                await self._hop(reader, name, batch, extra)
        except (EndpointUnavailable, StoreFull) as error:
            self._interrupted(refs, keys, error)
            return
        for ref, key in zip(refs, keys, strict=True):
            self._forget(ref)
            self.backlog.release(key)
        self.circuit.succeeded()
        self.events.emit(MessagesDelivered(flow=self.flow, target=self.name, messages=len(refs)))

    def _interrupted(self, refs: list[int], keys: list[int], error: WaypostError) -> None:
        """Some of the readers may have them already: they are sent again, and told apart."""
        self.doubtful.update(refs)
        self.shard.append_later([Intended(pack_refs(refs))])
        self._put_back(refs, keys)
        self.circuit.failed(str(error), at_once=True)

    async def _hop(self, reader: str, name: str, batch: list[Outbound], extra: list[AnyRecord]) -> None:
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
