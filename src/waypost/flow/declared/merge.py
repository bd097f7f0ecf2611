"""One answer out of what several workers said to the same verb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from waypost.flow.declared.reference_waiting import joined

_LISTS = {"messages": "received_at", "files": "begun_at"}
_OUTCOMES = ("delivered", "filtered", "dead", "parked", "open")
_ADDED = ("count", "same", "differ")


def merged(verb: str, parts: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """The parts' answers as one: lists joined and sorted, counts added, the first that knows a message."""
    if verb in ("show", "lineage"):
        return next((part for part in parts if part is not None), None)
    if verb == "reference":
        return parts[0]
    if verb == "reference-waiting":
        return {"groups": joined(part["groups"] for part in parts)}
    if verb == "status":
        return _status(parts)
    if verb in _LISTS:
        found = [row for part in parts for row in part[verb]]
        rows = sorted(_arrivals(found) if verb == "files" else found, key=lambda r: r[_LISTS[verb]], reverse=True)
        limit = int(params.get("limit") or 50)
        more = verb == "messages" and (len(rows) > limit or any(part.get("next") for part in parts))
        rows = rows[:limit]
        return {verb: rows, **({"next": rows[-1]["id"] if more and rows else None} if verb == "messages" else {})}
    if verb == "groups" and "groups" in parts[0]:
        waiting = sorted((row for part in parts for row in part["groups"]), key=lambda row: row["since"])
        return {"groups": waiting[: int(params.get("limit") or 50)]}
    if verb == "dead":
        return {"groups": _groups([group for part in parts for group in part["groups"]])}
    if verb == "legal-hold" and "messages" in parts[0]:
        held = sorted((row for part in parts for row in part["messages"]), key=lambda row: row["held_at"], reverse=True)
        return {"messages": held[: int(params.get("limit") or 50)]}
    if verb in ("run-schedule", "skip-schedule"):
        return next((part for part in parts if part["at"]), parts[0])
    if verb == "numbers":
        return {"numbers": [row for part in parts for row in part["numbers"]]}
    if verb == "exchanges":
        return _exchanges(parts, params)
    if verb == "set-number":
        return next((part for part in parts if part["last"] is not None), parts[0])
    made = dict(parts[0])
    for part in parts[1:]:
        for name, value in part.items():
            if name in _ADDED:
                made[name] = made.get(name, 0) + value
            elif isinstance(value, list) and name in ("ids", "messages"):
                made[name] = [*made.get(name, []), *value]
    return made


def _exchanges(parts: Sequence[Mapping[str, Any]], params: Mapping[str, Any]) -> dict[str, Any]:
    """The oldest of all pages; what lies behind the page of one worker may lie before that of another."""
    rows = sorted((row for part in parts for row in part["exchanges"]), key=lambda row: (row["at"], row["id"]))
    ends = [tuple(part["next"]) for part in parts if part["next"]]
    if not ends:
        return {"exchanges": rows, "next": None}
    end = min(ends)
    return {"exchanges": [row for row in rows if (row["at"], row["id"]) <= end], "next": list(end)}


def _arrivals(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row for what several workers have of the same arrival; the one that read it knows how it ended."""
    joined: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda r: (not r["ended_at"], r["begun_at"])):
        known = joined.setdefault((row["flow"], row["name"], row["identity"]), dict(row))
        if known["shard"] != row["shard"]:
            known.update({name: known[name] + row[name] for name in _OUTCOMES})
    return list(joined.values())


def _groups(groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    joined: dict[tuple[str, str, str], dict[str, Any]] = {}
    for group in groups:
        at = (group["flow"], group["place"], group["text"])
        if at not in joined:
            joined[at] = dict(group)
            continue
        known = joined[at]
        known["count"] += group["count"]
        known["first"], known["last"] = min(known["first"], group["first"]), max(known["last"], group["last"])
    return sorted(joined.values(), key=lambda g: -int(g["count"]))


def _status(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {**parts[0], "trouble": [line for part in parts for line in part["trouble"]]}
    made["waiting"] = joined(part.get("waiting", ()) for part in parts)
    made["listen"] = next((part["listen"] for part in parts if part["listen"]), "")
    flows: dict[str, dict[str, Any]] = {}
    for part in parts:
        for flow in part["flows"]:
            known = flows.setdefault(flow["flow"], {**flow, "targets": []})
            known["targets"] = _targets([*known["targets"], *flow["targets"]])
            if flow is not parts[0] and known is not flow and part is not parts[0]:
                for name, value in flow.items():
                    if isinstance(value, int):
                        known[name] += value
                known["groups"] = _groups_waiting([*known.get("groups", ()), *flow.get("groups", ())])
                for name in ("messages", "deliveries"):
                    known[name] = {word: count + flow[name][word] for word, count in known[name].items()}
                if flow["source"]["state"]:
                    known["source"] = flow["source"]
    made["flows"] = list(flows.values())
    return made


def _groups_waiting(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    joined: dict[str, dict[str, Any]] = {}
    for row in rows:
        known = joined.setdefault(row["step"], {"step": row["step"], "groups": 0, "members": 0})
        known["groups"], known["members"] = known["groups"] + row["groups"], known["members"] + row["members"]
    return list(joined.values())


def _targets(targets: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    joined: dict[str, dict[str, Any]] = {}
    for target in targets:
        known = joined.get(target["target"])
        if known is None:
            joined[target["target"]] = dict(target)
            continue
        known["open"] += target["open"]
        for name in ("circuit", "state", "cause"):
            if target[name] not in ("closed", "sending", ""):
                known[name] = target[name]
    return list(joined.values())
