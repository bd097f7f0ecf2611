"""What agreements say about EDI files: whose they are, and why."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypost.cli import failure
from waypost.cli.asking import ask, exchanged
from waypost.cli.option import AsJson, Place
from waypost.cli.output import note, print_json, say

if TYPE_CHECKING:
    from waypost.partners.explain import Explained

EdiFile = Annotated[Path, typer.Argument(metavar="FILE", help="A file of X12 or EDIFACT interchanges.")]
ProjectOption = Annotated[Path, typer.Option("--project", metavar="DIR", help="The project whose partners are asked.")]
EnvironmentClass = Annotated[
    str,
    typer.Option("--class", metavar="CLASS", help="Where it would be received: prod or test; else that is not asked."),
]


def explain(
    file: EdiFile, project: ProjectOption = Path("."), environment_class: EnvironmentClass = "", as_json: AsJson = False
) -> int:
    """Say under which agreement a file comes, and why.

    Step by step: partner, agreement, type of message, schema, map; what was compared, why each candidate was or was not
    taken, and what nearly fits. Exit code 0 when an agreement covers all of it, 1 when not.
    """
    from waypost.cli.verb.partner import partners_of
    from waypost.core.errors import UsageError
    from waypost.flow.declared.project import read_files
    from waypost.formats.edi.agreed.schemas import ProjectSchemas
    from waypost.partners.explain import explain as explained

    if environment_class not in ("", "prod", "test"):
        raise UsageError(f"--class {environment_class!r}", expected="prod or test")
    partners = partners_of(project)
    found = 0
    covered, data = True, []
    for one in explained(pieces(file), partners, ProjectSchemas(read_files(project)), environment_class):
        found += 1
        covered = covered and one.covered
        if as_json:
            data.append(one.data())
        else:
            say("\n".join(_lines(one)))
    if as_json:
        print_json({"file": str(file), "covered": covered and found > 0, "interchanges": data})
    elif not found:
        say(f"{file}: no interchange of X12 or EDIFACT")
    return 0 if covered and found else failure.FAILED


def view(
    place: Place,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="A file of X12 or EDIFACT interchanges.")] = None,
    message: Annotated[str, typer.Option("--message", metavar="ID", help="What a message sent or received.")] = "",
    acknowledgement: Annotated[
        bool, typer.Option("--acknowledgement", help="With --message: what acknowledged it.")
    ] = False,
    as_html: Annotated[bool, typer.Option("--html", help="A page for the screen and for paper.")] = False,
) -> int:
    """Show an EDI document as a person reads it.

    Segments and elements are named, codes explained, as far as the schemas that come along know them.
    """
    from waypost.core.errors import UsageError
    from waypost.flow.declared.project import read_files
    from waypost.formats.edi.agreed.schemas import ProjectSchemas
    from waypost.partners.view import html_of, text_of, title_of
    from waypost.partners.view import view as viewed

    if (file is None) == (not message):
        raise UsageError(
            "nothing to show" if file is None else "both a file and a message", expected="FILE or --message"
        )
    if file is not None and acknowledgement:
        raise UsageError("--acknowledgement of a file", expected="--message ID --acknowledgement")
    meant = _acknowledgement(place, message) if acknowledgement else message
    content = pieces(file) if file is not None else [_content(place, meant)]
    known = read_files(place.project) if (place.project / "waypost.yaml").is_file() else {}
    shown = list(viewed(content, ProjectSchemas(known)))
    title = title_of(shown, str(file) if file is not None else meant)
    if place.as_json:
        print_json({"title": title, "segments": [dataclasses.asdict(one) for one in shown]})
    else:
        for piece in html_of(shown, title) if as_html else text_of(shown):
            say(piece.rstrip("\n"))
    if not shown:
        note(f"{title}: no interchange of X12 or EDIFACT")
    return 0 if shown else failure.FAILED


def _acknowledgement(place: Place, message: str) -> str:
    """The message with the newest acknowledgement of what ``message`` sent or received."""
    from waypost.core.errors import UsageError

    found = acknowledging(place, list(exchanged(place, message=message)))
    if not found:
        raise UsageError(f"nothing acknowledges message {message!r}", remedy="find it with: waypost partner acks")
    return str(max(found, key=lambda row: row["at"])["message"])


def acknowledging(place: Place, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What acknowledges some exchanges, by the partner and the numbers it names."""
    from waypost.reconcile.exchange import answers

    found: dict[tuple[str, int], dict[str, Any]] = {}
    for row in asked:
        numbers = [["interchange", row["interchange"]], *(["group", number] for number in row["groups"])]
        near = exchanged(place, partner=row["partner"], items=numbers, near=row["at"])
        found |= {(one["message"], one["id"]): one for one in answers([row, *near], row["message"])}
    return list(found.values())


def _content(place: Place, message: str) -> bytes:
    """What a message sent, or, where it sent no interchange, what it received, with its envelope."""
    from waypost.core.errors import DataError

    answer = ask(place, "show", id=message)
    if answer is None:
        raise DataError(f"no message {message!r}", remedy="find it with: waypost messages", code="unknown-message")
    for output in answer["outputs"]:
        if output.get("numbers"):
            return base64.b64decode(output["base64"]) if "base64" in output else str(output.get("text", "")).encode()
    for row in exchanged(place, message=message, content=True):
        if row["direction"] == "received" and "raw" in row:
            return base64.b64decode(row["context"]) + base64.b64decode(row["raw"])
    raise DataError(f"message {message} is no interchange of a partner", code="unknown-message")


def pieces(file: Path) -> Any:
    """The bytes of a file, piece by piece."""
    with file.open("rb") as content:
        while piece := content.read(1 << 18):
            yield piece


def _lines(one: Explained) -> list[str]:
    parties, found = one.parties, one.resolution
    sender = f"{parties.sender_qualifier} {parties.sender}".strip()
    receiver = f"{parties.receiver_qualifier} {parties.receiver}".strip()
    lines = [f"interchange at byte {one.offset:,}: {one.standard} {sender} → {receiver} usage {parties.usage or '-'}"]
    lines += [line for step in found.steps for line in _step(step, "  ")]
    if found.code:
        lines.append(f"  PARKED [{found.code}]: {found.refusal}; {found.remedy}")
    for kind in one.messages:
        said = " ".join(filter(None, (kind.set, kind.version, kind.association)))
        lines.append(f"  {failure.counted(kind.count, 'message')} {said} at byte {kind.offset:,}")
        lines += [line for step in kind.steps for line in _step(step, "    ")]
        if kind.refusal:
            lines.append(f"    PARKED [partner-message]: {kind.refusal}")
        lines.append(f"    schema {kind.schema or 'none: only its envelope is checked'}")
        if kind.map:
            lines.append(f"    map {kind.map}")
    return lines


def _step(step: Any, indent: str) -> list[str]:
    place = f" ({step.place})" if step.place else ""
    lines = [f"{indent}{'+' if step.taken else '-'} {step.step} {step.candidate}{place}: {step.why}"]
    if not step.taken or any(one.near for one in step.compared):
        lines += [f"{indent}    {one}" for one in step.compared]
    return lines
