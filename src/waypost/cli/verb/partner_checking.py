"""What a partner and we can try before going live: check its files, make samples for it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypost.cli import failure
from waypost.cli.option import AsJson
from waypost.cli.output import print_json, say
from waypost.cli.verb.partner import PartnerName, ProjectOption, partners_of, the_partner

if TYPE_CHECKING:
    from waypost.partners.check import PartnerReport

Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write it as a page for screen and paper.")]
MOST_BYTES = 64 << 20


def check(
    name: PartnerName,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files as the partner sends them.")],
    project: ProjectOption = Path("."),
    html: Html = None,
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
    from waypost.partners.check import check as checked

    partners = partners_of(project)
    partner, known = the_partner(partners, name), read_files(project)
    codes = (project / "codes",) if (project / "codes").is_dir() else ()
    at = datetime.now(UTC)
    for file in files:
        if file.stat().st_size > MOST_BYTES:
            raise UsageError(f"{file} is larger than {MOST_BYTES >> 20} MiB", expected="a sample",
                             remedy="waypost edi check takes files of any size")  # fmt: skip
        report: PartnerReport = checked(file.read_bytes(), str(file), partner, partners, known, at, codes)
        yield report
