"""What is kept and what is made anew when a stored message is processed again: its answers, and its outputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from waypost.core.errors import BugError
from waypost.core.proof import proves
from waypost.flow.batch.compiled import CompiledFlow, CompiledStep, Processed, Question, Trouble
from waypost.flow.batch.effects import Recorded, RecordedEffects, would_ask
from waypost.flow.batch.load import Decoded
from waypost.flow.batch.ordinal import Path
from waypost.flow.batch.reference_step import step_of
from waypost.flow.running.recall import RowKey
from waypost.store.record import State

AnswerKey = tuple[int, str, int]
"""(message index, step, ordinal): which question an answer is to."""

FAILED, RECORDED, FRESH = "failed", "recorded", "fresh"
"""Which answers a retry asks for anew: those that a step could not go on with, none, or all that nothing already made
depends on."""
EFFECTS = (FAILED, RECORDED, FRESH)


class _Overheard(RecordedEffects):
    """The record, and what it was asked."""

    def __init__(self, recorded: Recorded) -> None:
        super().__init__(recorded, would_ask)
        self.asked: list[tuple[str, Question]] = []

    async def answers(self, step: CompiledStep, questions: Sequence[Question]) -> Sequence[Any]:
        self.asked += [(step.name, question) for question in questions]
        return await super().answers(step, questions)


async def kept_answers(
    flow: CompiledFlow, decoded: Decoded, recorded: Recorded, effects: str, secret: bytes
) -> Recorded:
    """What of the recorded answers of some messages still counts when they are processed again; nothing is called."""
    if effects == RECORDED or not recorded:
        return recorded
    overheard = _Overheard(recorded)
    processed = await flow.process(decoded.indices, decoded.messages, overheard, secret, begin=decoded.begin)
    if effects == FRESH:
        gone = _unused(overheard.asked, processed)
    else:
        failed = {(trouble.place, processed.outs[trouble.row].index, processed.outs[trouble.row].path)
                  for trouble in processed.troubles}  # fmt: skip
        gone = {
            (question.index, step, question.ordinal)
            for step, question in overheard.asked
            if (step_of(step), question.index, question.path) in failed
        }
    return {key: known for key, known in recorded.items() if key not in gone}


def _unused(asked: Sequence[tuple[str, Question]], processed: Processed) -> set[AnswerKey]:
    """The questions on whose answers no output depends: those of a child, or of the whole, of which nothing goes out.
    An answer that made an output stays, or that output could no longer be explained."""
    used: set[tuple[int, Path]] = set()
    for out in processed.outs:
        if out.state is State.OPEN:
            used.update((out.index, out.path[:length]) for length in range(len(out.path) + 1))
    return {(q.index, step, q.ordinal) for step, q in asked if (q.index, q.path) not in used}


def leave_out(flow: CompiledFlow, processed: Processed, known: Mapping[RowKey, bytes], secret: bytes) -> None:
    """Of a message that is processed again, outputs it has already stay with their rows and are not made twice. One
    that would take the place of another is parked: under its key a target would take it for a repetition. Only a step
    that is not deterministic makes such a one, or a store that counted outputs as they came."""
    for row, out in enumerate(processed.outs):
        if out.state is not State.OPEN:
            continue
        digest = known.get((out.index, flow.target_names[out.target], out.ordinal))
        if proves(secret, out.body, out.digest, digest):
            out.state = State.MOVED
        elif digest is not None and any(digest):
            out.state = State.PARKED
            target = flow.target_names[out.target]
            text = f"output {out.ordinal} to {target} is another one than before"
            remedy = "replay the message, then cancel this"
            error = BugError(text, where=f"flow {flow.name}", expected="the same outputs as before", remedy=remedy)
            processed.troubles.append(Trouble(row, f"retry to {target}", error))


def pass_over(flow: CompiledFlow, processed: Processed, done: Collection[tuple[str, int]]) -> None:
    """Of a new revision, outputs whose place an earlier one's output holds (target, ordinal) are not made again."""
    for out in processed.outs:
        if out.state is State.OPEN and (flow.target_names[out.target], out.ordinal) in done:
            out.state = State.MOVED
