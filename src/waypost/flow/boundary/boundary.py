"""One boundary in one worker: takes members in, tells the step of events, and makes each of its turns one commit.

In a commit are the members that came, with the outcome of the deliveries that brought them; the group's new state and
timers; and what was released, as one record that names its members, with the released messages themselves. They wait in
the journal to be processed by the steps that follow, as any accepted message does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from waypost.core.boundary import Ask, Forced, Group, LimitOptions
from waypost.core.component import Failed
from waypost.core.errors import StoreError, StoreFull, WaypostError
from waypost.core.event import GroupReleased
from waypost.flow.batch.compiled import CompiledFlow, CompiledStep, Trouble, failure_state
from waypost.flow.batch.load import (
    Decoded,
    Load,
    Placed,
    accepted_record,
    decode_load,
    load_of,
    produced_record,
)
from waypost.flow.boundary.asking import Asking
from waypost.flow.boundary.draft import Draft, Member
from waypost.flow.boundary.entries import Entries
from waypost.flow.boundary.group import (
    Held,
    Kept,
    TimerOf,
    hash_of_state,
    key_of_state,
    state_name,
    unpacked,
)
from waypost.flow.boundary.heard import heard
from waypost.flow.member import envelope
from waypost.store.carrying import message_of_row
from waypost.store.output_state import ACTIVE
from waypost.store.record import (
    OUT_BITS,
    OUT_MASK,
    AnyRecord,
    Decided,
    State,
    pack_refs,
    ref_of,
)

if TYPE_CHECKING:
    from waypost.flow.sharing.host import Host

RETRY_SECONDS = 1.0
"""Pause after a turn that could not be committed because the disk was full."""


class Arrived:
    """Members on their way in: a load of them, decoded, and the records their senders want in the same commit."""

    def __init__(self, load: Load, decoded: Decoded, extra: Sequence[AnyRecord]) -> None:
        self.load, self.decoded, self.extra = load, decoded, extra

    def members(self) -> list[Member]:
        """Each under a reference below 0, until it has its place."""
        pairs = enumerate(zip(self.decoded.messages, self.load.raws, strict=True), 1)
        return [Member(-number, message, envelope.opened(raw)) for number, (message, raw) in pairs]


class Boundary:
    """Implements ``Book`` over the shard. One turn at a time: what it changes is seen only once it is durable."""

    def __init__(self, host: Host, flow: CompiledFlow, step: CompiledStep) -> None:
        self.host, self.flow, self.name, self.step = host, flow, step.name, step.step
        self.limits: LimitOptions = step.options.limits
        self.target = envelope.group_target(step.name)
        self._entries = Entries(host, flow, step.name)
        self.waiting: dict[int, list[int]] = {}
        """The output rows of members that wait, by the hash of their group."""
        self.timers: dict[TimerOf, int] = {}
        self.on_timers: Callable[[TimerOf, int], None] = lambda timer, due: None
        self._keys: dict[int, str] = {}
        self._asking = Asking(self) if step.asks else None
        self._turn = asyncio.Lock()

    # ── Book ──

    @property
    def open_groups(self) -> int:
        return len(self.waiting)

    def held(self, key: str) -> Held:
        hash_ = envelope.correlation_hash(self.name, key, self.host.shard.secret)
        kept = self._kept(hash_, key)
        return Held(
            key, hash_, list(self.waiting.get(hash_, ())), kept.size, kept.opened_at, kept.state, dict(kept.timers),
            stored=bool(self.waiting.get(hash_)),
        )  # fmt: skip

    def _kept(self, hash_: int, key: str) -> Kept:
        value = self.host.shard.state.step_state(self.flow.name, self.name, state_name(hash_, key))
        return unpacked(value) if value else Kept(0, 0, 0, None, {})

    async def members(self, refs: Sequence[int]) -> list[Member]:
        found: dict[int, Member] = {}
        shard = self.host.shard
        for seq in dict.fromkeys(ref >> OUT_BITS for ref in refs):
            batch = shard.state.batch(seq)
            if batch is None:
                raise StoreError(f"batch {seq} of members is gone", where=f"step {self.name}")
            stored = await shard.read_batch(batch)
            accepted = stored.accepted
            load = load_of(accepted)
            first = int.from_bytes(accepted.first_id, "big")
            decoded = decode_load(self.flow, load, first, accepted.at, shard.secret)
            messages = dict(zip(decoded.indices, decoded.messages, strict=True))
            for ref in refs:
                if ref >> OUT_BITS == seq:
                    index = message_of_row(batch, ref & OUT_MASK)
                    found[ref] = Member(ref, messages[index], envelope.opened(load.raws[index]))
        return [found[ref] for ref in refs]

    @property
    def count(self) -> int:
        """How many members wait."""
        return sum(map(len, self.waiting.values()))

    @property
    def timed(self) -> bool:
        """Whether something waits that goes on by itself, in time."""
        return any(timer.hash in self.waiting for timer in self.timers)

    # ── after a start ──

    def adopt(self, refs: Sequence[int], hashes: Sequence[int]) -> None:
        """Members the journal has, in the order they came."""
        for ref, hash_ in zip(refs, hashes, strict=True):
            self.waiting.setdefault(hash_, []).append(ref)

    def open(self, key: str | None = None) -> list[tuple[int, str]]:
        """The hash and key of every group with members that wait, or of the one meant."""
        return [(hash_, known) for hash_, known in self._keys.items() if key is None or known == key]

    def begin(self, *, standing: bool = False) -> list[tuple[TimerOf, int]]:
        """Compare who waits with what groups remember; the timers that run. ``standing``: nothing is done about what
        differs."""
        for name, value in self.host.shard.state.step_states(self.flow.name, self.name):
            hash_ = hash_of_state(name)
            if hash_ is None:
                continue
            key, kept = key_of_state(name), unpacked(value)
            if self.waiting.get(hash_):
                self._keys[hash_] = key
            if kept.count != len(self.waiting.get(hash_, ())) and not standing:
                self.host.spawn(self._regroup(key, ()))
            for timer, due in kept.timers.items():
                self.timers[TimerOf(self.flow.name, self.name, hash_, key, timer)] = due
        strangers = [ref for hash_, refs in self.waiting.items() if hash_ not in self._keys for ref in refs]
        if strangers and not standing:
            self.host.spawn(self.rejoin(strangers))
        if self._asking is not None and not standing:
            self.host.spawn(self._asking.again(list(self._keys.values())))
        return list(self.timers.items())

    # ── events ──

    async def take(self, load: Load, extra: Sequence[AnyRecord]) -> asyncio.Future[Placed]:
        """Accept members. The future says where they are once they, and all that followed from them, are durable."""
        async with self._turn:
            host = self.host
            decoded = decode_load(self.flow, load, host.ids.block(), host.clock.now(), host.shard.secret)
            arrived = Arrived(load, decoded, extra)
            draft = self._draft()
            for member, raw in zip(arrived.members(), load.raws, strict=True):
                await draft.arrived(member.envelope.key, member, len(raw))
            placed = await self._commit(draft, arrived)
            await asyncio.wait([placed])
            return placed

    async def due(self, timers: Sequence[TimerOf]) -> None:
        """Fire timers; one that is not due any more is left out. One at which the step fails fires again after the
        next start."""
        try:
            async with self._turn:
                draft, now = self._draft(), self.host.clock.now()
                for timer in timers:
                    if 0 < self.timers.get(timer, 0) <= now:
                        await draft.due(timer.key, timer.timer)
                await self._durable(draft)
        except StoreError:
            raise
        except WaypostError as error:
            if len(timers) == 1:
                self.host.trouble[f"timer of group {timers[0].key!r} in {self.flow.name}/{self.name}"] = str(error)
                return
            for timer in timers:
                await self.due([timer])

    async def force(self, key: str, how: Forced, decided: Decided) -> int:
        """Do with a group what a person wants; how many members that concerned."""
        async with self._turn:
            draft = self._draft()
            refs = draft.held(key).refs
            cancelled = await draft.forced(key, how)
            told = [decided_on(decided, cancelled)] if cancelled else []
            await (await self._commit(draft, extra=told, decided=decided))
            return len(refs)

    async def open_asks(self, key: str) -> Sequence[Ask]:
        """What a group has asked and has no answer to. In a turn of its own: a group that went while its members are
        read would leave nothing to read."""
        async with self._turn:
            held = self.held(key)
            members = [member.message for member in await self.members(held.refs)]
        if not members:
            return ()
        group = Group(key=key, now=self.host.clock.now(), state=held.state, count=len(members))
        asks: Sequence[Ask] = self.step.open_asks(group, members)
        return asks

    async def answered(self, key: str, ask: Ask, answer: Any, seconds: float) -> None:
        """What the step asked is answered, or not to be had, after so long; that is journaled with what follows."""
        async with self._turn:
            draft, extra = self._draft(), list[AnyRecord]()
            if refs := draft.held(key).refs:
                batch = self.host.shard.state.batch(refs[0] >> OUT_BITS)
                assert batch is not None, "a member that waits is open"
                extra.append(heard(batch, refs[0], self.name, ask, answer, seconds))
            await draft.answered(key, ask.name, answer)
            await self._durable(draft, extra)

    async def rejoin(self, refs: Sequence[int]) -> None:
        """Members that a person wants back, or whose group is not known, come to their groups again; those that ended
        before it was their turn do not."""
        async with self._turn:
            draft = self._draft()
            for member in await self.members([ref for ref in refs if self._waits(ref)]):
                hash_ = envelope.correlation_hash(self.name, member.envelope.key, self._secret)
                if hash_ not in self._keys or member.ref not in self.waiting.get(hash_, ()):
                    held = draft.held(member.envelope.key)
                    held.refs = [ref for ref in held.refs if ref != member.ref]
                    await draft.arrived(member.envelope.key, member, len(member.envelope.body))
            await self._durable(draft)

    def _waits(self, ref: int) -> bool:
        batch = self.host.shard.state.batch(ref >> OUT_BITS)
        return batch is not None and batch.states[ref & OUT_MASK] in ACTIVE

    async def _regroup(self, key: str, gone: Sequence[int]) -> None:
        async with self._turn:
            draft = self._draft()
            await draft.regroup(key, gone)
            await self._durable(draft)

    def dropped(self, refs: Sequence[int]) -> None:
        """Members that a person took away, which is durable."""
        by_hash: dict[int, list[int]] = {}
        wanted = set(refs)
        for hash_, waiting in self.waiting.items():
            if found := [ref for ref in waiting if ref in wanted]:
                by_hash[hash_] = found
        for hash_, found in by_hash.items():
            if hash_ in self._keys:
                self.host.spawn(self._regroup(self._keys[hash_], found))

    # ── commits ──

    @property
    def _secret(self) -> bytes:
        return self.host.shard.secret

    def _draft(self) -> Draft:
        return Draft(self.step, self.name, self.limits, self, self.host.clock.now())

    async def _durable(self, draft: Draft, extra: Sequence[AnyRecord] = ()) -> None:
        """Commit a draft that nobody else would try again."""
        while draft.groups:
            try:
                await (await self._commit(draft, extra=extra))
                return
            except StoreFull:
                await self.host.clock.sleep(RETRY_SECONDS)

    async def _commit(
        self, draft: Draft, arrived: Arrived | None = None, *, extra: Sequence[AnyRecord] = (),
        decided: Decided | None = None,
    ) -> asyncio.Future[Placed]:  # fmt: skip
        host, records, real = self.host, list[AnyRecord](), dict[int, int]()
        placed, events = Placed(0, b""), list[Any]()
        if arrived is not None:
            decoded = arrived.decoded
            processed = await self.flow.process(
                decoded.indices, decoded.messages, _NOBODY, self._secret, begin=decoded.begin
            )
            for number, out in enumerate(processed.outs, 1):
                fate = draft.fates.get(-number)
                if isinstance(fate, Failed):
                    out.state = failure_state(fate.error.error_class)
                    processed.troubles.append(Trouble(number - 1, self.name, fate.error))
                elif fate is not None:
                    out.state = State.FILTERED
            seq = host.shard.next_seq()
            real = {-number: ref_of(seq, number - 1) for number in range(1, len(processed.outs) + 1)}
            records += [
                accepted_record(self.flow, arrived.load, decoded, seq),
                produced_record(self.flow, decoded, processed, seq), *arrived.extra,
            ]  # fmt: skip
            placed = Placed(seq, decoded.first_id)
            troubles = [(processed.outs[t.row].message, t.error) for t in processed.troubles]
            events += [self._entries.trouble(message, error) for message, error in troubles if message]
        records += [*extra, *self._entries.fated_again(draft)]
        seqs, ids = self._entries.accept_released(draft.made, records)
        records += self._entries.released(draft, real, ids, decided)
        for held in draft.groups.values():
            held.refs = [real.get(ref, ref) for ref in held.refs]
            records += self._entries.remembered(held)
        events += [
            GroupReleased(flow=self.flow.name, step=self.name, key=gone.key, members=len(gone.members),
                          reason=gone.reason)
            for gone in draft.gone if gone.error is None
        ]  # fmt: skip
        events += [
            self._entries.trouble(m.message, gone.error) for gone in draft.gone if gone.error for m in gone.members
        ]
        return host.submit(placed, records, partial(self._committed, draft, seqs, events))

    def _committed(self, draft: Draft, seqs: Sequence[int], events: Sequence[Any]) -> None:
        host = self.host
        for held in draft.groups.values():
            if held.refs:
                self.waiting[held.hash], self._keys[held.hash] = held.refs, held.key
            else:
                self.waiting.pop(held.hash, None)
                self._keys.pop(held.hash, None)
            for timer in {*held.old_timers, *held.timers}:
                of = TimerOf(self.flow.name, self.name, held.hash, held.key, timer)
                if timer in held.timers:
                    self.timers[of] = held.timers[timer]
                    self.on_timers(of, held.timers[timer])
                else:
                    self.timers.pop(of, None)
        if seqs and not host.standing:
            host.resume(self.flow.name, seqs)
        if self._asking is not None and not host.standing:
            self._asking.ask(draft.asks)
        for event in events:
            host.events.emit(event)


class _Nobody:
    """At a boundary itself nothing is asked."""

    async def answers(self, step: CompiledStep, questions: Sequence[Any]) -> Sequence[Any]:
        return ()


_NOBODY = _Nobody()


def decided_on(decided: Decided, refs: Sequence[int]) -> Decided:
    """The decision, about these outputs."""
    return Decided(pack_refs(list(refs)), decided.state, decided.at, decided.who, decided.why, decided.verb)
