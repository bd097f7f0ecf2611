"""Questions and what becomes of their answers: a question's identity, messages answered alike, those that fail."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec

from waypost.core.component import Failed, Request, Result
from waypost.core.errors import BugError, ErrorClass, WaypostError
from waypost.core.message import Message
from waypost.flow.batch.ordinal import Path
from waypost.store.record import State

_plain = msgspec.msgpack.Encoder(decimal_format="string").encode


class Question(msgspec.Struct, frozen=True):
    """A request of one message at one asking step; its identity is (message index, step, ordinal, digest). ``path``
    says which child of the message asks."""

    index: int
    ordinal: int
    digest: bytes
    request: Request
    message: Message
    path: Path = ()


class Watcher(Protocol):
    """Sees each step's messages before and after; used by ``show``."""

    def step(self, name: str, before: Sequence[tuple[int, Message]], results: Sequence[Result]) -> None: ...


async def by_answer(
    answers: Sequence[Any], some: Callable[[Sequence[int], Any], Awaitable[Sequence[Result]]]
) -> list[Result]:
    """The result of each message: ``some`` gives those of the messages at these places, all of which have this answer.
    One that was answered with an error fails; where ``some`` raises a ``BugError``, all it was asked for do."""
    results: list[Any] = [Failed(answer) if isinstance(answer, WaypostError) else None for answer in answers]
    groups: dict[str, list[int]] = {}
    before, place = object(), list[int]()
    for at, answer in enumerate(answers):
        if results[at] is None:
            if answer is not before:
                before, place = answer, groups.setdefault(repr(answer), [])
            place.append(at)
    for places in groups.values():
        try:
            made = await some(places, answers[places[0]])
        except BugError as error:
            made = [Failed(error)] * len(places)
        for at, result in zip(places, made, strict=True):
            results[at] = result
    return results


def nothing_else() -> None:
    """Nothing is to be done before a step runs."""


def failure_state(error_class: ErrorClass) -> State:
    """What becomes of a message that fails inside the flow."""
    if error_class in (ErrorClass.DATA, ErrorClass.CONTRACT):
        return State.DEAD
    return State.PARKED


def request_digest(request: Request) -> bytes:
    """The identity of a request's content."""
    return hashlib.blake2b(_plain(request.parameters), digest_size=16).digest()
