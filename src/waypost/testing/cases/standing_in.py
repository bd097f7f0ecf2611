"""What stands in for the outside in a case: the answers to steps that ask, and documents that nobody has to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from waypost.core.errors import AuthorisationRefused, ContractError, EndpointUnavailable, WaypostError
from waypost.flow.compiled import CompiledStep, Question
from waypost.flow.differ import differences
from waypost.flow.effects import pack_answer, unpack_answer
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
    """The answers a case gives to steps that ask. A key an idempotent receiver asks for is new unless it says.
    ``unanswered`` tells what was asked without an answer."""

    def __init__(self, given: Mapping[str, Sequence[AnswerOptions]], *, otherwise_nothing: bool = False) -> None:
        self._given, self._otherwise_nothing = given, otherwise_nothing
        self.unanswered: list[str] = []

    async def answers(self, step: CompiledStep, questions: Sequence[Question]) -> Sequence[Any]:
        return [self._answer(step, dict(question.request.parameters)) for question in questions]

    def _answer(self, step: CompiledStep, asked: dict[str, Any]) -> Any:
        for given in self._given.get(step.name, ()):
            if not differences(exact(given.when), {n: v for n, v in exact(asked).items() if n in given.when}):
                if given.error:
                    return _FAILURES[given.error_class](given.error, where=f"step {step.name}")
                return unpack_answer(pack_answer(exact(given.answer)))
        if step.asks == "claim" or self._otherwise_nothing:
            return None
        text = f"step {step.name} asks {shown(asked)} and the case has no answer; add it under effects: {step.name}:"
        self.unanswered.append(text)
        return ContractError(text, where=f"step {step.name}")
