"""A compiled flow: the deterministic function from accepted messages and recorded effects to outputs.

The same function runs live, after a crash, in ``show``, in replay and in tests; only where answers come from differs
(``EffectSource``).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Protocol

import msgspec

from waypost.core.component import (
    AskingStep,
    Dropped,
    Failed,
    Format,
    Noted,
    Request,
    Result,
    Routed,
    Tapped,
)
from waypost.core.errors import DataError, ErrorClass, WaypostError
from waypost.core.finding import Finding
from waypost.core.message import Message, is_id, parse_id
from waypost.core.proof import DIGEST_BYTES, Digester, digester
from waypost.flow.definition import FlowDefinition
from waypost.flow.guard import guarded, guarded_answers, guarded_encode
from waypost.flow.key_reader import KeyReader
from waypost.flow.ordinal import MOST_ROWS, Known, Path, Recorded, nothing_known, number, question_number
from waypost.store.record import NO_TARGET, State

_plain = msgspec.msgpack.Encoder(decimal_format="string").encode


class Out(msgspec.Struct, gc=False):
    """One output row in the making: message ``index`` to target number ``target`` (``NO_TARGET``: it ended here)."""

    index: int
    target: int
    ordinal: int
    state: State
    message: Message | None = None
    body: bytes = b""
    digest: bytes = bytes(DIGEST_BYTES)
    path: Path = ()


@dataclass(slots=True)
class Trouble:
    """Why message ``index`` failed at ``place``; ``row`` is its output row."""

    row: int
    place: str
    error: WaypostError


class Note(msgspec.Struct, frozen=True):
    """What ``step`` found in message ``index``, or a part of it, that went on all the same."""

    index: int
    step: str
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Processed:
    """What the steps made of a batch. ``timings`` are microseconds per step."""

    outs: list[Out] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    timings: list[int] = field(default_factory=list)
    links: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Messages that ended as repetitions, and their originals."""
    notes: list[Note] = field(default_factory=list)
    parted: bool = False
    """Some message became several: outputs have paths."""


class Question(msgspec.Struct, frozen=True):
    """A request of one message at one asking step; its identity is (message index, step, ordinal, digest). ``path``
    says which child of the message asks."""

    index: int
    ordinal: int
    digest: bytes
    request: Request
    message: Message
    path: Path = ()


_MESSAGES, _ROUTED, _BYTES = {Message}, {Routed}, {bytes}


class EffectSource(Protocol):
    """Where answers come from: the outside (recorded as they come) or the record."""

    async def answers(self, step: CompiledStep, questions: Sequence[Question]) -> Sequence[Any]:
        """One answer per question, or a ``WaypostError`` instance in its place."""
        ...


class Watcher(Protocol):
    """Sees each step's messages before and after; used by ``show``."""

    def step(self, name: str, before: Sequence[tuple[int, Message]], results: Sequence[Result]) -> None: ...


@dataclass(frozen=True, slots=True)
class CompiledStep:
    """A built step under its unique name."""

    name: str
    step: Any
    asks: str
    kind: str
    options: Any


@dataclass(frozen=True, slots=True)
class CompiledTarget:
    """What the pure side needs to know of a target: its number, the format of its bytes, keys found in messages."""

    name: str
    number: int
    format: Format
    produced_keys: Mapping[str, KeyReader]
    reads_document: bool


@dataclass(frozen=True, slots=True)
class CompiledFlow:
    """One flow of one version, ready to run."""

    definition: FlowDefinition
    version: str
    format: Format
    keys: Mapping[str, KeyReader]
    steps: tuple[CompiledStep, ...]
    targets: tuple[CompiledTarget, ...]
    narrow: Callable[[bytes], Any] | None = None
    """Reads no more of a record than its ordering key, where the format can."""

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def target_names(self) -> tuple[str, ...]:
        return tuple(target.name for target in self.targets)

    def decode(self, raws: Sequence[bytes], context: bytes) -> Sequence[Any]:
        """The document of each record, or a ``DataError`` in its place; never raises for content."""
        try:
            return self.format.decode(raws, context)
        except DataError as error:
            if len(raws) == 1:
                return [error]
        return [self.decode([raw], context)[0] for raw in raws]

    async def process(
        self,
        indices: Sequence[int],
        messages: Sequence[Message],
        effects: EffectSource,
        secret: bytes,
        watch: Watcher | None = None,
        recorded: Recorded = nothing_known,
        room: int = MOST_ROWS,
    ) -> Processed:
        """Run the steps over messages, whose numbers in their batch are ``indices``, and encode what goes out.
        ``recorded`` gives the ordinals that outputs of these messages have in the journal, ``room`` is how many output
        rows their batch may still have."""
        run = _Run(self, effects, watch, recorded)
        await run.steps(indices, messages)
        if run.done.parted:
            run.number(room)
        run.encode(digester(secret))
        return run.done


