"""What is waited for: acknowledgements and other things that must follow, open, overdue and closed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypost.cli.asking import ask
from waypost.cli.option import Place
from waypost.cli.output import note, print_json, say, table

if TYPE_CHECKING:
    from waypost.reconcile.expectation import Books

Since = Annotated[str, typer.Option("--since", metavar="TIME", help="Of what was exchanged since: a time, or an age.")]
ByPartner = Annotated[str, typer.Option("--partner", metavar="NAME", help="Of this partner.")]
ByFlow = Annotated[str, typer.Option("--flow", metavar="NAME", help="Opened by messages of this flow.")]
ByKey = Annotated[str, typer.Option("--key", metavar="VALUE", help="With this control number or business key.")]
ByState = Annotated[str, typer.Option("--state", metavar="STATE", help="open, overdue or closed; else all.")]
STATES = ("open", "overdue", "closed")


def expectations(
    place: Place, state: ByState = "", partner: ByPartner = "", flow: ByFlow = "", key: ByKey = "", since: Since = "30d"
) -> None:
    """List what is waited for, or owed.

    Each with what opened it, its deadline, and what closed it. Rules are those of agreements and of `expect:` in flows.
    """
    from waypost.core.errors import UsageError, near
    from waypost.reconcile.expectation import selected

    if state and state not in STATES:
        raise UsageError(f"--state {state!r}", expected=f"one of {', '.join(STATES)}", remedy=near(state, STATES))
    made, complete = books_at(place, partner, since)
    rows = [shown(one.data()) for one in selected(made, state=state, partner=partner, flow=flow, key=key)]
    if place.as_json:
        return print_json({"expectations": rows, "complete": complete})
    _table(rows)
    _warn(complete)


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
    from waypost.reconcile.expectation import message_states

    the_partner(partners_of(place.project), name)
    made, complete = books_at(place, name, since)
    events = [shown(event) for event in made.events()]
    rows = [shown(one.data()) for one in made.expectations]
    if place.as_json:
        print_json({"partner": name, "acknowledgements": rows, "events": events, "messages": message_states(made),
                    "complete": complete})  # fmt: skip
        return 1 if troubled and events else 0
    if not troubled:
        _table(rows)
    for event in events:
        number = event.get("set") or event["level"]
        said = ", ".join(filter(None, (event.get("direction"), _keys(event), f"message {event['message']}")))
        say(f"{event['event']}: {event['what']} of {number} {event['number']}, {said}")
    _warn(complete)
    return 1 if troubled and events else 0


def books_at(place: Place, partner: str, since: str) -> tuple[Books, bool]:
    """The books of the project now, and whether all that was exchanged since then is in them."""
    from waypost.core.clock import SystemClock
    from waypost.flow.declared.project import load_project
    from waypost.partners.ledger import books

    project = load_project(place.project, place.environment)
    answer = ask(place, "exchanges", partner=partner, since=since)
    return books(project, answer["exchanges"], SystemClock().now()), bool(answer["complete"])


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its times as texts."""
    times = ("opened_at", "due", "closed_at", "at")
    return {name: _time(value) if name in times and value else value for name, value in row.items()}


def _time(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _table(rows: list[dict[str, Any]]) -> None:
    head = (
        "state",
        "what",
        "direction",
        "partner",
        "level",
        "number",
        "keys",
        "opened_at",
        "due",
        "verdict",
        "message",
    )
    told = [{**row, "keys": _keys(row), "verdict": _verdict(row)} for row in rows]
    table(head, [[row[column] for column in head] for row in told], empty="nothing is waited for")


def _keys(row: dict[str, Any]) -> str:
    """The business keys of what was sent or received, such as ``po=AC-5001``."""
    return " ".join(f"{name}={','.join(values)}" for name, values in row.get("keys", {}).items() if values)


def _verdict(row: dict[str, Any]) -> str:
    return " ".join(filter(None, (row["verdict"], "late" if row["late"] else "")))


def _warn(complete: bool) -> None:
    if not complete:
        note("more was exchanged than is looked at for one answer: say a later --since")
