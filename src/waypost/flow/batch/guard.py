"""Calls of a project's own steps, and of formats over what they made: whatever is raised fails one message alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from waypost.core.component import AskingStep, Failed, Format, Result
from waypost.core.errors import BugError, WaypostError
from waypost.core.message import Message


def guarded(
    step: str, call: Callable[[Sequence[Message]], Sequence[Any]], messages: Sequence[Message]
) -> Sequence[Any]:
    """A step's answers; when it raises, its batch runs again one by one and only the guilty message fails."""
    try:
        results = call(messages)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a project's own step may raise anything, and end nothing
        if len(messages) == 1:
            return [Failed(_as_error(step, error))]
        return [guarded(step, call, [message])[0] for message in messages]
    if len(results) != len(messages):
        text = f"{len(results)} results for {len(messages)} messages"
        return [Failed(BugError(text, where=f"step {step}", expected="one result per message"))] * len(messages)
    return results


def guarded_answers(step: str, asking: AskingStep, messages: list[Message], answers: list[Any]) -> Sequence[Result]:
    """What an asking step makes of its answers, likewise."""
    by_id = dict(zip(map(id, messages), answers, strict=True))

    def call(batch: Sequence[Message]) -> Sequence[Result]:
        return asking.process_answered(batch, [by_id[id(message)] for message in batch])

    return guarded(step, call, messages) if messages else []


def guarded_encode(target_format: Format, documents: list[Any]) -> Sequence[Any]:
    """The bytes of each document, or the error of one that cannot be written."""
    try:
        return target_format.encode(documents)
    except Exception as error:  # noqa: BLE001 - documents of a project's own steps may hold anything
        if len(documents) == 1:
            return [_as_error("encode", error)]
        return [guarded_encode(target_format, [document])[0] for document in documents]


def _as_error(place: str, error: BaseException) -> WaypostError:
    if isinstance(error, WaypostError):
        return error
    text = f"{type(error).__name__}: {error}"
    return BugError(text, where=f"step {place}", remedy="mend the step, then retry the message")
