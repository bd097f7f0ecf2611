"""What a boundary asked other systems and was answered: an effect of the member that waited first, in its batch.

Nothing that recomputes steps looks at it; it says afterwards why a group went the way it did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

from waypost.core.boundary import Ask
from waypost.core.errors import WaypostError
from waypost.flow.batch.answered import request_digest
from waypost.flow.batch.effects import pack_answer, unpack_answer
from waypost.flow.member.envelope import branch_of
from waypost.store.carrying import message_of_row
from waypost.store.protocol import OpenBatch
from waypost.store.record import OUT_MASK, Effects

_HEARD = "heard\x1f"
"""Before the branch, in place of a step's name."""


def heard(batch: OpenBatch, ref: int, step: str, ask: Ask, answer: Any, seconds: float) -> Effects:
    """The record of an answer, or of the error that there is none, to a group in which the member ``ref`` of ``batch``
    waited first; ``seconds`` is how long it took."""
    said: dict[str, Any] = {"name": ask.name, "request": dict(ask.request.parameters), "seconds": round(seconds, 3)}
    if isinstance(answer, WaypostError):
        said["failed"] = {"error": str(answer), "error_class": str(answer.error_class)}
    else:
        said["answer"] = answer
    identity = (message_of_row(batch, ref & OUT_MASK), _HEARD + branch_of(step, ask.to), crc32(ask.name.encode()))
    return Effects(batch.seq, ((*identity, request_digest(ask.request), pack_answer(said)),))


def is_heard(step: str) -> bool:
    """Whether an effect is an answer to a boundary; others are those of steps."""
    return step.startswith(_HEARD)


def told(effects: Sequence[Effects], index: int) -> Iterator[dict[str, Any]]:
    """What was asked on behalf of a message, in the order it was answered: ``branch`` (STEP/BRANCH), ``name``,
    ``request``, ``seconds``, and ``answer`` or ``failed`` (``error``, ``error_class``)."""
    for record in effects:
        for of, step, _, _, packed in record.items:
            if of == index and is_heard(step):
                yield {"branch": step.removeprefix(_HEARD), **unpack_answer(packed)}
