"""Replay: stored input through a version of the flow again; dry, it says field by field what would differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from waypost.core.errors import UsageError, near
from waypost.core.message import id_text
from waypost.flow.batch.compiled import CompiledFlow, CompiledStep, Processed, Question
from waypost.flow.batch.differ import differences
from waypost.flow.batch.effects import Recorded, recorded_effects, would_ask
from waypost.flow.batch.load import SAME_KEY, input_of
from waypost.flow.batch.reference_step import ReferenceLook, is_reference
from waypost.flow.boundary.heard import is_heard
from waypost.flow.history.changes import Changes
from waypost.flow.history.explain import plain
from waypost.flow.history.queries import query_of
from waypost.flow.running.recall import recompute
from waypost.store.protocol import History
from waypost.store.record import State

if TYPE_CHECKING:
    from waypost.flow.running.engine import Engine

Params = Mapping[str, Any]


async def replay(engine: Engine, params: Params, who: str, onto: Engine | None = None) -> dict[str, Any]:
    """``version``: ``same`` as each message ran on, ``current``, or a digest; ``effects``: ``recorded`` or ``fresh``;
    ``key``: ``same`` idempotency keys or ``new`` ones; a business key to search by is ``query_key``.
    ``onto``: who takes the messages, where that is not who has them."""
    choice = _choices(params)
    if not any(params.get(name) for name in ("id", "flow", "query_key", "arrival", "file", "state", "error")):
        raise UsageError("replay names no messages", remedy="give an id, a file, or a query such as --flow")
    wanted = dict(params)
    wanted["arrival"] = params.get("file") or params.get("arrival")
    wanted["key"] = params.get("query_key")
    query = query_of({**wanted, "limit": 0}, engine.clock.now())
    messages = list(Changes(engine).found(query))[::-1]
    histories = [h for found in messages if (h := engine.reader.history(found.message)) is not None]
    if not params.get("id"):  # what steps made of the messages meant comes about again
        histories = [history for history in histories if not history.batch.accepted.stage]
    if params.get("dry_run"):
        return _summed([await _compare(engine, history, choice) for history in histories])
    return await _run(onto or engine, histories, choice)


def _choices(params: Params) -> dict[str, str]:
    allowed = {"effects": ("recorded", "fresh"), "key": ("new", "same")}
    chosen = {"version": str(params.get("version") or "current")}
    for name, values in allowed.items():
        value = str(params.get(name) or values[0])
        if value not in values:
            raise UsageError(f"--{name} {value!r}", expected=" or ".join(values), remedy=near(value, values))
        chosen[name] = value
    return chosen


def _flow(engine: Engine, history: History, version: str) -> CompiledFlow:
    found = history.found
    if version == "current" and found.flow not in engine.project.flows:
        raise UsageError(f"flow {found.flow!r} is not in the current version", remedy="say --version same")
    if version == "same":
        return engine.versions.flow(found.version, found.flow)
    if version == "current":
        return engine.versions.flow(engine.project.version, found.flow)
    known = [v for v in engine.versions.known() if v.startswith(version)]
    if len(known) != 1:
        raise UsageError(f"no version {version!r}", remedy=near(version, engine.versions.known()))
    return engine.versions.flow(known[0], found.flow)


async def _compare(engine: Engine, history: History, choice: Mapping[str, str]) -> dict[str, Any]:
    """One message's outputs as they were against as they would be; nothing is called."""
    found = history.found
    then = engine.versions.flow(found.version, found.flow)
    now = _flow(engine, history, choice["version"])
    _, old = await recompute(then, history.batch, [found.index], engine.shard.secret)
    anew = choice["effects"] == "fresh"
    decoded, new = await recompute(
        now,
        history.batch,
        [found.index],
        engine.shard.secret,
        missing=as_of_now,
        without=is_reference if anew else None,
    )
    was, would = _documents(then, old), _documents(now, new)
    outputs = []
    for key in [*was, *(k for k in would if k not in was)]:
        target, ordinal = key
        if key not in would:
            verdict, different = "gone", []
        elif key not in was:
            verdict, different = "new", differences({}, would[key])
        else:
            different = differences(was[key], would[key])
            verdict = "differs" if different else "same"
        outputs.append({"target": target, "ordinal": ordinal, "verdict": verdict, "differences": different})
    errors = [str(trouble.error) for trouble in new.troubles] + [str(error) for _, _, error in decoded.refused]
    return {"id": id_text(found.message), "flow": found.flow, "outputs": outputs, "errors": errors}


def as_of_now(step: CompiledStep, question: Question) -> Any:
    """What a dry run takes for an answer that is not recorded: of reference data the rows as they are, of a system
    nothing, since it is not asked."""
    return step.step.now(looking=True) if isinstance(step.step, ReferenceLook) else would_ask(step, question)


def _documents(flow: CompiledFlow, processed: Processed) -> dict[tuple[str, int], Any]:
    return {
        (flow.target_names[out.target], out.ordinal): plain(out.message.body)
        for out in processed.outs
        if out.state is State.OPEN and out.message is not None
    }


def _summed(compared: list[dict[str, Any]]) -> dict[str, Any]:
    differ = [m for m in compared if m["errors"] or any(o["verdict"] != "same" for o in m["outputs"])]
    return {"messages": compared, "count": len(compared), "same": len(compared) - len(differ), "differ": len(differ)}


async def _run(engine: Engine, histories: list[History], choice: Mapping[str, str]) -> dict[str, Any]:
    """Accept each message's input again, in the order it was received, as a new message caused by the old one, where
    its key belongs now."""
    ids = []
    for history in histories:
        found, accepted = history.found, history.batch.accepted
        load = input_of(accepted, found.index, found.message, SAME_KEY if choice["key"] == "same" else "replay")
        recorded: Recorded = {}
        if choice["effects"] == "recorded":
            known = recorded_effects(history.batch.effects)
            recorded = {
                (0, step, n): v for (index, step, n), v in known.items() if index == found.index and not is_heard(step)
            }
        flow = _flow(engine, history, choice["version"])
        placed = await (await engine.spread.pass_on(flow, load, recorded))
        ids.append(id_text(placed.first))
    return {"count": len(ids), "ids": ids}
