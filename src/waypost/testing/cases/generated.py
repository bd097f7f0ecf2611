"""Made-up documents through the flows of a project: what fits the schema at a flow's beginning must pass its maps, come
out the same however it is batched, and fit the schemas the maps promise; what does not fit must be refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from waypost.core.clock import ManualClock, SeededRandom
from waypost.core.component import Failed, Result
from waypost.core.errors import ErrorClass, UsageError
from waypost.core.message import Ids, Message, id_at
from waypost.core.yamlfile import parse_yaml
from waypost.flow.batch.compiled import CompiledFlow, Processed
from waypost.flow.declared.definition import FlowDefinition, Project, Use
from waypost.flow.declared.project import load_project
from waypost.mapping.replay import apply_slowly
from waypost.testing.cases.declared import AnswerOptions, CaseResult, moment
from waypost.testing.cases.loading import load_cases
from waypost.testing.cases.match import exact, shown
from waypost.testing.cases.purity import impurities
from waypost.testing.cases.runner import CaseRunner
from waypost.testing.cases.standing_in import Answers

_BEFORE = ("filter", "validate", "idempotent_receiver", "wire_tap")
"""Steps that pass the document on as it is."""
_RECEIVED_AT = "2026-01-15T12:00:00Z"


class _Finding(Exception):
    """What a made-up document brought to light."""


def run_generated(root: Path, environment: str, count: int, seed: int) -> list[CaseResult]:
    """Try ``count`` documents of each kind on every flow that begins with a schema. Raises ``UsageError`` where
    Hypothesis is missing or no flow has a schema."""
    try:
        import hypothesis  # noqa: F401
    except ImportError:
        raise UsageError("test --generate needs Hypothesis", remedy="pip install 'waypost[test]'") from None
    project = load_project(root, environment)
    runner = CaseRunner(root, project)
    given: dict[str, dict[str, tuple[AnswerOptions, ...]]] = {}
    for case in load_cases(root, project):
        given.setdefault(case.flow, {}).update(case.options.effects)
    trials = [_Trial(runner, flow, *found, given.get(flow.name, {})) for flow, found in _with_schema(project)]
    if not trials:
        remedy = "begin a flow with `validate: SCHEMA`, or give its first map a `source` schema"
        raise UsageError("no flow begins with a JSON Schema to make documents from", remedy=remedy)
    return [result for trial in trials for result in trial.run(count, seed)]


def _with_schema(project: Project) -> Iterator[tuple[FlowDefinition, tuple[str, Use]]]:
    for flow in project.flows.values():
        found = _schema_of(flow, project)
        if found is not None:
            yield flow, found


def _schema_of(flow: FlowDefinition, project: Project) -> tuple[str, Use] | None:
    """The schema that what comes into the flow must fit, and the step that says so."""
    for use in flow.steps:
        name = use.component.name
        if name == "validate":
            schema = str(getattr(use.options, "schema", "") or "")
            return (schema, use) if schema.endswith((".json", ".yaml", ".yml")) else None
        if name == "map":
            data = parse_yaml(project.files[str(use.options.file)].decode("utf-8-sig"), "", []).data
            return (str(data["source"]), use) if data.get("source") else None
        if name not in _BEFORE:
            return None
    return None


class _Trial:
    """One flow, tried on documents made after ``schema``."""

    def __init__(
        self, runner: CaseRunner, flow: FlowDefinition, schema: str, use: Use,
        given: Mapping[str, Sequence[AnswerOptions]],
    ) -> None:  # fmt: skip
        self.runner, self.flow, self.schema, self.use, self.given = runner, flow, schema, use, given
        self.compiled = runner.flow_of(flow.name)
        self.loop = asyncio.new_event_loop()
        self.first = Ids(ManualClock(moment(_RECEIVED_AT)), SeededRandom(0)).block()

    def run(self, count: int, seed: int) -> Iterator[CaseResult]:
        from hypothesis import strategies as st

        from waypost.testing.cases.documents import fitting, nearly

        documents = fitting(self.schema, self._plain_schema)
        fits = documents.filter(lambda document: not self.runner.check(self.schema, document))
        several = st.lists(fits, min_size=1, max_size=3)
        yield self._result(f"what fits {self.schema} goes through", several, self._goes_through, count, seed)
        if self.use.component.name == "validate":
            not_fitting = nearly(fits).filter(lambda document: bool(self.runner.check(self.schema, document)))
            name = f"what does not fit {self.schema} is refused"
            yield self._result(name, not_fitting, self._is_refused, count, seed)
        self.loop.close()

    def _plain_schema(self, file: str) -> Any:
        return parse_yaml(self.runner.project.files[file].decode("utf-8-sig"), file, []).data

    def _result(self, name: str, documents: Any, check: Callable[[Any], None], count: int, seed: int) -> CaseResult:
        import hypothesis
        from hypothesis.errors import HypothesisException, Unsatisfiable

        smallest: list[tuple[Any, str]] = []

        def trial(document: Any) -> None:
            try:
                check(document)
            except _Finding as finding:
                smallest[:] = [(document, str(finding))]
                raise

        settings: Any = hypothesis.settings(
            max_examples=count, database=None, deadline=None, report_multiple_bugs=False, print_blob=False,
            suppress_health_check=list(hypothesis.HealthCheck), verbosity=hypothesis.Verbosity.quiet,
        )  # fmt: skip
        found: tuple[str, ...] = ()
        try:
            given: Any = hypothesis.given(documents)
            hypothesis.seed(seed)(settings(given(trial)))()
        except _Finding:
            document, text = smallest[0]
            found = (text, f"with the document {shown(document)}", f"again with: --seed {seed}")
        except Unsatisfiable:
            found = (f"no document could be made that fits {self.schema}; try these by hand",)
        except HypothesisException as error:
            found = (f"not decided: {error}",)
        file, line = self.use.file.name, self.use.file.line(self.use.path)
        return CaseResult(file, line, self.flow.name, f"{count} made up: {name}", found)

    def _messages(self, documents: Sequence[Any]) -> list[Message]:
        at = moment(_RECEIVED_AT)
        return [Message(id_at(self.first, i), exact(document), at) for i, document in enumerate(documents)]

    def _goes_through(self, documents: Sequence[Any]) -> None:
        messages = self._messages(documents)
        effects = Answers(self.given, self.runner.contents, otherwise_nothing=True)
        watch = _Watch(self.runner, self.compiled)
        processed = self.loop.run_until_complete(
            self.compiled.process(range(len(messages)), messages, effects, b"", watch)
        )
        self._no_trouble(processed)
        for text in self.loop.run_until_complete(impurities(self.compiled, messages, effects)):
            raise _Finding(text)

    def _no_trouble(self, processed: Processed) -> None:
        """A project's own step and an answer may refuse a document; the schema's step, maps and formats may not."""
        kinds = {step.name: step.kind for step in self.compiled.steps}
        for trouble in processed.troubles:
            kind = kinds.get(trouble.place, "")
            if trouble.error.error_class is ErrorClass.BUG or kind in ("map", "") or trouble.place == self.use.name:
                raise _Finding(f"{trouble.place}: {trouble.error} [{trouble.error.code}]")

    def _is_refused(self, document: Any) -> None:
        effects = Answers(self.given, self.runner.contents, otherwise_nothing=True)
        processed = self.loop.run_until_complete(self.compiled.process([0], self._messages([document]), effects, b""))
        for trouble in processed.troubles:
            if trouble.error.error_class is ErrorClass.BUG:
                raise _Finding(f"{trouble.place}: {trouble.error} [{trouble.error.code}]")
        if any(out.message is not None for out in processed.outs):
            raise _Finding("a document that does not fit the schema goes out")


class _Watch:
    """Holds what maps make against the interpreter and against the schemas they promise."""

    def __init__(self, runner: CaseRunner, flow: CompiledFlow) -> None:
        self.runner = runner
        self.maps = {step.name: str(step.options.file) for step in flow.steps if step.kind == "map"}

    def step(self, name: str, before: Sequence[tuple[int, Message]], results: Sequence[Result]) -> None:
        if name not in self.maps:
            return
        bundle = self.runner.bundle_of(self.maps[name])
        for (_, message), result in zip(before, results, strict=True):
            if isinstance(result, Failed) or not isinstance(result, Message):
                continue
            if apply_slowly(bundle, message.body, message.received_at) != result.body:
                raise _Finding(f"{name}: the compiled map and the interpreter make different documents")
            said = self.runner.check(bundle.document.target, result.body) if bundle.document.target else ""
            if said:
                raise _Finding(f"{name}: what the map makes does not fit {bundle.document.target}: {said}")
