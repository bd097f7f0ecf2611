"""Field lineage of one stored message, recomputed from the record: each value sent, the rules, the source bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from waypost.core.component import LocatingFormat, Noted, Result, Routed, Split, Tapped
from waypost.core.errors import UsageError, WaypostError
from waypost.core.message import Message, id_text
from waypost.core.place_name import NamingFormat
from waypost.flow.batch.compiled import CompiledFlow, Out
from waypost.flow.batch.load import bodies_of
from waypost.flow.batch.reference_step import ReferenceLook
from waypost.flow.batch.versions import Versions
from waypost.flow.declared.lineage import Way, step_lineage, way_data
from waypost.flow.history.explain import message_row, plain
from waypost.flow.running.recall import recompute, recorded_digests
from waypost.mapping.lineage import Change, reaches
from waypost.mapping.lineage_path import Path, parse_path, path_text
from waypost.mapping.lineage_step import Mapped
from waypost.store.protocol import History
from waypost.store.record import State

if TYPE_CHECKING:
    from waypost.flow.running.engine import Engine

MOST_VALUES = 2_000
_MOST_TEXT = 120


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a message's lineage is asked for: sources at or in ``field``, outputs to ``target``, the values at
    ``paths``, the outputs whose bytes have this ``digest``."""

    field: Path | None = None
    target: str = ""
    paths: tuple[Path, ...] = ()
    digest: str = ""


def wanted_of(params: Mapping[str, Any]) -> Wanted:
    """What the parameters of the verb ask for. Raises ``UsageError`` for what is no path."""
    try:
        field = parse_path(str(params["field"])) if params.get("field") else None
        paths = tuple(parse_path(str(path)) for path in params.get("paths") or ())
    except ValueError as error:
        raise UsageError(str(error), expected="a path such as order.lines[0].sku") from None
    return Wanted(field, str(params.get("target") or ""), paths, str(params.get("digest") or ""))


class _Trail:
    """Remembers, for each message on its way through the steps, the changes that made it."""

    def __init__(self, flow: CompiledFlow, read: Any) -> None:
        uses = flow.definition.steps
        self.steps = {use.name: (use, step_lineage(use, read)) for use in uses}
        self.looks = {step.name: step.looks for step in flow.steps}
        self.now: dict[int, tuple[Change, ...]] = {}
        self.ends: dict[int, tuple[tuple[Change, ...], Change]] = {}
        self.kept: list[Message] = []
        """A message is known by its identity, so all must live as long as this."""

    def step(self, name: str, before: Sequence[tuple[int, Message]], results: Sequence[Result]) -> None:
        if name not in self.steps:  # a format's own step: the message stays what it is
            for (_, message), result in zip(before, results, strict=True):
                for made in _made(result):
                    self.kept.append(made)
                    self.now[id(made)] = self.now.get(id(message), ())
            return
        use, lineage = self.steps[name]
        looks = self.looks.get(name)
        if isinstance(looks, ReferenceLook) and isinstance(lineage, Mapped):
            lineage.look_into({table.declaration.name: table.version for table in looks.tables})
        following: dict[int, tuple[Change, ...]] = {}
        for (_, message), result in zip(before, results, strict=True):
            changes = self.now.get(id(message), ())
            for place, made in enumerate(_made(result)):
                change = replace(
                    lineage.traced(message.body, made.body, message.received_at, place),
                    step=name, kind=use.component.name,
                )  # fmt: skip
                self.kept.append(made)
                following[id(made)] = (*changes, change)
                self.ends[id(made)] = ((*changes, change), change)
        self.now = following


def _made(result: Result) -> Sequence[Message]:
    if isinstance(result, Message):
        return (result,)
    if isinstance(result, Split):
        return result.children
    return (result.message,) if isinstance(result, Routed | Tapped | Noted) else ()


async def lineage_of(engine: Engine, message: bytes, params: Mapping[str, Any]) -> dict[str, Any] | None:
    """The lineage of a message this worker's shard has; None for another."""
    history = engine.reader.history(message)
    if history is None:
        return None
    return await message_lineage(history, engine.versions, engine.shard.secret, wanted_of(params))


async def message_lineage(history: History, versions: Versions, secret: bytes, wanted: Wanted) -> dict[str, Any]:
    """Plain data about one message; ``bytes`` are ranges of its input, ``file_bytes`` of the file it came in."""
    stored, found = history.batch, history.found
    accepted = stored.accepted
    raw = bodies_of(accepted.bodies, accepted.count)[found.index]
    range_at = accepted.ranges[16 * found.index : 16 * found.index + 8]
    start = int.from_bytes(range_at, "little") if range_at and found.arrival else None
    cause = accepted.causes[found.index] if accepted.causes else b""
    told: dict[str, Any] = {
        "message": message_row(found),
        "input": {"size": len(raw), "digest": bytes_digest(raw), "file": found.arrival, "starts_at": start},
        "upstream": {"id": id_text(cause), "how": accepted.origin} if cause else None,
        "targets": [],
    }
    try:
        flow = versions.flow(found.version, found.flow)
        trail = _Trail(flow, versions.project(found.version).files.__getitem__)
    except WaypostError as error:
        return {**told, "why": str(error)}
    decoded, processed = await recompute(flow, stored, [found.index], secret, trail)
    document = decoded.messages[0].body if decoded.messages else None
    if decoded.refused:
        told["why"] = str(decoded.refused[0][2])
    digests = recorded_digests(stored)
    for out in processed.outs:
        if out.message is None or out.state is not State.OPEN or not _meant(flow, out, wanted):
            continue
        data = _output(flow, out, trail, wanted)
        data["proved"] = digests.get((out.index, data["target"], out.ordinal)) == out.digest
        if wanted.field is None or data["values"] or data["decided_by"]:
            told["targets"].append(data)
    _locate(told["targets"], flow, raw, accepted.context, document, start)
    return told


