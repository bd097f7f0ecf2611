"""What a person is told of groups, and what a person decides about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from waypost.core.boundary import Forced, Group
from waypost.core.errors import UsageError, near
from waypost.core.message import id_text
from waypost.flow.batch.load import bodies_of
from waypost.flow.boundary import heard
from waypost.flow.boundary.boundary import Boundary
from waypost.flow.history.explain import plain, time_text
from waypost.flow.member.envelope import AFTER, AT, opened
from waypost.store.protocol import History
from waypost.store.record import Decided, Released, State

if TYPE_CHECKING:
    from waypost.flow.running.engine import Engine

Params = Mapping[str, Any]
WHAT = ("list", "release", "cancel")


class Asked(Protocol):
    """Who performs verbs (``flow.control.Control``)."""

    engine: Engine

    def who_asks(self, params: Params) -> str: ...


async def groups(control: Asked, params: Params) -> dict[str, Any]:
    """``what``: ``list`` gives the ``groups`` that wait; ``release`` lets those meant go as they are, ``cancel`` ends
    them: the ``count`` of members that concerned. Meant are those of ``flow``, ``step`` and ``key``."""
    engine, who = control.engine, control.who_asks(params)
    what = str(params.get("what") or "list")
    if what not in WHAT:
        raise UsageError(f"groups {what!r}", expected="list, release or cancel", remedy=near(what, WHAT))
    if what == "list":
        rows = [row for boundary in _meant(engine, params) for row in _rows(boundary, params)]
        return {"groups": sorted(rows, key=lambda row: row["since"])[: int(params.get("limit") or 50)]}
    if "key" not in params and not params.get("flow"):
        raise UsageError(f"groups {what} names no group", remedy="say --key, or --flow for all groups of a flow")
    how: Forced = "release" if what == "release" else "cancel"
    state = State.CANCELLED if what == "cancel" else State.DELIVERED
    decided = Decided(b"", int(state), engine.clock.now(), who, str(params.get("why", "")), f"group {what}")
    count = 0
    for boundary in _meant(engine, params):
        for _, key in boundary.open(str(params["key"]) if "key" in params else None):
            count += await boundary.force(key, how, decided)
    return {"count": count}


def _meant(engine: Engine, params: Params) -> Iterator[Boundary]:
    flow, step = str(params.get("flow") or ""), str(params.get("step") or "")
    known = {b.flow.name for b in engine.boundaries}
    if flow and flow not in known:
        remedy = near(flow, known) or "`waypost flows` lists the flows"
        raise UsageError(f"flow {flow!r} has no step that combines messages", remedy=remedy)
    for boundary in engine.boundaries:
        if flow in ("", boundary.flow.name) and step in ("", boundary.name):
            yield boundary


def _rows(boundary: Boundary, params: Params) -> Iterator[dict[str, Any]]:
    for hash_, key in boundary.open(str(params["key"]) if "key" in params else None):
        held = boundary.held(key)
        group = Group(key=key, now=boundary.host.clock.now(), state=held.state, count=len(held.refs))
        due = min(held.timers.values(), default=0)
        yield {
            "flow": boundary.flow.name, "step": boundary.name, "key": key, "members": len(boundary.waiting[hash_]),
            "bytes": held.size, "since": time_text(held.opened_at), "until": time_text(due),
            "waits_for": boundary.step.waits_for(group),
        }  # fmt: skip


def counted(engine: Engine, flow: str) -> list[dict[str, Any]]:
    """Per boundary of a flow, how many groups and members wait: for ``status``."""
    return [
        {"step": boundary.name, "groups": boundary.open_groups, "members": boundary.count}
        for boundary in engine.boundaries
        if boundary.flow.name == flow
    ]


def told(engine: Engine, history: History) -> dict[str, Any]:
    """What a boundary has to do with a message, as ``boundary``; nothing for one that it has nothing to do with."""
    accepted, found = history.batch.accepted, history.found
    releases = [record for record in history.records if isinstance(record, Released)]
    if not accepted.stage and not releases:
        return {}
    if not accepted.stage:
        return {"boundary": {"role": "original", "releases": [_release(record) for record in releases]}}
    envelope = opened(bodies_of(accepted.bodies, accepted.count)[found.index])
    role, _, step = accepted.stage.partition(" ")
    said: dict[str, Any] = {
        "role": "member" if role + " " == AT else "released", "step": step, "key": envelope.key,
        "releases": [_release(record) for record in releases],
    }  # fmt: skip
    if asked := list(heard.told(history.batch.effects, found.index)):
        said["asked"] = [plain(one) for one in asked]
    boundary = engine.boundaries.of.get((found.flow, step))
    if role + " " != AFTER and found.state == "processing" and boundary is not None:
        said["waits_in"] = next(_rows(boundary, {"key": envelope.key}), None)
    return {"boundary": said}


def _release(record: Released) -> dict[str, Any]:
    return {
        "step": record.step, "key": record.key, "reason": record.reason, "at": time_text(record.at),
        "who": record.who, "why": record.why, "members": [id_text(message) for message in record.members],
        "originals": [id_text(message) for message in record.origins],
        "messages": [id_text(message) for message in record.messages],
    }  # fmt: skip
