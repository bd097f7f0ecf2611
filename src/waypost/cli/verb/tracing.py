"""Trace fields: what each value that a flow or a message sends was made of, and where each field goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from waypost.cli.asking import ask
from waypost.cli.option import Place
from waypost.cli.output import json_text, note, print_json, say

Data = Mapping[str, Any]
_MOST_HOPS = 16


def lineage(
    place: Place,
    flow: Annotated[str, typer.Argument(metavar="FLOW", help="The flow; left out with --message.")] = "",
    message: Annotated[str, typer.Option("--message", metavar="ID", help="Of this stored message alone.")] = "",
    field: Annotated[str, typer.Option("--field", metavar="PATH", help="Only what comes from this field.")] = "",
    target: Annotated[
        str, typer.Option("--target", metavar="NAME[/PATH]", help="Only what goes to this target, or to a field of it.")
    ] = "",
    across: Annotated[bool, typer.Option("--across", help="Through the channels to other flows, too.")] = False,
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Draw it into this file.")] = None,
) -> None:
    """Where values come from and where fields go.

    For each value a target gets: the fields of the input it was made of, the rules that made it, and what decides about
    it. With --message the values and the bytes they were read from, recomputed from what was stored.
    """
    from waypost.core.errors import UsageError

    if bool(flow) == bool(message):
        raise UsageError("lineage needs one subject", expected="a FLOW, or --message ID")
    answer = (
        _of_message(place, message, field, target, across) if message else _of_flow(place, flow, field, target, across)
    )
    if svg is not None:
        from waypost.mapping.lineage_picture import picture

        svg.write_text(picture(answer), "utf-8")
        note(f"written: {svg}")
    if place.as_json:
        print_json(answer)
    elif svg is None:
        say("\n".join(told(answer, field)))


def _of_flow(place: Place, name: str, field: str, target: str, across: bool) -> dict[str, Any]:
    from waypost.core.errors import UsageError, near
    from waypost.flow.declared.lineage import lineage as of_flow
    from waypost.flow.declared.project import load_project

    project = load_project(place.project, place.environment)
    if name not in project.flows:
        raise UsageError(f"no flow {name!r}", remedy=near(name, project.flows) or f"known: {', '.join(project.flows)}")
    known = {target for one in project.flows.values() for target in one.targets}
    chosen, value = _target(target, known)
    return of_flow(project, name, field=_path("--field", field), target=chosen, value=_path("--target", value),
                   across=across)  # fmt: skip


def _target(text: str, known: set[str]) -> tuple[str, str]:
    """The target's name and the path of ``NAME[/PATH]``; what is no name is a path."""
    name, _, value = text.partition("/")
    return (name, value) if name in known or not text else ("", text)


def _path(option: str, text: str) -> tuple[Any, ...] | None:
    from waypost.core.errors import UsageError
    from waypost.mapping.lineage_path import parse_path

    try:
        return parse_path(text) if text else None
    except ValueError as error:
        raise UsageError(f"{option}: {error}", expected="a path such as order.lines[].sku") from None


def _of_message(place: Place, message: str, field: str, target: str, across: bool) -> dict[str, Any]:
    from waypost.core.errors import DataError

    name, _, value = target.partition("/")
    paths = [value] if value else None
    here = None if across else field
    answer = ask(place, "lineage", id=message, field=here, target=name, paths=paths)
    if answer is None:
        raise DataError(f"no message {message!r}", remedy="find it with: waypost messages", code="unknown-message")
    made: dict[str, Any] = dict(answer)
    if across:
        _follow(place, made, 0)
        if field:
            _keep(made, _path("--field", field))
    return made


def _follow(place: Place, answer: dict[str, Any], hops: int) -> None:
    """Put the sources in the message that sent this one in the place of this one's fields."""
    upstream = answer.get("upstream")
    if not upstream or upstream["how"] != "channel" or hops >= _MOST_HOPS:
        return
    rows = [row for target in answer["targets"] for row in (*target["values"], {"sources": target["decided_by"]})]
    fields = sorted({s["field"] for row in rows for s in row["sources"] if "field" in s})
    before = ask(place, "lineage", id=upstream["id"], paths=fields or ["this"], digest=answer["input"]["digest"])
    if before is None or not before["targets"]:
        return
    _follow(place, before, hops + 1)
    made = {value["path"]: value["sources"] for value in before["targets"][0]["values"]}
    for row in rows:
        row["sources"][:] = [found for source in row["sources"] for found in _origins(source, made)]
    answer["came_by"] = [{"id": before["message"]["id"], "flow": before["message"]["flow"], **before["input"]},
                         *before.get("came_by", ())]  # fmt: skip


