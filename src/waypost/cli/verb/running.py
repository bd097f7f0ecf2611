"""Run a project's system, see how it is doing, give it a message."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from waypost.cli.asking import ask
from waypost.cli.option import AsJson, EnvironmentName, Place, ProjectFolder
from waypost.cli.output import note, print_json, say, table

WATCH_SECONDS = 2.0


def run(
    directory: ProjectFolder,
    environment: EnvironmentName = "dev",
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, max=256, help="Worker processes.")] = 1,
    once: Annotated[bool, typer.Option("--once", help="Process what is there, then end.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="With --once: also wait for retries.")] = False,
    flow: Annotated[
        list[str] | None, typer.Option("--flow", metavar="NAME", help="Only this flow; repeatable.")
    ] = None,
    timeout: Annotated[str, typer.Option("--timeout", metavar="TIME", help="End after this long, such as 30s.")] = "",
    log: Annotated[str, typer.Option("--log", metavar="FORM", help="Events as text or json.")] = "text",
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only what somebody must act on.")] = False,
    as_json: AsJson = False,
) -> int:
    """Run the flows of a project until stopped, or once.

    With --once the exit code is 0 when everything of this run came out as intended, and 1 when something is dead,
    parked, still open or not read. It ends when nothing can move; what is left undone is then said with its place,
    cause and remedy. With --wait it waits for retries, up to --timeout.
    """
    from waypost.core.errors import UsageError
    from waypost.flow.process.loop import run_loop
    from waypost.flow.process.supervisor import run as run_system
    from waypost.flow.process.worker import RunOptions
    from waypost.observe.log import EventLog

    if log not in ("text", "json"):
        raise UsageError(f"--log {log!r}", expected="text or json")
    if wait and not once:
        raise UsageError("--wait without --once", remedy="add --once, or leave --wait out")
    options = RunOptions(
        workers=workers, once=once, wait=wait, flows=tuple(flow or ()), timeout_seconds=_seconds(timeout), log=log,
        quiet=quiet,
    )  # fmt: skip
    code = run_loop(run_system(directory.resolve(), environment, options, EventLog(sys.stderr, log, quiet)))
    if as_json:
        print_json({"exit_code": code})
    return code


def _seconds(text: str) -> float:
    from waypost.core.errors import UsageError
    from waypost.core.spec import Duration, Option, convert
    from waypost.core.yamlfile import YamlFile, scalar

    if not text:
        return 0.0
    seconds = convert(Duration, scalar(text), YamlFile("", None), (), [], Option(""))
    if seconds is None:
        raise UsageError(f"--timeout {text!r}", expected="a duration such as 30s or 5m")
    return float(seconds)


def status(
    place: Place,
    watch: Annotated[bool, typer.Option("--watch", help="Again every two seconds, until Ctrl-C.")] = False,
) -> None:
    """What runs, and how it is doing."""
    _print_status(place)
    while watch:
        import time

        try:
            time.sleep(WATCH_SECONDS)
            if sys.stdout.isatty() and not place.as_json:
                say("\x1b[H\x1b[J")
            _print_status(place)
            sys.stdout.flush()
        except KeyboardInterrupt:
            return


def _print_status(place: Place) -> None:
    from waypost.cli.verb.expecting import waited_for

    answer = ask(place, "status")
    if waits := waited_for(place):
        answer["acknowledgements"] = waits
    if place.as_json:
        return print_json(answer)
    runs = f"running, {answer['workers']} workers" if answer["running"] else "not running"
    say(f"{answer['project']}  {answer['environment']}  version {answer['version']}  {runs}")
    if answer.get("listen"):
        say(f"listening on {answer['listen']}")
    say()
    words = ("delivered", "open", "retrying", "parked", "dead", "filtered")
    rows = [
        [flow["flow"], flow["state"], flow["messages"]["accepted"], *(flow["deliveries"][word] for word in words)]
        for flow in answer["flows"]
    ]
    table(("flow", "state", "messages", *(f"deliveries {words[0]}", *words[1:])), rows, empty="no flows")
    waiting = [
        [f"{flow['flow']}/{row['step']}", row["groups"], row["members"]]
        for flow in answer["flows"]
        for row in flow.get("groups", ())
        if row["groups"]
    ]
    if waiting:
        say()
        table(("waiting in", "groups", "messages"), waiting)
    troubles = [*_troubles(answer["flows"]), *_acknowledgements(answer.get("acknowledgements", {}))]
    for line in [*troubles, *_waiting(answer.get("waiting", ())), *answer.get("trouble", ())]:
        note(line)


def _acknowledgements(counts: Mapping[str, int]) -> list[str]:
    """What partners, or we, are late with."""
    late = counts.get("overdue", 0)
    return [f"{late:,} acknowledgements are overdue: waypost partner acks --overdue"] if late else []


def _waiting(groups: Iterable[Mapping[str, Any]]) -> list[str]:
    """What waits for reference data."""
    return [
        f"reference table {group['table']}: no row for {group['value']!r}, {group['count']} parked in "
        f"{', '.join(group['flows'])}"
        for group in groups
    ]


def _troubles(flows: list[dict[str, Any]]) -> list[str]:
    """What keeps a source or a target from working, one line each."""
    lines = []
    for flow in flows:
        if flow["source"].get("cause"):
            lines.append(f"{flow['flow']}: source {flow['source']['state']}: {flow['source']['cause']}")
        for target in flow["targets"]:
            if target.get("cause"):
                lines.append(f"{flow['flow']}/{target['target']}: {target['state']}: {target['cause']}")
    return lines


def send(
    place: Place,
    flow: Annotated[str, typer.Argument(metavar="FLOW", help="The flow that takes the message.")],
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="What is sent; '-' is standard input.")] = "-",
    header: Annotated[
        list[str] | None, typer.Option("--header", metavar="NAME=VALUE", help="A header; repeatable.")
    ] = None,
) -> None:
    """Give a flow a message, as if its source had brought it."""
    headers = _headers(header or [])
    answer = ask(place, "send", flow=flow, body=_body(file), headers=headers)
    if place.as_json:
        return print_json(answer)
    for identifier in answer["ids"]:
        say(identifier)


def _body(file: str) -> str | bytes:
    """What is to be sent: text where it is UTF-8, else the bytes."""
    data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _headers(given: list[str]) -> dict[str, str] | None:
    from waypost.core.errors import UsageError

    headers = {}
    for text in given:
        name, found, value = text.partition("=")
        if not found or not name:
            raise UsageError(f"--header {text!r}", expected="NAME=VALUE")
        headers[name] = value
    return headers or None
