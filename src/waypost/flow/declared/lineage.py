"""Field lineage of flows by their text: what each target gets, made of what, by which rules; across channels too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from waypost.flow.declared.definition import FlowDefinition, Project, Use
from waypost.mapping.lineage import DECIDES, Applied, Change, Link, Origin, Reach, deciders, exit_deciders, reaches
from waypost.mapping.lineage_path import Path, path_text, touches
from waypost.mapping.lineage_step import NOTHING_MADE, Opaque, StepLineage

Read = Callable[[str], bytes]
_MOST_HOPS = 16


@dataclass(frozen=True, slots=True)
class Way:
    """One way from a flow's source to a target: the changes on it, and how the message leaves. ``origin`` is the flow
    whose source it begins at."""

    target: str
    flow: str
    changes: tuple[Change, ...]
    exit: Change
    link: Link | None = None
    origin: str = ""

    @property
    def decided_by(self) -> tuple[Origin, ...]:
        """What decides whether a message comes this way."""
        left = exit_deciders(self.changes, self.exit, self.link) if self.link is not None else ()
        return tuple(dict.fromkeys((*deciders(self.changes), *left)))


def step_lineage(use: Use, read: Read) -> StepLineage:
    """What a step says of itself; one that says nothing is opaque."""
    declared = getattr(use.component.build, "lineage", None)
    if declared is not None:
        made: StepLineage = declared(use.options, read)
        return made
    file = str(getattr(use.options, "file", "") or "")
    rule = f"{use.component.name} {file}".strip()
    return Opaque(f"{rule}, of all its input", file, NOTHING_MADE)


def ways(flow: FlowDefinition, read: Read, before: Sequence[Change] = (), origin: str = "") -> list[Way]:
    """Every way through a flow; ``before`` are the changes on the way to its source, in the flow ``origin``."""
    changes, made = list(before), []
    for use in flow.steps:
        name = f"{flow.name}/{use.name}" if origin else use.name
        change = replace(step_lineage(use, read).change(), step=name, kind=use.component.name)
        for target, link in change.exits:
            made.append(Way(target, flow.name, tuple(changes), change, link, origin or flow.name))
        if change.ends:
            return made
        changes.append(change)
    end = Change(step="", passes=True)
    return made + [Way(target, flow.name, tuple(changes), end, None, origin or flow.name) for target in flow.targets]


def channel_of(use: Use) -> str:
    """The channel a source reads or a target writes, '' for any other."""
    return str(use.options.channel) if use.component.name == "channel" else ""


def joined_ways(project: Project, flow: FlowDefinition, read: Read) -> list[Way]:
    """The ways through a flow from where its messages come into the project to where they leave it, through the
    channels between flows."""
    starts = list(_upstream(project, flow, read, 0))
    return [end for before, origin in starts for way in ways(flow, read, before, origin)
            for end in _downstream(project, way, read, 0)]  # fmt: skip


def _upstream(
    project: Project, flow: FlowDefinition, read: Read, hops: int
) -> Iterator[tuple[tuple[Change, ...], str]]:
    channel = channel_of(flow.source)
    found = False
    if channel and hops < _MOST_HOPS:
        for other in project.flows.values():
            targets = [name for name, target in other.targets.items() if channel_of(target.use) == channel]
            if not targets:
                continue
            for before, origin in _upstream(project, other, read, hops + 1):
                for way in ways(other, read, before, origin):
                    if way.target in targets:
                        found = True
                        yield (*way.changes, *_crossed(way, channel)), origin
    if not found:
        yield (), flow.name


def _downstream(project: Project, way: Way, read: Read, hops: int) -> Iterator[Way]:
    channel = channel_of(project.flows[way.flow].targets[way.target].use)
    readers = [flow for flow in project.flows.values() if channel and channel_of(flow.source) == channel]
    if not readers or hops >= _MOST_HOPS:
        yield way
    for reader in readers:
        for further in ways(reader, read, (*way.changes, *_crossed(way, channel)), way.origin):
            yield from _downstream(project, further, read, hops + 1)


def _crossed(way: Way, channel: str) -> tuple[Change, ...]:
    """What leaving a flow by a channel changes: nothing, but for what decides it."""
    decides = (way.link,) if way.link is not None and way.link.reads else ()
    return (Change(step=f"channel {channel}", kind="channel", passes=True, decides=decides),)


def lineage(project: Project, name: str, *, field: Path | None = None, target: str = "", value: Path | None = None,
            across: bool = False) -> dict[str, Any]:  # fmt: skip
    """Plain data about a flow: its targets with their values and where these come from. ``field`` keeps only what comes
    from there, ``target`` and ``value`` only what goes there."""
    flow, read = project.flows[name], project.files.__getitem__
    found = joined_ways(project, flow, read) if across else ways(flow, read)
    told = [way_data(way, way.changes, reaches(way.changes), field, value) for way in found
            if not target or way.target == target]  # fmt: skip
    if field is not None:
        told = [one for one in told if one["values"] or one["decided_by"]]
    return {
        "flow": name, "source": {"connector": flow.source.component.name, "format": flow.format.component.name},
        "targets": told,
    }  # fmt: skip


def way_data(
    way: Way, changes: Sequence[Change], found: Sequence[Reach], field: Path | None, value: Path | None
) -> dict[str, Any]:
    """A way as plain data."""
    values = [
        value_data(reach, field) for reach in found
        if (value is None or touches(reach.path, value)) and (field is None or comes_from(reach.origins, field))
    ]  # fmt: skip
    decided = sources_data([o for o in way.decided_by if field is None or comes_from((o,), field)])
    return {
        "target": way.target, "flow": way.flow, "from_flow": way.origin,
        "leaves": way.link.rule if way.link is not None else "at the end of the flow",
        "steps": [{"step": c.step, "kind": c.kind, **({"note": c.note} if c.note else {})} for c in changes],
        "decided_by": decided, "values": values,
    }  # fmt: skip


def comes_from(origins: Sequence[Origin], field: Path) -> bool:
    """Whether a place is among the origins."""
    return any(not origin.read.outside and touches(origin.read.path, field) for origin in origins)


def value_data(reach: Reach, field: Path | None = None) -> dict[str, Any]:
    """A value of a target as plain data: its rules, its sources."""
    kept = [origin for origin in reach.origins if field is None or comes_from((origin,), field)]
    return {
        "path": path_text(reach.path), "rules": [applied_data(rule) for rule in reach.rules],
        "sources": sources_data(kept),
    }  # fmt: skip


def sources_data(origins: Sequence[Origin]) -> list[dict[str, Any]]:
    """Sources as plain data, each once, with all rules on its ways; those that give the value first."""
    found: dict[Any, dict[Applied, None]] = {}
    for origin in origins:
        found.setdefault(origin.read, {}).update(dict.fromkeys(origin.rules))
    made = []
    for read in sorted(found, key=lambda read: read.role == DECIDES):
        what: Mapping[str, Any] = {"outside": read.outside} if read.outside else {"field": path_text(read.path)}
        made.append({**what, "role": read.role, "rules": [applied_data(rule) for rule in found[read]]})
    return made


def applied_data(rule: Applied) -> dict[str, Any]:
    """A rule as plain data."""
    return {
        "step": rule.step, "rule": rule.rule, "place": rule.place, "target": path_text(rule.target),
        **({"opaque": True} if rule.opaque else {}),
    }  # fmt: skip
