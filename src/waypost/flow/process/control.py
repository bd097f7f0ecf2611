"""What a running system is told and asked: the verbs of the control channel, performed in one worker."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waypost.core.component import TimedSource
from waypost.core.errors import UsageError, WaypostError, near
from waypost.core.message import id_text
from waypost.flow.batch.load import Load
from waypost.flow.declared.project import load_project, read_files, version_of
from waypost.flow.declared.reference_data import declared_names
from waypost.flow.declared.reference_waiting import waiting
from waypost.flow.declared.said import subjects
from waypost.flow.history.changes import Changes
from waypost.flow.history.exchange import books, exchanges, settle
from waypost.flow.history.explain import explain, time_text
from waypost.flow.history.groups import counted, groups, told
from waypost.flow.history.legal_hold import legal_hold
from waypost.flow.history.lineage_message import lineage_of
from waypost.flow.history.queries import message_id, query_of
from waypost.flow.history.reference_verbs import reference, waiting_now
from waypost.flow.history.replay import replay
from waypost.flow.history.rows import arrival_row, target_status
from waypost.flow.history.sequence_verb import numbers, set_number
from waypost.flow.process import finder
from waypost.flow.running.rework import EFFECTS, FAILED
from waypost.flow.sharing.spread import ids_of
from waypost.store.protocol import Query
from waypost.store.record import Activated, Commanded, Decided, State

if TYPE_CHECKING:
    from waypost.flow.running.engine import Engine

Params = Mapping[str, Any]
DELIVERIES = ("delivered", "filtered", "dead", "parked", "cancelled", "retrying")
"""What ``status`` counts of a flow's deliveries, beside those open; a message that ended in the flow counts as one."""
USUAL, PAUSED = "", "paused"
RUN, SKIP = "run", "skip"


