"""The records of a boundary's turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from waypost.core.component import Failed
from waypost.core.errors import WaypostError
from waypost.core.event import MessageDied, MessageParked
from waypost.core.message import Message, id_at, id_text
from waypost.flow.batch.compiled import CompiledFlow, failure_state
from waypost.flow.batch.load import BATCH, Load, accepted_record, decode_load
from waypost.flow.boundary.draft import Draft, Emitted, Gone
from waypost.flow.boundary.group import Held, TimerOf, timer_bytes
from waypost.flow.member import envelope
from waypost.flow.member.codec import CONTENT_TYPE
from waypost.store.record import (
    AnyRecord,
    Decided,
    Delivered,
    DeliveryFailed,
    Released,
    State,
    StepState,
    TimerDone,
    TimerSet,
    pack_refs,
)

if TYPE_CHECKING:
    from waypost.flow.sharing.host import Host


class Entries:
    """What a boundary writes into the journal."""

    def __init__(self, host: Host, flow: CompiledFlow, name: str) -> None:
        self.host, self.flow, self.name = host, flow, name

    def fated_again(self, draft: Draft) -> list[AnyRecord]:
        """What becomes of members that came to their group a second time and do not wait."""
        told: list[AnyRecord] = []
        for ref, fate in draft.fates.items():
            if ref >= 0 and isinstance(fate, Failed):
                told.append(self._failure(ref, fate.error))
            elif ref >= 0:
                told.append(Decided(pack_refs([ref]), State.FILTERED, self.host.clock.now(), "", "", self.name))
        return told

    def accept_released(self, made: Sequence[Emitted], records: list[AnyRecord]) -> tuple[list[int], list[bytes]]:
        """Journal what was made as accepted messages; the numbers of their batches, and the id of each."""
        host, seqs, ids = self.host, list[int](), list[bytes]()
        for start in range(0, len(made), BATCH):
            part = made[start : start + BATCH]
            load = Load(
                self.flow.name, [one.raw for one in part], content_type=CONTENT_TYPE,
                headers=[one.headers for one in part] if any(one.headers for one in part) else None,
                causes=[one.cause for one in part], origin=envelope.RELEASED, stage=envelope.after(self.name),
            )  # fmt: skip
            decoded = decode_load(self.flow, load, host.ids.block(), host.clock.now(), self.host.shard.secret)
            seqs.append(host.shard.next_seq())
            records.append(accepted_record(self.flow, load, decoded, seqs[-1]))
            ids += [id_at(decoded.first, index) for index in range(len(part))]
        return seqs, ids

    def released(
        self, draft: Draft, real: Mapping[int, int], ids: Sequence[bytes], decided: Decided | None
    ) -> list[AnyRecord]:
        told: list[AnyRecord] = []
        for gone in draft.gone:
            refs = [real.get(member.ref, member.ref) for member in gone.members]
            if gone.error is not None:
                told += [self._failure(ref, gone.error) for ref in refs]
                continue
            made = [ids[place] for place in gone.made]
            members = tuple(member.message.id for member in gone.members)
            who, why = (decided.who, decided.why) if decided else ("", "")
            now = self.host.clock.now()
            origins = tuple(member.message.causation_id for member in gone.members)
            whose = (self.flow.name, self.name, gone.key)
            told.append(Released(*whose, members, tuple(made), gone.reason, now, who, why, origins))
            told += self._delivered(gone, refs, made, now)
        return told

    def _delivered(self, gone: Gone, refs: list[int], made: Sequence[bytes], now: int) -> list[AnyRecord]:
        """The members reached what they waited for: where each became a message of its own, that is its address."""
        if not refs:
            return []
        addresses = tuple(f"message:{id_text(message)}" for message in made)
        if len(addresses) not in (1, len(refs)):
            addresses = (f"group:{gone.key}",)
        return [Delivered(pack_refs(refs), now, 0, addresses, (gone.reason,))]

    def _failure(self, ref: int, error: WaypostError) -> DeliveryFailed:
        state = failure_state(error.error_class)
        return DeliveryFailed(ref, self.host.clock.now(), 1, state, 0, str(error.error_class), error.code, str(error))

    def trouble(self, message: Message, error: WaypostError) -> MessageDied | MessageParked:
        """What is told of a member that failed."""
        event = MessageDied if failure_state(error.error_class) is State.DEAD else MessageParked
        return event(flow=self.flow.name, message=id_text(message.id), place=self.name, cause=str(error))

    def remembered(self, held: Held) -> list[AnyRecord]:
        """A group's state and timers, as far as they changed."""
        told: list[AnyRecord] = [StepState(self.flow.name, self.name, held.name, held.packed())]
        for timer in {*held.old_timers, *held.timers}:
            due, of = held.timers.get(timer), TimerOf(self.flow.name, self.name, held.hash, held.key, timer)
            if due is None:
                told.append(TimerDone(of.name))
            elif due != held.old_timers.get(timer):
                told.append(TimerSet(of.name, due, timer_bytes(of)))
        return told
