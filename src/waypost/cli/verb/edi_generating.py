"""Make documents from schemas, for tests and load."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from waypost.cli import failure
from waypost.cli.option import AsJson
from waypost.cli.output import json_text, note, print_json, say
from waypost.cli.verb.edi_checking import SchemaFolders, edi_library

SetName = Annotated[
    str,
    typer.Argument(metavar="SET", help="A set or message such as 850 or ORDERS, or a schema such as x12/005010/850."),
]
Version = Annotated[str, typer.Option("--version", metavar="V", help="Its version, such as 005010X222A1 or D01B.")]
Partner = Annotated[str, typer.Option("--partner", metavar="P", help="Whose overlay it follows.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="The same seed makes the same documents.")]
Count = Annotated[int, typer.Option("--count", metavar="N", help="How many documents.")]
Size = Annotated[str, typer.Option("--size", metavar="SIZE", help="As many as fill a size such as 20MB.")]
Faults = Annotated[
    str,
    typer.Option("--faults", metavar="N[/KIND]", help="How many get one fault each, of all kinds in turn or of one."),
]
To = Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Where to write; by default to standard output.")]
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kMG]?)B?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}


def generate(
    name: SetName, version: Version = "", partner: Partner = "", schemas: SchemaFolders = None, seed: Seed = 1,
    count: Count = 1, size: Size = "", faults: Faults = "", to: To = None, as_json: AsJson = False,
) -> int:  # fmt: skip
    """Make documents of a schema, valid or with a planted fault.

    What is made is accepted by `edi check`, but for the faults asked for; each of them is told with the code an
    acknowledgement gives it, on standard error, or as JSON with --to.
    """
    from waypost.core.errors import UsageError
    from waypost.formats.edi.generate import FAULTS, Plan
    from waypost.formats.edi.generate import generate as pieces
    from waypost.formats.edi.generate.message import CannotMake

    number, _, kind = faults.partition("/")
    if faults and (not number.isdecimal() or (kind and kind not in FAULTS)):
        raise UsageError(f"--faults {faults!r}", expected=f"a number, or a number and one of {', '.join(FAULTS)}")
    plan = Plan(seed=seed, count=count, size=_bytes(size), faults=int(number or 0), kind=kind)
    schema = schema_asked(name, version, partner, schemas)
    try:
        if to is not None:
            with to.open("wb") as file:
                written = sum(file.write(piece) for piece in pieces(schema, plan))
        else:
            written = sum(sys.stdout.buffer.write(piece) for piece in pieces(schema, plan))
            sys.stdout.buffer.flush()
    except CannotMake as wrong:
        raise UsageError(str(wrong), expected="a schema whose rules can be met by chance",
                         remedy="leave out --partner, or take another --seed") from None  # fmt: skip
    planted = [one.data() for one in plan.planted]
    if as_json and to is not None:
        print_json({"file": str(to), "schema": schema.name, "seed": seed, "bytes": written, "faults": planted})
    else:
        for one in planted:
            note(json_text(one))
        if to is not None:
            say(f"{to}: {written:,} bytes of {schema.name}, {failure.counted(len(planted), 'fault')}")
    return 0


def schema_asked(name: str, version: str, partner: str, schemas: list[Path] | None) -> Any:
    """The schema asked for: by its full name, or the plainest that has the message."""
    from waypost.core.errors import UsageError

    library = edi_library(schemas)
    known = [n for n in library.names() if n == name or n.endswith(f"/{name}")]
    if partner:
        known = [
            n for n in library.names() if re.fullmatch(rf"partner/{re.escape(partner)}/{re.escape(name)}(-.*)?", n)
        ]
    elif version:
        known = [n for n in known if n.split("/")[1] == version]
    if not known:
        raise UsageError(f"no schema of {name!r} {version}".rstrip(), expected=f"one of {', '.join(library.names())}")
    return library.schema(min(known, key=lambda n: (len(n.split("/")[1]), n)))


def _bytes(size: str) -> int:
    from waypost.core.errors import UsageError

    match = _SIZE.fullmatch(size.strip())
    if size and not match:
        raise UsageError(f"--size {size!r}", expected="a size such as 20MB or 1.5GB")
    return int(float(match[1]) * _UNITS[match[2].lower()]) if match else 0
