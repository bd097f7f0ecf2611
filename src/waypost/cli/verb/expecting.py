"""What is waited for: acknowledgements and other things that must follow, open, overdue and closed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypost.cli.asking import exchanged
from waypost.cli.option import Place
from waypost.cli.output import print_json, say, table

if TYPE_CHECKING:
    from waypost.reconcile.books import Books
    from waypost.reconcile.expectation import Expectation

Since = Annotated[str, typer.Option("--since", metavar="TIME", help="Of what was exchanged since: a time, or an age.")]
ByPartner = Annotated[str, typer.Option("--partner", metavar="NAME", help="Of this partner.")]
ByFlow = Annotated[str, typer.Option("--flow", metavar="NAME", help="Opened by messages of this flow.")]
ByKey = Annotated[str, typer.Option("--key", metavar="VALUE", help="With this control number or business key.")]
ByState = Annotated[str, typer.Option("--state", metavar="STATE", help="open, overdue or closed; else all.")]
Documents = Annotated[
    bool, typer.Option("--documents", help="Also documents due by service levels, such as the ship notice of an order.")
]
STATES = ("open", "overdue", "closed")


def expectations(
    place: Place, state: ByState = "", partner: ByPartner = "", flow: ByFlow = "", key: ByKey = "",
    since: Since = "30d", documents: Documents = False,
) -> None:  # fmt: skip
    """List what is waited for, or owed.

    Each with what opened it, its deadline, what closed it, and whom to tell where it is overdue or rejected, by
    `escalation:` of the partner. Rules are those of agreements and of `expect:` in flows.
    """
    from waypost.core.errors import UsageError, near
    from waypost.reconcile.books import selected

    if state and state not in STATES:
        raise UsageError(f"--state {state!r}", expected=f"one of {', '.join(STATES)}", remedy=near(state, STATES))
    made = books_at(place, partner, since)
    rows = _told(place, selected(made, state=state, partner=partner, flow=flow, key=key))
    if documents:
        from waypost.cli.verb.chaining import due_documents

        more = due_documents(place, partner, since)
        wanted = (("state", state), ("flow", flow), ("number", key))
        rows += [row for row in more if all(not value or row[name] == value for name, value in wanted)]
    if place.as_json:
        return print_json({"expectations": rows})
    return _table(rows)


def acks(
    name: Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's name.")],
    place: Place,
    since: Since = "30d",
    troubled: Annotated[bool, typer.Option("--troubled", help="Only what somebody should look at.")] = False,
) -> int:
    """List the acknowledgements of a partner, sent and received.

    Missing, late, rejected, duplicate and unmatched ones are events; exit code 1 with --troubled when there are any.
    """
    from waypost.cli.verb.partner import partners_of, the_partner
    from waypost.reconcile.books import message_states

    the_partner(partners_of(place.project), name)
    made = books_at(place, name, since)
    events = [shown(event) for event in made.events()]
    rows = _told(place, made.expectations)
    if place.as_json:
        states = message_states(made)
        print_json({"partner": name, "acknowledgements": rows, "events": events, "messages": states})
        return 1 if troubled and events else 0
    if not troubled:
        _table(rows)
    for event in events:
        number = event.get("set") or event["level"]
        said = ", ".join(filter(None, (event.get("direction"), _keys(event), f"message {event['message']}")))
        say(f"{event['event']}: {event['what']} of {number} {event['number']}, {said}")
    return 1 if troubled and events else 0


def books_at(place: Place, partner: str, since: str) -> Books:
    """The books of the project now, of what was exchanged since then."""
    from waypost.core.clock import SystemClock
    from waypost.flow.declared.project import load_project
    from waypost.partners.ledger import books

    project = load_project(place.project, place.environment)
    return books(project, exchanged(place, partner=partner, since=since), SystemClock().now())


def _told(place: Place, expectations: list[Expectation]) -> list[dict[str, Any]]:
    """Each as a row, with whom to tell where something is wrong."""
    from waypost.cli.verb.partner import partners_of
    from waypost.core.clock import SystemClock
    from waypost.partners.escalation import escalated

    partners, now = partners_of(place.project), SystemClock().now()
    rows = []
    for one in expectations:
        found = escalated(one, partners, now)
        if found is not None:
            found = {"since": _time(found["since"]), "tell": [shown(step) for step in found["tell"]],
                     "next": found["next"] and shown(found["next"])}  # fmt: skip
        rows.append({**shown(one.data()), "escalation": found})
    return rows


def _whom(row: dict[str, Any]) -> str:
    """Whom to tell by now, else who comes next and when."""
    found = row.get("escalation")
    if found is None:
        return ""
    if found["tell"]:
        return ", ".join(f"{step['contact']} by {step['by']}" for step in found["tell"])
    return f"{found['next']['contact']} from {found['next']['at']}"


def said_of(place: Place, message: dict[str, Any]) -> dict[str, Any] | None:
    """What a partner said of a message that was sent to it, or still owes: ``state`` (acknowledged, rejected, waiting,
    or '' where nothing is expected) and the expectations it opened. None where the project has no partners."""
    from waypost.reconcile.books import message_states

    if not any(place.project.glob("partners/*.y*ml")):
        return None
    made = books_at(place, "", str(message["received_at"]))
    own = [one for one in made.expectations if one.opened_by.message == message["id"]]
    said = message_states(made).get(message["id"], "waiting" if own else "")
    return {"state": said, "expectations": [shown(one.data()) for one in own]}


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
