"""One flow in one worker: loads become durable messages, messages become outputs.

Usually a load is decoded, processed and committed in one go (*fused*). When a look-up's endpoint is away, or after a
process died, input is committed first and processed afterwards, in order, so that nothing waits unsaved and no key is
overtaken.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import msgspec

from waypost.core.component import Requester
from waypost.core.errors import BugError, EndpointError
from waypost.core.event import BatchAccepted, EndpointFound, EndpointLost, MessageDied, MessageParked
from waypost.core.message import id_at, id_text
from waypost.flow.batch.compiled import CompiledFlow, Out, Processed
from waypost.flow.batch.effects import LiveEffects, Recorded, effects_of, recorded_effects
from waypost.flow.batch.load import (
    REPLAYED,
    Decoded,
    Load,
    Placed,
    accepted_record,
    decode_load,
    load_of,
    narrowed,
    outbounds_of,
    produced_record,
)
from waypost.flow.batch.ordinal import MOST_ROWS, Known, nothing_known, recorded_numbers
from waypost.flow.delivery.circuit import backoff
from waypost.flow.member.envelope import AT
from waypost.flow.running.recall import recorded_digests
from waypost.flow.running.rework import FRESH, kept_answers, leave_out, pass_over
from waypost.flow.sharing.answers import answers_callers
from waypost.flow.sharing.claiming import stays_here
from waypost.flow.sharing.host import Host
from waypost.store.carrying import unproduced
from waypost.store.protocol import OpenBatch, StoredBatch
from waypost.store.record import NO_TARGET, AnyRecord, Decided, Effects, Linked, State, pack_refs, ref_of

DEATHS = 3
"""Process deaths at which a message that was being processed each time is parked."""
CAUTIOUS = 64
"""Loads committed before they are processed after an unclean stop."""


class FlowRunner:
    """Accepts loads of one flow and processes them with one version of it."""

    def __init__(self, engine: Host, flow: CompiledFlow, requesters: Mapping[str, Requester]) -> None:
        self.engine, self.flow, self.requesters = engine, flow, requesters
        self.cautious = 0
        self.waits = ""
        """Why what is accepted is not processed now."""
        self._late: deque[int] = deque()
        self._accepting = 0
        self._catching_up: asyncio.Task[None] | None = None
        self._afar = engine.workers > 1 and (flow.opened or not stays_here(flow.definition))
        """Keys of its receivers are claimed across workers: its messages are durable before they are processed."""
        self._rows = asyncio.Lock()
        """Held while output rows are added to a batch that is already stored."""

    @property
    def behind(self) -> int:
        """Batches accepted without being processed."""
        return len(self._late) + self._accepting

    async def take(
        self, load: Load, extra: Sequence[AnyRecord] = (), recorded: Recorded | None = None
    ) -> asyncio.Future[Placed]:
        """Decode, process and submit a load. The future says where it is once it is durable; ``extra`` records are
        in the same commit."""
        if load.stage.startswith(AT):
            return await self.engine.boundaries.take(load, extra)
        engine = self.engine
        decoded = decode_load(self.flow, load, engine.ids.block(), engine.clock.now(), engine.shard.secret)
        if self.behind or self.cautious or self._afar:
            self.cautious = max(0, self.cautious - 1)
            return self._accept_only(load, decoded, extra, recorded)
        effects = LiveEffects(
            self.requesters, engine.claims, recorded, anew=load.origin in REPLAYED, occurrence=load.occurrence
        )  # fmt: skip
        try:
            processed = await self.flow.process(
                decoded.indices, decoded.messages, effects, engine.shard.secret, begin=decoded.begin
            )
        except EndpointError as error:
            engine.events.emit(EndpointLost(endpoint=f"{self.flow.name}: a look-up's endpoint", cause=str(error)))
            return self._accept_only(load, decoded, extra, recorded)
        except BaseException:
            effects.forget()
            raise
        return self._fused(load, decoded, processed, effects, extra, recorded)

    def _fused(
        self, load: Load, decoded: Decoded, processed: Processed, effects: LiveEffects, extra: Sequence[AnyRecord],
        recorded: Recorded | None,
    ) -> asyncio.Future[Placed]:  # fmt: skip
        engine = self.engine
        if (refused := engine.readings.refusal(load)) is not None:
            effects.forget()
            return refused
        seq = engine.shard.next_seq()
        produced = produced_record(self.flow, decoded, processed, seq)
        records: list[AnyRecord] = [accepted_record(self.flow, load, decoded, seq)]
        if effects.heard or recorded:
            records.append(Effects(seq, (*effects_of(recorded), *effects.heard)))
        records += [produced, *effects.claim_records(), *_links(processed, decoded.at), *extra]
        count = len(load.raws)
        hand_over = self._prepared(self.flow, decoded, processed, seq, 0)

        def committed() -> None:
            engine.events.emit(BatchAccepted(flow=self.flow.name, messages=count))
            hand_over()

        placed = engine.submit(Placed(seq, decoded.first_id), records, committed, load)
        if effects.claimed:
            placed.add_done_callback(lambda done: effects.forget() if done.cancelled() or done.exception() else None)
        return placed

    def _accept_only(
        self, load: Load, decoded: Decoded, extra: Sequence[AnyRecord], recorded: Recorded | None
    ) -> asyncio.Future[Placed]:
        engine = self.engine
        if (refused := engine.readings.refusal(load)) is not None:
            return refused
        seq = engine.shard.next_seq()
        self._accepting += 1

        def committed() -> None:
            self._late.append(seq)
            engine.events.emit(BatchAccepted(flow=self.flow.name, messages=len(load.raws)))
            self.catch_up()

        records: list[AnyRecord] = [accepted_record(self.flow, load, decoded, seq), *extra]
        if recorded:
            records.append(Effects(seq, effects_of(recorded)))
        ticket = engine.submit(Placed(seq, decoded.first_id), records, committed, load)
        ticket.add_done_callback(self._accepted)
        return ticket

    def _accepted(self, _: asyncio.Future[Placed]) -> None:
        self._accepting -= 1

    def _prepared(
        self, flow: CompiledFlow, decoded: Decoded, processed: Processed, seq: int, first_row: int
    ) -> Callable[[], None]:
        """What hands the outputs over to their lanes once they are durable. It is made ready before, and holds no
        documents: many batches are on their way to the disk at once."""
        engine = self.engine
        lanes = [
            (flow.targets[number].name, *outputs)
            for number, outputs in outbounds_of(flow, decoded, processed, seq, first_row).items()
        ]
        troubles = [
            (MessageDied if out.state is State.DEAD else MessageParked)(
                flow=self.flow.name, message=id_text(id_at(decoded.first, out.index)), place=trouble.place,
                cause=str(trouble.error),
            )
            for trouble, out in ((trouble, processed.outs[trouble.row]) for trouble in processed.troubles)
        ]  # fmt: skip
        answer = partial(engine.processed, decoded, processed, seq, first_row) if answers_callers(flow) else None

        def hand_over() -> None:
            for target, refs, keys, outbounds in lanes:
                engine.lane(flow, target).add(refs, keys, outbounds)
            for trouble in troubles:
                engine.events.emit(trouble)
            if answer:
                answer()

        return hand_over

    # ── input that is durable and not yet processed ──

    def resume(self, seqs: Sequence[int]) -> None:
        """After a restart: batches that were accepted and not, or not wholly, processed."""
        self._late.extend(seqs)
        self.catch_up()

    def catch_up(self) -> None:
        if self._late and (self._catching_up is None or self._catching_up.done()):
            self._catching_up = self.engine.spawn(self._catch_up())

    async def _catch_up(self) -> None:
        failures = 0
        while self._late:
            try:
                async with self._rows:
                    batch = self.engine.shard.state.batch(self._late[0])
                    if batch is not None and batch.left:  # else a person decided otherwise about all of it
                        await self.process_batch(batch)
            except EndpointError as error:
                failures += 1
                self.waits = str(error)
                self.engine.events.emit(
                    EndpointLost(endpoint=f"{self.flow.name}: a look-up's endpoint", cause=str(error))
                )
                await self.engine.clock.sleep(backoff(failures, 0.2, 30.0, self.engine.random))
                continue
            self.waits = ""
            if failures:
                self.engine.events.emit(EndpointFound(endpoint=f"{self.flow.name}: a look-up's endpoint"))
            failures = 0
            self._late.popleft()

    async def process_batch(self, batch: OpenBatch) -> None:
        """Process what has no output rows yet. That a batch is tried is noted while its steps run; one that was being
        tried when a process died goes message by message, so that the guilty one is found and no other is blamed."""
        flow, decoded, recorded, stored = await self._stored(batch)
        anew, occurrence = stored.accepted.origin in REPLAYED, decoded.occurrence
        effects = self._effects(batch, recorded, occurrence, anew=anew)
        left = unproduced(batch)
        trying = self.engine.trying
        whole = f"{self.flow.name}/{batch.seq}"
        if not trying.deaths(whole):
            await self._process(flow, batch.seq, narrowed(decoded, left), effects, len(batch.states), trying=whole)
            return
        row = len(batch.states)
        for index in left:
            part, name = narrowed(decoded, [index]), f"{whole}/{index}"
            if trying.deaths(name) >= DEATHS:
                text = f"the process died {DEATHS} times while this message was being processed"
                error = BugError(text, where=f"flow {flow.name}", remedy="look at the steps, then retry it")
                part = Decoded(part.first, part.at, [], [], [(index, "process", error)], part.order, part.keys)
            row += await self._process(flow, batch.seq, part, effects, row, trying=name)
        trying.acquit(whole)

    async def rerun(self, seq: int, index: int, decided: AnyRecord, effects: str) -> None:
        """Process one message of a batch again; ``decided``, in the same commit, takes back what it was before, after
        the new rows are there: a batch without open rows would be finished and forgotten. ``effects`` is one of
        ``EFFECTS``."""
        async with self._rows:
            batch = self.engine.shard.state.batch(seq)
            if batch is None:
                raise BugError(f"batch {seq} is gone", where="store")
            flow, decoded, recorded, stored = await self._stored(batch)
            part = narrowed(decoded, [index])
            own = {key: answer for key, answer in recorded.items() if key[0] == index}
            kept = await kept_answers(flow, part, own, effects, self.engine.shard.secret)
            live = self._effects(batch, kept, decoded.occurrence, anew=True, insists=effects == FRESH)
            await self._process(flow, seq, part, live, len(batch.states), (decided,), stored)

    async def set_aside(self, seq: int, indices: Sequence[int], decided: Decided) -> int:
        """End or park messages of a batch that are not processed yet, as was decided; how many there were."""
        async with self._rows:
            batch = self.engine.shard.state.batch(seq)
            wanted = [index for index in unproduced(batch) if index in indices] if batch else []
            if batch is None or not wanted:
                return 0
            flow, _ = self.engine.version_of(batch.version, batch.flow)
            first = int.from_bytes(batch.first_id, "big")
            row = len(batch.states)
            processed = Processed([Out(index, NO_TARGET, 0, State(decided.state)) for index in wanted])
            decoded = Decoded(first, self.engine.clock.now(), [], [], [], [], {})
            refs = pack_refs([ref_of(seq, row + at) for at in range(len(wanted))])
            told = msgspec.structs.replace(decided, refs=refs)
            produced = produced_record(flow, decoded, processed, seq, row)
            await self.engine.submit(Placed(seq, batch.first_id), [produced, told], lambda: None)
            return len(wanted)

    async def revise(
        self, load: Load, done: Collection[tuple[str, int]], recorded: Recorded, known: Known, decided: AnyRecord
    ) -> bytes:
        """Accept the input of a message of an earlier version anew on this one, in one commit with what is ``decided``
        of the earlier; the id of the new one. ``done`` are outputs (target, ordinal) not to be made again, ``known``
        the ordinals that stay. Raises ``EndpointError`` when a look-up's endpoint is away: nothing happened."""
        engine = self.engine
        decoded = decode_load(self.flow, load, engine.ids.block(), engine.clock.now(), engine.shard.secret)
        afar = partial(engine.claiming.claim, revised=True) if self._afar else None
        effects = LiveEffects(
            self.requesters, engine.claims, recorded, other_version=True, claim_afar=afar, anew=True,
            occurrence=load.occurrence,
        )  # fmt: skip
        try:
            processed = await self.flow.process(
                decoded.indices,
                decoded.messages,
                effects,
                engine.shard.secret,
                recorded=lambda: known,
                begin=decoded.begin,
            )
        except BaseException:
            effects.forget()
            raise
        pass_over(self.flow, processed, done)
        linked = Linked(decoded.first_id, "revision-of", load.causes[0], decoded.at)
        return (await self._fused(load, decoded, processed, effects, (decided, linked), recorded)).first

    def _effects(
        self, batch: OpenBatch, recorded: Recorded, occurrence: bytes, *, anew: bool = False, insists: bool = False
    ) -> LiveEffects:  # fmt: skip
        _, requesters = self.engine.version_of(batch.version, batch.flow)
        afar = self.engine.claiming.claim if self._afar else None
        return LiveEffects(
            requesters, self.engine.claims, recorded, claim_afar=afar, anew=anew, occurrence=occurrence,
            insists=insists,
        )  # fmt: skip

    async def _stored(self, batch: OpenBatch) -> tuple[CompiledFlow, Decoded, Recorded, StoredBatch]:
        """A batch from the journal, for the version it was accepted on."""
        engine = self.engine
        stored = await engine.shard.read_batch(batch)
        flow, _ = engine.version_of(batch.version, batch.flow)
        first = int.from_bytes(stored.accepted.first_id, "big")
        decoded = decode_load(flow, load_of(stored.accepted), first, stored.accepted.at, engine.shard.secret)
        return flow, decoded, recorded_effects(stored.effects), stored

    async def _process(
        self, flow: CompiledFlow, seq: int, decoded: Decoded, effects: LiveEffects, first_row: int,
        extra: Sequence[AnyRecord] = (), before: StoredBatch | None = None, trying: str = "",
    ) -> int:  # fmt: skip
        """``before``: the batch, where these messages have outputs already."""
        engine = self.engine
        heard_before = len(effects.heard)
        numbers = partial(recorded_numbers, before.produced) if before else nothing_known
        engine.trying.begin(trying)
        try:
            processed = await flow.process(
                decoded.indices, decoded.messages, effects, engine.shard.secret, recorded=numbers,
                room=MOST_ROWS - first_row, begin=decoded.begin,
            )  # fmt: skip
        finally:
            engine.trying.end()
        if before:
            leave_out(flow, processed, recorded_digests(before), engine.shard.secret)
        produced = produced_record(flow, decoded, processed, seq, first_row)
        records: list[AnyRecord] = []
        if effects.heard[heard_before:]:
            records.append(Effects(seq, tuple(effects.heard[heard_before:])))
        records += [produced, *effects.claim_records(), *_links(processed, engine.clock.now()), *extra]
        placed = Placed(seq, decoded.first_id)
        await engine.submit(placed, records, self._prepared(flow, decoded, processed, seq, first_row))
        engine.trying.acquit(trying)
        return len(processed.outs)


def _links(processed: Processed, at: int) -> list[Linked]:
    """Repetitions and their originals."""
    return [Linked(message, "duplicate-of", original, at) for message, original in processed.links]
