"""The lanes of one worker: one for each target of the flows of the current version, made when it is first needed."""

from __future__ import annotations

import asyncio
import contextlib

from waypost.core.component import Format
from waypost.core.errors import ConfigurationRefused
from waypost.core.stamping import StampingFormat
from waypost.core.traits import TargetTraits
from waypost.flow.batch.assemble import Surroundings
from waypost.flow.batch.compiled import CompiledFlow
from waypost.flow.boundary.lane import TRAITS, BoundaryLane, GroupLane
from waypost.flow.declared.definition import Project, Use
from waypost.flow.declared.said import EVERYTHING, said
from waypost.flow.delivery.circuit import Circuit
from waypost.flow.delivery.lane import Lane
from waypost.flow.delivery.numbering import Numbering
from waypost.flow.delivery.stamping import Stamping
from waypost.flow.member.stretch import boundary_of
from waypost.flow.running.recall import Recall
from waypost.flow.sharing.answers import answer_key_reader, answers_callers
from waypost.flow.sharing.channel import ChannelLane
from waypost.flow.sharing.host import Host


class Outgoing:
    """Lanes by (flow, target), and circuits by connection."""

    def __init__(self, host: Host, project: Project, around: Surroundings, recall: Recall) -> None:
        self._host, self._project, self._around, self._recall = host, project, around, recall
        self.lanes: dict[tuple[str, str], Lane] = {}
        self._circuits: dict[str, Circuit] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._running: set[Lane] = set()

    def lane(self, flow: CompiledFlow, target: str) -> Lane:
        """The lane to a target: the current version's connector, whatever version the output is of."""
        at = (flow.name, target)
        if at not in self.lanes:
            lane = self.lanes[at] = self._made(flow, target)
            lane.held = self._said_of(at, lane)
            if not self._host.standing:
                self._run(lane)
        return self.lanes[at]

    def begin(self) -> None:
        """Send what the lanes of a host that stands have, and what they will get."""
        for lane in self.lanes.values():
            self._run(lane)

    def _run(self, lane: Lane) -> None:
        if lane in self._running:
            return
        self._running.add(lane)
        task = asyncio.ensure_future(lane.run())
        task.add_done_callback(lambda t: None if t.cancelled() else self._host.fail(t.exception()))
        self._tasks.append(task)

    def _made(self, flow: CompiledFlow, target: str) -> Lane:
        if boundary_of(flow, target):
            return self._to_boundary(flow, target)
        host, current = self._host, self._project.flows.get(flow.name)
        definition = current if current is not None and target in current.targets else flow.definition
        use, answer_keys = definition.targets[target].use, definition.targets[target].answer_keys
        traits: TargetTraits = use.traits
        lane_class = ChannelLane if use.component.name == "channel" else Lane
        lane = lane_class(
            flow.name, target, target=self._around.build(use, self._project, flow.name), traits=traits,
            retry=definition.options.delivery.retry, circuit=self._circuit(use, (flow.name, target)), shard=host.shard,
            clock=host.clock, random=host.random, events=host.events,
            rebuild=lambda refs: self._recall.rebuild(flow.name, refs),
            answer_keys=answer_key_reader(answer_keys) if answer_keys else None,
        )  # fmt: skip
        if isinstance(lane, ChannelLane):
            lane.engine = host
        if traits.numbered:
            lane.numbering = Numbering(host.shard, flow.name, target, host.workers)
        form = self._form(flow if definition is flow.definition else host.compiled(flow.name), target)
        if lane_class is Lane and isinstance(form, StampingFormat) and form.stamps:
            lane.stamping = Stamping(host.shard, host.sequences, form, host.clock)
        if answers_callers(flow):
            lane.watch = host.answers.outcome
        return lane

    def _to_boundary(self, flow: CompiledFlow, target: str) -> Lane:
        """The lane to a boundary, or the one that stands for what waits there."""
        host, boundary = self._host, self._host.boundaries.find(flow.name, target)
        if boundary is None:
            found = f"flow {flow.name!r} no longer has the boundary of {target!r}, and messages wait there"
            raise ConfigurationRefused(found, remedy="put the step back, and let its groups end before it goes")
        at = (flow.name, target)
        lane = (GroupLane if target == boundary.target else BoundaryLane)(
            *at, target=None, traits=TRAITS, retry=flow.definition.options.delivery.retry,
            circuit=Circuit("/".join(at), host.clock, host.random, host.events), shard=host.shard, clock=host.clock,
            random=host.random, events=host.events, rebuild=lambda refs: self._recall.rebuild(flow.name, refs),
        )  # fmt: skip
        lane.boundary = boundary
        if answers_callers(flow):
            lane.watch = host.answers.outcome
        return lane

    @staticmethod
    def _form(flow: CompiledFlow, target: str) -> Format | None:
        return next((one.format for one in flow.targets if one.name == target), None)

    def _circuit(self, use: Use, at: tuple[str, str]) -> Circuit:
        name = str(getattr(use.options, "connection", "") or "/".join(at))
        if name not in self._circuits:
            self._circuits[name] = Circuit(name, self._host.clock, self._host.random, self._host.events)
        return self._circuits[name]

    def _said_of(self, at: tuple[str, str], lane: Lane) -> str:
        """Why a person wants nothing sent on a lane, or ''."""
        flow, target = at
        commands = self._host.shard.state.commands()
        return said(commands, f"flow:{flow}", f"target:{flow}/{target}", f"connection:{lane.circuit.name}")

    def obey(self, subject: str) -> None:
        """Make so what people say now of the lanes that ``subject`` is about."""
        kind, _, name = subject.partition(":")
        for (flow, target), lane in self.lanes.items():
            meant = (kind == "flow" and flow == name) or (kind == "target" and f"{flow}/{target}" == name)
            if subject in EVERYTHING or meant or (kind == "connection" and lane.circuit.name == name):
                cause = self._said_of((flow, target), lane)
                lane.hold(cause) if cause else lane.resume()

    async def stop(self) -> None:
        """Send nothing more; return when nothing is in flight."""
        for lane in self.lanes.values():
            await lane.stop()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def waiting(self, flow: str) -> int:
        """Outputs of a flow that are not yet ended."""
        return sum(lane.open_count for (name, _), lane in self.lanes.items() if name == flow)

    @property
    def moving(self) -> bool:
        """Something is being sent, or can be."""
        return any(not lane.stuck for lane in self.lanes.values())

    @property
    def idle(self) -> bool:
        return all(lane.idle for lane in self.lanes.values())

    @property
    def doubtful(self) -> bool:
        """Something that may have arrived before a crash has not been sent again."""
        return any(lane.suspect_below and not lane.idle for lane in self.lanes.values())
