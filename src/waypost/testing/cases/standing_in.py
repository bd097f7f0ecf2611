"""What stands in for the outside in a case: the answers to steps that ask, and documents that nobody has to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from waypost.core.clock import moment_text
from waypost.core.errors import AuthorisationRefused, ContractError, EndpointUnavailable, WaypostError
from waypost.flow.batch.check_room import CheckIn, Contents
from waypost.flow.batch.compiled import CompiledStep, Question
from waypost.flow.batch.differ import differences
from waypost.flow.batch.effects import pack_answer, unpack_answer
from waypost.flow.batch.reference_step import ReferenceLook
from waypost.testing.cases.declared import AnswerOptions
from waypost.testing.cases.match import exact, shown

_FAILURES: Mapping[str, type[WaypostError]] = {
    "contract": ContractError,
    "transient": EndpointUnavailable,
    "authorisation": AuthorisationRefused,
}


class Ready:
    """A format whose records are the numbers of documents that are there already."""

    def __init__(self, content_type: str, documents: Sequence[Any]) -> None:
        self.content_type, self._documents = content_type, documents

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Any:
        raise NotImplementedError("documents are not cut")

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        return [self._documents[int(number)] for number in batch]

    def encode(self, documents: Sequence[Any]) -> Sequence[bytes]:
        raise NotImplementedError("only a target's format writes")


class Answers:
    """The answers a case gives to steps that ask. Unless it says otherwise, a key an idempotent receiver asks for is
    new, the clock stands where the message was received, and contents are left in memory. ``unanswered`` tells what was
    asked without an answer."""

    def __init__(
        self, given: Mapping[str, Sequence[AnswerOptions]], contents: Contents, *, otherwise_nothing: bool = False
    ) -> None:
        self._given, self._contents, self._otherwise_nothing = given, contents, otherwise_nothing
        self.unanswered: list[str] = []

    async def answers(self, step: CompiledStep, questions: Sequence[Question]) -> Sequence[Any]:
        return [await self._answer(step, question) for question in questions]

    async def _answer(self, step: CompiledStep, question: Question) -> Any:
        asked = dict(question.request.parameters)
        for given in self._given.get(step.name, ()):
            if not differences(exact(given.when), {n: v for n, v in exact(asked).items() if n in given.when}):
                if given.error:
                    return _FAILURES[given.error_class](given.error, where=f"step {step.name}")
                return unpack_answer(pack_answer(exact(given.answer)))
        if isinstance(step.step, ReferenceLook):
            return step.step.now(looking=True)
        if step.asks == "clock":
            return moment_text(question.message.received_at)
        if step.asks in ("check_in", "redeem"):
            (answer,) = await CheckIn(self._contents).ask([question.request])
            return answer
        if step.asks == "claim" or self._otherwise_nothing:
            return None
        text = f"step {step.name} asks {shown(asked)} and the case has no answer; add it under effects: {step.name}:"
        self.unanswered.append(text)
        return ContractError(text, where=f"step {step.name}")
