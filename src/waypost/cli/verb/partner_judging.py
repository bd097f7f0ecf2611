"""How far a partner is on its way to production, and how trading with it goes."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypost.cli import failure
from waypost.cli.asking import ask, exchanged
from waypost.cli.option import Place
from waypost.cli.output import print_json, say, table
from waypost.cli.verb.partner import PartnerName, the_partner
from waypost.cli.verb.partner_checking import HtmlFile, made_samples, reports_of
from waypost.cli.verb.partner_number import sequences

if TYPE_CHECKING:
    from waypost.agreements.load import Partner
    from waypost.flow.declared.definition import Project
    from waypost.partners.scorecard import Card

Since = Annotated[str, typer.Option("--since", metavar="TIME", help="Traffic since: a time, or an age.")]


def score(
    name: PartnerName,
    place: Place,
    files: Annotated[
        list[Path] | None, typer.Option("--files", metavar="FILE", help="Test files of the partner; repeatable.")
    ] = None,
    connect: Annotated[bool, typer.Option("--connect", help="Try the connections of its endpoints.")] = False,
    since: Since = "90d",
    html: HtmlFile = None,
) -> int:
    """Score how ready a partner is to go live.

    A checklist decided by evidence: its file, test files and stored traffic, samples, acknowledgements, numbers,
    connections, certificates, people. Each item says what to do next. Exit code 0 when all that must be done is.
    """
    from waypost.core.clock import SystemClock
    from waypost.flow.declared.project import load_project
    from waypost.partners.certificate_report import looked_at
    from waypost.partners.checklist import Evidence, lines
    from waypost.partners.checklist import score as scored
    from waypost.partners.checklist_page import checklist_page
    from waypost.partners.ledger import books

    project = load_project(place.project, place.environment)
    partner, now = the_partner(dict(project.partners), name), datetime.now(UTC)
    accepted, rejected = _tried(name, files or [], place, since)
    made, not_made = made_samples(partner, place.project, 0)
    numbered = ask(place, "numbers", names=list(sequences(partner)))["numbers"]
    found = scored(Evidence(
        partner, accepted, rejected, [*made, *not_made], looked_at(partner, project, now),
        _reached(partner, project, place.project) if connect else {}, [row["sequence"] for row in numbered],
        books(project, exchanged(place, partner=name, since=since), SystemClock().now()),
    ))  # fmt: skip
    if html is not None:
        html.write_text(checklist_page(partner, found, now), "utf-8")
    if place.as_json:
        print_json({"partner": name, **found.data()})
    elif html is not None:
        say(str(html))
    else:
        table(("", "item", "evidence", "what to do next"), lines(found))
        say(f"score {found.percent} of 100: {'ready to go live' if found.ready else 'not ready yet'}")
    return 0 if found.ready else failure.FAILED


def scorecard(
    place: Place,
    name: Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's name; without one, all partners.")] = "",
    since: Since = "90d",
    period: Annotated[str, typer.Option("--period", metavar="PERIOD", help="day, week or month.")] = "month",
    html: HtmlFile = None,
) -> None:
    """Tell how trading with partners went.

    By partner, period and document: volume, rejections, time to the acknowledgement; and of what was promised how much
    was kept: acknowledgements and documents that follow others by `service_levels:`.
    """
    from waypost.core.errors import UsageError, near
    from waypost.partners.scorecard import PERIODS
    from waypost.partners.scorecard_page import DOCUMENT_HEAD, PROMISE_HEAD, document_row, promise_row, scorecard_page

    if period not in PERIODS:
        raise UsageError(f"--period {period!r}", expected=f"one of {', '.join(PERIODS)}", remedy=near(period, PERIODS))
    made = _card(place, name, since, period)
    if html is not None:
        html.write_text(scorecard_page(made, f"Scorecard{f' of {name}' if name else ''}", since), "utf-8")
    if place.as_json:
        return print_json({"partner": name or None, "since": since, "period": period,
                           **made.data()})  # fmt: skip
    if html is not None:
        return say(str(html))
    table(DOCUMENT_HEAD, map(document_row, made.documents), empty="nothing was exchanged")
    if made.promises:
        say()
        table(PROMISE_HEAD, map(promise_row, made.promises))
    return None


def _card(place: Place, name: str, since: str, period: str) -> Card:
    from waypost.core.calendar import zone_of
    from waypost.core.clock import SystemClock
    from waypost.flow.declared.project import load_project
    from waypost.partners.ledger import books
    from waypost.partners.scorecard import card

    project = load_project(place.project, place.environment)
    if name:
        the_partner(dict(project.partners), name)
    rows, now = list[dict[str, Any]](), SystemClock().now()
    dues = _dues(project, exchanged(place, partner=name, since=since, content=True), rows, now)
    expectations = books(project, rows, now).expectations
    zones = {partner.name: zone_of(partner.options.zone) for partner in project.partners.values()}
    return card(rows, expectations, dues, period, lambda partner: zones.get(partner, UTC))


def _dues(
    project: Project, found: Iterable[dict[str, Any]], rows: list[dict[str, Any]], now: int
) -> list[tuple[str, Any]]:
    """What was due in chains of documents, by the promises of the partners' files. ``rows`` takes what was ``found``,
    without contents."""
    from waypost.partners.chains import terms_of
    from waypost.reconcile.chain.book import Book
    from waypost.reconcile.chain.entry import Entered, enter
    from waypost.reconcile.chain.orders import order_chains
    from waypost.reconcile.chain.reading import Source
    from waypost.reconcile.chain.retail import READERS

    said = Entered()
    with Book() as book:
        for row in found:
            data = base64.b64decode(row.pop("context", "")) + base64.b64decode(row.pop("raw", ""))
            rows.append(row)
            source = Source(
                row["message"], row["at"], row["message"], row["flow"], row.get("state", ""), row["partner"]
            )
            enter(book, READERS, [data], source, said)
        return [(chain.partner, due) for chain in order_chains(book, terms_of(project), now) for due in chain.due]


def _tried(name: str, files: list[Path], place: Place, since: str) -> tuple[dict[str, int], dict[str, int]]:
    """How many test files and stored messages of each set were accepted, and how many were not."""
    good: dict[str, int] = {}
    bad: dict[str, int] = {}
    for report in reports_of(name, files, place.project):
        for one in report.report.sets.values():
            counted = good if report.covered and one.accepted == one.received else bad
            counted[one.set] = counted.get(one.set, 0) + 1
    for row in exchanged(place, partner=name, since=since):
        if row["direction"] == "received" and not row["kind"]:
            counted = bad if row.get("state") in ("dead", "parked") else good
            for set_id, *_ in row["messages"]:
                counted[set_id] = counted.get(set_id, 0) + 1
    return good, bad


def _reached(partner: Partner, project: Project, root: Path) -> dict[str, tuple[bool, str]]:
    """What each connection of the partner's endpoints said when it was tried."""
    import asyncio

    from waypost.cli.examination import connections

    named = {f"connection {one.connection}" for one in partner.options.endpoints.values() if one.connection is not None}
    found = asyncio.run(connections(root, project))
    return {
        one.subject.removeprefix("connection "): (one.verdict == "ok", one.found)
        for one in found if one.subject in named
    }  # fmt: skip
