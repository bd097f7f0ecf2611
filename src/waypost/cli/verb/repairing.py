"""Repair: try again, send again, replay, hold and release what went wrong."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

import typer

from waypost.cli.asking import ask, query
from waypost.cli.option import Place, Which
from waypost.cli.output import json_text, note, print_json, progress, say

Identifiers = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Messages by id.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason; it is kept with the decision.")]


def retry(
    place: Place,
    which: Which,
    ids: Identifiers = None,
    effects: Annotated[
        str,
        typer.Option("--effects", metavar="failed|recorded|fresh", help="Which look-ups are asked for again."),
    ] = "failed",
    current: Annotated[
        bool, typer.Option("--current", help="Move dead and parked messages to the version that runs now.")
    ] = False,
    why: Why = "",
) -> None:
    """Try dead, parked and waiting deliveries again now.

    The same bytes go out with the same key. A message that failed in a step is processed again with the answers that
    were recorded, but for the one it failed on: `--effects recorded` keeps that too, `--effects fresh` asks anew for
    all that nothing already sent was made from. With --current a message of an earlier version is accepted again on
    the current one, as a new message linked to it, which makes only what the earlier one had not delivered.
    """
    choice = {"effects": "" if effects == "failed" else effects, "current": current or None}
    _decide(place, "retry", "tried again", ids, which, why, choice)


def resend(place: Place, which: Which, ids: Identifiers = None, why: Why = "") -> None:
    """Send delivered messages to one target again.

    The same bytes go out with the same key; --target says where to.
    """
    from waypost.core.errors import UsageError

    if not which.target:
        raise UsageError("resend names no target", remedy="say --target NAME")
    _decide(place, "resend", "sent again", ids, which, why)


def hold(place: Place, which: Which, ids: Identifiers = None, why: Why = "") -> None:
    """Park open messages until they are released."""
    _decide(place, "hold", "held", ids, which, why)


def release(place: Place, which: Which, ids: Identifiers = None, why: Why = "") -> None:
    """Let parked messages go on."""
    _decide(place, "release", "released", ids, which, why)


def cancel(place: Place, which: Which, ids: Identifiers = None, why: Why = "") -> None:
    """End what is not delivered; it is never sent."""
    _decide(place, "cancel", "cancelled", ids, which, why)


def _decide(
    place: Place, verb: str, done: str, ids: list[str] | None, which: Which, why: str,
    choice: Mapping[str, Any] = MappingProxyType({}),
) -> None:  # fmt: skip
    asked = query(which)
    if not ids and not asked:
        _refuse_nothing(verb)
    answers = [ask(place, verb, **asked, **one, **choice, why=why) for one in each(ids)]
    count = sum(answer["count"] for answer in answers)
    made = [identifier for answer in answers for identifier in answer.get("ids", ())]
    if place.as_json:
        print_json({"count": count, **({"ids": made} if choice.get("current") else {})})
    else:
        say("\n".join([*made, f"{count} {'delivery' if count == 1 else 'deliveries'} {done}"]))


def each(ids: list[str] | None) -> list[dict[str, str]]:
    """What names each message in a question of its own; without ids one question that names none."""
    return [{"id": identifier} for identifier in ids] if ids else [{}]


def _refuse_nothing(verb: str) -> None:
    from waypost.core.errors import UsageError

    raise UsageError(f"{verb} names no messages", remedy="give ids, or a query such as --flow or --state")


def replay(
    place: Place,
    which: Which,
    ids: Identifiers = None,
    version: Annotated[
        str, typer.Option("--version", metavar="VERSION", help="current, same (as each ran on), or a version's name.")
    ] = "current",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would differ; nothing is called.")] = False,
    effects: Annotated[
        str, typer.Option("--effects", metavar="recorded|fresh", help="Answers as recorded, or asked for anew.")
    ] = "recorded",
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before it runs.")] = False,
    why: Why = "",
) -> int:
    """Run stored input through a version of the flow again.

    --key new (the default) gives the new deliveries keys of their own: targets take them as further ones. --key same
    keeps the keys: targets that recognise a repetition refuse it. --key NAME=VALUE names the messages meant.
    """
    asked, key = _replay_query(which)
    if not ids and not asked:
        _refuse_nothing("replay")
    choice = {"version": version, "effects": effects, "key": key}
    if dry_run:
        return _dry_run(place, ids, asked, choice)
    if not place.as_json:
        note(_meaning(choice))
    if not yes and not place.as_json and sys.stdin.isatty() and not typer.confirm("Replay?"):
        return 1
    made: list[str] = []
    with progress("replay") as report:
        for at, one in enumerate(each(ids)):
            report(at, len(ids or ()))
            made += ask(place, "replay", **asked, **one, **choice, why=why)["ids"]
    if place.as_json:
        print_json({"count": len(made), "ids": made})
    else:
        say("\n".join([*made, f"{len(made)} replayed"]))
    return 0


def _replay_query(which: Which) -> tuple[dict[str, Any], str]:
    """The query, and which idempotency key is meant: ``--key`` says both."""
    import dataclasses

    chosen = [key for key in which.key or () if key in ("same", "new")]
    named = [key for key in which.key or () if key not in ("same", "new")]
    asked = query(dataclasses.replace(which, key=named))
    if "key" in asked:
        asked["query_key"] = asked.pop("key")
    return asked, chosen[-1] if chosen else "new"


def _meaning(choice: dict[str, str]) -> str:
    versions = {"current": "the current version", "same": "the version each ran on"}
    said = [f"replays through {versions.get(choice['version'], 'version ' + choice['version'])}"]
    said.append(
        "asks the outside anew" if choice["effects"] == "fresh" else "uses recorded answers where there are any"
    )
    keys = "keeps idempotency keys: targets that recognise them refuse what they have"
    said.append(keys if choice["key"] == "same" else "gives new idempotency keys: targets take it as something new")
    return "; ".join(said)


def _dry_run(place: Place, ids: list[str] | None, asked: dict[str, Any], choice: dict[str, str]) -> int:
    compared: list[dict[str, Any]] = []
    with progress("dry run") as report:
        for at, one in enumerate(each(ids)):
            report(at, len(ids or ()))
            compared += ask(place, "replay", **asked, **one, **choice, dry_run=True)["messages"]
    differ = [message for message in compared if _differs(message)]
    if place.as_json:
        counts = {"count": len(compared), "same": len(compared) - len(differ), "differ": len(differ)}
        print_json({"messages": compared, **counts})
        return 0
    for message in differ:
        say("\n".join([message["id"], *_differences(message)]))
    say(f"{len(compared) - len(differ)} the same, {len(differ)} differ; nothing was called or sent")
    return 0


def _differs(message: dict[str, Any]) -> bool:
    return bool(message.get("errors")) or any(output["verdict"] != "same" for output in message["outputs"])


def _differences(message: dict[str, Any]) -> list[str]:
    lines = []
    for output in message["outputs"]:
        if output["verdict"] != "same":
            lines.append(f"  {output['target']}/{output['ordinal']}: {output['verdict']}")
            lines += [f"    {d['path']}: {_value(d['was'])} → {_value(d['is'])}" for d in output["differences"]]
    return lines + [f"  {error}" for error in message.get("errors", ())]


def _value(value: Any) -> str:
    from waypost.flow.batch.differ import MISSING

    return MISSING if value == MISSING else json_text(value)
