"""A person's decisions on many messages: hold, release, cancel, retry, resend; each journaled with who and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from waypost.core.errors import BugError, UsageError
from waypost.core.message import id_text
from waypost.flow.batch.effects import Recorded, recorded_effects
from waypost.flow.batch.load import input_of
from waypost.flow.batch.ordinal import recorded_numbers
from waypost.flow.history.explain import rows_of_message
from waypost.flow.running.recall import row_of, stored_messages
from waypost.flow.running.rework import FAILED, kept_answers
from waypost.store.protocol import Found, History, OpenBatch, Query
from waypost.store.record import (
    ORDER_ROW,
    OUT_MASK,
    AnyRecord,
    Decided,
    Delivered,
    DeliveryFailed,
    Intended,
    Numbered,
    OutboundBody,
    State,
    pack_refs,
    ref_of,
    unpack_refs,
)
from waypost.store.retelling import told_again

if TYPE_CHECKING:
    from waypost.flow.running.engine import Engine
    from waypost.flow.running.runner import FlowRunner

PAGE = 500
BROKEN = (State.DEAD, State.PARKED)
"""What a person must decide about."""


class Changes:
    """Decisions over one worker's shard."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def found(self, query: Query) -> Iterator[Found]:
        """Every message meant, newest first, page by page."""
        before = query.before
        while True:
            page = self.engine.reader.find(msgspec.structs.replace(query, before=before, limit=PAGE))
            yield from page
            if len(page) < PAGE:
                return
            before = page[-1].message

    async def decide(self, query: Query, states: Sequence[State], decided: Decided, effects: str = FAILED) -> int:
        """Change the outputs of the messages meant that are in ``states`` as is ``decided`` (which names none yet);
        the number of outputs changed. A message not processed yet counts as one that is open. ``effects``: which
        answers a retry asks for anew."""
        count, to = 0, State(decided.state)
        for messages in self._by_batch(query):
            if State.OPEN in states and not query.target:
                indices = [found.index for found in messages]
                count += await self._runner(messages[0]).set_aside(messages[0].seq, indices, decided)
            await self.engine.shard.append([])  # outcomes on their way to the state, or what arrived would be held
            wanted = self._wanted(messages, query, states)
            count += len(wanted.refs) + sum(len(refs) for _, refs in wanted.failed)
            if to is State.OPEN:
                for found, refs in wanted.failed:
                    moved = msgspec.structs.replace(decided, refs=pack_refs(refs), state=int(State.MOVED))
                    await self._runner(found).rerun(found.seq, found.index, moved, effects)
            else:
                wanted.refs += [(found, ref) for found, refs in wanted.failed for ref in refs]
            if wanted.refs:
                packed = pack_refs([ref for _, ref in wanted.refs])
                decision = msgspec.structs.replace(decided, refs=packed)
                numbered = [*self._numbered(wanted.refs, states, to)]
                await self.engine.shard.append([*wanted.told, decision, *numbered])
                void = [(record.name, record.value) for record in numbered if isinstance(record, Numbered)]
                await self.engine.sequences.void(void)
                self._take_effect(wanted.refs, to)
        return count

    def _numbered(self, refs: Sequence[tuple[Found, int]], states: Sequence[State], to: State) -> Iterator[AnyRecord]:
        """What follows for outputs that carry numbers: sent again, they are the same bytes; cancelled before they ever
        left, their numbers are void."""
        if not ((to is State.OPEN and State.DELIVERED in states) or to is State.CANCELLED):
            return
        histories: dict[bytes, History | None] = {}
        for found, ref in refs:
            if found.message not in histories:
                histories[found.message] = self.engine.reader.history(found.message)
            history = histories[found.message]
            bodies = [r for r in history.story if isinstance(r, OutboundBody) and r.ref == ref] if history else []
            stamped = next((body for body in reversed(bodies) if body.numbers), None)
            if stamped is None or history is None:
                continue
            if to is State.OPEN:
                yield stamped
            elif not _may_have_left(ref, history):
                for name, number in stamped.numbers:
                    yield Numbered(name, number, void=True)

    def _runner(self, found: Found) -> FlowRunner:
        """Who processes the flow's messages, or would, were it still in the project."""
        engine = self.engine
        return engine.runners.get(found.flow) or engine.runner_of(engine.versions.flow(found.version, found.flow))

    def _by_batch(self, query: Query) -> list[list[Found]]:
        """The messages meant, in the order they were accepted, those of one batch together."""
        by_batch: dict[tuple[int, int], list[Found]] = {}
        for found in self.found(query):
            by_batch.setdefault((found.shard, found.seq), []).append(found)
        return [by_batch[at][::-1] for at in sorted(by_batch)]

    async def revise(self, query: Query, decided: Decided, effects: str = FAILED) -> tuple[int, list[bytes]]:
        """Move dead and parked messages of earlier versions to the current one: each is accepted anew, as a revision
        that makes what the earlier one had not delivered, and takes its turn among the messages of its key. What is
        of the current version already is retried. How many outputs gave way, and the ids of the revisions."""
        moved = msgspec.structs.replace(decided, state=int(State.MOVED))
        count, ids = 0, []
        current = self.engine.project.version
        for messages in self._by_batch(query):
            if messages[0].version == current:
                for found in messages:
                    only = msgspec.structs.replace(query, message=found.message)
                    count += await self.decide(only, BROKEN, decided, effects)
                continue
            wanted = self._wanted(messages, query, BROKEN)
            refs: dict[bytes, list[int]] = {}
            for found, ref in [*wanted.refs, *((found, ref) for found, failed in wanted.failed for ref in failed)]:
                refs.setdefault(found.message, []).append(ref)
            for found in messages:
                if given_up := refs.get(found.message):
                    count += len(given_up)
                    ids.append(
                        await self._revise(found, msgspec.structs.replace(moved, refs=pack_refs(given_up)), effects)
                    )
        return count, ids

    async def _revise(self, found: Found, moved: Decided, effects: str) -> bytes:
        engine = self.engine
        if found.flow not in engine.project.flows:
            raise UsageError(
                f"flow {found.flow!r} is not in the current version", where=f"message {id_text(found.message)}",
                remedy="retry it on its own version, without --current",
            )  # fmt: skip
        history = engine.reader.history(found.message)
        if history is None:
            raise BugError(f"message {id_text(found.message)} is gone", where="store")
        given_up = {ref & OUT_MASK for ref in unpack_refs(moved.refs)}
        done = {
            (target, ordinal)
            for row, (_, target, ordinal) in rows_of_message(history).items()
            if target and row not in given_up
        }
        accepted, index = history.batch.accepted, found.index
        load = msgspec.structs.replace(
            input_of(accepted, index, found.message, "revision"),
            arrival=accepted.arrival,
            ranges=accepted.ranges[16 * index : 16 * index + 16],
        )
        recorded = await self._kept(history, effects)
        numbers = recorded_numbers(history.batch.produced)
        known = {0: numbers[index]} if index in numbers else {}
        runner = engine.runner_of(engine.versions.flow(engine.project.version, found.flow))
        return await runner.revise(load, done, recorded, known, moved)

    async def _kept(self, history: History, effects: str) -> Recorded:
        """The recorded answers of a message that still count, as those of a message alone in its batch."""
        found, secret = history.found, self.engine.shard.secret
        recorded = recorded_effects(history.batch.effects)
        own = {key: answer for key, answer in recorded.items() if key[0] == found.index}
        flow = self.engine.versions.flow(found.version, found.flow)
        decoded = stored_messages(flow, history.batch, [found.index], secret)
        kept = await kept_answers(flow, decoded, own, effects, secret)
        return {(0, step, ordinal): answer for (_, step, ordinal), answer in kept.items()}

    def _wanted(self, messages: Sequence[Found], query: Query, states: Sequence[State]) -> _Wanted:
        """What of the messages of one batch a decision is about."""
        seq = messages[0].seq
        batch = self.engine.shard.state.batch(seq)
        wanted = _Wanted()
        for found in messages:
            if batch is not None:
                rows = {
                    row: (row_of(batch, row), State(batch.states[row])) for row in rows_of_index(batch, found.index)
                }
            elif State.DELIVERED in states and (history := self.engine.reader.history(found.message)) is not None:
                wanted.told = told_again(history.batch, history.states, history.story)
                now = {(name, ordinal): state for name, ordinal, state, _ in found.targets}
                rows = {
                    row: (key, State(now.get((key[1], key[2]), State.FILTERED)))
                    for row, key in rows_of_message(history).items()
                }
            else:
                continue
            failed = []
            for row, ((_, target, _), state) in rows.items():
                if state in states and (not query.target or target == query.target):
                    if target:
                        wanted.refs.append((found, ref_of(seq, row)))
                    else:
                        failed.append(ref_of(seq, row))
            if failed:
                wanted.failed.append((found, failed))
        return wanted

    def _take_effect(self, refs: Sequence[tuple[Found, int]], to: State) -> None:
        """Tell the lanes, a batch at a time."""
        engine = self.engine
        by_lane: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
        for found, ref in refs:
            batch = engine.shard.state.batch(found.seq)
            if batch is None:
                continue
            key = ORDER_ROW.unpack_from(batch.order, found.index * ORDER_ROW.size)[0] if batch.order else 0
            target = row_of(batch, ref & OUT_MASK)[1]
            by_lane.setdefault((found.version, found.flow, target), []).append((ref, key))
        for (version, flow, target), entries in by_lane.items():
            if to is State.OPEN:
                engine.lane(engine.versions.flow(version, flow), target).restore(entries)
            elif (lane := engine.lanes.get((flow, target))) is not None:
                lane.drop(entries, to)


def _may_have_left(ref: int, history: History) -> bool:
    """Whether an output was taken by its target, or may have been."""
    tries = [r for r in history.story if isinstance(r, DeliveryFailed) and r.ref == ref]
    intents = [r for r in history.story if isinstance(r, Intended) and ref in unpack_refs(r.refs)]
    taken = any(isinstance(r, Delivered) and ref in unpack_refs(r.refs) for r in history.story)
    return taken or any(one.in_doubt for one in tries) or len(intents) > len(tries)


class _Wanted:
    """What of one batch a decision is about: deliveries, rows that failed before there was a delivery, and the
    records that bring a finished batch back."""

    def __init__(self) -> None:
        self.refs: list[tuple[Found, int]] = []
        self.failed: list[tuple[Found, list[int]]] = []
        self.told: list[AnyRecord] = []


def rows_of_index(batch: OpenBatch, index: int) -> list[int]:
    """The rows of one message."""
    wanted = index.to_bytes(2, "little")
    return [row for row in range(len(batch.states)) if batch.rows[row * 5 : row * 5 + 2] == wanted]
