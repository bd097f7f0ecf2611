"""Show the acknowledgement that would be sent."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from waypost.cli import failure
from waypost.cli.option import AsJson
from waypost.cli.output import note, print_json
from waypost.cli.verb.edi_checking import CodeFiles, PartnerName, SchemaFolders, SchemaName, held_against

AckFile = Annotated[Path, typer.Argument(metavar="FILE", help="A file of X12 or EDIFACT interchanges.")]
Functional = Annotated[
    str, typer.Option("--functional", metavar="KIND", help="997, 999 or none; by itself 999 for guides of 005010.")
]
Technical = Annotated[str, typer.Option("--ta1", metavar="WHEN", help="requested, always, errors or never.")]
Reject = Annotated[
    str, typer.Option("--reject", metavar="WHAT", help="What one fault rejects: transaction, group or interchange.")
]
Application = Annotated[
    list[str] | None, typer.Option("--application", metavar="KIND", help="824, 277CA or APERAK, made beside.")
]
Note = Annotated[bool, typer.Option("--note", help="Accept in spite of faults, and name them.")]
OnlyWrong = Annotated[bool, typer.Option("--only-rejected", help="Name only messages with faults.")]


def ack(
    file: AckFile, schema: SchemaName = "", partner: PartnerName = "", schemas: SchemaFolders = None,
    codes: CodeFiles = None, functional: Functional = "auto", technical: Technical = "requested",
    reject: Reject = "transaction", application: Application = None, keep: Note = False, only: OnlyWrong = False,
    as_json: AsJson = False,
) -> int:  # fmt: skip
    """Print the acknowledgement of a file that would be sent.

    TA1, 997 or 999 for X12, CONTRL for EDIFACT, made from what `edi check` finds. Exit code 0 when all of the file is
    accepted, 1 when not.
    """
    from waypost.formats.edi.acknowledgement import Acknowledger, Policy
    from waypost.formats.edi.acknowledgement.application import APPLICATION_KINDS
    from waypost.formats.edi.examine.examination import examine_path

    policy: Any = Policy(
        _one(functional, "--functional", ("auto", "997", "999", "none")),
        _one(technical, "--ta1", ("requested", "always", "errors", "never")), not only,
        _one(reject, "--reject", ("transaction", "group", "interchange")), keep,
        tuple(_one(kind, "--application", APPLICATION_KINDS) for kind in application or ()),
    )  # fmt: skip
    told: list[dict[str, Any]] = []
    count = 0

    def give(made: Any) -> None:  # as each interchange ends: a large file has many
        nonlocal count
        count += 1
        content = _written(made)
        if as_json:
            told.append({"kind": made.kind, "standard": made.standard, "acknowledges": made.control_number,
                         "accepted": made.accepted, "content": content.decode("latin-1")})  # fmt: skip
        else:
            sys.stdout.buffer.write(content)

    acknowledger = Acknowledger(policy, datetime.now(UTC), give=give)
    report = examine_path(file, held_against(schema, partner, schemas, codes), [acknowledger])
    sys.stdout.buffer.flush()
    if as_json:
        print_json(told)
    if not count:
        note("nothing to acknowledge: no group, or only acknowledgements")
    return 0 if report.accepted else failure.FAILED


def _one(value: str, option: str, known: tuple[str, ...]) -> Any:
    from waypost.core.errors import UsageError

    if value not in known:
        raise UsageError(f"{option} {value!r}", expected=f"one of {', '.join(known)}")
    return value


def _written(made: Any) -> bytes:
    """The acknowledgement as it would be sent, a line for each segment."""
    from waypost.formats.edi.acknowledgement.write import written

    return written(made, "\n")
