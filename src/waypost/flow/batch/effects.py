"""Where the answers of asking steps come from: the outside, recorded as they come, or the record alone."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from waypost.core.component import Requester
from waypost.core.errors import BugError, WaypostError
from waypost.core.message import id_text
from waypost.flow.batch.compiled import CompiledStep, Question
from waypost.store.protocol import ShardState
from waypost.store.record import Claimed, Effects

Recorded = Mapping[tuple[int, str, int], tuple[bytes, bytes]]
"""(message index, step, ordinal) → (request digest, answer)."""

Claim = tuple[str, bytes, bytes, int]
"""(scope, keyed hash, message id, expires at or 0), as in ``Claimed``."""

ClaimAfar = Callable[[Sequence[Sequence["Wanted"]]], Awaitable[Sequence[Sequence[bytes]]]]

_DECIMAL, _AGED = 1, 2
_NOTHING = object()


class Aged(NamedTuple):
    """An answer that was asked for some time ago."""

    answer: Any
    microseconds: int


def _mark(value: Any) -> Any:
    if isinstance(value, Aged):
        return msgspec.msgpack.Ext(_AGED, value.microseconds.to_bytes(8, "big") + pack_answer(value.answer))
    if isinstance(value, Decimal):
        return msgspec.msgpack.Ext(_DECIMAL, str(value).encode())
    if isinstance(value, dict):
        return {k: _mark(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_mark(v) for v in value]
    return value


def _extension(code: int, data: memoryview) -> Any:
    if code == _AGED:
        return unpack_answer(data[8:])
    return Decimal(bytes(data).decode()) if code == _DECIMAL else None


def age_of(packed: bytes) -> int | None:
    """How old an answer was when it was taken from a cache (µs); None: it was asked for then."""
    found = _with_age(packed)
    return found if isinstance(found, int) and packed[:1] in _EXTENSIONS else None


def _age(code: int, data: memoryview) -> Any:
    return int.from_bytes(data[:8], "big") if code == _AGED else None


def pack_answer(answer: Any) -> bytes:
    """An answer in MessagePack in which a Decimal stays a Decimal, as an extension."""
    return _encode(_mark(answer))


_encode = msgspec.msgpack.Encoder().encode
unpack_answer = msgspec.msgpack.Decoder(ext_hook=_extension).decode
_with_age = msgspec.msgpack.Decoder(ext_hook=_age).decode
_EXTENSIONS = frozenset(bytes([first]) for first in (*range(0xC7, 0xCA), *range(0xD4, 0xD9)))
"""First bytes of an extension in MessagePack."""


def effects_of(recorded: Recorded | None) -> tuple[tuple[int, str, int, bytes, bytes], ...]:
    """Answers another message's record lends, as this batch's own: recomputing it needs them."""
    return tuple((*identity, *known) for identity, known in recorded.items()) if recorded else ()


def recorded_effects(records: Sequence[Effects]) -> dict[tuple[int, str, int], tuple[bytes, bytes]]:
    """The effects of a batch by identity."""
    return {
        (index, step, ordinal): (digest, answer)
        for record in records
        for index, step, ordinal, digest, answer in record.items
    }


class LiveEffects:
    """Asks outside for what is not yet recorded, and keeps what it heard for the same commit as the input.

    An ``EndpointError`` is raised for the whole batch: nothing of it goes on until the endpoint answers. A request
    that differs from the recorded one is not deterministic and fails its message as a bug.
    """

    def __init__(
        self, requesters: Mapping[str, Requester], claims: Claims, recorded: Recorded | None = None, *,
        other_version: bool = False, claim_afar: ClaimAfar | None = None, anew: bool = False, occurrence: bytes = b"",
        insists: bool = False,
    ) -> None:  # fmt: skip
        """``anew``: what is not recorded is asked for, not taken from a cache. ``other_version``: the record is of
        another version of the flow, and counts only where the request is the same. ``claim_afar`` claims keys where
        other workers claim them, too. ``occurrence`` is that of the messages; ``insists``: a person wants them
        processed though they are repetitions."""
        self._requesters, self._claims, self._recorded = requesters, claims, recorded or {}
        self._asking = Asking(claims.secret, occurrence, insists)
        self._other_version, self._claim_afar, self._anew = other_version, claim_afar, anew
        self.heard: list[tuple[int, str, int, bytes, bytes]] = []
        self.claimed: list[Claim] = []
        """Keys claimed for messages of this batch: durable with the batch or not at all."""

    async def answers(self, step: CompiledStep, questions: Sequence[Question]) -> Sequence[Any]:
        answers: list[Any] = [None] * len(questions)
        unknown: list[int] = []
        for at, question in enumerate(questions):
            known = self._recorded.get((question.index, step.name, question.ordinal))
            if known is None or (self._other_version and known[0] != question.digest):
                unknown.append(at)
            else:
                answers[at] = matching(step, question, known)
        if unknown:
            asked = [questions[at] for at in unknown]
            if step.asks == "claim":
                wanted = [self._asking.wanted(question) for question in asked]
                holders = (
                    [[self._claim(one) for one in each] for each in wanted] if self._claim_afar is None
                    else await self._claim_afar(wanted)
                )  # fmt: skip
                fresh: Sequence[Any] = [claim_answer(q, found) for q, found in zip(asked, holders, strict=True)]
            else:
                requester = self._requesters[step.name]
                if self._anew:
                    requester = getattr(requester, "anew", requester)
                await requester.open()
                fresh = await requester.ask([question.request for question in asked])
            self._hear(step, unknown, asked, fresh, answers)
        return answers

    def _hear(
        self, step: CompiledStep, places: Sequence[int], asked: Sequence[Question], fresh: Sequence[Any],
        answers: list[Any],
    ) -> None:  # fmt: skip
        """Keep what was answered. One answer to many is packed once; it is one object to them where nobody changes it,
        as versions of reference data are."""
        before: Any = _NOTHING
        packed, unpacked, shared = b"", None, step.asks == "reference"
        for at, question, answer in zip(places, asked, fresh, strict=True):
            if isinstance(answer, WaypostError):
                answers[at] = answer
                continue
            if answer is not before:
                before, packed = answer, pack_answer(answer)
                unpacked = unpack_answer(packed)
            self.heard.append((question.index, step.name, question.ordinal, question.digest, packed))
            answers[at] = unpacked if shared else unpack_answer(packed)

    def _claim(self, wanted: Wanted) -> bytes:
        holder, claim = self._claims.claim(wanted)
        if claim is not None:
            self.claimed.append(claim)
        return holder

    def claim_records(self) -> list[Claimed]:
        """For the commit of the batch."""
        return self._claims.records(self.claimed)

    def forget(self) -> None:
        """The batch will not be: its source offers its messages again, under other ids."""
        self._claims.forget(self.claimed)


class RecordedEffects:
    """Only the record: recomputing never calls out. ``missing`` decides what stands for an answer that is not there."""

    def __init__(self, recorded: Recorded, missing: Callable[[CompiledStep, Question], Any]) -> None:
        self._recorded, self._missing = recorded, missing

    async def answers(self, step: CompiledStep, questions: Sequence[Question]) -> Sequence[Any]:
        answers = []
        for question in questions:
            known = self._recorded.get((question.index, step.name, question.ordinal))
            answers.append(self._missing(step, question) if known is None else matching(step, question, known))
        return answers


def matching(step: CompiledStep, question: Question, known: tuple[bytes, bytes]) -> Any:
    """The recorded answer, or a ``BugError`` where the question is not the one that was recorded."""
    digest, answer = known
    if digest != question.digest:
        return BugError(
            f"request {question.ordinal} differs from the recorded one",
            where=f"step {step.name}", expected="the same request for the same input",
            remedy="make the steps before it deterministic, or replay with fresh effects",
        )  # fmt: skip
    return unpack_answer(answer)


def would_ask(step: CompiledStep, question: Question) -> WaypostError:
    """What a dry run says where a record is missing."""
    return BugError(f"would ask: {dict(question.request.parameters)!r}", where=f"step {step.name}")


class Wanted(msgspec.Struct, array_like=True, frozen=True):
    """A key an idempotent receiver, or an agreement, asks for on behalf of ``message``: its id, behind that of the
    occurrence it is part of where all parts of that may have the key. ``cause`` is what the message was made from, b''
    for none; ``accepts``: the key may be taken over from a dead letter; ``insists``: from whoever has it."""

    scope: str
    key: bytes
    message: bytes
    cause: bytes
    keep_us: int
    accepts: bool
    insists: bool = False


class Asking(NamedTuple):
    """On whose behalf the questions of a batch ask for keys."""

    secret: bytes
    occurrence: bytes = b""
    insists: bool = False

    def wanted(self, question: Question) -> list[Wanted]:
        """What a question asks for: one key, ``claim``, or several, ``claims`` (key, seconds it is kept, whether it is
        the occurrence's)."""
        asked, message = question.request.parameters, question.message
        accepts = asked.get("when_original_failed") == "accept"
        insists = self.insists and "claims" in asked
        claims = asked.get("claims") or ((asked["claim"], asked.get("keep_seconds"), False),)
        made = []
        for claim, keep, shared in claims:
            key = hashlib.blake2b(str(claim).encode(), digest_size=16, key=self.secret).digest()
            holder = self.occurrence + message.id if shared and self.occurrence else message.id
            keep_us = int(float(keep or 0) * 1_000_000)
            made.append(Wanted(str(asked["scope"]), key, holder, message.causation_id or b"", keep_us, accepts,
                               insists))  # fmt: skip
        return made


def claim_answer(question: Question, holders: Sequence[bytes]) -> Any:
    """The answer to a question for keys: who has the one, or of several those that another has, by their place."""
    if "claims" in question.request.parameters:
        return [[at, id_text(holder[-16:])] for at, holder in enumerate(holders) if holder]
    return {"original": id_text(holders[0][-16:])} if holders[0] else None


def _same(holder: bytes, message: bytes) -> bool:
    """Whether two are one message, or parts of one occurrence."""
    return bool(holder) and len(holder) == len(message) and holder[:16] == message[:16]


class Claims:
    """Keys seen by idempotent receivers: what the journal holds and what is on its way into it."""

    def __init__(
        self, state: ShardState, secret: bytes, now: Callable[[], int], dead: Callable[[bytes], bool] = lambda _: False
    ) -> None:
        """``dead`` says whether the message of an id is a dead letter; it is asked of repetitions alone."""
        self._state, self.secret, self._now, self.dead = state, secret, now, dead
        self._pending: dict[tuple[str, bytes], tuple[bytes, int]] = {}
        """Who has a key, and until when; what the journal does not hold yet, and some that it does."""

    def claim(self, wanted: Wanted) -> tuple[bytes, Claim | None]:
        """``(b'', claim)`` when the key is new: the claim belongs into the commit of its batch. ``(b'', None)`` when
        it has the key already, or its holder is what this message replays; else who has it."""
        holder = self.holder(wanted)
        dead = holder and wanted.accepts and self.dead(holder[-16:])
        return self.decide(wanted, dead_holder=holder if dead else b"")

    def holder(self, wanted: Wanted) -> bytes:
        """Another message that has the key, b'' where there is none, or it is the cause of this one."""
        at = (wanted.scope, wanted.key)
        holder = self._holder(at)
        return b"" if _same(holder, wanted.message) or holder == wanted.cause else holder

    def _holder(self, at: tuple[str, bytes]) -> bytes:
        message, expires = self._pending.get(at, (b"", 0))
        if message and (not expires or expires > self._now()):
            return message
        return self._state.claim(*at) or b""

    def decide(
        self, wanted: Wanted, *, dead_holder: bytes = b"", durable: bool = False
    ) -> tuple[bytes, Claim | None]:  # fmt: skip
        """Who has the key, b'' = the message may go on; and the claim where it is new, or, for ``durable``, where it
        is not in the journal yet. ``dead_holder`` gives way."""
        at = (wanted.scope, wanted.key)
        holder = self._holder(at)
        if holder and holder == wanted.cause:
            return b"", None
        if len(holder) > 16 and _same(holder, wanted.message):
            if not durable or self._state.claim(*at) == holder:
                return b"", None
            wanted = msgspec.structs.replace(wanted, message=holder)
        if holder not in (b"", wanted.message, dead_holder) and not wanted.insists:
            return holder, None
        expires = self._now() + wanted.keep_us if wanted.keep_us else 0
        self._pending[at] = (wanted.message, expires)
        return b"", (wanted.scope, wanted.key, wanted.message, expires)

    def records(self, claimed: Sequence[Claim]) -> list[Claimed]:
        """The record of claims. They are remembered here until the state has them."""
        if not claimed:
            return []
        for at, (message, _) in list(self._pending.items()):
            if self._state.claim(*at) == message:
                del self._pending[at]
        return [Claimed(tuple(claimed))]

    def forget(self, claimed: Sequence[Claim]) -> None:
        """Claims that will not be durable."""
        for scope, key, message, _ in claimed:
            if self._pending.get((scope, key), (b"", 0))[0] == message:
                del self._pending[scope, key]
