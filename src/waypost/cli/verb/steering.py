"""Steer a running system: pause, resume, reload, go back to an earlier version, stop."""

from __future__ import annotations

from typing import Annotated

import typer

from waypost.cli.asking import ask
from waypost.cli.option import Place
from waypost.cli.output import print_json, say, table
from waypost.cli.verb.repairing import Why

Subject = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="flow:NAME, target:FLOW/NAME, connection:NAME, or all.")
]


def pause(place: Place, subject: Subject, why: Why = "") -> None:
    """Stop reading or sending for a while; survives a restart."""
    _command(place, "pause", subject, why)


def resume(place: Place, subject: Subject, why: Why = "") -> None:
    """Let what is paused go on, and try anew what failed often."""
    _command(place, "resume", subject, why)


def _command(place: Place, verb: str, subject: str, why: str) -> None:
    answer = ask(place, verb, subject=subject, why=why)
    if place.as_json:
        print_json(answer)
    else:
        say(f"{answer['subject']}: {answer['state']}")


def reload(place: Place, why: Why = "") -> None:
    """Run the project's files as they are now.

    Messages in flight finish on the version they began with.
    """
    answer = ask(place, "reload", why=why)
    if place.as_json:
        print_json(answer)
    else:
        say(f"version {answer['version']} runs: {', '.join(answer['flows'])}")


def activate(
    place: Place,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="As `waypost versions` prints it.")],
    why: Why = "",
) -> None:
    """Go back to a version that ran before."""
    answer = ask(place, "activate", version=version, why=why)
    if place.as_json:
        print_json(answer)
    else:
        say(f"version {answer['version']} runs")


def versions(place: Place) -> None:
    """List every version that ran, and what it touched."""
    answer = ask(place, "versions")
    if place.as_json:
        return print_json(answer)
    rows = [
        [
            "→" if v.get("current") else "",
            v["version"],
            v["at"],
            v["who"],
            " ".join(v.get("files") or v.get("flows", ())),
        ]
        for v in answer["versions"]
    ]
    table(("", "version", "at", "who", "touched"), rows, empty="nothing ran yet")


def stop(place: Place) -> None:
    """Stop the running system in good order."""
    answer = ask(place, "stop")
    if place.as_json:
        print_json(answer)
    else:
        say("it stops")


def schedule(
    place: Place,
    what: Annotated[str, typer.Argument(metavar="run|skip", help="Run now, or leave out the next run.")],
    flow: Annotated[str, typer.Argument(metavar="FLOW", help="A flow whose source is a schedule.")],
    why: Why = "",
) -> None:
    """Run a schedule now, or skip its next run."""
    from waypost.core.errors import UsageError, near

    if what not in ("run", "skip"):
        raise UsageError(f"schedule {what!r}", expected="run or skip", remedy=near(what, ("run", "skip")))
    answer = ask(place, f"{what}-schedule", flow=flow, why=why)
    if place.as_json:
        print_json(answer)
    else:
        say(f"{answer['flow']}: {'runs' if what == 'run' else 'leaves out'} {answer['at']}".rstrip())
