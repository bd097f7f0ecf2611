"""A person's decisions on many messages: hold, release, cancel, retry, resend; each journaled with who and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from waypost.core.errors import BugError
from waypost.flow.explain import rows_of_message
from waypost.flow.recall import row_of
from waypost.store.protocol import Found, OpenBatch, Query
from waypost.store.record import ORDER_ROW, OUT_MASK, AnyRecord, Decided, State, pack_refs, ref_of

if TYPE_CHECKING:
    from waypost.flow.engine import Engine

PAGE = 500


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

    async def decide(self, query: Query, states: Sequence[State], to: State, verb: str, who: str, why: str) -> int:
        """Change the outputs of the messages meant that are in ``states``; the number of outputs changed."""
        count = 0
        messages = list(self.found(query))
        for found in reversed(messages):
            wanted = self._wanted(found, query, states)
            count += len(wanted.refs) + len(wanted.failed)
            decided = Decided(b"", int(to), self.engine.clock.now(), who, why, verb)
            if wanted.failed and to is State.OPEN:
                await self._rerun(found, wanted, msgspec.structs.replace(decided, state=int(State.MOVED)))
            elif wanted.failed:
                wanted.refs += wanted.failed
            if wanted.refs:
                refs = pack_refs(wanted.refs)
                await self.engine.shard.append([*wanted.told, msgspec.structs.replace(decided, refs=refs)])
                self._take_effect(found, wanted.refs, to)
        return count

    def _wanted(self, found: Found, query: Query, states: Sequence[State]) -> _Wanted:
        batch = self.engine.shard.state.batch(found.seq)
        wanted = _Wanted()
        if batch is not None:
            rows = {row: (row_of(batch, row), State(batch.states[row])) for row in rows_of_index(batch, found.index)}
        elif State.DELIVERED in states:
            history = self.engine.reader.history(found.message)
            if history is None:
                return wanted
            now = {(name, ordinal): state for name, ordinal, state, _ in found.targets}
            stored = history.batch
            wanted.told = [stored.accepted, *stored.effects, *stored.produced]
            rows = {
                row: (key, State(now.get((key[1], key[2]), State.FILTERED)))
                for row, key in rows_of_message(history).items()
            }
        else:
            return wanted
        for row, ((_, target, _), state) in rows.items():
            if state in states and (not query.target or target == query.target):
                (wanted.refs if target else wanted.failed).append(ref_of(found.seq, row))
        return wanted

    def _take_effect(self, found: Found, refs: list[int], to: State) -> None:
        engine = self.engine
        batch = engine.shard.state.batch(found.seq)
        flow = engine.versions.flow(found.version, found.flow)
        for ref in refs:
            target = row_of(batch, ref & OUT_MASK)[1] if batch is not None else ""
            if not target:
                continue
            lane = engine.lane(flow, target)
            lane.drop((ref,))
            if to is State.OPEN and batch is not None:
                key = ORDER_ROW.unpack_from(batch.order, found.index * ORDER_ROW.size)[0] if batch.order else 0
                lane.restore(ref, key)

    async def _rerun(self, found: Found, wanted: _Wanted, decided: Decided) -> None:
        """Process a message again that failed inside the flow: its failed row gives way to what comes of it now."""
        batch = self.engine.shard.state.batch(found.seq)
        if batch is None:
            raise BugError(f"batch {found.seq} is gone", where="store")
        record = msgspec.structs.replace(decided, refs=pack_refs(wanted.failed))
        await self.engine.runners[found.flow].rerun(batch, found.index, record)


class _Wanted:
    """What of one message a decision is about: deliveries, rows that failed before there was a delivery, and the
    records that bring a finished batch back."""

    def __init__(self) -> None:
        self.refs: list[int] = []
        self.failed: list[int] = []
        self.told: list[AnyRecord] = []


def rows_of_index(batch: OpenBatch, index: int) -> list[int]:
    """The rows of one message."""
    wanted = index.to_bytes(2, "little")
    return [row for row in range(len(batch.states)) if batch.rows[row * 5 : row * 5 + 2] == wanted]
