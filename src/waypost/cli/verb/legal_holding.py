"""Keep messages against retention."""

from __future__ import annotations

import getpass
from typing import Annotated, Any

import typer

from waypost.cli.asking import ask, query
from waypost.cli.option import Place, Which
from waypost.cli.output import print_json, say, table
from waypost.cli.verb.looking import Limit
from waypost.cli.verb.repairing import Identifiers, Why, each


def legal_hold(
    place: Place,
    which: Which,
    what: Annotated[str, typer.Argument(metavar="set|lift|list", help="Keep, keep no longer, or list what is kept.")],
    ids: Identifiers = None,
    limit: Limit = 50,
    why: Why = "",
) -> None:
    """Keep messages against retention, until the hold is lifted.

    What is on legal hold stays with its whole history, however old it gets, in backups too. It is delivered as ever:
    to park deliveries there is `waypost hold`. A reason is asked for and kept.
    """
    params: dict[str, Any] = {**query(which), "what": what, "limit": limit, "who": getpass.getuser(), "why": why}
    answers = [ask(place, "legal-hold", **params, **one) for one in each(ids)]
    if what == "list":
        return _list(place, [message for answer in answers for message in answer["messages"]])
    count = sum(answer["count"] for answer in answers)
    if place.as_json:
        return print_json({"count": count})
    done = "set on" if what == "set" else "lifted from"
    say(f"legal hold {done} {count} {'message' if count == 1 else 'messages'}")


def _list(place: Place, messages: list[dict[str, Any]]) -> None:
    if place.as_json:
        return print_json({"messages": messages})
    head = ("id", "flow", "state", "received_at", "held_at", "who", "why")
    table(head, [[message[column] for column in head] for message in messages], empty="nothing is on legal hold")