def _origins(source: Data, made: Mapping[str, Sequence[Data]]) -> Iterator[dict[str, Any]]:
    if "field" not in source or source["field"] not in made:
        yield dict(source)
        return
    for found in made[source["field"]]:
        role = "decides" if "decides" in (source["role"], found["role"]) else "value"
        yield {**found, "role": role, "rules": [*found["rules"], *source["rules"]]}


def _keep(answer: dict[str, Any], field: tuple[Any, ...] | None) -> None:
    """Only what comes from a field of the first message."""
    from waypost.mapping.lineage_path import parse_path, touches

    def fits(source: Data) -> bool:
        return "field" in source and field is not None and touches(parse_path(source["field"]), field)

    for target in answer["targets"]:
        for row in target["values"]:
            row["sources"] = [source for source in row["sources"] if fits(source)]
        target["values"] = [row for row in target["values"] if row["sources"]]
        target["decided_by"] = [source for source in target["decided_by"] if fits(source)]


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────


def told(answer: Data, field: str = "") -> list[str]:
    """The answer for a person."""
    lines = [_head(answer)]
    if answer.get("why"):
        lines.append(f"  {answer['why']}")
    for target in answer["targets"]:
        number = f"/{target['ordinal']}" if target.get("ordinal") else ""
        flow = answer.get("flow", "")
        via = f"  through flow {target['flow']}" if flow not in ("", target["flow"]) else ""
        begins = f"  from flow {target['from_flow']}" if flow not in ("", target["from_flow"]) else ""
        unproved = "" if target.get("proved", True) else "  not what was sent then"
        lines += ["", f"to {target['target']}{number}{via}{begins}  {target['leaves']}{unproved}"]
        lines += [f"  {step['step']}: {step['note']}" for step in target["steps"] if step.get("note")]
        for source in target["decided_by"]:
            lines.append(f"  whether: {_source(source)}")
        valued = [row for row in target["values"] if not field or any(s["role"] == "value" for s in row["sources"])]
        for row in valued:
            lines += _value(row)
        if decided := [row["path"] for row in target["values"] if row not in valued]:
            lines.append(f"  decides about: {', '.join(decided)}")
        if target.get("values_cut"):
            lines.append("  … more values; name one with --target NAME/PATH")
    if not answer["targets"]:
        lines.append(f"nothing sent comes from {field}" if field else "nothing is sent")
    return lines


def _head(answer: Data) -> str:
    if "message" not in answer:
        return f"{answer['flow']}  {answer['source']['format']} from {answer['source']['connector']}"
    message, content = answer["message"], answer["input"]
    first = (answer.get("came_by") or [{**content, "id": message["id"], "flow": message["flow"]}])[-1]
    file = f", in {first['file']} at byte {first['starts_at']}" if first.get("file") else ""
    came = f", by message {first['id']} of {first['flow']}" if answer.get("came_by") else ""
    return f"{message['id']}  {message['flow']}  input of {first['size']} bytes{came}{file}"


def _value(row: Data) -> list[str]:
    shown = f" = {_text(row['value'])}" if "value" in row else ""
    lines = [f"  {row['path'] or '(the whole message)'}{shown}"]
    valued = [source for source in row["sources"] if source["role"] == "value"] or row["sources"]
    rules = dict.fromkeys((rule["step"], rule["rule"], rule["place"]) for s in valued for rule in s["rules"])
    rules = rules or dict.fromkeys((rule["step"], rule["rule"], rule["place"]) for rule in row["rules"])
    lines += [f"    ← {_source(source)}" for source in row["sources"] if source["role"] == "value"]
    lines += [f"    decided by {_source(source)}" for source in row["sources"] if source["role"] != "value"]
    lines += [f"    {step}: {rule}" + (f"  ({place})" if place else "") for step, rule, place in rules]
    return lines


def _source(source: Data) -> str:
    if "field" not in source:
        return str(source["outside"])
    text = source["field"] or "(all of the input)"
    if "value" in source:
        text += f" = {_text(source['value'])}"
    if "place" in source:
        text += f"  {source['place']}"
    if "bytes" in source:
        start, end = source["bytes"]
        text += f"  bytes {start}–{end}"
        if "file_bytes" in source:
            text += f", of the file {source['file_bytes'][0]}–{source['file_bytes'][1]}"
    return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value else json_text(value)
