"""Daily work with partners: try a change on stored traffic, propose an overlay from samples, send something again."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated, Any

import typer

from waypost.cli import failure
from waypost.cli.asking import ask, exchanged, make_client
from waypost.cli.option import AsJson, Place
from waypost.cli.output import print_json, say
from waypost.cli.verb.edi_partner import acknowledging, pieces
from waypost.cli.verb.partner import PartnerName, ProjectOption, partners_of, the_partner

Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, which is journaled.")]
_SHOWN = 5


def simulate(
    name: PartnerName,
    place: Place,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="Traffic since: a time, or an age.")] = "30d",
) -> int:
    """Try the files as they are on stored traffic.

    Each message the partner sent is read as the version that runs reads it, and as the project's files now would. Tells
    what would newly fail or pass, by rule, with message ids. Exit code 1 when something would newly fail.
    """
    from waypost.cli.verb.partner import running_files
    from waypost.flow.declared.project import load_project, read_files
    from waypost.partners.simulate import Traffic
    from waypost.partners.simulate import simulate as simulated

    load_project(place.project, place.environment)
    the_partner(partners_of(place.project), name)
    traffic = (
        Traffic(row["message"], row["standard"], base64.b64decode(row["context"]), base64.b64decode(row["raw"]))
        for row in exchanged(place, partner=name, since=since, content=True)
        if row["direction"] == "received" and "raw" in row
    )  # fmt: skip
    found = simulated(traffic, running_files(place.project), read_files(place.project), place.project)
    if place.as_json:
        print_json({"partner": name, **found.data()})
    else:
        say(f"{failure.counted(found.looked_at, 'message')}: {found.passing} would pass, {found.failing} would fail")
        for title, rules in (("newly fails", found.newly_failing), ("newly passes", found.newly_passing)):
            for rule, messages in rules.items():
                more = f" and {len(messages) - _SHOWN} more" if len(messages) > _SHOWN else ""
                count, first = failure.counted(len(messages), "message"), ", ".join(messages[:_SHOWN])
                say(f"{title}: {rule}: {count}: {first}{more}")
        if found.differing:
            say(f"fails either way, for another reason: {', '.join(found.differing[:_SHOWN])}")
    return failure.FAILED if found.broken else 0


def infer(
    name: PartnerName,
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Sample files of the partner.")],
    folder: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Write overlays, a guide and tests into this folder."),
    ] = None,
    flow: Annotated[
        str,
        typer.Option("--flow", metavar="NAME", help="The flow tested; by itself one that reads the partner."),
    ] = "",
    project: ProjectOption = Path("."),
    as_json: AsJson = False,
) -> None:
    """Propose overlays, a guide and tests from sample files.

    For each message type: which segments are not used, how often the others come, which codes, how long texts are; a
    page of it; and cases of a flow: each sample, and one the overlay refuses. Nothing is taken away and nothing closed
    with fewer than three messages. Look it over before use.
    """
    from waypost.flow.declared.project import read_files
    from waypost.formats.edi.agreed.schemas import ProjectSchemas
    from waypost.partners.infer import guide_of
    from waypost.partners.infer import infer as inferred
    from waypost.partners.infer_cases import case_files

    known = read_files(project) if (project / "waypost.yaml").is_file() else {}
    proposals = inferred({str(file): pieces(file) for file in files}, ProjectSchemas(known), name)
    written: list[str] = []
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        texts = {f"{p.usage.message}-{p.usage.version}.yaml": p.overlay.encode() for p in proposals if p.base}
        contents = {str(file): file.read_bytes() for file in files}
        cases = case_files(proposals, contents, flow or _reader(name, project), name)
        for path, data in {**texts, "guide.html": guide_of(proposals, name).encode(), **cases}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
            written.append(str(folder / path))
    if as_json:
        return print_json({"partner": name, "written": written, "proposals": [_proposal(p) for p in proposals]})
    for proposal in proposals:
        usage = proposal.usage
        say(f"# {usage.standard} {usage.version} {usage.message}: {failure.counted(usage.messages, 'message')}")
        say(proposal.overlay if proposal.base else "# no schema for it: an overlay needs one\n")
    say("\n".join(written) if written else "write it with: --to DIR")


def _reader(partner: str, project: Path) -> str:
    """A flow of the project that reads what the partner sends; without one, the partner's name."""
    from waypost.core.errors import ProjectError
    from waypost.flow.declared.project import load_project

    try:
        flows = load_project(project).flows if (project / "waypost.yaml").is_file() else {}
    except ProjectError:
        return partner
    for name, flow in flows.items():
        named = getattr(flow.format.options, "partner", ())
        if any(one in (partner, "any") for one in named):
            return name
    return partner


def _proposal(one: Any) -> dict[str, Any]:
    usage = one.usage
    return {
        "standard": usage.standard, "version": usage.version, "set": usage.message, "messages": usage.messages,
        "files": sorted(usage.files), "base": one.base, "overlay": one.overlay, "left_out": list(one.left_out),
    }  # fmt: skip


def resend(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The message, as `waypost messages` names it.")],
    place: Place,
    why: Why = "",
    new_numbers: Annotated[
        bool, typer.Option("--new-numbers", help="Under new control numbers, as a further interchange.")
    ] = False,
    acknowledgement: Annotated[
        bool, typer.Option("--acknowledgement", help="ID was received: send again what acknowledged it.")
    ] = False,
) -> int:
    """Send an interchange or an acknowledgement again.

    Unchanged: the same bytes under the same control numbers. With --new-numbers the message goes through its flow
    anew, on the version it ran on, and takes the next numbers.
    """
    from waypost.core.errors import UsageError

    own = list(exchanged(place, message=identifier))
    if acknowledgement:
        wanted = acknowledging(place, [row for row in own if row["direction"] == "received"])
    else:
        wanted = [row for row in own if row["direction"] == "sent"]
    if not wanted:
        found = (
            f"nothing that acknowledged message {identifier!r}" if acknowledgement else f"no interchange {identifier!r}"
        )
        raise UsageError(f"{found} was sent", remedy="find it with: waypost messages, or waypost partner acks")
    made: list[str] = []
    for row in wanted:
        if new_numbers:
            made += ask(place, "replay", id=row["message"], version="same", key="new", why=why)["ids"]
        else:
            ask(place, "resend", id=row["message"], target=row["target"], why=why)
            made.append(row["message"])
    if place.as_json:
        print_json({"count": len(made), "ids": made})
    else:
        running = make_client(place.project, place.environment).running
        when = "sent again" if running else "to be sent again; it goes out once the project runs"
        say("\n".join([*made, f"{failure.counted(len(made), 'interchange')} {when}"]))
    return 0
