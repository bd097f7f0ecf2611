"""The two lanes of a boundary: the way of messages to the worker that owns their group, and those that wait in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from waypost.core.component import Failed, Outbound, Outcome
from waypost.core.errors import BugError, EndpointError, StoreFull, WaypostError
from waypost.core.message import NO_HEADERS, Message
from waypost.core.traits import Repetition, TargetTraits
from waypost.flow.batch.load import Load
from waypost.flow.delivery.lane import Lane, Sending
from waypost.flow.delivery.settlement import Entry
from waypost.flow.member import envelope
from waypost.flow.sharing.hand_over import HandOverLane, hop_identity
from waypost.store.record import AnyRecord, Delivered, State, pack_refs

if TYPE_CHECKING:
    from waypost.flow.boundary.boundary import Boundary

TRAITS = TargetTraits(
    repetition=Repetition.RECOGNISED, batch=200, concurrency=1, ordered=True, reads_document=True
)  # fmt: skip


class BoundaryLane(HandOverLane):
    """Delivers to a boundary by accepting: the members' ``Accepted`` and our ``Delivered`` are one commit. Where
    another worker owns a group, its members go there first and are told apart by their identity, as a channel's."""

    boundary: Boundary

    async def _send(self, sending: Sending) -> None:
        refs, keys, batch = await self._outbounds(sending.refs, sending.keys)
        if not refs:
            return
        found = self._correlated(batch)
        going = [at for at, key in enumerate(found) if isinstance(key, str)]
        if going:
            await self._hand_over(
                [refs[at] for at in going], [keys[at] for at in going], [batch[at] for at in going],
                [key for key in found if isinstance(key, str)],
            )  # fmt: skip
        for at, error in enumerate(found):
            if isinstance(error, WaypostError):
                self._settle([refs[at]], [keys[at]], [batch[at]], [Outcome.failed(error)], 0)

    def _correlated(self, batch: Sequence[Outbound]) -> list[str | WaypostError]:
        messages = [
            Message(o.message_id, o.document, o.received_at, o.content_type, o.headers or NO_HEADERS, o.ordering_key)
            for o in batch
        ]
        try:
            found = self.boundary.step.correlate(messages)
        except Exception as error:  # noqa: BLE001 - a step that raises is a bug of the step
            text = f"{type(error).__name__}: {error}"
            return [BugError(text, where=f"step {self.name}")] * len(batch)
        return [one.error if isinstance(one, Failed) else one for one in found]

    async def _hand_over(
        self, refs: list[int], keys: list[int], batch: list[Outbound], correlations: list[str]
    ) -> None:
        delivered = Delivered(pack_refs(refs), self.clock.now(), 0, tuple(map(_address, correlations)), ("joined",))
        load = Load(
            self.flow, [envelope.member_bytes(out, key) for out, key in zip(batch, correlations, strict=True)],
            content_type=batch[0].content_type, origin=envelope.MEMBER, stage=envelope.at(self.name),
            headers=[dict(out.headers) for out in batch] if any(out.headers for out in batch) else None,
            causes=[out.message_id for out in batch],
        )  # fmt: skip
        identities = [hop_identity(f"{self.flow}/{self.name}", out.idempotency_key) for out in batch]
        secret = self.shard.secret
        hashes = [envelope.correlation_hash(self.name, key, secret) for key in correlations]
        try:
            extra: list[AnyRecord] = [delivered]
            again = any(out.possible_duplicate for out in batch)
            await self.boundary.host.hop_by(load, identities, extra, hashes, again=again)
        except (EndpointError, StoreFull) as error:
            await self._interrupted(refs, keys, f"boundary {self.flow}/{self.name}", error)
        else:
            self._handed_over(refs, keys, [_address(key) for key in correlations])


def _address(key: str) -> str:
    return f"group:{key}"


class GroupLane(Lane):
    """Stands for the members that wait at a boundary: there is nothing to send, and they end when they are released."""

    boundary: Boundary

    @property
    def open_count(self) -> int:
        return self.boundary.count

    @property
    def stuck(self) -> bool:
        return True

    @property
    def idle(self) -> bool:
        return not self.boundary.timed

    def add(self, refs: Sequence[int], keys: Sequence[int], outbounds: Sequence[Outbound] = ()) -> None:
        self.boundary.adopt(refs, keys)

    def drop(self, entries: Iterable[Entry], state: State) -> None:
        self.boundary.dropped([ref for ref, _ in entries])

    def restore(self, entries: Iterable[Entry]) -> None:
        self.boundary.host.spawn(self.boundary.rejoin([ref for ref, _ in entries]))

    async def run(self) -> None:
        """Nothing to do until members are released."""
