"""Keep reference data: the tables that people change without a release."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from waypost.cli import failure
from waypost.cli.asking import ask
from waypost.cli.option import Place
from waypost.cli.output import note, print_json, say, table
from waypost.cli.verb.repairing import Why

Table = Annotated[str, typer.Argument(metavar="TABLE", help="The table, as declared in reference/TABLE.yaml.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="The key of the row.")]
From = Annotated[str, typer.Option("--from", metavar="TIME", help="From this date, or date and time (UTC), on.")]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="Up to, not including, this date or time.")]
Version = Annotated[int, typer.Option("--version", metavar="N", min=0, help="As it was in this version.")]
Release = Annotated[bool, typer.Option("--release", help="Let the messages go on that waited for it.")]


def list_(place: Place) -> None:
    """List the tables, and what waits for approval."""
    answer = _ask(place, "list")
    if place.as_json:
        return print_json(answer)
    rows = [
        [t["table"], t["owner"], t["version"], t["rows"], t["changed_at"], t["by"],
         " ".join(f"proposal {n}" for n in t["proposals"])]
        for t in answer["tables"]
    ]  # fmt: skip
    table(("table", "owner", "version", "rows", "changed", "by", "open"), rows, empty="no reference/*.yaml here")


def show(
    place: Place,
    name: Table,
    key: Annotated[str, typer.Option("--key", metavar="KEY", help="Only this key.")] = "",
    value: Annotated[str, typer.Option("--value", metavar="VALUE", help="Only rows with this very value.")] = "",
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="Only rows in which this text occurs.")] = "",
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="Only rows that hold then.")] = "",
    version: Version = 0,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="At most so many.")] = 100,
) -> None:
    """Show rows of a table: all, by key, by value or by text."""
    answer = _ask(place, "show", table=name, key=key, value=value, text=text, at=at, version=version or None,
                  limit=limit)  # fmt: skip
    if place.as_json:
        return print_json(answer)
    columns = list(answer["columns"])
    head = (answer["key"], *columns, "valid from", "valid to")
    rows = [[r["key"], *(r["values"].get(c, "") for c in columns), r["valid_from"], r["valid_to"]]
            for r in answer["rows"]]  # fmt: skip
    table(head, rows, empty="no such row")
    if answer["count"] > len(rows):
        say(f"{answer['count']} rows; more with --limit")
    for proposal in answer["proposals"]:
        say(f"proposal {proposal['proposal']} by {proposal['who']}: {_changes(proposal['changes'])}")


def set_(
    place: Place,
    name: Table,
    key: Key,
    values: Annotated[
        list[str] | None, typer.Argument(metavar="COLUMN=VALUE", help="Values; columns not named stay as they are.")
    ] = None,
    since: From = "",
    until: To = "",
    release: Release = False,
    why: Why = "",
) -> None:
    """Add a row, or change one, from now or a date on.

    Where the table asks for approval it becomes a proposal that a second person approves. Messages that waited for the
    value are named, and go on with --release.
    """
    from waypost.core.errors import UsageError

    given: dict[str, str] = {}
    for each in values or ():
        column, equals, text = each.partition("=")
        if not equals:
            raise UsageError(f"{each!r}", expected="COLUMN=VALUE")
        given[column] = text
    answer = _ask(place, "set", table=name, key=key, values=given, why=why, **{"from": since, "to": until})
    _told(place, answer, release, why)


def remove(place: Place, name: Table, key: Key, since: From = "", until: To = "", why: Why = "") -> None:
    """Remove a key, or end it at a date; history keeps it."""
    answer = _ask(place, "remove", table=name, key=key, why=why, **{"from": since, "to": until})
    _told(place, answer, False, why)


def import_(
    place: Place,
    name: Table,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An Excel workbook (.xlsx) or a CSV file.")],
    replace: Annotated[bool, typer.Option("--replace", help="Remove keys that the file does not have.")] = False,
    release: Release = False,
    why: Why = "",
) -> None:
    """Take in the rows of an Excel or CSV file, all or none.

    Each fault names its row, its column and its cause. Rows that are as in the table change nothing.
    """
    from waypost.core.errors import Fault, ProjectError

    faults: list[Fault] = []
    rows = _read(place, name, file, faults)
    if faults:
        raise ProjectError(faults)
    changes = [change.data() for change in rows]
    _told(place, _ask(place, "import", table=name, rows=changes, replace=replace or None, why=why), release, why)


def _read(place: Place, name: str, file: Path, faults: list[Any]) -> list[Any]:
    from waypost.flow.declared.project import read_files
    from waypost.flow.declared.reference_data import declared
    from waypost.mapping.reference_file import read_csv
    from waypost.mapping.reference_sheet import read_workbook

    declaration, content = declared(read_files(place.project), name), file.read_bytes()
    read = read_workbook if file.suffix.lower() in (".xlsx", ".xlsm") else None
    if read is not None:
        return read(declaration, file.name, content, faults)
    return read_csv(declaration, file.name, content, faults)


def export(
    place: Place,
    name: Table,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where it goes: .xlsx or .csv; without it CSV is printed.")
    ] = None,
    version: Version = 0,
) -> None:
    """Write the rows to an Excel or CSV file, to import again."""
    from waypost.flow.declared.project import read_files
    from waypost.flow.declared.reference_data import declared
    from waypost.mapping.reference import Change, TableVersion
    from waypost.mapping.reference_file import file_rows
    from waypost.mapping.reference_sheet import to_workbook

    answer = _ask(place, "export", table=name, version=version or None)
    declaration = declared(read_files(place.project), name)
    made = TableVersion().after(answer["version"], "", [Change.of(row) for row in answer["rows"]])
    if file is not None and file.suffix.lower() == ".xlsx":
        file.write_bytes(to_workbook(declaration, made))
    else:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(file_rows(declaration, made))
        if file is None:
            sys.stdout.write(text.getvalue())
            return
        file.write_text(text.getvalue(), "utf-8", newline="")
    if place.as_json:
        print_json({"table": name, "version": answer["version"], "rows": len(answer["rows"]), "file": str(file)})
    else:
        say(f"{file}: {failure.counted(len(answer['rows']), 'row')} of {name} version {answer['version']}")


Proposal = Annotated[int, typer.Argument(metavar="PROPOSAL", min=0, help="Its number; the only open one without it.")]


def approve(place: Place, name: Table, proposal: Proposal = 0, release: Release = False, why: Why = "") -> None:
    """Approve what another person proposed; it holds from then on."""
    _told(place, _ask(place, "approve", table=name, proposal=proposal or None, why=why), release, why)


def reject(place: Place, name: Table, proposal: Proposal = 0, why: Why = "") -> None:
    """Reject a proposal; the table stays as it is."""
    answer = _ask(place, "reject", table=name, proposal=proposal or None, why=why)
    if place.as_json:
        return print_json(answer)
    say(f"{name}: proposal {answer['proposal']} is rejected")


def history(
    place: Place,
    name: Table,
    key: Annotated[str, typer.Option("--key", metavar="KEY", help="Only what concerns this key.")] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="At most so many.")] = 50,
) -> None:
    """Say who changed what, when and why, newest first."""
    answer = _ask(place, "history", table=name, key=key, limit=limit)
    if place.as_json:
        return print_json(answer)
    rows = [
        [h["version"], h["at"], h["who"], h["kind"], _changes(h["changes"], h["count"]), h["why"]]
        for h in answer["history"]
    ]
    table(("version", "at", "who", "kind", "changes", "why"), rows, empty="nothing changed yet")


def where_used(
    place: Place, name: Annotated[str, typer.Argument(metavar="TABLE", help="The table; all without it.")] = ""
) -> None:
    """Say which maps and which flows look into a table."""
    from waypost.flow.declared.project import load_project
    from waypost.flow.declared.reference_data import declared
    from waypost.flow.declared.reference_where import where_used as used

    project = load_project(place.project, place.environment)
    if name:
        declared(project.files, name)
    found = used(project, name)
    if place.as_json:
        return print_json({"uses": found})
    rows = [[f["table"], f["flow"], f["step"], f"{f['file']}:{f['line']}", f["target"], f["expression"]] for f in found]
    table(("table", "flow", "step", "place", "target", "expression"), rows, empty="nothing uses it")


def waiting(
    place: Place,
    name: Annotated[str, typer.Argument(metavar="TABLE", help="The table; all without it.")] = "",
    release: Annotated[bool, typer.Option("--release", help="Let those go on whose value is there by now.")] = False,
    why: Why = "",
) -> None:
    """List what waits for a value, a group for each value."""
    groups = [group for group in ask(place, "reference-waiting")["groups"] if name in ("", group["table"])]
    released = _release(place, groups, why) if release else 0
    if place.as_json:
        return print_json({"groups": groups, **({"released": released} if release else {})})
    rows = [[g["table"], g["value"], g["column"], g["count"], " ".join(g["flows"]), "yes" if g["there"] else "no"]
            for g in groups]  # fmt: skip
    table(("table", "value", "column", "messages", "flows", "there by now"), rows, empty="nothing waits")
    if release:
        say(f"{failure.counted(released, 'message')} released")


# ── shared ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _ask(place: Place, what: str, **params: Any) -> Any:
    return ask(place, "reference", what=what, who=_who(), **params)


def _who() -> str:
    """The person at the keyboard: who became another user to run this is still who they were."""
    import getpass

    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _told(place: Place, answer: Mapping[str, Any], release: bool, why: str) -> None:
    """Say what a change made, and what waited for it."""
    groups = [
        group
        for group in ask(place, "reference-waiting")["groups"]
        if group["table"] == answer["table"] and group["there"]
    ]
    released = _release(place, groups, why) if release else 0
    if place.as_json:
        return print_json({**answer, "waiting": groups, "released": released})
    if "changed" not in answer and "proposal" in answer and not _is_decided(answer):
        say(f"{answer['table']}: proposal {answer['proposal']}; a second person makes it hold with: "
            f"waypost reference approve {answer['table']} {answer['proposal']}")  # fmt: skip
    elif answer.get("changed") == 0 and not answer.get("removed"):
        say(f"{answer['table']}: nothing changed, version {answer['version']}")
    else:
        say(f"{answer['table']}: version {answer['version']}")
    for group in groups if not release else ():
        note(f"{failure.counted(group['count'], 'message')} waited for {group['value']!r}; let them go on with: "
             f"waypost release --state parked --error '{group['error']}'")  # fmt: skip
    if release:
        say(f"{failure.counted(released, 'message')} released")


def _is_decided(answer: Mapping[str, Any]) -> bool:
    return bool(answer.get("approved"))


def _release(place: Place, groups: Any, why: str) -> int:
    found = [ask(place, "release", state="parked", error=group["error"], why=why or "the value is there")
             for group in groups if group["there"]]  # fmt: skip
    return sum(answer["count"] for answer in found)


def _changes(changes: Any, count: int = 0) -> str:
    shown = [_change(change) for change in changes[:5]]
    more = max(count, len(changes)) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")


def _change(change: Mapping[str, Any]) -> str:
    times = "".join(f" {word} {change[name]}" for word, name in (("from", "valid_from"), ("to", "valid_to"))
                    if change[name])  # fmt: skip
    if change["values"] is None:
        return f"{change['key']} removed{times}"
    return f"{change['key']}: {', '.join(f'{n}={v}' for n, v in change['values'].items() if v)}{times}"