def bytes_digest(data: bytes) -> str:
    """What tells one body from another."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _meant(flow: CompiledFlow, out: Out, wanted: Wanted) -> bool:
    if wanted.target and flow.target_names[out.target] != wanted.target:
        return False
    return not wanted.digest or bytes_digest(out.body) == wanted.digest


def _output(flow: CompiledFlow, out: Out, trail: _Trail, wanted: Wanted) -> dict[str, Any]:
    target = flow.target_names[out.target]
    assert out.message is not None
    changes, last = trail.ends.get(id(out.message), ((), Change(passes=True)))
    link = next((link for name, link in last.exits if name == target), None)
    way = Way(target, flow.name, changes, last, link, flow.name)
    leaves = list(leaf_paths(out.message.body))
    paths = list(wanted.paths) or leaves[:MOST_VALUES]
    data = way_data(way, changes, reaches(changes, paths), wanted.field, None)
    for row, path in zip(data["values"], _paths_of(data, paths), strict=True):
        row["value"] = shown(value_at(out.message.body, path))
    cut = len(leaves) > MOST_VALUES and not wanted.paths
    return {"ordinal": out.ordinal, "digest": bytes_digest(out.body), "values_cut": cut, **data}


def _paths_of(data: Mapping[str, Any], paths: Sequence[Path]) -> list[Path]:
    by_text = {path_text(path): path for path in paths}
    return [by_text[row["path"]] for row in data["values"]]


def _locate(
    targets: Sequence[Mapping[str, Any]], flow: CompiledFlow, raw: bytes, context: bytes, document: Any,
    start: int | None,
) -> None:  # fmt: skip
    """Give each source its value and, where the format knows, its bytes."""
    sources = [s for t in targets for row in (*t["values"], {"sources": t["decided_by"]}) for s in row["sources"]]
    fields = {s["field"]: parse_path(s["field"]) for s in sources if "field" in s}
    ranges: dict[str, tuple[int, int] | None] = {}
    names: dict[str, str | None] = {}
    if isinstance(flow.format, LocatingFormat) and fields:
        ranges = dict(zip(fields, flow.format.locate(raw, context, list(fields.values())), strict=True))
    if isinstance(flow.format, NamingFormat) and fields:
        names = dict(zip(fields, flow.format.place_names(raw, context, list(fields.values())), strict=True))
    for source in sources:
        if "field" not in source:
            continue
        source["value"] = shown(value_at(document, fields[source["field"]]))
        if named := names.get(source["field"]):
            source["place"] = named
        found = ranges.get(source["field"])
        if found is not None:
            source["bytes"] = list(found)
            source["text"] = raw[found[0] : found[1]].decode("utf-8", "replace")[:_MOST_TEXT]
            if start is not None:
                source["file_bytes"] = [start + found[0], start + found[1]]


def value_at(document: Any, path: Path) -> Any:
    """The value at a place of a document; None where there is none."""
    for part in path:
        if isinstance(part, int) and isinstance(document, list | tuple):
            document = document[part] if -len(document) <= part < len(document) else None
        elif isinstance(part, str) and isinstance(document, Mapping):
            document = document.get(part)
        else:
            return None
    return document


def shown(value: Any) -> Any:
    """A value in a few characters."""
    if isinstance(value, Mapping | list | tuple):
        return f"({len(value)} {'fields' if isinstance(value, Mapping) else 'items'})"
    value = plain(value)
    return value[: _MOST_TEXT - 1] + "…" if isinstance(value, str) and len(value) > _MOST_TEXT else value


def leaf_paths(document: Any, above: Path = ()) -> list[Path]:
    """The places of a document's plain values, in order; the document itself where it is one."""
    made: list[Path] = []
    rest: list[tuple[Any, Path]] = [(document, above)]
    while rest and len(made) <= MOST_VALUES:
        value, path = rest.pop()
        if isinstance(value, Mapping) and value:
            rest += [(each, (*path, str(name))) for name, each in reversed(list(value.items()))]
        elif isinstance(value, list | tuple) and value:
            rest += [(each, (*path, at)) for at, each in reversed(list(enumerate(value)))]
        else:
            made.append(path)
    return made