class Control:
    """The verbs over one worker's engine. Results are plain data that JSON can hold; see each verb's docstring."""

    def __init__(self, engine: Engine, root: Path, environment: str, stopping: asyncio.Event, who: str = "") -> None:
        self.engine, self.root, self.environment, self.stopping = engine, root, environment, stopping
        self.who = who or _user()
        self.changes = Changes(engine)
        self._scheduling = asyncio.Lock()
        self._dead_at_start = self._ended_badly()

    async def perform(self, verb: str, params: Params) -> Any:
        """The result of a verb. Raises ``UsageError`` for one there is not."""
        call = VERBS.get(verb)
        if call is None:
            raise UsageError(f"no verb {verb!r}", remedy=near(verb, VERBS))
        if verb in SEARCHING:
            await self.engine.shard.findable()
        return await call(self, params)

    # ── asking ──

    async def status(self, params: Params) -> Any:
        """Flows, targets, circuits and troubles as they are now."""
        engine = self.engine
        counts, commands = engine.shard.state.counts(), self._commands()
        flows = [self._flow_status(name, counts.get(name, {}), commands) for name in engine.flow_names()]
        return {
            "project": engine.project.options.name, "version": engine.project.version, "environment": self.environment,
            "running": not engine.standing, "workers": engine.workers, "commands": dict(commands),
            "listen": engine.around.listener.address if engine.around.listener else "",
            "flows": flows, "trouble": [f"{subject}: {cause}" for subject, cause in engine.trouble.items()],
            "waiting": waiting(engine.reader) if declared_names(engine.project.files) else [],
        }  # fmt: skip

    def _commands(self) -> dict[str, str]:
        """What people said that still holds; of a schedule, the moments to come."""
        said = {}
        for subject, state in self.engine.shard.state.commands().items():
            if subject.startswith("schedule:"):
                over = max(dict(self.engine.shard.state.positions(subject.partition(":")[2])).values(), default="")
                state = " ".join(word for word in state.split() if word.partition(":")[2] > over)
            if state:
                said[subject] = state
        return said

    def _flow_status(self, name: str, count: Mapping[str, int], commands: Mapping[str, str]) -> dict[str, Any]:
        engine = self.engine
        intake = engine.intakes.get(name)
        said = commands.get(f"flow:{name}") or ("stopped" if engine.standing else "running")
        cause = engine.trouble.get(f"source of {name}", (intake.paused or intake.crowded) if intake else "")
        reading = "paused" if intake and intake.paused else "reading" if intake else ""
        return {
            "flow": name, "state": said, "messages": {"accepted": count.get("accepted", 0)},
            "deliveries": {
                **{s: count.get(s, 0) for s in DELIVERIES}, "open": count.get("open", 0) + count.get("doubtful", 0),
            },
            "behind": engine.runners[name].behind,
            "source": {"state": reading, "cause": cause}, "groups": counted(engine, name),
            "targets": [target_status(lane) for (flow, _), lane in engine.lanes.items() if flow == name],
        }  # fmt: skip

    async def messages(self, params: Params) -> Any:
        """A page of messages, newest first."""
        return finder.messages(self.engine.reader, params, self.engine.clock.now())

    async def show(self, params: Params) -> Any:
        """Everything about one message, or None when this worker's shard does not have it."""
        history = self.engine.reader.history(message_id(params))
        if history is None:
            return None
        shown = await explain(history, self.engine.versions, self.engine.shard.secret, ())
        return {**shown, **told(self.engine, history)}

    async def files(self, params: Params) -> Any:
        """Arrivals, newest first."""
        rows = self.engine.reader.arrivals(
            params.get("flow", ""), params.get("name", ""), int(params.get("limit") or 50)
        )
        return {"files": [arrival_row(row) for row in rows]}

    async def dead(self, params: Params) -> Any:
        """Failure groups."""
        return finder.dead(self.engine.reader, params, self.engine.clock.now())

    async def versions(self, params: Params) -> Any:
        """Every activation, oldest first."""
        current = self.engine.project.version
        return {
            "versions": [
                {"version": version, "at": time_text(at), "who": who, "current": version == current, **details}
                for version, at, who, details in self.engine.shard.state.activations()
            ]
        }

    # ── telling ──

    async def pause(self, params: Params) -> Any:
        """Nothing more is read (a flow) or sent (a target, a connection) until resumed; survives a restart."""
        return await self._command(params, PAUSED)

    async def resume(self, params: Params) -> Any:
        """As usual again; also closes open circuits and lets stopped targets try anew."""
        return await self._command(params, USUAL)

    async def _command(self, params: Params, state: str) -> Any:
        subject = self._subject(str(params.get("subject", "")))
        record = Commanded(subject, state, self.engine.clock.now(), self.who_asks(params), str(params.get("why", "")))
        await self.engine.shard.append([record])
        self.engine.obey(subject)
        return {"subject": subject, "state": state or "as usual"}

    def _subject(self, text: str) -> str:
        known = subjects(self.engine.project)
        if text in known:
            return text
        short = [s for s in known if s.partition(":")[2] == text]
        if len(short) == 1:
            return short[0]
        raise UsageError(
            f"nothing is called {text!r}", expected="flow:x, target:x/y, connection:z or all", remedy=near(text, known)
        )

    async def hold(self, params: Params) -> Any:
        """Park what is open of the messages meant."""
        return await self._decide(params, "hold", (State.OPEN, State.RETRYING), State.PARKED)

    async def release(self, params: Params) -> Any:
        """Let parked messages go on."""
        return await self._decide(params, "release", (State.PARKED,), State.OPEN)

    async def cancel(self, params: Params) -> Any:
        """End what is not delivered of the messages meant."""
        return await self._decide(
            params, "cancel", (State.OPEN, State.RETRYING, State.PARKED, State.DEAD), State.CANCELLED
        )

    async def retry(self, params: Params) -> Any:
        """Try dead, parked and waiting deliveries now: same bytes, same key. ``effects``: which recorded answers a
        message that failed inside the flow is processed again with (``rework.EFFECTS``). ``current``: dead and parked
        messages of earlier versions are accepted anew on the current one."""
        effects = str(params.get("effects") or FAILED)
        if effects not in EFFECTS:
            raise UsageError(f"--effects {effects!r}", expected=" or ".join(EFFECTS), remedy=near(effects, EFFECTS))
        if not params.get("current"):
            states = (State.DEAD, State.PARKED, State.RETRYING)
            return await self._decide(params, "retry", states, State.OPEN, effects)
        query = self._meant(params, "retry")
        count, ids = await self.changes.revise(query, self._decision(params, "retry", State.OPEN), effects)
        return {"count": count, "ids": [id_text(message) for message in ids]}

    async def resend(self, params: Params) -> Any:
        """Send delivered messages to one target again: same bytes, same key."""
        if not params.get("target"):
            raise UsageError("resend names no target", remedy="say --target NAME")
        return await self._decide(params, "resend", (State.DELIVERED,), State.OPEN)

    async def _decide(
        self, params: Params, verb: str, states: Sequence[State], to: State, effects: str = FAILED
    ) -> Any:
        query, decided = self._meant(params, verb), self._decision(params, verb, to)
        return {"count": await self.changes.decide(query, states, decided, effects)}

    def _meant(self, params: Params, verb: str) -> Query:
        if not any(params.get(name) for name in ("id", "flow", "key", "arrival", "state", "error", "target")):
            raise UsageError(f"{verb} names no messages", remedy="give an id, or a query such as --flow or --key")
        return query_of({**params, "limit": 0}, self.engine.clock.now())

    def _decision(self, params: Params, verb: str, to: State) -> Decided:
        return Decided(b"", int(to), self.engine.clock.now(), self.who_asks(params), str(params.get("why", "")), verb)

    async def legal_hold(self, params: Params) -> Any:
        """Keep messages against retention, no longer do so, or say which are kept."""
        return await legal_hold(self.engine, params, self.who_asks(params))

    async def replay(self, params: Params) -> Any:
        """Run stored input through a version of the flow; dry: say what would differ."""
        return await replay(self.engine, params, self.who_asks(params))

    async def send(self, params: Params) -> Any:
        """Accept a message for a flow as if its source had brought it."""
        runner = self.engine.runners.get(str(params.get("flow", "")))
        if runner is None:
            raise UsageError(
                f"no flow {params.get('flow')!r}", remedy=near(str(params.get("flow")), self.engine.runners)
            )
        body = params.get("body", "")
        raw = body if isinstance(body, bytes) else str(body).encode()
        headers = [dict(params["headers"])] if params.get("headers") else None
        load = Load(runner.flow.name, [raw], headers=headers, origin="send")
        parts = await (await self.engine.dispatch(runner.flow, load, ()))
        return {"ids": [id_text(message_id) for message_id in ids_of(parts)]}

    async def reload(self, params: Params) -> Any:
        """Read the project's files anew and make them the current version; messages in flight finish on theirs."""
        project = load_project(self.root, self.environment)
        await self.engine.switch(project)
        return await self._activated(params)

    async def activate(self, params: Params) -> Any:
        """Make a version that ran before the current one again."""
        version = str(params.get("version", ""))
        known = self.engine.versions.known()
        full = [v for v in known if v.startswith(version)] if version else []
        if len(full) != 1:
            raise UsageError(f"no version {version!r}", remedy=near(version, known) or f"known: {', '.join(known)}")
        await self.engine.switch(self.engine.versions.project(full[0]))
        return await self._activated(params, {"files_version": version_of(read_files(self.root))})

    async def _activated(self, params: Params, details: Mapping[str, Any] | None = None) -> Any:
        project = self.engine.project
        record = self._activation(self.who_asks(params), str(params.get("why", "")), details)
        await self.engine.shard.append([record])
        return {"version": project.version, "flows": sorted(project.flows)}

    def _activation(self, who: str, why: str = "", details: Mapping[str, Any] | None = None) -> Activated:
        project = self.engine.project
        before = [a[0] for a in self.engine.shard.state.activations()]
        touched: Sequence[str] = sorted(project.files)
        if before and before[-1] in self.engine.versions.known():
            try:
                old = self.engine.versions.project(before[-1]).files
                names = {*old, *project.files}
                touched = sorted(
                    n for n in names if old.get(n) != project.files.get(n) and not n.startswith("environments/")
                )
            except WaypostError:
                touched = sorted(project.files)
        return Activated(
            project.version,
            self.engine.clock.now(),
            who,
            {
                "files": list(touched),
                "flows": sorted(project.flows),
                **({"why": why} if why else {}),
                **(details or {}),
            },
        )

    def activate_at_start(self) -> None:
        """Record the version this start runs, when it is another than the last."""
        before = self.engine.shard.state.activations()
        if not before or before[-1][0] != self.engine.project.version:
            self.engine.shard.append_later([self._activation(self.who)])

    async def stop(self, params: Params) -> Any:
        """Stop in good order."""
        self.stopping.set()
        return {}

    async def left(self, params: Params) -> Any:
        """Whether this worker has something to do, for ``--once``; ``wait``: also what waits for a retry counts."""
        engine = self.engine
        left = not engine.drained if params.get("wait") else engine.busy
        return {"left": left or not engine.exhausted, "exit_code": self.exit_code()}

    async def run_schedule(self, params: Params) -> Any:
        """Fire a schedule now; survives a restart until the message is accepted."""
        return await self._schedule(params, RUN)

    async def skip_schedule(self, params: Params) -> Any:
        """Leave out a schedule's next run; survives a restart."""
        return await self._schedule(params, SKIP)

    async def _schedule(self, params: Params, verb: str) -> Any:
        engine, flow = self.engine, str(params.get("flow", ""))
        if flow in engine.runners and not engine.reads(flow):
            return {"flow": flow, "at": ""}  # another worker reads it
        source = engine.intakes[flow].source if flow in engine.intakes else None
        if not isinstance(source, TimedSource):
            raise UsageError(f"flow {flow!r} has no schedule", remedy=near(flow, engine.intakes))
        async with self._scheduling:
            at, said = source.would_run() if verb == RUN else source.would_skip()
            if not at:
                raise UsageError(
                    f"the schedule of {flow!r} has no next run", remedy="look at its cron line and calendar"
                )
            now, why = engine.clock.now(), str(params.get("why", ""))
            await engine.shard.append([Commanded(f"schedule:{flow}", said, now, self.who_asks(params), why)])
            source.told(said)
        return {"flow": flow, "at": at}

    # ── ending ──

    def who_asks(self, params: Params) -> str:
        """The person on whose behalf it is done."""
        return str(params.get("who") or self.who)

    def _ended_badly(self) -> dict[str, int]:
        counts = self.engine.shard.state.counts()
        return {flow: c.get("dead", 0) + c.get("parked", 0) for flow, c in counts.items()}

    def exit_code(self) -> int:
        """0 when everything of this run was delivered or filtered; 1 when something is dead, parked or still open."""
        worse = any(n > self._dead_at_start.get(flow, 0) for flow, n in self._ended_badly().items())
        intakes = self.engine.intakes.values()
        waits = not self.engine.drained or self.engine.boundaries.count
        refused = any(intake.paused or intake.refused or intake.crowded for intake in intakes)
        return 1 if worse or refused or self.engine.trouble or waits else 0


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


