"""Runs one case through its compiled flow and says where what came out differs from what was expected."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from waypost.core.clock import MICROSECONDS, ManualClock, SeededRandom, moment_text
from waypost.core.component import Slice
from waypost.core.errors import ContractError, DataError, WaypostError
from waypost.core.event import Events
from waypost.core.message import Ids
from waypost.flow.assemble import Surroundings, compile_flow
from waypost.flow.compiled import CompiledFlow, CompiledStep, Processed, Question
from waypost.flow.definition import Project
from waypost.flow.differ import differences
from waypost.flow.effects import pack_answer, unpack_answer
from waypost.flow.load import Decoded, Load, decode_load
from waypost.flow.project import load_project
from waypost.store.record import NO_TARGET, State
from waypost.testing.flow_case import AnswerOptions, Case, CaseResult, ErrorOptions, InputOptions, load_cases


async def run_cases(root: Path, environment: str, only: str = "") -> list[CaseResult]:
    """Run every case whose name holds ``only``. Raises ``ProjectError`` for faults of the project or the cases."""
    project = load_project(root, environment)
    runner = CaseRunner(root, project)
    return [await runner.run(case) for case in load_cases(root, project) if only in case.options.name]


class CaseRunner:
    """Compiles each flow once and runs cases through it."""

    def __init__(self, root: Path, project: Project) -> None:
        self.root, self.project = root, project
        self._flows: dict[str, CompiledFlow] = {}

    async def run(self, case: Case) -> CaseResult:
        """One case. A flow that cannot be built is a difference of each of its cases."""
        try:
            found = await self._differences(case)
        except (WaypostError, OSError) as error:
            found = [f"could not run: {error}"]
        return CaseResult(case.file, case.line, case.flow.name, case.options.name, tuple(found))

    async def _differences(self, case: Case) -> list[str]:
        flow, given = self._flow(case), case.options.input
        at = _moment(given.received_at)
        effects = _Answers(case.options.effects)
        got = _Got(flow)
        for part, load in self._loads(flow, given):
            decoded = decode_load(part, load, Ids(ManualClock(at), SeededRandom(0)).block(), at, b"")
            processed = await part.process(decoded.indices, decoded.messages, effects, b"")
            got.add(decoded, processed)
        return [*got.differences(case), *effects.unanswered]

    def _flow(self, case: Case) -> CompiledFlow:
        name = case.flow.name
        if name not in self._flows:
            around = Surroundings(self.root, ManualClock(), SeededRandom(0), Events())
            self._flows[name] = compile_flow(case.flow, self.project, around)
        return self._flows[name]

    def _loads(self, flow: CompiledFlow, given: InputOptions) -> Iterator[tuple[CompiledFlow, Load]]:
        headers = dict(given.headers)
        if given.json is not None:
            ready = replace(flow, format=_Ready(flow.format.content_type, [exact(given.json)]))
            yield ready, Load(flow.name, [b"0"], headers=[headers] if headers else None)
            return
        content = (self.root / given.file).read_bytes() if given.file else (given.text or "").encode()
        limit = flow.definition.options.delivery.max_message_bytes
        for context, records in _by_context(_cut(flow, content, limit)):
            yield flow, Load(
                flow.name, [r.data for r in records], context, headers=[headers] * len(records) if headers else None,
                faults={i: r.fault for i, r in enumerate(records) if r.fault},
            )  # fmt: skip


class _Ready:
    """A format whose records are the numbers of documents that are there already."""

    def __init__(self, content_type: str, documents: Sequence[Any]) -> None:
        self.content_type, self._documents = content_type, documents

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Any:
        raise NotImplementedError("documents are not cut")

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        return [self._documents[int(number)] for number in batch]

    def encode(self, documents: Sequence[Any]) -> Sequence[bytes]:
        raise NotImplementedError("only a target's format writes")


class _Answers:
    """The answers a case gives to steps that ask. Unless it says otherwise, a key an idempotent receiver asks for is
    new, and the clock stands where the message was received."""

    def __init__(self, given: Mapping[str, Sequence[AnswerOptions]]) -> None:
        self._given = given
        self.unanswered: list[str] = []

    async def answers(self, step: CompiledStep, questions: Sequence[Question]) -> Sequence[Any]:
        return [self._answer(step, question) for question in questions]

    def _answer(self, step: CompiledStep, question: Question) -> Any:
        asked = dict(question.request.parameters)
        for given in self._given.get(step.name, ()):
            if not differences(exact(given.when), {n: v for n, v in exact(asked).items() if n in given.when}):
                if given.error:
                    return ContractError(given.error, where=f"step {step.name}")
                return unpack_answer(pack_answer(exact(given.answer)))
        if step.asks == "claim":
            return None
        if step.asks == "clock":
            return moment_text(question.message.received_at)
        text = f"step {step.name} asks {shown(asked)} and the case has no answer; add it under effects: {step.name}:"
        self.unanswered.append(text)
        return ContractError(text, where=f"step {step.name}")


class _Got:
    """What came out of a flow."""

    def __init__(self, flow: CompiledFlow) -> None:
        self.names = flow.target_names
        self.targets: dict[str, list[tuple[Any, bytes]]] = {}
        self.errors: list[tuple[str, WaypostError]] = []
        self.filtered = 0

    def add(self, decoded: Decoded, processed: Processed) -> None:
        self.errors += [(place, error) for _, place, error in decoded.refused]
        self.errors += [(trouble.place, trouble.error) for trouble in processed.troubles]
        for out in processed.outs:
            if out.state is State.OPEN and out.message is not None:
                self.targets.setdefault(self.names[out.target], []).append((out.message.body, out.body))
            elif out.target == NO_TARGET and out.state is State.FILTERED:
                self.filtered += 1

    def differences(self, case: Case) -> Iterator[str]:
        expect = case.options.expect
        for name in dict.fromkeys([*expect.targets, *self.targets]):
            wanted, got = expect.targets.get(name, ()), self.targets.get(name, [])
            for i in range(max(len(wanted), len(got))):
                yield from _compare(f"{name}[{i}]", wanted[i : i + 1], got[i : i + 1])
        if self.filtered != expect.filtered:
            yield f"filtered: expected {expect.filtered}, found {self.filtered}"
        left = list(self.errors)
        for wanted_error in expect.errors:
            match = next((e for e in left if _fits(wanted_error, *e)), None)
            if match is None:
                yield f"errors: expected {_wanted(wanted_error)}, which did not happen"
            else:
                left.remove(match)
        for place, error in left:
            yield f"errors: not expected at {place}: {error} [{error.code}]"


def _compare(place: str, wanted: Sequence[Any], got: Sequence[tuple[Any, bytes]]) -> Iterator[str]:
    if not got:
        yield f"{place}: expected {shown(wanted[0])}, found nothing"
    elif not wanted:
        yield f"{place}: not expected: {shown(got[0][0])}"
    elif isinstance(wanted[0], str):
        text = got[0][1].decode("utf-8", "backslashreplace")
        if text.rstrip("\n") != wanted[0].rstrip("\n"):
            yield f"{place}: expected {wanted[0]!r}, found {text!r}"
    else:
        for d in differences(exact(wanted[0]), exact(got[0][0])):
            yield f"{place} {d['path']}: expected {shown(d['was'])}, found {shown(d['is'])}"


def _fits(wanted: ErrorOptions, place: str, error: WaypostError) -> bool:
    return wanted.place in ("", place) and wanted.code in ("", error.code) and wanted.text in str(error)


def _wanted(wanted: ErrorOptions) -> str:
    said = [f"{name} {getattr(wanted, name)!r}" for name in ("place", "code", "text") if getattr(wanted, name)]
    return "an error" + (" with " + ", ".join(said) if said else "")


def exact(value: Any) -> Any:
    """A document in which equal numbers are equal, however they were written: each is a Decimal."""
    if isinstance(value, Mapping):
        return {str(name): exact(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Decimal(str(value))
    if value is None or isinstance(value, str | bool):
        return value
    return exact(msgspec.to_builtins(value, str_keys=True))


def shown(value: Any) -> str:
    """A value as JSON on one line, cut when long."""
    text = json.dumps(value, ensure_ascii=False, default=_json)
    return text if len(text) <= 200 else text[:199] + "…"


def _json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def _cut(flow: CompiledFlow, content: bytes, limit: int) -> Iterator[Slice]:
    framer = flow.format.framer(limit)
    try:
        yield from framer.feed(content)
        yield from framer.finish()
    except DataError as error:
        raise DataError(f"the input cannot be cut: {error}", code=error.code) from error


def _by_context(records: Iterator[Slice]) -> Iterator[tuple[bytes, list[Slice]]]:
    batch: list[Slice] = []
    for record in records:
        if batch and record.context != batch[0].context:
            yield batch[0].context, batch
            batch = []
        batch.append(record)
    if batch:
        yield batch[0].context, batch


def _moment(text: str) -> int:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise DataError(f"received_at {text!r} is no time", expected="2026-01-15T12:00:00Z") from None
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()) * MICROSECONDS