class _Run:
    """One pass of a batch through the steps."""

    def __init__(self, flow: CompiledFlow, effects: EffectSource, watch: Watcher | None, recorded: Recorded) -> None:
        self.flow, self.effects, self.watch, self.recorded = flow, effects, watch, recorded
        self.done = Processed()
        self.numbers = {target.name: target.number for target in flow.targets}
        self.everywhere = tuple(target.number for target in flow.targets)
        self.paths: list[Path] = []
        """The path of each message on its way, once there are children."""
        self._known: Known | None = None

    async def steps(self, indices: Sequence[int], messages: Sequence[Message]) -> None:
        for step in self.flow.steps:
            begun = time.perf_counter_ns()
            if messages:
                if step.asks:
                    results = await self._asked(step, indices, messages)
                else:
                    results = guarded(step.name, step.step.process, messages)
                if self.watch:
                    self.watch.step(step.name, list(zip(indices, messages, strict=True)), results)
                indices, messages = self._sort(step.name, indices, messages, results)
            self.done.timings.append((time.perf_counter_ns() - begun) // 1000)
        for index, message, path in zip(indices, messages, self._paths(messages), strict=True):
            self._out(index, message, self.everywhere, path)

    def _paths(self, messages: Sequence[Message]) -> Iterable[Path]:
        return self.paths or repeat((), len(messages))

    async def _asked(self, step: CompiledStep, indices: Sequence[int], messages: Sequence[Message]) -> Sequence[Result]:
        asking: AskingStep = step.step
        requests = guarded(step.name, asking.request, messages)
        seen: dict[int, int] = {}
        questions: list[Question] = []
        results: list[Any] = [None] * len(messages)
        for index, message, request, path in zip(indices, messages, requests, self._paths(messages), strict=True):
            if isinstance(request, Request):
                ordinal = self._question_number(index, path, seen) if path else 0
                questions.append(Question(index, ordinal, request_digest(request), request, message, path))
        answers = iter(await self.effects.answers(step, questions) if questions else ())
        ready: list[int] = []
        given: list[Any] = []
        for at, request in enumerate(requests):
            answer = next(answers) if isinstance(request, Request) else request
            if isinstance(answer, WaypostError):
                results[at] = Failed(answer)
            elif isinstance(answer, Failed):
                results[at] = answer
            else:
                ready.append(at)
                given.append(answer)
        answered = guarded_answers(step.name, asking, [messages[at] for at in ready], given)
        for at, result in zip(ready, answered, strict=True):
            results[at] = result
        return results

    def _question_number(self, index: int, path: Path, seen: dict[int, int]) -> int:
        if self._recorded_numbers().get(index, {}) is not None:
            return question_number(path)
        ordinal = seen.get(index, 0)
        seen[index] = ordinal + 1
        return ordinal

    def _recorded_numbers(self) -> Known:
        if self._known is None:
            self._known = self.recorded()
        return self._known

    def _sort(
        self, step: str, indices: Sequence[int], messages: Sequence[Message], results: Sequence[Result]
    ) -> tuple[Sequence[int], Sequence[Message]]:
        """Those that go on to the next step; all others become output rows."""
        kinds = set(map(type, results))
        if kinds == _MESSAGES:
            return indices, results  # type: ignore[return-value]
        if kinds == _ROUTED and not self.paths:
            self._route(indices, results)
            return (), ()
        left: list[tuple[int, Message]] = []
        paths: list[Path] = []
        numbers = self.numbers
        for index, before, result, path in zip(indices, messages, results, self._paths(messages), strict=True):
            kind = type(result)
            if kind is Message:
                left.append((index, result))  # type: ignore[arg-type]
                paths.append(path)
            elif kind is Noted:
                left.append((index, result.message))  # type: ignore[union-attr]
                paths.append(path)
                self.done.notes.append(Note(index, step, result.findings))  # type: ignore[union-attr]
            elif kind is Dropped:
                self._end(index, State.FILTERED, path)
                if is_id(result.duplicate_of):  # type: ignore[union-attr]
                    self.done.links.append((before.id, parse_id(result.duplicate_of)))  # type: ignore[union-attr]
            elif kind is Routed:
                self._out(index, result.message, [numbers[t] for t in result.targets], path)  # type: ignore[union-attr]
            elif kind is Failed:
                self._fail(index, step, result.error, path)  # type: ignore[union-attr]
            else:
                several = self._several(index, result, path)
                left += [(index, message) for message, _ in several]
                paths += [at for _, at in several]
        if self.done.parted:
            self.paths = paths
        return [index for index, _ in left], [message for _, message in left]

    def _route(self, indices: Sequence[int], results: Sequence[Any]) -> None:
        """``_out`` for messages that are all routed, as the last step of most flows does."""
        outs, known = self.done.outs, dict[int, list[int]]()
        for index, routed in zip(indices, results, strict=True):
            targets = known.get(id(routed.targets))
            if targets is None:
                targets = known[id(routed.targets)] = [self.numbers[name] for name in routed.targets]
            for target in targets:
                outs.append(Out(index, target, 0, State.OPEN, routed.message))

    def _several(self, index: int, result: Any, path: Path) -> list[tuple[Message, Path]]:
        """A result after which a message may reach one target more than once."""
        self.done.parted = True
        if type(result) is Tapped:
            self._out(index, result.message, [self.numbers[t] for t in result.targets], path)
            return [(result.message, path)]
        if not result.children:
            self._end(index, State.FILTERED, path)
        return [(child, (*path, place)) for place, child in enumerate(result.children)]

    def _out(self, index: int, message: Message, targets: Sequence[int], path: Path) -> None:
        outs = self.done.outs
        for target in targets:
            outs.append(Out(index, target, 0, State.OPEN, message, path=path))

    def _end(self, index: int, state: State, path: Path) -> int:
        self.done.outs.append(Out(index, NO_TARGET, 0, state, path=path))
        return len(self.done.outs) - 1

    def _fail(self, index: int, place: str, error: WaypostError, path: Path) -> None:
        row = self._end(index, failure_state(error.error_class), path)
        self.done.troubles.append(Trouble(row, place, error))

    def number(self, room: int) -> None:
        """Give the outputs their ordinals; a message with more than can be counted fails as a whole."""
        refused = number(self.done.outs, self._recorded_numbers(), room)
        if not refused:
            return
        kept = [row for row, out in enumerate(self.done.outs) if out.index not in refused]
        rows = {row: at for at, row in enumerate(kept)}
        self.done.outs = [self.done.outs[row] for row in kept]
        self.done.troubles = [Trouble(rows[t.row], t.place, t.error) for t in self.done.troubles if t.row in rows]
        remedy = "send it in smaller parts; where many were accepted together, replay it alone"
        for index, found in refused.items():
            error = DataError(found, where=f"flow {self.flow.name}", remedy=remedy)
            self._fail(index, "split", error, ())

    def encode(self, digests: Digester) -> None:
        """Write the bytes of every output, one call per target format, and their keyed digests."""
        left = [out for out in self.done.outs if out.message is not None]
        targets = self.flow.targets
        formats = {id(target.format): target.format for target in targets}
        for one, target_format in formats.items():
            written = left if len(formats) == 1 else [out for out in left if id(targets[out.target].format) == one]
            if written:
                self._encode(target_format, written, digests)

    def _encode(self, target_format: Format, written: list[Out], digests: Digester) -> None:
        bodies = guarded_encode(target_format, [out.message.body for out in written])  # type: ignore[union-attr]
        if not set(map(type, bodies)) <= _BYTES:
            for out, body in zip(written, bodies, strict=True):
                if type(body) is not bytes:
                    self._unwritable(out, body)
            written = [out for out, body in zip(written, bodies, strict=True) if type(body) is bytes]
            bodies = [body for body in bodies if type(body) is bytes]
        for out, body, digest in zip(written, bodies, digests(bodies), strict=True):
            out.body = body
            out.digest = digest

    def _unwritable(self, out: Out, error: Any) -> None:
        out.state = failure_state(error.error_class)
        row = next(row for row, one in enumerate(self.done.outs) if one is out)
        self.done.troubles.append(Trouble(row, f"encode for {self.flow.targets[out.target].name}", error))


def failure_state(error_class: ErrorClass) -> State:
    """What becomes of a message that fails inside the flow."""
    if error_class in (ErrorClass.DATA, ErrorClass.CONTRACT):
        return State.DEAD
    return State.PARKED


def request_digest(request: Request) -> bytes:
    """The identity of a request's content."""
    return hashlib.blake2b(_plain(request.parameters), digest_size=16).digest()