async def lineage(control: Control, params: Params) -> Any:
    """Where the values of one message come from, or None when this worker's shard does not have it."""
    return await lineage_of(control.engine, message_id(params), params)


async def reference_data(control: Control, params: Params) -> Any:
    """Ask and tell the reference data of the installation."""
    return await reference(control.engine, params, control.who_asks(params))


async def reference_waiting(control: Control, params: Params) -> Any:
    """The groups of messages that wait for a row, and whether it is there by now."""
    return waiting_now(control.engine)


SEARCHING = frozenset(
    {
        "messages",
        "show",
        "lineage",
        "reference-waiting",
        "dead",
        "hold",
        "release",
        "cancel",
        "retry",
        "resend",
        "replay",
        "legal-hold",
    }
)
"""Verbs that look messages up: what was committed before they were asked is found."""
Verb = Callable[[Control, Params], Awaitable[Any]]
VERBS: dict[str, Verb] = {
    "status": Control.status, "messages": Control.messages, "show": Control.show, "files": Control.files,
    "dead": Control.dead, "versions": Control.versions, "pause": Control.pause, "resume": Control.resume,
    "hold": Control.hold, "release": Control.release, "cancel": Control.cancel, "retry": Control.retry,
    "resend": Control.resend, "replay": Control.replay, "send": Control.send, "reload": Control.reload,
    "activate": Control.activate, "stop": Control.stop, "left": Control.left, "run-schedule": Control.run_schedule,
    "skip-schedule": Control.skip_schedule, "legal-hold": Control.legal_hold, "lineage": lineage,
    "reference": reference_data, "reference-waiting": reference_waiting,
    "numbers": numbers, "set-number": set_number, "exchanges": exchanges,
    "settle": settle, "books": books, "groups": groups,
}  # fmt: skip
