"""Take attachments out of EDI files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from waypost.cli import failure
from waypost.cli.option import AsJson
from waypost.cli.output import note, print_json, say
from waypost.cli.verb.edi_partner import pieces

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files of X12 or EDIFACT interchanges.")]
Into = Annotated[
    Path | None,
    typer.Option("--into", metavar="DIR", help="Where attachments are written; without it they are listed."),
]
Link = Annotated[
    list[Path] | None,
    typer.Option("--link", metavar="FILE", help="Claims (837) or requests (277) that attachments may belong to."),
]


def attachments(files: Files, into: Into = None, link: Link = None, as_json: AsJson = False) -> int:
    """Take out what EDI files carry as bytes.

    BIN and BDS segments, as in a 275, and objects of EDIFACT packages, each as a file with its own name; nothing that
    is there is written over. --link says to which claim each belongs. Exit code 1 when a length or an encoding is
    wrong, or when --link finds no claim for one.
    """
    from waypost.formats.edi.attachment import attachments as found_in
    from waypost.reconcile.chain.attached import Links

    links = Links()
    for file in link or ():
        links.read(pieces(file), str(file))
    rows: list[dict[str, Any]] = []
    for file in files:
        folder = into / file.stem if into is not None and len(files) > 1 else into
        for one in found_in(pieces(file)):
            claim, how = links.of(one) if link else ("", "")
            place = _write(folder, one.name, one.data) if folder is not None else ""
            rows.append({"from": str(file), "file": place, **one.detail(), "belongs_to": claim, "by": how})
    if as_json:
        print_json({"attachments": rows})
    else:
        for row in rows:
            say(_line(row))
        if not rows:
            note("no attachments")
    wrong = any(row["fault"] or (link and not row["belongs_to"]) for row in rows)
    return failure.FAILED if wrong else 0


def _write(folder: Path, name: str, data: bytes) -> str:
    from waypost.core.errors import UsageError

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (folder / name).open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise UsageError(f"{folder / name} is there already", expected="a folder without it",
                         remedy="name another with --into") from None  # fmt: skip
    return str(folder / name)


def _line(row: dict[str, Any]) -> str:
    words = [row["file"] or f"{row['from']} #{row['number']}", f"{row['bytes']:,} bytes",
             f"{row['set']} {row['control_number']}"]  # fmt: skip
    for name, title in (("trace", "trace"), ("claim", "claim"), ("payer_claim", "payer's claim"), ("report", "report")):
        words += [f"{title} {row[name]}"] if row[name] else []
    if row["belongs_to"]:
        words.append(f"belongs to {row['belongs_to']} by {row['by']}")
    return "  ".join(words) + (f"  ! {row['fault']}" if row["fault"] else "")
