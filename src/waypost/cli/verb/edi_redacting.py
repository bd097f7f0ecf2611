"""Make EDI files that can be shown to others: what may name a person is replaced, structure stays."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from waypost.cli import failure
from waypost.cli.option import AsJson
from waypost.cli.output import note, print_json, say
from waypost.cli.verb.edi_checking import CodeFiles, Files, PartnerName, SchemaFolders, SchemaName, held_against

Keep = Annotated[
    list[str] | None,
    typer.Option("--keep", metavar="WHAT", help="Leave as it is: control-numbers, dates, diagnoses, partners, payers, "
                 "places or providers."),
]  # fmt: skip
SecretFile = Annotated[
    Path | None,
    typer.Option("--secret", metavar="FILE", help="A file with the secret: the same one replaces alike in every file."),
]
Seed = Annotated[
    str, typer.Option("--seed", metavar="TEXT", help="In place of a secret, for examples and tests: anybody can guess.")
]
To = Annotated[
    Path | None, typer.Option("--to", metavar="DIR", help="Where the files go, under their names; else to the output.")
]
_SHORTEST = 16


def redact(
    files: Files, schema: SchemaName = "", partner: PartnerName = "", schemas: SchemaFolders = None,
    codes: CodeFiles = None, keep: Keep = None, secret: SecretFile = None, seed: Seed = "", to: To = None,
    as_json: AsJson = False,
) -> int:  # fmt: skip
    """Replace what may name a person, and keep the structure.

    Names, numbers, dates and texts become plausible others, the same in all files under the same secret, so that
    claims and payments stay linked; amounts, codes and counts stay. Without --secret nobody can link files of two runs.
    What is replaced is listed in docs/reference/edi-redaction.md.
    """
    from waypost.core.errors import UsageError
    from waypost.formats.edi.redact.redactor import Redactor

    left = kept(keep)
    if to is None and (len(files) > 1 or as_json):
        raise UsageError("no place for what is made", expected="--to DIR", remedy="name a folder")
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        raise UsageError("two files of the same name", expected="names that differ", remedy="redact them one by one")
    if to is not None and any((to / file.name).exists() and (to / file.name).samefile(file) for file in files):
        raise UsageError(f"{str(to)!r} is where the files are", expected="another folder", remedy="name a new one")
    redactor = Redactor(secret_of(secret, seed), held_against(schema, partner, schemas, codes), left)
    written = [_written(redactor, file, to) for file in files]
    account = redactor.account
    if as_json:
        print_json({"files": written, "redacted": account.rows(), "masked_segments": account.masked_segments,
                    "junk_bytes": account.junk_bytes, "kept": left})  # fmt: skip
    else:
        _tell(redactor.account, written, left)
    return 0


def kept(keep: list[str] | None) -> list[str]:
    """What is left as it is, sorted. Raises ``UsageError`` for what can't be."""
    from waypost.core.errors import UsageError
    from waypost.formats.edi.redact.policy import KEEPABLE

    wrong = [word for word in keep or () if word not in KEEPABLE]
    if wrong:
        raise UsageError(f"--keep {wrong[0]!r}", expected=f"one of {', '.join(KEEPABLE)}")
    return sorted(keep or ())


def _written(redactor: Any, file: Path, to: Path | None) -> str:
    """The redacted file; nothing of it is left where something went wrong on the way."""
    with file.open("rb") as content:
        pieces = redactor.content(iter(lambda: content.read(1 << 18), b""))
        if to is None:
            sys.stdout.buffer.writelines(pieces)
            sys.stdout.buffer.flush()
            return ""
        to.mkdir(parents=True, exist_ok=True)
        target = to / file.name
        unfinished = target.with_name(f".{target.name}.part")
        try:
            with unfinished.open("wb") as made:
                made.writelines(pieces)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
    return str(target)


def secret_of(file: Path | None, seed: str = "") -> bytes:
    """The secret in a file, or one nobody knows. Raises ``UsageError`` for one that is too short."""
    from waypost.core.errors import UsageError

    if file is not None and seed:
        raise UsageError("both --secret and --seed", expected="one of them")
    if seed:
        return b"seed " + seed.encode()
    if file is None:
        return secrets.token_bytes(32)
    if not file.is_file():
        raise UsageError(f"no file {str(file)!r}", expected="a file with the secret")
    text = file.read_bytes().strip()
    if len(text) < _SHORTEST:
        raise UsageError(f"the secret in {file} has {len(text)} bytes", expected=f"at least {_SHORTEST}",
                         remedy="make one: openssl rand -hex 32 > FILE")  # fmt: skip
    return text


def _tell(account: Any, written: list[str], keep: list[str]) -> None:
    by_category: dict[str, int] = {}
    for row in account.rows():
        by_category[f"({row['category']}) {row['means']}"] = by_category.get(
            f"({row['category']}) {row['means']}", 0) + row["count"]  # fmt: skip
    for category, count in sorted(by_category.items()):
        note(f"{count:>8,}  {category}")
    if account.masked_segments:
        note(f"{failure.counted(account.masked_segments, 'segment')} that no schema knows were masked whole")
    if account.junk_bytes:
        note(f"{account.junk_bytes:,} bytes outside interchanges were masked")
    if keep:
        note(f"kept as they are: {', '.join(keep)}")
    for path in filter(None, written):
        say(path)
