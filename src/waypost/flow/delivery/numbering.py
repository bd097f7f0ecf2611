"""Durable numbers for deliveries to targets that need one: the same at every try, rising, never given twice."""

from __future__ import annotations

from collections.abc import Sequence

from waypost.store.protocol import Shard
from waypost.store.record import AnyRecord, Numbered, StepState

_SHARD_BITS = 8


class Numbering:
    """The numbers of one target in one shard. Alone they have no gaps; of several workers each takes every 256th, so
    that no two give the same."""

    def __init__(self, shard: Shard, flow: str, target: str, workers: int) -> None:
        self._shard, self._flow, self._step, self._workers = shard, flow, f"(number) {target}", workers
        self._name = f"{flow}/{target}"
        self._last = shard.state.number(self._name)

    async def number(self, refs: Sequence[int]) -> list[int]:
        """The number of each output, durable when this returns."""
        numbers: list[int] = []
        records: list[AnyRecord] = []
        for ref in refs:
            known = self._shard.state.step_state(self._flow, self._step, str(ref))
            if not known:
                self._last = self._next()
                records.append(StepState(self._flow, self._step, str(ref), self._last.to_bytes(8, "big")))
            numbers.append(int.from_bytes(known, "big") if known else self._last)
        if records:
            await self._shard.append([*records, Numbered(self._name, self._last)])
        return numbers

    def over(self, refs: Sequence[int]) -> list[AnyRecord]:
        """The records that forget the numbers of outputs that ended."""
        return [StepState(self._flow, self._step, str(ref), b"") for ref in refs]

    def _next(self) -> int:
        if self._workers == 1:
            return self._last + 1
        return ((self._last >> _SHARD_BITS) + 1) << _SHARD_BITS | self._shard.number
