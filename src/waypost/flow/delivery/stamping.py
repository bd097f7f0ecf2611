"""Numbers put into what a lane sends: number, numbered bytes and intent are one commit, in the order of sending."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from waypost.core.clock import Clock
from waypost.core.component import Outbound
from waypost.core.errors import AgreementError, BugError, WaypostError
from waypost.core.stamping import NumbersWanted, StampingFormat
from waypost.flow.delivery.sequence import Given, Sequences, Wanted
from waypost.store.protocol import Shard
from waypost.store.record import AnyRecord, Bodies, OutboundBody


class Stamping:
    """The numbers of one lane. An output that has them keeps them: its bytes are journaled with them."""

    def __init__(self, shard: Shard, sequences: Sequences, form: StampingFormat, clock: Clock) -> None:
        self._shard, self._sequences, self._form, self._clock = shard, sequences, form, clock

    @asynccontextmanager
    async def stamp(
        self, refs: Sequence[int], batch: Sequence[Outbound]
    ) -> AsyncIterator[tuple[list[Outbound | WaypostError], list[AnyRecord]]]:
        """The batch as it leaves, an error in the place of what has no number, and what must be durable before. Leave
        the block once it is."""
        made: list[Outbound | WaypostError] = [
            await self._known(ref, out) for ref, out in zip(refs, batch, strict=True)
        ]
        wanted: list[Wanted] = []
        of: list[int] = []
        for at, out in enumerate(made):
            if isinstance(out, Outbound):
                try:
                    numbers = self._form.numbers_wanted(out.body)
                except WaypostError as error:
                    made[at] = error
                    continue
                wanted += [Wanted(out.idempotency_key, one) for one in numbers]
                of += [at] * len(numbers)
        if not wanted:
            yield made, []
            return
        async with self._sequences.numbers(wanted) as (given, records):
            now = self._clock.now()
            for at in dict.fromkeys(of):
                own = [(wanted[n].numbers, given[n]) for n, place in enumerate(of) if place == at]
                out = made[at]
                assert isinstance(out, Outbound)
                made[at], said = self._numbered(refs[at], out, own, now)
                records += said
            yield made, records

    async def _known(self, ref: int, out: Outbound) -> Outbound:
        """An output with the bytes that were journaled for it, if any were."""
        retry = self._shard.state.retry(ref)
        if retry is None or retry.body is None:
            return out
        body, _ = await self._shard.read_outbound(retry.body)
        return out if body == out.body else msgspec.structs.replace(out, body=body)

    def _numbered(
        self, ref: int, out: Outbound, own: Sequence[tuple[NumbersWanted, Given]], now: int
    ) -> tuple[Outbound | WaypostError, list[AnyRecord]]:
        refused = next((said for _, said in own if isinstance(said, str)), "")
        if refused:
            remedy = "widen its range, or set at_end: roll-over, then retry"
            return AgreementError(refused, where="control numbers", remedy=remedy, code="sequence-used-up"), []
        numbers = {wanted.sequence: given for wanted, given in own if not isinstance(given, str)}
        try:
            body = self._form.stamped(out.body, numbers, now)
        except WaypostError as error:
            return BugError(f"numbers could not be put in: {error}", where="control numbers"), []
        flat = tuple((name, number) for name, given in numbers.items() for number in given)
        record = OutboundBody(ref, out.content_type, Bodies(len(body).to_bytes(4, "little"), body), flat)
        return msgspec.structs.replace(out, body=body), [record]
