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
from waypost.store.retelling import told_again

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
        by_batch: dict[tuple[int, int], list[Found]] = {}
        for found in self.found(query):
            by_batch.setdefault((found.shard, found.seq), []).append(found)
        for at in sorted(by_batch):
            wanted = self._wanted(by_batch[at][::-1], query, states)
            count += len(wanted.refs) + sum(len(refs) for _, refs in wanted.failed)
            decided = Decided(b"", int(to), self.engine.clock.now(), who, why, verb)
            if to is State.OPEN:
                for found, refs in wanted.failed:
                    await self._rerun(found, msgspec.structs.replace(decided, refs=pack_refs(refs)))
            else:
                wanted.refs += [(found, ref) for found, refs in wanted.failed for ref in refs]
            if wanted.refs:
                packed = pack_refs([ref for _, ref in wanted.refs])
                await self.engine.shard.append([*wanted.told, msgspec.structs.replace(decided, refs=packed)])
                self._take_effect(wanted.refs, to)
        return count

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

    async def _rerun(self, found: Found, decided: Decided) -> None:
        """Process a message again that failed inside the flow: its failed row gives way to what comes of it now."""
        batch = self.engine.shard.state.batch(found.seq)
        if batch is None:
            raise BugError(f"batch {found.seq} is gone", where="store")
        moved = msgspec.structs.replace(decided, state=int(State.MOVED))
        await self.engine.runners[found.flow].rerun(batch, found.index, moved)


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
