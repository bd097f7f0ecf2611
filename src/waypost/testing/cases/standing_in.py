"""What stands in for the outside in a case: the answers to steps that ask, and documents that nobody has to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from waypost.core.clock import moment_text
from waypost.core.errors import AuthorisationRefused, ContractError, EndpointUnavailable, WaypostError
from waypost.core.message import Message
from waypost.flow.batch.check_room import CheckIn, Contents
from waypost.flow.batch.compiled import CompiledStep, Question
from waypost.flow.batch.differ import differences
from waypost.flow.batch.effects import Asking, Wanted, claim_answer, pack_answer, unpack_answer
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
    new the first time, the clock stands where the message was received, and contents are left in memory.
    ``unanswered`` tells what was asked without an answer."""

    def __init__(
        self, given: Mapping[str, Sequence[AnswerOptions]], contents: Contents, *, otherwise_nothing: bool = False
    ) -> None:
        self._given, self._contents, self._otherwise_nothing = dict(given), contents, otherwise_nothing
        self._claimed: dict[tuple[str, bytes], tuple[bytes, int]] = {}
        self._asking = Asking(b"")
        self.unanswered: list[str] = []

    def add(self, given: Mapping[str, Sequence[AnswerOptions]]) -> None:
        """Further answers from now on, before those there are."""
        for name, answers in given.items():
            self._given[name] = (*answers, *self._given.get(name, ()))

    def given_for(self, name: str, asked: Mapping[str, Any]) -> AnswerOptions | None:
        """The first answer given under a name that fits what is asked."""
        exactly = exact(dict(asked))
        for given in self._given.get(name, ()):
            if not differences(exact(given.when), {n: v for n, v in exactly.items() if n in given.when}):
                return given
        return None

    def made(self, given: AnswerOptions, where: str = "") -> Any:
        """An answer as the engine would have it."""
        if given.error:
            return _FAILURES[given.error_class](given.error, where=where)
        return unpack_answer(pack_answer(exact(given.answer)))

    def lacking(self, name: str, asked: Mapping[str, Any]) -> str:
        """Note that something was asked that the case does not answer; the text of it."""
        text = f"step {name} asks {shown(dict(asked))} and the case has no answer; add it under effects: {name}:"
        self.unanswered.append(text)
        return text

    async def answers(self, step: CompiledStep, questions: Sequence[Question]) -> Sequence[Any]:
        return [await self._answer(step, question) for question in questions]

    async def _answer(self, step: CompiledStep, question: Question) -> Any:
        asked = question.request.parameters
        given = self.given_for(step.name, asked)
        if given is not None:
            return self.made(given, f"step {step.name}")
        if isinstance(step.step, ReferenceLook):
            return step.step.now(looking=True)
        if step.asks == "clock":
            return moment_text(question.message.received_at)
        if step.asks in ("check_in", "redeem"):
            (answer,) = await CheckIn(self._contents).ask([question.request])
            return answer
        if self._otherwise_nothing:
            return None
        if step.asks == "claim":
            return self._claim(question)
        return ContractError(self.lacking(step.name, asked), where=f"step {step.name}")

    def _claim(self, question: Question) -> Any:
        """Who had the keys before, within the time they are kept."""
        return claim_answer(question, [self._holder(one, question.message) for one in self._asking.wanted(question)])

    def _holder(self, wanted: Wanted, message: Message) -> bytes:
        holder, until = self._claimed.get((wanted.scope, wanted.key), (b"", 0))
        if holder and (not until or message.received_at < until):
            return b"" if holder == wanted.message else holder
        until = message.received_at + wanted.keep_us if wanted.keep_us else 0
        self._claimed[wanted.scope, wanted.key] = wanted.message, until
        return b""
