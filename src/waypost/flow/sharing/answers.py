"""Callers who wait for what a flow answers, and keys read from what targets answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from waypost.core.component import Answer, Outcome
from waypost.core.message import id_at, id_text
from waypost.flow.batch.assemble import key_readers
from waypost.flow.batch.compiled import CompiledFlow, Processed
from waypost.flow.batch.load import Decoded
from waypost.flow.declared.definition import KeyOptions
from waypost.store.record import OUT_BITS, OUT_MASK, State


class _Waiting:
    def __init__(self, count: int, future: asyncio.Future[list[Answer]]) -> None:
        self.future, self.asked = future, False
        self.answers: list[Answer | None] = [None] * count
        self.open: list[set[int]] = [set() for _ in range(count)]
        self.index_of: dict[int, int] = {}
        self.ids: list[str] = [""] * count
        self.found: list[Answer | None] = [None] * count

    def settle(self) -> None:
        if not self.future.done() and all(answer is not None for answer in self.answers):
            self.future.set_result([answer for answer in self.answers if answer is not None])


UNASKED = 1000
"""Batches whose answers nobody has asked for (yet): a person sent them, or the caller went before a restart."""


class Answers:
    """Per batch: the answer of each message, once all its outputs ended. The answer is what a target said, the last
    to say something; else the bytes delivered; a failure names its cause."""

    def __init__(self) -> None:
        self._waiting: dict[int, _Waiting] = {}

    def wait(self, seq: int, count: int) -> asyncio.Future[list[Answer]]:
        """The answers of a batch, in order. May be called before or after it is processed."""
        if seq not in self._waiting:
            self._waiting[seq] = _Waiting(count, asyncio.get_running_loop().create_future())
        self._waiting[seq].asked = True
        future = self._waiting[seq].future
        future.add_done_callback(lambda _: self._waiting.pop(seq, None))
        return future

    def processed(self, decoded: Decoded, processed: Processed, seq: int, first_row: int, count: int) -> None:
        """What the steps made of (part of) a batch of a flow whose callers wait is durable."""
        if seq not in self._waiting:
            self._make_room()
            self._waiting[seq] = _Waiting(count, asyncio.get_running_loop().create_future())
        waiting = self._waiting[seq]
        failures = {trouble.row: trouble.error for trouble in processed.troubles}
        indices = {out.index for out in processed.outs}
        for row, out in enumerate(processed.outs):
            waiting.ids[out.index] = id_text(id_at(decoded.first, out.index))
            if out.state is State.OPEN:
                waiting.open[out.index].add(first_row + row)
                waiting.index_of[first_row + row] = out.index
                if waiting.found[out.index] is None:
                    waiting.found[out.index] = Answer(ok=True, body=out.body, message_id=waiting.ids[out.index])
            elif row in failures:
                error = failures[row]
                waiting.found[out.index] = Answer(
                    ok=False, error=str(error), error_class=error.error_class, message_id=waiting.ids[out.index]
                )
        for index in indices:
            self._ended(waiting, index)
        waiting.settle()

    def _make_room(self) -> None:
        """Forget the oldest batch that nobody asked about once there are too many."""
        if len(self._waiting) >= UNASKED:
            oldest = next((seq for seq, waiting in self._waiting.items() if not waiting.asked), None)
            if oldest is not None:
                del self._waiting[oldest]

    def outcome(self, ref: int, outcome: Outcome) -> None:
        """An output ended."""
        waiting = self._waiting.get(ref >> OUT_BITS)
        if waiting is None:
            return
        index = waiting.index_of.get(ref & OUT_MASK)
        if index is None:
            return
        waiting.open[index].discard(ref & OUT_MASK)
        if not outcome.delivered:
            waiting.found[index] = Answer(
                ok=False, error=outcome.error, error_class=outcome.error_class, message_id=waiting.ids[index]
            )
        elif outcome.answer and (waiting.found[index] is None or waiting.found[index].ok):  # type: ignore[union-attr]
            waiting.found[index] = Answer(ok=True, body=outcome.answer, message_id=waiting.ids[index])
        self._ended(waiting, index)
        waiting.settle()

    def _ended(self, waiting: _Waiting, index: int) -> None:
        if not waiting.open[index]:
            waiting.answers[index] = waiting.found[index] or Answer(ok=True, message_id=waiting.ids[index])


def answer_key_reader(keys: Mapping[str, KeyOptions]) -> Callable[[Outcome], list[tuple[str, str]]]:
    """The business keys in a target's JSON answer (``answer_keys``); an answer that is no JSON has none."""
    readers = key_readers(keys)

    def read(outcome: Outcome) -> list[tuple[str, str]]:
        try:
            document = msgspec.json.decode(outcome.answer)
        except msgspec.DecodeError:
            return []
        return [(name, value) for name, reader in readers.items() for value in reader([document])[0]]

    return read


def answers_callers(flow: CompiledFlow) -> bool:
    """Whether someone waits for what this flow makes of a message."""
    return bool(flow.definition.source.traits.replies)
