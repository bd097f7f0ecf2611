"""One worker's engine: it owns a shard, runs the flows' sources and lanes, and recovers what a crash left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from waypost.core.component import Requester
from waypost.core.errors import StoreError
from waypost.core.key import slot_of
from waypost.core.message import Ids
from waypost.flow.batch.assemble import Surroundings, rehearse, requesters_of
from waypost.flow.batch.compiled import CompiledFlow, Processed
from waypost.flow.batch.effects import Claims
from waypost.flow.batch.load import Decoded, Load, Part, Placed
from waypost.flow.batch.lying import Lying
from waypost.flow.batch.versions import Versions
from waypost.flow.boundary.boundaries import Boundaries
from waypost.flow.declared.definition import Project
from waypost.flow.declared.said import EVERYTHING, said
from waypost.flow.delivery.lane import Lane
from waypost.flow.delivery.placement import FIRST, reader_of
from waypost.flow.delivery.sequence import Sequences
from waypost.flow.delivery.trying import Trying
from waypost.flow.running.intake import Intake
from waypost.flow.running.outgoing import Outgoing
from waypost.flow.running.recall import Recall
from waypost.flow.running.recovery import recover_rows
from waypost.flow.running.runner import CAUTIOUS, FlowRunner
from waypost.flow.running.switching import callers_wait
from waypost.flow.running.trading import Books, Trading
from waypost.flow.sharing.answers import Answers
from waypost.flow.sharing.claiming import Claiming
from waypost.flow.sharing.position import JournalPositions
from waypost.flow.sharing.readings import Readings
from waypost.flow.sharing.spread import Spread
from waypost.store.protocol import Query, Reader, Shard
from waypost.store.record import AnyRecord


class Engine:
    """The flows of one project in one process.

    ``workers`` is how many processes share the keys; this one owns the slots ``slot % workers == number``. A failed
    commit ends the process (``failed`` is set): only reopening the journal decides what was durable.
    """

    def __init__(
        self, project: Project, shard: Shard, reader: Reader, versions: Versions, around: Surroundings, *,
        workers: int = 1, only: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.project, self.shard, self.reader = project, shard, reader
        self.versions, self.around = versions, around
        self.number, self.workers, self.only = shard.number, workers, tuple(only)
        self.clock, self.random, self.events = around.clock, around.random, around.events
        self.ids = Ids(self.clock, self.random)
        self.claims = Claims(shard.state, shard.secret, self.clock.now, self._is_dead)
        self.recall = Recall(shard, versions)
        self.answers, self.readings = Answers(), Readings()
        self.trying, self.lying = Trying(), Lying(self.clock.monotonic)
        self.spread = Spread(self)
        self.claiming = Claiming(self, lambda: self.spread.peers)
        self.sequences = Sequences(shard, workers, lambda: self.spread.peers)
        self.runners: dict[str, FlowRunner] = {}
        self.intakes: dict[str, Intake] = {}
        self.outgoing = Outgoing(self, project, around, self.recall)
        self.boundaries = Boundaries(self, ())
        self.trouble: dict[str, str] = {}
        """What is wrong now, by subject, for ``status``."""
        self.trading = Trading(shard, around.clock, self.trouble)
        self.books: Books | None = None
        """Who answers for the books of acknowledgements, in the worker that keeps them."""
        self.failed: asyncio.Future[BaseException] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._lasting: set[asyncio.Task[Any]] = set()
        self._runners_of: dict[tuple[str, str], FlowRunner] = {}
        self._commits: set[asyncio.Future[Any]] = set()
        self.standing = False
        self.ready = asyncio.Event()
        """Set while the flows can take what other workers hand over."""

    async def start(self, *, sources: bool = True) -> None:
        """Recover what is open, then open the sources. Without ``sources`` nothing is read or sent: for tools."""
        self.standing = not sources
        self.failed = asyncio.get_running_loop().create_future()
        await self._begin(self.shard.unclean)

    async def _begin(self, unclean: bool) -> None:
        self.around.connect(self.project)
        for name in self.flow_names():
            self.runners[name] = self.runner_of(self.versions.flow(self.project.version, name))
        self.boundaries = Boundaries(self, [runner.flow for runner in self.runners.values()])
        kept = self.project.options.retention
        self.trading.take([runner.flow for runner in self.runners.values()], float(kept.exchanges))
        self._recover(unclean)
        for subject in self.shard.state.commands():
            self.obey(subject)
        self.ready.set()
        self.boundaries.begin()
        if not self.standing:
            for name, runner in self.runners.items():
                if self.reads(name):
                    await self._start_source(name, runner.flow)

    async def switch(self, project: Project) -> None:
        """Make ``project`` the current version; what is in flight is finished or kept, on the version it came in on."""
        rehearse(project, self.around)
        self.versions.keep(project)
        async with callers_wait(self.around.listener, lambda: self.intakes.values()):
            self.ready.clear()
            await self._halt()
            await self.shard.append([])  # outcomes still on their way to the state, or they would be sent again
            self.project = project
            self.trouble.clear()
            self.runners, self.intakes, self._runners_of = {}, {}, {}
            self.outgoing = Outgoing(self, project, self.around, self.recall)
            await self._begin(unclean=False)

    def runner_of(self, flow: CompiledFlow) -> FlowRunner:
        """The runner of one version of a flow."""
        at = (flow.version, flow.name)
        if at not in self._runners_of:
            self._runners_of[at] = FlowRunner(self, *self.version_of(*at))
        return self._runners_of[at]

    def version_of(self, version: str, name: str) -> tuple[CompiledFlow, Mapping[str, Requester]]:
        """A flow of a version and who answers its questions today."""
        flow = self.versions.flow(version, name)
        return flow, requesters_of(flow, self.versions.project(version), self.around)

    def compiled(self, name: str) -> CompiledFlow:
        """A flow of the current version."""
        return self.versions.flow(self.project.version, name)

    def takers(self) -> Mapping[str, FlowRunner]:
        return self.runners

    def taker_of(self, version: str, name: str) -> FlowRunner:
        return self.runner_of(self.versions.flow(version, name))

    def flow_names(self) -> list[str]:
        return [n for n, f in self.project.flows.items() if f.options.enabled and (not self.only or n in self.only)]

    def reads(self, flow: str) -> bool:
        """Whether this worker reads the flow's source: one process reads a source, so that its order is kept."""
        definition = self.project.flows[flow]
        if definition.source.component.name == "channel":
            return False
        if definition.source.traits.listens:
            return self.number == FIRST
        return reader_of(flow, self.workers) == self.number

    async def _start_source(self, name: str, flow: CompiledFlow) -> None:
        if self.workers > 1:
            await self.spread.learn(name)
        source = self.around.build(flow.definition.source, self.project, name, JournalPositions(self, name))
        intake = self.intakes[name] = Intake(self, flow, source)
        if cause := self._said_of(name):
            intake.pause(cause)
        self.spawn(intake.run())

    def _recover(self, unclean: bool) -> None:
        """Put what the journal left open where it belongs, in order."""
        late: dict[str, list[int]] = {}
        for batch in self.shard.state.open_batches():
            recover_rows(self, self.versions, batch, unclean)
            if batch.left:
                late.setdefault(batch.flow, []).append(batch.seq)
        for name, runner in self.runners.items():
            runner.cautious = CAUTIOUS if unclean else 0
            if late.get(name) and not self.standing:
                runner.resume(late[name])

    async def stop(self) -> None:
        """Stop reading, finish what is being processed and sent, leave the rest for the next start."""
        only_looked = self.standing
        await self.halt()
        await self.close(still_doubtful=only_looked and self.shard.unclean)

    async def close(self, *, still_doubtful: bool = False) -> None:
        """Close the shard. What is in doubt since a crash, and was not sent again, stays so for the next start."""
        try:
            await self.shard.close(clean=not (still_doubtful or self.outgoing.doubtful))
        finally:
            await self.trading.close()

    async def halt(self) -> None:
        """All of ``stop`` but closing the shard: what others hand over is still taken, and left for the next start."""
        self.standing = True
        await self._halt()
        await self._cancel(self._lasting)

    async def _halt(self) -> None:
        for intake in self.intakes.values():
            intake.pause("stopping")
        await self._cancel(self._tasks)
        await self._committed()
        await self.outgoing.stop()
        for connection in self.around.connections.values():
            if connection.pool is not None:
                await connection.pool.close()

    async def _committed(self) -> None:
        """Wait until nothing submitted is on its way to being durable, or the engine failed."""
        while self._commits and not (self.failed and self.failed.done()):
            await asyncio.wait(self._commits, return_when=asyncio.FIRST_COMPLETED)

    async def _cancel(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        pending = list(tasks)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, Any], *, lasting: bool = False) -> asyncio.Task[Any]:
        """A task that ends the engine when it fails; a ``lasting`` one goes on when versions are switched."""
        task = asyncio.ensure_future(work)
        (self._lasting if lasting else self._tasks).add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._lasting.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.fail(task.exception())

    def fail(self, error: BaseException | None) -> None:
        if error is not None and self.failed is not None and not self.failed.done():
            self.failed.set_result(error)

    def submit(
        self, result: Placed, records: Sequence[AnyRecord], committed: Callable[[], None], load: Load | None = None
    ) -> asyncio.Future[Placed]:
        """Append ``records``; once they are durable ``committed`` runs, then the future gives ``result``."""
        done: asyncio.Future[Placed] = asyncio.get_running_loop().create_future()

        def landed(commit: asyncio.Future[None]) -> None:
            self._commits.discard(commit)
            error = None if commit.cancelled() else commit.exception()
            if error is not None:
                if not isinstance(error, StoreError) or error.code != "store-full":
                    self.fail(error)
                if not done.done():
                    done.set_exception(error)
                done.exception()
                return
            committed()
            if not done.done():
                done.set_result(result)

        commit = self.shard.submit(records)
        if load is not None:
            self.readings.submitted(load, commit)
        self._commits.add(commit)
        commit.add_done_callback(landed)
        return done

    async def dispatch(self, flow: CompiledFlow, load: Load, positions: Sequence[str]) -> asyncio.Future[list[Part]]:
        """Send a load to the workers that own its keys. The future gives where its records are, once durable."""
        return await self.spread.dispatch(flow, load, positions)

    def lane(self, flow: CompiledFlow, target: str) -> Lane:
        """The lane to a target: the current version's connector, whatever version the output is of."""
        return self.outgoing.lane(flow, target)

    @property
    def lanes(self) -> Mapping[tuple[str, str], Lane]:
        """By (flow, target)."""
        return self.outgoing.lanes

    def obey(self, subject: str) -> None:
        """Make so what people say now of ``subject``, which is in the journal."""
        kind, _, name = subject.partition(":")
        for flow, intake in self.intakes.items():
            if subject in EVERYTHING or (kind == "flow" and flow == name):
                cause = self._said_of(flow)
                intake.pause(cause) if cause else intake.resume()
        self.outgoing.obey(subject)

    def _said_of(self, flow: str) -> str:
        """Why a person wants nothing read for a flow, or ''."""
        return said(self.shard.state.commands(), f"flow:{flow}")

    def readers(self, channel: str) -> list[str]:
        """The flows that read a channel, in the order of their names."""
        return sorted(
            name
            for name in self.runners
            if (source := self.project.flows[name].source).component.name == "channel"
            and source.options.channel == channel
        )

    async def hop(
        self, load: Load, identities: Sequence[bytes], extra: Sequence[AnyRecord], *, again: bool = False
    ) -> None:
        """Accept a load that another flow of this store sends; ``extra`` is in the last commit of it. ``again``: some
        of it may have been accepted before."""
        await self.spread.hop(load, identities, extra, again=again)

    def resume(self, flow: str, seqs: Sequence[int]) -> None:
        """Process batches of a flow that are durable and were not processed yet."""
        self.runners[flow].resume(seqs)

    async def hop_by(
        self, load: Load, identities: Sequence[bytes], extra: Sequence[AnyRecord], hashes: Sequence[int], *,
        again: bool = False,
    ) -> None:  # fmt: skip
        """As ``hop``, each record to the worker that owns the slot of its hash; callers' messages stay here."""
        stays = self.project.flows[load.flow].source.traits.replies
        slots = [FIRST if stays else slot_of(hash_) for hash_ in hashes]
        await self.spread.hop(load, identities, extra, again=again, slots=slots)

    def processed(self, decoded: Decoded, processed: Processed, seq: int, first_row: int) -> None:
        """(Part of) a batch whose senders wait for an answer is durable, and its outputs are with their lanes."""
        count = len(decoded.messages) + len(decoded.refused)
        self.answers.processed(decoded, processed, seq, first_row, count)

    def _is_dead(self, message: bytes) -> bool:
        found = self.reader.find(Query(message=message, limit=1))
        return bool(found) and found[0].state == "dead"

    def crowded(self, flow: str, limit: int) -> str:
        """Why the flow's source must wait, or ''."""
        if not self.shard.room:
            return "the disk is nearly full"
        waiting = self.outgoing.waiting(flow)
        runner = self.runners.get(flow)
        if runner is not None and runner.behind > 64:
            return f"{runner.behind} batches wait to be processed"
        return f"{waiting} outputs wait to be delivered" if waiting >= limit else ""

    def level(self, flow: str, partition: str, position: str) -> None:
        """All of a partition up to ``position`` is durable."""
        self.spread.level(flow, partition, position)

    def low_position(self, flow: str, partition: str) -> str:
        """Up to where every shard has a partition."""
        return self.spread.low_position(flow, partition)

    @property
    def busy(self) -> bool:
        """Something moves, or can: not merely waiting for a time, a circuit or a person."""
        if self._commits or any(runner.behind and not runner.waits for runner in self.runners.values()):
            return True
        return self.outgoing.moving or self.boundaries.overdue

    @property
    def drained(self) -> bool:
        """Nothing is open at all."""
        behind = any(runner.behind for runner in self.runners.values())
        return not (self.busy or behind) and self.outgoing.idle

    @property
    def exhausted(self) -> bool:
        """Every polling source has been seen empty, or may not be read."""
        return all(i.exhausted or i.paused or not i.traits.polling for i in self.intakes.values())
