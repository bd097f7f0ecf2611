"""Runs cases through the same compiled flows and maps as messages. Nothing outside is called: a step that asks gets its
answer from the case."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from waypost.core.clock import MICROSECONDS, ManualClock, SeededRandom
from waypost.core.component import Failed, Slice
from waypost.core.cutting import cut, cut_end
from waypost.core.errors import DataError, Fault, ProjectError, WaypostError
from waypost.core.event import Events
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.yamlfile import YamlFile
from waypost.flow.batch.assemble import Surroundings, compile_flow
from waypost.flow.batch.check_room import MemoryContents
from waypost.flow.batch.compiled import CompiledFlow
from waypost.flow.batch.load import Load, decode_load
from waypost.flow.declared.definition import Project
from waypost.flow.declared.project import load_project
from waypost.mapping.bundle import Bundle
from waypost.mapping.compile import CompiledMap, load_map
from waypost.mapping.replay import unseen
from waypost.mapping.trial import Outcome, watched
from waypost.mapping.trial import run_cases as run_map_cases
from waypost.testing.cases.coverage import Coverage, FlowWatch
from waypost.testing.cases.declared import Case, CaseResult, ExpectOptions, InputOptions, MomentOptions, moment
from waypost.testing.cases.loading import load_cases
from waypost.testing.cases.match import exact
from waypost.testing.cases.outcome import Came, differences, digest_of
from waypost.testing.cases.second import again
from waypost.testing.cases.snapshot import Snapshots
from waypost.testing.cases.standing_in import Answers, Ready
from waypost.testing.cases.waiting import Waiting


async def run_cases(root: Path, environment: str, only: str = "", coverage: Coverage | None = None) -> list[CaseResult]:
    """Run every case whose name holds ``only``, also those that stand in maps. Raises ``ProjectError`` for faults of
    the project or the cases."""
    project = load_project(root, environment)
    runner = CaseRunner(root, project, coverage)
    results = [await runner.run(case) for case in load_cases(root, project) if only in case.options.name]
    return [*again(results, runner.digests, project, root, environment, only), *runner.run_maps(only)]


def tell_digests() -> None:
    """What each case comes to, as JSON on standard output; the second process of ``run_cases``."""
    root, environment, only = Path(sys.argv[1]), *sys.argv[2:4]

    async def told() -> list[tuple[str, int, str]]:
        project = load_project(root, environment)
        runner = CaseRunner(root, project)
        for case in load_cases(root, project):
            if only in case.options.name:
                await runner.run(case)
        return [(file, line, digest) for (file, line), digest in runner.digests.items()]

    sys.stdout.write(json.dumps(asyncio.run(told())))


class CaseRunner:
    """Compiles each flow and map once and runs cases through it."""

    def __init__(self, root: Path, project: Project, coverage: Coverage | None = None) -> None:
        self.root, self.project, self.coverage = root, project, coverage
        self.snapshots = Snapshots(root)
        self.contents = MemoryContents()
        self.digests: dict[tuple[str, int], str] = {}
        """What came out of each case, by file and line."""
        self._around = Surroundings(root, ManualClock(), SeededRandom(0), Events(), contents=self.contents)
        self._flows: dict[str, CompiledFlow] = {}
        self._maps: dict[str, CompiledMap] = {}
        self._checks: dict[str, Any] = {}
        if coverage is not None:
            coverage.expect(project, map_files(project), self.bundle_of)

    async def run(self, case: Case) -> CaseResult:
        """One case. A flow that cannot be built is a difference of each of its cases."""
        begun = time.perf_counter()
        came: list[Came] = []
        try:
            came, unanswered = await self.outcome(case)
            found = [*self._differences(case, came), *unanswered]
        except (WaypostError, OSError) as error:
            found = [f"could not run: {error}"]
        took, findings = time.perf_counter() - begun, tuple(one for part in came for one in part.findings())
        self.digests[case.file, case.line] = digest_of(came)
        return CaseResult(case.file, case.line, case.subject, case.options.name, tuple(found), took, findings)

    def _differences(self, case: Case, came: Sequence[Came]) -> Iterator[str]:
        if case.options.expect.snapshot:
            yield from self.snapshots.differences(case, came)
            return
        expected: list[ExpectOptions] = [case.options.expect, *(one.expect for one in case.options.then)]
        for number, (expect, part) in enumerate(zip(expected, came, strict=True)):
            place = f"then[{number - 1}] (line {case.moments[number - 1]}): " if number else ""
            yield from (f"{place}{found}" for found in differences(expect, part, self.check))

    async def outcome(self, case: Case) -> tuple[list[Came], list[str]]:
        """What comes out, at first and at each later moment, and what steps asked without getting an answer."""
        if case.map:
            return [self._mapped(case)], []
        flow, given = self.flow_of(case.flow), case.options.input
        effects = Answers(case.options.effects, self.contents)
        watch = self.coverage.watcher(flow) if self.coverage is not None else None
        waiting = Waiting(flow, Came(), effects, watch, moment(given.received_at))
        came = []
        for one in (MomentOptions(input=given), *case.options.then):
            waiting.came = Came()
            came.append(waiting.came)
            effects.add(one.effects)
            await self._happens(flow, one, waiting, effects, watch)
            waiting.came.waiting = waiting.waiting()
        return came, effects.unanswered

    async def _happens(
        self, flow: CompiledFlow, one: MomentOptions, waiting: Waiting, effects: Answers, watch: FlowWatch | None
    ) -> None:
        """One moment of a case."""
        now = waiting.time.now
        now = moment(one.at) if one.at else now + round((one.wait or 0) * MICROSECONDS)
        await waiting.pass_to(now)
        for part, load in self._loads(flow, one.input) if one.input is not None else ():
            decoded = decode_load(part, load, waiting.ids.block(), now, b"")
            processed = await part.process(decoded.indices, decoded.messages, effects, b"", watch)
            await waiting.take(decoded, processed)
        for step, key in one.release.items():
            await waiting.force(step, key, "release")
        for step, key in one.cancel.items():
            await waiting.force(step, key, "cancel")
        await waiting.pass_to(now)

    def _mapped(self, case: Case) -> Came:
        given, came = case.options.input, Came()
        compiled = self._map(case.map)
        body, at = exact(given.json), moment(given.received_at)
        try:
            came.output = compiled.apply(body, at)
        except DataError as error:
            came.errors.append((case.map, error))
        if self.coverage is not None:
            watched(compiled.bundle, body, at, self.coverage.saw)
        return came

    def run_maps(self, only: str = "") -> Iterator[CaseResult]:
        """The cases that stand in the maps themselves."""
        for file in map_files(self.project):
            compiled = self._map(file)
            for outcome in run_map_cases(compiled, self.coverage.saw if self.coverage is not None else unseen):
                if only in _name(outcome):
                    yield CaseResult(
                        outcome.file, outcome.line, file, _name(outcome),
                        (outcome.difference,) if outcome.difference else (),
                    )  # fmt: skip

    def flow_of(self, name: str) -> CompiledFlow:
        """The compiled flow of a name."""
        if name not in self._flows:
            self._flows[name] = compile_flow(self.project.flows[name], self.project, self._around)
        return self._flows[name]

    def bundle_of(self, file: str) -> Bundle:
        """A map of the project with all it uses."""
        return self._map(file).bundle

    def _map(self, file: str) -> CompiledMap:
        if file not in self._maps:
            faults: list[Fault] = []
            made = load_map(file, self.project.files.__getitem__, faults)
            if made is None:
                raise ProjectError(faults)
            self._maps[file] = made
        return self._maps[file]

    def check(self, schema: str, document: Any) -> str:
        """What of a document does not fit a schema of the project, as the step ``validate`` says it; '' for nothing."""
        if schema not in self._checks:
            component = registry.find("step", "validate")
            assert component is not None, "validate is a step of ours"
            faults: list[Fault] = []
            options = component.spec.parse(YamlFile("cases", None), {"schema": schema}, (), faults)
            if options is None:
                raise ProjectError(faults)
            grants = self._around.grants(self.project, "", "validate")
            self._checks[schema] = component.build(options, grants)
        (result,) = self._checks[schema].process([Message(bytes(16), document, 0)])
        return str(result.error) if isinstance(result, Failed) else ""

    def _loads(self, flow: CompiledFlow, given: InputOptions) -> Iterator[tuple[CompiledFlow, Load]]:
        headers = dict(given.headers)
        if given.json is not None:
            ready = replace(flow, format=Ready(flow.format.content_type, [exact(given.json)]))
            yield ready, Load(flow.name, [b"0"], headers=[headers] if headers else None)
            return
        content = (self.root / given.file).read_bytes() if given.file else (given.text or "").encode()
        limit = flow.definition.options.delivery.max_message_bytes
        for context, records in _by_context(_cut(flow, content, limit)):
            yield flow, Load(
                flow.name, [r.data for r in records], context, headers=[headers] * len(records) if headers else None,
                faults={i: r.fault for i, r in enumerate(records) if r.fault},
            )  # fmt: skip


def map_files(project: Project) -> list[str]:
    """The maps of a project: what its flows name, and what lies under ``maps/`` as ``*.map.yaml``."""
    named = {str(u.options.file) for f in project.flows.values() for u in f.steps if u.component.name == "map"}
    return sorted(named | {name for name in project.files if name.startswith("maps/") and ".map." in name})


def _name(outcome: Outcome) -> str:
    return outcome.target or "the whole map"


def _cut(flow: CompiledFlow, content: bytes, limit: int) -> Iterator[Slice]:
    framer = flow.format.framer(limit)
    try:
        for slices in chain(cut(framer, content), cut_end(framer)):
            yield from slices
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
