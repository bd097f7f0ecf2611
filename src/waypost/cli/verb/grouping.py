"""Groups: what waits at steps that combine messages, and a person's hand on it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from waypost.cli.asking import ask
from waypost.cli.option import Place
from waypost.cli.output import print_json, say, table
from waypost.cli.verb.looking import Limit
from waypost.cli.verb.repairing import Why


def groups(
    place: Place,
    what: Annotated[
        str, typer.Argument(metavar="list|release|cancel", help="What waits; let it go as it is; end it.")
    ] = "list",
    flow: Annotated[str, typer.Option("--flow", metavar="NAME", help="Groups of this flow.")] = "",
    step: Annotated[str, typer.Option("--step", metavar="NAME", help="Groups of this step.")] = "",
    key: Annotated[str | None, typer.Option("--key", metavar="KEY", help="The group of this key.")] = None,
    limit: Limit = 50,
    why: Why = "",
) -> None:
    """List the groups messages wait in; release or cancel some.

    A released group goes on as it is, as if it were complete; the messages of a cancelled one end. Who did it and why
    is kept with the release, and with each message.
    """
    from waypost.core.errors import DataError

    given: dict[str, Any] = {} if key is None else {"key": key}
    answer = ask(place, "groups", what=what, flow=flow, step=step, limit=limit, why=why, **given)
    if what == "list":
        if place.as_json:
            return print_json(answer)
        head = ("flow", "step", "key", "members", "bytes", "since", "until", "waits_for")
        rows = [[row[column] for column in head] for row in answer["groups"]]
        return table(head, rows, empty="no message waits for others")
    if not answer["count"]:
        raise DataError("no such group waits", remedy="`waypost groups` lists those that do", code="unknown-group")
    if place.as_json:
        return print_json(answer)
    done = "released" if what == "release" else "cancelled"
    say(f"{answer['count']} {'message' if answer['count'] == 1 else 'messages'} {done}")
