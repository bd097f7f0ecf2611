"""The lane of a channel: a hand-off to the flows that read it, in the journal's own commit.

A queue gives each message to its one reader; publish/subscribe to every reader. Where another worker owns the
reader's key, the hop is sent there and told apart by the id of the message it came from.
"""

from __future__ import annotations

from collections.abc import Sequence

from waypost.core.component import Outbound
from waypost.core.errors import EndpointError, StoreFull
from waypost.flow.batch.load import Load
from waypost.flow.delivery.lane import Sending
from waypost.flow.sharing.hand_over import HandOverLane, hop_identity
from waypost.flow.sharing.host import Host
from waypost.store.record import AnyRecord, Delivered, pack_refs


class ChannelLane(HandOverLane):
    """Delivers to the flows that read a channel."""

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
            await self._interrupted(refs, keys, f"channel {name}", error)
        else:
            self._handed_over(refs, keys, [f"channel:{name}"] * len(refs))

    async def _hop(self, reader: str, name: str, batch: Sequence[Outbound], extra: list[AnyRecord]) -> None:
        load = Load(
            reader, [out.body for out in batch], content_type=batch[0].content_type, partition=f"channel:{name}",
            headers=[dict(out.headers) for out in batch] if any(out.headers for out in batch) else None,
            causes=[out.message_id for out in batch], origin="channel",
        )  # fmt: skip
        identities = [hop_identity(reader, out.idempotency_key) for out in batch]
        await self.engine.hop(load, identities, extra, again=any(out.possible_duplicate for out in batch))
