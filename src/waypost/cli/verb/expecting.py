"""What is waited for: acknowledgements and other things that must follow, open, overdue and closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from waypost.cli.asking import ask
from waypost.cli.option import Place
from waypost.cli.output import note, print_json, say, table

Since = Annotated[str, typer.Option("--since", metavar="TIME", help="Opened since: a time, or an age.")]
ByPartner = Annotated[str, typer.Option("--partner", metavar="NAME", help="Of this partner.")]
ByFlow = Annotated[str, typer.Option("--flow", metavar="NAME", help="Opened by messages of this flow.")]
ByKey = Annotated[str, typer.Option("--key", metavar="VALUE", help="With this control number or business key.")]
ByState = Annotated[
    str,
    typer.Option("--state", metavar="STATE",
                 help="open, overdue, closed, accepted, partly, rejected, late or duplicate; else all."),
]  # fmt: skip
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="At most so many, newest first.")]
Documents = Annotated[
    bool, typer.Option("--documents", help="Also documents due by service levels, such as the ship notice of an order.")
]
TROUBLE = ("overdue", "partly", "rejected", "late", "duplicate")


def expectations(
    place: Place, state: ByState = "", partner: ByPartner = "", flow: ByFlow = "", key: ByKey = "",
    since: Since = "30d", documents: Documents = False, limit: Limit = 100,
) -> None:  # fmt: skip
    """List what is waited for, or owed.

    Each with what opened it, its deadline, what closed it, and whom to tell where it is overdue or rejected, by
    `escalation:` of the partner. Rules are those of agreements and of `expect:` in flows.
    """
    asked = _asked(place, state=state, partner=partner, flow=flow, key=key, since=since, limit=limit)
    rows = _told(place, asked["expectations"])
    if documents:
        from waypost.cli.verb.chaining import due_documents

        more = due_documents(place, partner, since)
        wanted = (("state", state), ("flow", flow), ("number", key))
        rows += [row for row in more if all(not value or row[name] == value for name, value in wanted)]
    if place.as_json:
        return print_json({"expectations": rows, "counts": asked["counts"], "next": asked["next"]})
    _table(rows)
    return _more(asked, limit)


def acks(
    place: Place,
    name: Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's name; without one, all.")] = "",
    since: Since = "30d",
    state: ByState = "",
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is overdue: --state overdue.")] = False,
    key: ByKey = "",
    limit: Limit = 100,
    troubled: Annotated[bool, typer.Option("--troubled", help="Only what somebody should look at.")] = False,
) -> int:
    """List the acknowledgements of a partner, sent and received.

    Missing, late, rejected, duplicate and unmatched ones are events; exit code 1 with --troubled when there are any.
    """
    from waypost.cli.verb.partner import partners_of, the_partner

    if name:
        the_partner(partners_of(place.project), name)
    asked = _asked(place, state="overdue" if overdue else state, partner=name, since=since, key=key, limit=limit)
    told = sorted([*asked["overdue"], *asked["events"]], key=lambda event: int(event["at"]))
    events = [shown(event) for event in told]
    rows = _told(place, asked["expectations"])
    if place.as_json:
        print_json({
            "partner": name or None, "acknowledgements": rows, "counts": asked["counts"], "next": asked["next"],
            "events": events, "event_counts": asked["event_counts"],
        })  # fmt: skip
        return 1 if troubled and events else 0
    if not troubled:
        _table(rows)
        _more(asked, limit)
    for event in _standing(events):
        number = event.get("set") or event["level"]
        codes = f"reasons {', '.join(event['codes'])}" if event.get("codes") and event["event"] == "rejected" else ""
        said = ", ".join(filter(None, (event.get("direction"), _keys(event), f"message {event['message']}", codes)))
        say(f"{event['event']}: {event['what']} of {number} {event['number']}, {said}")
    return 1 if troubled and events else 0


def _standing(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events without those that say what is missing and has come, late, since."""

    def of(event: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(event.get(name) for name in ("what", "direction", "partner", "message", "level", "set", "number"))

    came = {of(event) for event in events if event["event"] == "late"}
    return [event for event in events if event["event"] != "missing" or of(event) not in came]


def _asked(place: Place, **params: Any) -> dict[str, Any]:
    """A page of the books with counts and events. ``overdue``: what is missing and was not told of yet."""
    from waypost.flow.declared.project import load_project

    load_project(place.project, place.environment)
    ask(place, "settle")
    answer = ask(place, "books", what="acks", **params)
    empty: dict[str, Any] = {
        "expectations": [],
        "counts": {},
        "next": None,
        "events": [],
        "event_counts": {},
        "overdue": [],
    }
    return {**empty, **answer}


def _more(asked: dict[str, Any], limit: int) -> None:
    counts = ", ".join(f"{count:,} {word}" for word, count in asked["counts"].items() if count)
    if asked["next"]:
        note(f"more than --limit {limit}: {counts}")


def _told(place: Place, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each as a row, the newest last, with whom to tell where something is wrong."""
    from waypost.cli.verb.partner import partners_of
    from waypost.core.clock import SystemClock
    from waypost.partners.escalation import escalated

    partners, now = partners_of(place.project), SystemClock().now()
    rows = []
    for one in reversed(found):
        steps = escalated(one, partners, now)
        if steps is not None:
            steps = {"since": _time(steps["since"]), "tell": [shown(step) for step in steps["tell"]],
                     "next": steps["next"] and shown(steps["next"])}  # fmt: skip
        rows.append({**shown(one), "escalation": steps})
    return rows


def _whom(row: dict[str, Any]) -> str:
    """Whom to tell by now, else who comes next and when."""
    found = row.get("escalation")
    if found is None:
        return ""
    if found["tell"]:
        return ", ".join(f"{step['contact']} by {step['by']}" for step in found["tell"])
    return f"{found['next']['contact']} from {found['next']['at']}"


def trades(place: Place) -> bool:
    """Whether the project has partners."""
    return any(place.project.glob("partners/*.y*ml"))


def said_of(place: Place, messages: list[str]) -> dict[str, dict[str, Any]]:
    """What is said of messages that were exchanged with partners, by id: ``state`` (acknowledged, waiting, overdue,
    partly, rejected, or '' where only documents are waited for) and what they opened. Others are not among them."""
    if not messages or not trades(place):
        return {}
    ask(place, "settle")
    found: dict[str, Any] = ask(place, "books", what="said", messages=messages).get("messages", {})
    return {
        message: {**said, "expectations": [shown(one) for one in said["expectations"]]}
        for message, said in found.items()
    }  # fmt: skip


def waited_for(place: Place) -> dict[str, int]:
    """How many things are open, overdue and closed in all; nothing without partners."""
    return dict(ask(place, "books", what="summary")) if trades(place) else {}


def said_lines(said: dict[str, Any] | None) -> list[str]:
    """For a person."""
    if said is None or not said["expectations"]:
        return []
    lines = ["", f"acknowledgements  {said['state']}"]
    for one in said["expectations"]:
        number = " ".join(filter(None, (one["set"] or one["level"], one["number"])))
        how = f"{one['verdict']} at {one['closed_at']} by {one['closed_by']}" if one["closed_by"] else (
            f"{one['state']}, due {one['due']}")  # fmt: skip
        lines.append(f"  {one['what']} of {number}, {one['direction']}: {how}{', late' if one['late'] else ''}")
    return lines


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its times as texts."""
    times = ("opened_at", "due", "closed_at", "at")
    return {name: _time(value) if name in times and value else value for name, value in row.items()}


def _time(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _table(rows: list[dict[str, Any]]) -> None:
    head = ("state", "what", "direction", "partner", "level", "number", "keys", "opened_at", "due", "verdict",
            "message", "tell")  # fmt: skip
    told = [{**row, "keys": _keys(row), "verdict": _verdict(row), "tell": _whom(row)} for row in rows]
    table(head, [[row[column] for column in head] for row in told], empty="nothing is waited for")


def _keys(row: dict[str, Any]) -> str:
    """The business keys of what was sent or received, such as ``po=AC-5001``."""
    return " ".join(f"{name}={','.join(values)}" for name, values in row.get("keys", {}).items() if values)


def _verdict(row: dict[str, Any]) -> str:
    return " ".join(filter(None, (row["verdict"], "late" if row["late"] else "")))
