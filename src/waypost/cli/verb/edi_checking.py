"""Hold EDI files against schemas; bring schemas from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from waypost.cli import failure
from waypost.cli.option import AsJson
from waypost.cli.output import note, print_json, say

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="Files of X12, EDIFACT or TRADACOMS interchanges.")
]
ImportFiles = Annotated[list[Path], typer.Argument(metavar="FILE...", help="What is imported.")]
SchemaName = Annotated[
    str,
    typer.Option("--schema", metavar="S", help="A schema or overlay: its name, such as x12/004010/850, or its file."),
]
SchemaFolders = Annotated[
    list[Path] | None,
    typer.Option(
        "--schemas", metavar="DIR", help="Schemas, looked at before those that come along; by default schemas/."
    ),
]
PartnerName = Annotated[
    str,
    typer.Option("--partner", metavar="P", help="Whose overlays hold: schemas called partner/P/MESSAGE."),
]
CodeFiles = Annotated[
    list[Path] | None,
    typer.Option("--codes", metavar="PATH", help="Code lists: a CSV file, or a folder of them; by default codes/."),
]
Folder = Annotated[Path, typer.Option("--to", metavar="DIR", help="The folder of schemas that is written to.")]
KindName = Annotated[
    str,
    typer.Argument(metavar="KIND", help="What the files are: untdid (directory zips), biztalk, sef, pyx12 or staedi."),
]
_SHOWN = 20


def check(
    files: Files, schema: SchemaName = "", partner: PartnerName = "", schemas: SchemaFolders = None,
    codes: CodeFiles = None, as_json: AsJson = False,
) -> int:  # fmt: skip
    """Find what is wrong with EDI files, by their schemas.

    Looks at envelopes, counts, segments, elements, codes and rules; each message is held against the schema of its
    version, or the partner's overlay of it. Exit code 0 when all files are accepted, 1 when not.
    """
    from waypost.formats.edi.examine.examination import examine_path

    held = held_against(schema, partner, schemas, codes)
    accepted = True
    for file in files:
        report = examine_path(file, held)
        accepted = accepted and report.accepted
        if as_json:
            print_json(report.data(str(file)))
        else:
            _say_report(report.data(str(file)))
    return 0 if accepted else failure.FAILED


def import_(kind: KindName, files: Files, folder: Folder = Path("schemas"), as_json: AsJson = False) -> int:
    """Turn the schemas of other products into schema files.

    untdid takes UN/EDIFACT directory zips, biztalk XSD of BizTalk Server and Logic Apps, sef, pyx12 and staedi their
    own formats. Only facts are taken, no text.
    """
    from waypost.core.errors import UsageError
    from waypost.formats.edi.schema.importer import KINDS
    from waypost.formats.edi.schema.importer.files import write

    if kind not in KINDS:
        raise UsageError(f"no kind of import {kind!r}", expected=f"one of {', '.join(KINDS)}")
    written = [path for file in files for path in write(KINDS[kind](file.read_bytes(), file.name), folder)]
    if as_json:
        print_json({"folder": str(folder), "written": [str(path) for path in written]})
    else:
        say(f"{failure.counted(len(written), 'file')} written below {folder}")
    return 0


def held_against(schema: str, partner: str, schemas: list[Path] | None, codes: list[Path] | None) -> Any:
    """The schemas and code lists that files are held against."""
    from waypost.core.errors import UsageError
    from waypost.formats.edi.examine.schemas import Schemas
    from waypost.formats.edi.schema.code_list import CodeLists

    known = edi_library(schemas)
    if partner and not any(name.startswith(f"partner/{partner}/") for name in known.names()):
        raise UsageError(f"no overlay of partner {partner!r}", expected=f"a schema partner/{partner}/MESSAGE")
    return Schemas(known, _given(known, schema) if schema else None, partner=partner,
                   codes=CodeLists(_places(codes, "codes")))  # fmt: skip


def edi_library(schemas: list[Path] | None) -> Any:
    """The schemas of the folders named, else of the usual one, and those that come along."""
    from waypost.formats.edi.schema.load import library

    return library(*_places(schemas, "schemas"))


def _places(given: list[Path] | None, usual: str) -> tuple[Path, ...]:
    """The places named, else the usual folder where there is one."""
    from waypost.core.errors import UsageError

    for place in given or ():
        if not place.exists():
            raise UsageError(f"no file or folder {str(place)!r}", expected="one that is there")
    return tuple(given) if given else (Path(usual),) if Path(usual).is_dir() else ()


def _given(library: Any, name: str) -> Any:
    """The schema the person named, by name or file."""
    from waypost.core.errors import UsageError

    if Path(name).is_file():
        return library.file(Path(name))
    found = library.schema(name)
    if found is None:
        raise UsageError(f"no schema {name!r}", expected=f"a file, or one of {', '.join(library.names())}")
    return found


def _say_report(data: dict[str, Any]) -> None:
    for error in data["errors"][:_SHOWN]:
        place = " ".join(filter(None, [
            error["set"], error["control_number"], f"segment {error['position']} {error['segment']}",
            f"element {error['element']}" if error["element"] else "",
            f"component {error['component']}" if error["component"] else "",
        ]))  # fmt: skip
        expected = f"; expected {error['expected']}" if error["expected"] else ""
        say(f"{data['file']}:{error['offset']}: {error['severity']} {error['fault']}: {place}: {error['found']}"
            f"{expected}; {error['hint']}")  # fmt: skip
    if len(data["errors"]) > _SHOWN:
        note(f"and {len(data['errors']) - _SHOWN} more; --json tells them all")
    sets = ", ".join(f"{s['accepted']} of {s['received']} {s['set']} {s['version']}" for s in data["sets"])
    say(f"{data['file']}: {'accepted' if data['accepted'] else 'not accepted'}" + (f": {sets}" if sets else ""))
