"""Build what a definition names: compiled flows from one version, live connectors from today's connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from waypost.core.clock import Clock, Random
from waypost.core.component import OpeningFormat, Requester
from waypost.core.errors import ConfigurationRefused
from waypost.core.event import Events
from waypost.core.grants import Connection, Grants, HttpListener, NoPositions, Positions
from waypost.core.registry import registry
from waypost.flow.batch.answer_cache import AnswerCache, CacheBounds, CachingRequester
from waypost.flow.batch.check_room import CheckIn, CheckRoomView, Contents, NoContents
from waypost.flow.batch.clock_reading import ClockReading
from waypost.flow.batch.compiled import CompiledFlow, CompiledStep, CompiledTarget
from waypost.flow.batch.reference_step import ReferenceLook
from waypost.flow.declared.definition import FlowDefinition, KeyOptions, Project, Use
from waypost.flow.declared.key_reader import KeyReader, key_reader
from waypost.flow.declared.reference_data import ReferenceData
from waypost.flow.member import envelope
from waypost.flow.member.codec import BoundaryFormat
from waypost.flow.member.stretch import stretch
from waypost.mapping.expression import compile_expression
from waypost.mapping.reference_use import References


@dataclass(slots=True)
class Surroundings:
    """What components are granted, the same for a whole process."""

    root: Path
    clock: Clock
    random: Random
    events: Events
    worker: int = 0
    listener: HttpListener | None = None
    connections: dict[str, Connection] = field(default_factory=dict)
    references: ReferenceData | None = None
    """The reference data of the installation; without it tables are as their initial files."""
    contents: Contents = field(default_factory=NoContents)
    """Where steps leave contents for a ticket."""
    caches: dict[str, AnswerCache] = field(default_factory=dict)
    """Answers that enrichers keep for a while, by what they ask and whom."""

    def grants(self, project: Project, flow: str, name: str, positions: Positions | None = None) -> Grants:
        def read_file(path: str) -> bytes:
            try:
                return project.files[path]
            except KeyError:
                raise ConfigurationRefused(f"no file {path!r} in the project", where=f"flow {flow}") from None

        def list_files(folder: str) -> list[str]:
            return sorted(path for path in project.files if path.startswith(folder))

        definition = project.flows.get(flow)
        data_class = definition.options.data_class if definition else ""
        return Grants(
            root=self.root, flow=flow, name=name, worker=self.worker, data_class=data_class, clock=self.clock,
            random=self.random,
            events=self.events, positions=positions or NoPositions(), connections=self.connections,
            listener=self.listener, compile_expression=expression_of, read_file=read_file, list_files=list_files,
            environment_class=str(project.environment_class),
            targets=tuple(definition.targets) if definition else (), check_room=CheckRoomView(self.contents),
        )  # fmt: skip

    def build(self, use: Use, project: Project, flow: str, positions: Positions | None = None) -> Any:
        return use.component.build(use.options, self.grants(project, flow, use.name, positions))

    def connect(self, project: Project) -> None:
        """Make the pool of every connection; none is opened before it is used."""
        for name, connection in project.connections.items():
            use = connection.use
            pool = use.component.build(use.options, self.grants(project, "", name))
            self.connections[name] = Connection(name=name, kind=use.component.name, options=use.options, pool=pool)


def expression_of(text: str) -> Callable[[Any], Any]:
    """An expression as a function of the document."""
    return compile_expression(text).evaluate


def compile_flow(definition: FlowDefinition, project: Project, around: Surroundings) -> CompiledFlow:
    """The pure side of one flow: formats, steps, keys."""
    formats: dict[int, Any] = {}

    def format_of(use: Use) -> Any:
        if id(use) not in formats:
            formats[id(use)] = around.build(use, project, definition.name)
        return formats[id(use)]

    own = _opening(format_of(definition.format), definition.name)
    steps = own + tuple(_compile_step(use, definition.name, project, around) for use in definition.steps)
    targets = tuple(
        CompiledTarget(
            name, number, format_of(target.format), key_readers(target.produced_keys), target.use.traits.reads_document
        )
        for number, (name, target) in enumerate(definition.targets.items())
    )
    targets += _boundary_targets(steps, len(targets))
    flow = CompiledFlow(
        definition, project.version, format_of(definition.format), key_readers(definition.keys), steps, targets,
        _narrow(definition, format_of(definition.format)),
    )  # fmt: skip
    opening, everywhere = stretch(flow, 0)
    return replace(flow, opening=opening, everywhere=everywhere, opened=len(own))


def _opening(source_format: Any, flow: str) -> tuple[CompiledStep, ...]:
    """The step a format has every message pass before those of the flow."""
    step = source_format.opening(flow) if isinstance(source_format, OpeningFormat) else None
    return () if step is None else (CompiledStep(step.name, step, step.asks, step.name, None),)


def _boundary_targets(steps: Sequence[CompiledStep], first: int) -> tuple[CompiledTarget, ...]:
    """Of each boundary two: the way to it, and what those that wait in it stand under."""
    names = [
        (name, step.name) for step in steps if step.boundary for name in (step.name, envelope.group_target(step.name))
    ]
    held = BoundaryFormat()
    return tuple(
        CompiledTarget(name, number, held, {}, reads_document=True, boundary=step)
        for number, (name, step) in enumerate(names, first)
    )


def _compile_step(use: Use, flow: str, project: Project, around: Surroundings) -> CompiledStep:
    """A built step, with the reference data it looks into."""
    grants = around.grants(project, flow, use.name)
    references = References(project.files.__getitem__)
    step = use.component.build(use.options, replace(grants, references=references))
    look = None
    if references.used:
        look = ReferenceLook(use.name, references.used, project.files.__getitem__, around.references)
    return CompiledStep(use.name, step, use.traits.asks, use.component.name, use.options, look, use.traits.boundary)


def _narrow(definition: FlowDefinition, source_format: Any) -> Callable[[bytes], Any] | None:
    order_by = definition.options.delivery.order_by
    narrowed = getattr(source_format, "narrowed", None)
    if not order_by or narrowed is None or definition.keys[order_by].header:
        return None
    made: Callable[[bytes], Any] | None = narrowed(sorted(compile_expression(definition.keys[order_by].path).paths))
    return made


def key_readers(keys: Mapping[str, KeyOptions]) -> dict[str, KeyReader]:
    """Readers of some business keys by name."""
    return {name: key_reader(compile_expression(options.path).evaluate_batch) for name, options in keys.items()}


def requesters_of(flow: CompiledFlow, project: Project, around: Surroundings) -> dict[str, Requester]:
    """The live requester behind each asking step: for a connection its kind says which component answers."""
    made: dict[str, Requester] = {}
    for step, use in zip(flow.steps[flow.opened :], flow.definition.steps, strict=True):
        if isinstance(step.looks, ReferenceLook):
            made[step.looks.name] = step.looks
        if step.asks == "clock":
            made[step.name] = ClockReading(around.clock)
        elif step.asks == "program":
            made[step.name] = step.step.requester()
        elif step.asks in ("check_in", "redeem"):
            made[step.name] = CheckIn(around.contents)
        if step.asks == "requester":
            made[step.name] = _cached(_requester(flow, step.name, use.options, project, around), use.options, around)
        elif step.asks == "branches":
            for name, branch in use.options.branches.items():
                made[envelope.branch_of(step.name, name)] = _requester(flow, step.name, branch, project, around)
    return made


def _requester(flow: CompiledFlow, step: str, options: Any, project: Project, around: Surroundings) -> Requester:
    """Who answers the questions of a step, or of a branch of one."""
    kind = project.connections[options.connection].use.component.name
    component = registry.find("requester", kind)
    if component is None:
        text = f"connection {str(options.connection)!r} of kind {kind!r} answers no questions"
        raise ConfigurationRefused(text, where=f"flow {flow.name}, step {step}")
    own = component.spec.options(**requester_options(component.spec, options))
    requester: Requester = component.build(own, around.grants(project, flow.name, step))
    return requester


def _cached(requester: Requester, options: Any, around: Surroundings) -> Requester:
    """With the cache its step asks for. The cache outlives versions in which it is asked in the same way."""
    bounds: CacheBounds | None = getattr(options, "cache", None)
    if bounds is None:
        return requester
    asked = repr((str(options.connection), sorted(options.ask.items(), key=str), bounds))
    cache = around.caches.setdefault(asked, AnswerCache())
    return CachingRequester(requester, cache, bounds, around.clock.now)


def requester_options(spec: Any, options: Any) -> dict[str, Any]:
    """The requester's own options among those of the step that asks."""
    given = {**getattr(options, "ask", {}), "connection": options.connection}
    return {f.name: given[f.name] for f in spec.fields if f.name in given}


def rehearse(project: Project, around: Surroundings) -> None:
    """Build all of a project once: what cannot be built is refused while an earlier version still runs."""
    around = replace(around, connections={})
    around.connect(project)
    for name, flow in project.flows.items():
        requesters_of(compile_flow(flow, project, around), project, around)
        around.build(flow.source, project, name)
        for target in flow.targets.values():
            around.build(target.use, project, name)
