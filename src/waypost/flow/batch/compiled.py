"""A compiled flow: the deterministic function from accepted messages and recorded effects to outputs.

The same function runs live, after a crash, in ``show``, in replay and in tests; only where answers come from differs
(``EffectSource``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any, Protocol

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
from waypost.core.errors import BugError, DataError, WaypostError
from waypost.core.message import Message, is_id, parse_id
from waypost.core.proof import Digester, digester
from waypost.flow.batch.answered import Question as Question
from waypost.flow.batch.answered import Watcher as Watcher
from waypost.flow.batch.answered import by_answer, nothing_else
from waypost.flow.batch.answered import failure_state as failure_state
from waypost.flow.batch.answered import request_digest as request_digest
from waypost.flow.batch.guard import guarded, guarded_answers, guarded_encode
from waypost.flow.batch.made import Note as Note
from waypost.flow.batch.made import Out as Out
from waypost.flow.batch.made import Processed as Processed
from waypost.flow.batch.made import Trouble as Trouble
from waypost.flow.batch.ordinal import MOST_ROWS, Known, Path, Recorded, nothing_known, number, question_number
from waypost.flow.declared.definition import FlowDefinition
from waypost.flow.declared.key_reader import KeyReader
from waypost.flow.member import stretch
from waypost.flow.member.begin import Begin
from waypost.store.record import NO_TARGET, State

_MESSAGES, _ROUTED, _BYTES = {Message}, {Routed}, {bytes}


class EffectSource(Protocol):
    """Where answers come from: the outside (recorded as they come) or the record."""

    async def answers(self, step: CompiledStep, questions: Sequence[Question]) -> Sequence[Any]:
        """One answer per question, or a ``WaypostError`` instance in its place."""
        ...


class Look(Protocol):
    """Reference data a step looks into, and the question which versions of it hold."""

    name: str
    request: Request

    def use(self, versions: Any) -> None:
        """Look into these versions from now on."""
        ...


@dataclass(frozen=True, slots=True)
class CompiledStep:
    """A built step under its unique name."""

    name: str
    step: Any
    asks: str
    kind: str
    options: Any
    looks: Look | None = None
    """The reference data it looks into."""
    boundary: bool = False


@dataclass(frozen=True, slots=True)
class CompiledTarget:
    """What the pure side needs to know of a target: its number, the format of its bytes, keys found in messages."""

    name: str
    number: int
    format: Format
    produced_keys: Mapping[str, KeyReader]
    reads_document: bool
    boundary: str = ""
    """The step whose messages are meant, where this is no target of the flow but a way to or within a boundary."""


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

    opening: tuple[CompiledStep, ...] = ()
    everywhere: tuple[int, ...] = ()
    """The steps up to the first boundary, and the numbers of where a message goes that passed them."""
    opened: int = 0
    """How many steps come before those of the definition: what the format asks of every message."""

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
        begin: Begin | None = None,
    ) -> Processed:
        """Run the steps over messages, whose numbers in their batch are ``indices``, and encode what goes out: up to
        the next boundary, from the source or where ``begin`` says. ``recorded`` gives the ordinals that outputs of
        these messages have in the journal, ``room`` is how many output rows their batch may still have."""
        run = _Run(self, effects, watch, recorded)
        if begin is not None:
            indices, messages = run.begin(begin, indices, messages)
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
        self.everywhere = flow.everywhere
        self.passes = flow.opening
        self.paths: list[Path] = []
        """The path of each message on its way, once there are children."""
        self._known: Known | None = None

    def begin(
        self, begin: Begin, indices: Sequence[int], messages: Sequence[Message]
    ) -> tuple[Sequence[int], Sequence[Message]]:
        """Set out from a boundary; those that go on to its next steps."""
        self.passes, self.everywhere = stretch.from_boundary(self.flow, begin)
        for index, message in zip(indices, messages, strict=True):
            if index in begin.routed:
                self._out(index, message, [self.numbers[name] for name in begin.routed[index]], ())
        left = [at for at, index in enumerate(indices) if index not in begin.routed]
        return [indices[at] for at in left], [messages[at] for at in left]

    async def steps(self, indices: Sequence[int], messages: Sequence[Message]) -> None:
        for step in self.passes:
            begun = time.perf_counter_ns()
            if messages:
                if step.looks:
                    results = await self._looked(step, step.looks, indices, messages)
                else:
                    results = await self._plainly(step, indices, messages, self._paths(messages), None)
                if self.watch:
                    self.watch.step(step.name, list(zip(indices, messages, strict=True)), results)
                indices, messages = self._sort(step.name, indices, messages, results)
            self.done.timings.append((time.perf_counter_ns() - begun) // 1000)
        for index, message, path in zip(indices, messages, self._paths(messages), strict=True):
            self._out(index, message, self.everywhere, path)

    def _paths(self, messages: Sequence[Message]) -> Iterable[Path]:
        return self.paths or repeat((), len(messages))

    async def _plainly(
        self, step: CompiledStep, indices: Sequence[int], messages: Sequence[Message], paths: Iterable[Path],
        look: Callable[[], None] | None,
    ) -> Sequence[Result]:  # fmt: skip
        """The results of a step; ``look`` is called whenever it is about to run."""
        if step.asks:
            return await self._asked(step, indices, messages, paths, look)
        (look or nothing_else)()
        return guarded(step.name, step.step.process, messages)

    async def _looked(
        self, step: CompiledStep, looks: Look, indices: Sequence[int], messages: Sequence[Message]
    ) -> Sequence[Result]:
        """The results of a step that looks into reference data, each message at the versions recorded for it."""
        paths, seen, questions = list(self._paths(messages))[: len(messages)], dict[int, int](), list[Question]()
        asking = CompiledStep(looks.name, looks, "reference", "reference", None)
        digest = request_digest(looks.request)
        for index, message, path in zip(indices, messages, paths, strict=True):
            ordinal = self._question_number(index, path, seen) if path else 0
            questions.append(Question(index, ordinal, digest, looks.request, message, path))
        answers = await self.effects.answers(asking, questions)

        async def some(places: Sequence[int], versions: Any) -> Sequence[Result]:
            return await self._plainly(
                step, [indices[at] for at in places], [messages[at] for at in places], [paths[at] for at in places],
                partial(looks.use, versions),
            )  # fmt: skip

        return await by_answer(answers, some)

    async def _asked(
        self, step: CompiledStep, indices: Sequence[int], messages: Sequence[Message], paths: Iterable[Path],
        look: Callable[[], None] | None,
    ) -> Sequence[Result]:  # fmt: skip
        asking: AskingStep = step.step
        (look or nothing_else)()
        requests = guarded(step.name, asking.request, messages)
        seen: dict[int, int] = {}
        questions: list[Question] = []
        results: list[Any] = [None] * len(messages)
        for index, message, request, path in zip(indices, messages, requests, paths, strict=True):
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
        (look or nothing_else)()
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
            self._route(step, indices, results)
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
                found = [numbers[t] for t in result.targets if t in numbers]  # type: ignore[union-attr]
                if found and len(found) == len(result.targets):  # type: ignore[union-attr]
                    self._out(index, result.message, found, path)  # type: ignore[union-attr]
                else:
                    self._fail(index, step, _lost(result), path)
            elif kind is Failed:
                self._fail(index, step, result.error, path)  # type: ignore[union-attr]
            else:
                several = self._several(index, result, path)
                left += [(index, message) for message, _ in several]
                paths += [at for _, at in several]
        if self.done.parted:
            self.paths = paths
        return [index for index, _ in left], [message for _, message in left]

    def _route(self, step: str, indices: Sequence[int], results: Sequence[Any]) -> None:
        """``_out`` for messages that are all routed, as the last step of most flows does."""
        outs, known = self.done.outs, dict[int, list[int]]()
        for index, routed in zip(indices, results, strict=True):
            targets = known.get(id(routed.targets))
            if targets is None:
                targets = [self.numbers[name] for name in routed.targets if name in self.numbers]
                targets = known[id(routed.targets)] = targets if len(targets) == len(routed.targets) else []
            if not targets:
                self._fail(index, step, _lost(routed), ())
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


def _lost(routed: Any) -> WaypostError:
    """A step sent a message to no target, or one there is not: it must not vanish."""
    found = f"it routes to {', '.join(map(repr, routed.targets)) or 'no target'}"
    return BugError(found, expected="targets of the flow", remedy="mend the step, then retry the message")
