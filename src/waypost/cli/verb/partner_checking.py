"""What a partner and we can try before going live: check its files, make samples for it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypost.cli import failure
from waypost.cli.option import AsJson, Place
from waypost.cli.output import print_json, say
from waypost.cli.verb.partner import PartnerName, ProjectOption, partners_of, the_partner

if TYPE_CHECKING:
    from waypost.agreements.load import Partner
    from waypost.partners.check import PartnerReport

HtmlFile = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write it as a page for screen and paper.")
]
MOST_BYTES = 64 << 20


def check(
    name: PartnerName,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files as the partner sends them.")],
    project: ProjectOption = Path("."),
    html: HtmlFile = None,
    as_json: AsJson = False,
) -> int:
    """Report on files of a partner as its agreement has them.

    Every fault with its segment, place, rule, what was found and expected, and what to do; the document segment by
    segment; the acknowledgement we would send. Exit code 0 when all would be accepted, 1 when not.
    """
    from waypost.core.errors import UsageError
    from waypost.partners.check_report import report_page, report_text

    if html is not None and len(files) > 1:
        raise UsageError("--html with several files", expected="one file", remedy="check them one by one")
    accepted, data = True, []
    for report in reports_of(name, files, project):
        accepted = accepted and report.accepted
        if html is not None:
            html.write_text(report_page(report), "utf-8")
        if as_json:
            data.append(report.data())
        elif html is not None:
            say(str(html))
        else:
            say("\n".join(report_text(report)))
    if as_json:
        print_json({"partner": name, "accepted": accepted, "files": data})
    return 0 if accepted else failure.FAILED


def reports_of(name: str, files: list[Path], project: Path) -> Any:
    """The report on each file, one after the other. Raises ``UsageError`` for one too large to be shown whole."""
    from waypost.core.errors import UsageError
    from waypost.flow.declared.project import read_files
    from waypost.formats.edi.agreed.schemas import ProjectSchemas
    from waypost.partners.check import check as checked

    partners = partners_of(project)
    partner, known = the_partner(partners, name), ProjectSchemas(read_files(project))
    codes = (project / "codes",) if (project / "codes").is_dir() else ()
    at = datetime.now(UTC)
    for file in files:
        if file.stat().st_size > MOST_BYTES:
            raise UsageError(f"{file} is larger than {MOST_BYTES >> 20} MiB", expected="a sample",
                             remedy="waypost edi check takes files of any size")  # fmt: skip
        report: PartnerReport = checked(file.read_bytes(), str(file), partner, partners, known, at, codes)
        yield report


def certificates(
    name: PartnerName, place: Place, html: HtmlFile = None,
) -> int:  # fmt: skip
    """Look at the certificates exchanged with a partner.

    Both sides': validity, key, key usage, chain, fingerprint, the time each is used, gaps and overlaps when one follows
    another. Over AS2 also whether our keys sign and decrypt. Exit code 1 when something fails.
    """
    from waypost.cli.output import table
    from waypost.flow.declared.project import load_project
    from waypost.partners.certificate import held
    from waypost.partners.certificate_report import certificate_page, looked_at

    project = load_project(place.project, place.environment)
    partner, now = the_partner(dict(project.partners), name), datetime.now(UTC)
    one = looked_at(partner, project, now)
    if html is not None:
        html.write_text(certificate_page(partner, held(partner, project), one, now), "utf-8")
    if place.as_json:
        print_json({"partner": name, "certificates": [each.data() for each in held(partner, project)],
                    "checks": [each.data() for each in one]})  # fmt: skip
    elif html is not None:
        say(str(html))
    else:
        for each in held(partner, project):
            say(f"{each.side}  {each.file}  SHA-256 {each.fingerprint or '-'}")
        table(("verdict", "about", "found", "what to do"), [[c.verdict, c.subject, c.found, c.remedy] for c in one],
              empty="no certificate is named, in the partner's file or by a connection over AS2")  # fmt: skip
    return failure.FAILED if any(each.verdict == "fail" for each in one) else 0


def challenge(
    name: PartnerName,
    place: Place,
    folder: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Write a challenge here, and the text it holds.")
    ] = None,
    answer: Annotated[
        Path | None, typer.Option("--open", metavar="FILE", help="What the partner answered, as S/MIME.")
    ] = None,
    known: Annotated[
        Path | None, typer.Option("--known", metavar="FILE", help="The text of the challenge, to compare with.")
    ] = None,
) -> None:
    """Prove that both sides have the keys of their certificates.

    With --to a text is signed by us and encrypted for the partner. What it answers, the same text signed by it and
    encrypted for us, is held against it with --open and --known.
    """
    from waypost.core.errors import UsageError
    from waypost.flow.declared.project import load_project
    from waypost.partners.certificate import as2_connections
    from waypost.partners.challenge import ends_of, known_text, met, posed

    if (folder is None) == (answer is None) or (answer is None) != (known is None):
        raise UsageError("neither or both ways", expected="--to DIR, or --open FILE with --known FILE")
    project = load_project(place.project, place.environment)
    connections = as2_connections(the_partner(dict(project.partners), name), project)
    if not connections:
        raise UsageError(f"{name} has no connection over AS2", expected="one named by an endpoint of the partner")
    ends, now = ends_of(project, connections[0]), datetime.now(UTC)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        text = known_text(name, now)
        files = {folder / f"{name}-challenge.txt": text, folder / f"{name}-challenge.eml": posed(text, ends, now)}
        for path, data in files.items():
            path.write_bytes(data)
        written = [str(path) for path in files]
        return print_json({"written": written}) if place.as_json else say("\n".join(written))
    assert answer is not None and known is not None
    found = met(answer.read_bytes(), known.read_bytes(), ends, now)
    if place.as_json:
        return print_json({"partner": name, "met": True, **found.data()})
    say(f"{name} has both keys: signed by {found.signer} with {found.digest}, encrypted for us with {found.cipher}")


def samples(
    name: PartnerName,
    folder: Annotated[Path, typer.Option("--to", metavar="DIR", help="The folder they are written to.")],
    project: ProjectOption = Path("."),
    faults: Annotated[
        int,
        typer.Option("--faults", metavar="N", min=0, max=40, help="Files with a fault, of each document."),
    ] = 6,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed makes the same files.")] = 1,
    as_json: AsJson = False,
) -> int:
    """Make sample files of what is agreed with a partner.

    A valid one of each document, under the identities agreed; of those the partner sends also some with one fault each,
    and what is wrong with them. Exit code 1 where a document has no sample.
    """
    from waypost.partners.samples import samples_page

    partner = the_partner(partners_of(project), name)
    made, not_made = made_samples(partner, project, faults, seed)
    for sample in made:
        path = folder / sample.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sample.content)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(samples_page(partner, made, not_made), "utf-8")
    if as_json:
        print_json({"partner": name, "samples": [one.data() for one in made],
                    "not_made": [{"way": one.way, "set": one.set, "why": one.why} for one in not_made]})  # fmt: skip
    else:
        for one in made:
            say(f"{folder / one.name}: {'; '.join(one.wrong) or 'valid'}")
        for lacking in not_made:
            say(f"no sample of {lacking.set} ({lacking.way}): {lacking.why}")
        if not made and not not_made:
            say(f"the agreement with {name} names no documents: list them under messages:")
        say(str(folder / "index.html"))
    return failure.FAILED if not_made or not made else 0


def made_samples(partner: Partner, project: Path, faults: int, seed: int = 1) -> tuple[list[Any], list[Any]]:
    """The samples of a partner, and the documents none could be made of."""
    from waypost.flow.declared.project import read_files
    from waypost.partners.samples import NotMade
    from waypost.partners.samples import samples as sampled

    every = list(sampled(partner, read_files(project), datetime.now(UTC), faults=faults, seed=seed))
    return [one for one in every if not isinstance(one, NotMade)], [one for one in every if isinstance(one, NotMade)]


def guide(
    name: PartnerName,
    place: Place,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The page that is written.")],
    before: Annotated[
        str, typer.Option("--before", metavar="BEFORE", help="Tell what changed since: a file, or a version.")
    ] = "",
    faults: Annotated[
        int, typer.Option("--faults", metavar="N", min=0, max=40, help="Samples with a fault, of each document.")
    ] = 3,
) -> None:
    """Write a companion guide for a partner, as a page.

    Identities, envelopes, documents with their segments, elements, codes and rules, acknowledgements and deadlines,
    certificates, samples, and with --before what changed.
    """
    from waypost.cli.verb.partner import earlier
    from waypost.flow.declared.project import load_project
    from waypost.partners.guide import Guide, guide_page

    project = load_project(place.project, place.environment)
    partner = the_partner(dict(project.partners), name)
    made, not_made = made_samples(partner, place.project, faults)
    old = earlier(name, before, place.project) if before else None
    to.write_text(guide_page(Guide(partner, project, datetime.now(UTC), made, not_made, old)), "utf-8")
    if place.as_json:
        return print_json({"partner": name, "written": [str(to)], "agreement": partner.version,
                           "before": old.version if old is not None else None})  # fmt: skip
    say(str(to))


def token(
    name: PartnerName,
    project: ProjectOption = Path("."),
    as_json: AsJson = False,
) -> None:
    """Make the token with which a partner uses the self-test.

    It is shown once; the partner's file gets its digest, in place of an earlier one. A running system knows it after
    `waypost reload`.
    """
    from waypost.core.errors import UsageError
    from waypost.partners.self_test.token import digest_of, new_token, with_digest

    partner = the_partner(partners_of(project), name)
    made = new_token()
    path = project / partner.file.name
    text = with_digest(path.read_text("utf-8"), digest_of(made))
    if text is None:
        raise UsageError(f"{partner.file.name} has a self_test of another shape",
                         expected="a line '  token: sha256:…' below self_test:")  # fmt: skip
    path.write_text(text, "utf-8")
    if as_json:
        return print_json({"partner": name, "token": made, "digest": digest_of(made), "file": str(path)})
    say(f"{made}\n\ngive it to {name}; only its digest is kept, in {path}")
