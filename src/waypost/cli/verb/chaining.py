"""Follow business chains: which documents belong together, what differs between them, what is missing."""

from __future__ import annotations

import base64
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypost.cli import failure
from waypost.cli.asking import exchanged
from waypost.cli.option import Place
from waypost.cli.output import json_text, note, say

if TYPE_CHECKING:
    from waypost.reconcile.chain.book import Book
    from waypost.reconcile.chain.entry import Entered, Reader
    from waypost.reconcile.chain.page import Section

Contents = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE...", help="EDI files; none: the stored traffic of the project."),
]
Ledger = Annotated[
    Path | None,
    typer.Option("--ledger", metavar="FILE", help="Keep the documents in this file, and look at all it has by now."),
]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="Stored traffic from then on, or an age.")]
PartnerName = Annotated[str, typer.Option("--partner", metavar="NAME", help="Chains with this partner.")]
State = Annotated[str, typer.Option("--state", metavar="STATE", help="Chains in this state.")]
Troubled = Annotated[
    bool, typer.Option("--troubled", help="Only what somebody has to look at; exit code 1 when there is any.")
]
AsHtml = Annotated[bool, typer.Option("--html", help="A page for the screen and for paper.")]
At = Annotated[
    str,
    typer.Option(
        "--at", metavar="TIME", help="Judge deadlines at this time, such as 2026-03-10T12:00; by default now."
    ),
]
_AGE = re.compile(r"([0-9]{1,6})([mhd])")
_SECONDS = {"m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a ledger: where documents come from, and which chains are shown, and how."""

    place: Place
    files: list[Path]
    ledger: Path | None
    since: str
    partner: str
    state: str
    troubled: bool
    as_html: bool
    now: int


def orders(
    place: Place, files: Contents = None, order: Annotated[str, typer.Option("--order", metavar="NUMBER",
    help="This order alone.")] = "", partner: PartnerName = "", state: State = "", troubled: Troubled = False,
    ledger: Ledger = None, since: Since = "30d", at: At = "",
    tolerance: Annotated[str, typer.Option("--tolerance", metavar="Q[/P]", help="Percent quantities and prices may "
    "differ by, where no partner file says it.")] = "0/0",
    due: Annotated[list[str] | None, typer.Option("--due", metavar="SET=AGE", help="A document due so long after the "
    "order, such as 856=2d, where no partner file says it.")] = None,
    as_html: AsHtml = False,
) -> int:  # fmt: skip
    """Follow orders: confirmed, shipped, invoiced, paid.

    Links 850, 860, 855, 856, 810, 820, and ORDERS, ORDCHG, ORDRSP, DESADV, INVOIC, REMADV, by order number and line:
    quantities and prices of each stage, differences, documents that are overdue or late by the partner's file.
    """
    from waypost.reconcile.chain.orders import order_chains
    from waypost.reconcile.chain.present import order_lines, order_section
    from waypost.reconcile.chain.retail import READERS

    asked = _asked(place, files, ledger, since, partner, state, troubled, as_html, at)
    terms = _terms(asked, tolerance, due or [])
    return _told(
        asked,
        READERS,
        lambda book: order_chains(book, terms, asked.now, order=order),
        order_lines,
        order_section,
        "Orders",
    )


def claims(
    place: Place, files: Contents = None, claim: Annotated[str, typer.Option("--claim", metavar="NUMBER",
    help="This claim alone.")] = "", partner: PartnerName = "", state: State = "", troubled: Troubled = False,
    unpaid: Annotated[int, typer.Option("--unpaid", metavar="DAYS", help="Tell of claims neither paid nor refused "
    "after so many days.")] = 30,
    ledger: Ledger = None, since: Since = "90d", at: At = "", as_html: AsHtml = False,
) -> int:  # fmt: skip
    """Follow claims: acknowledged, answered, paid, posted.

    Links 837, 999, 277CA, 275, 276, 277 and 835 by claim, trace and control numbers, and explains what lies between
    charge and payment: adjustments by group and reason, lines that were denied, claims that nobody paid.
    """
    from waypost.reconcile.chain.claims import claim_chains
    from waypost.reconcile.chain.health import CLAIMS
    from waypost.reconcile.chain.present import claim_lines, claim_section

    asked = _asked(place, files, ledger, since, partner, state, troubled, as_html, at)
    return _told(
        asked, CLAIMS, lambda book: claim_chains(book, asked.now, claim=claim, unpaid_days=unpaid), claim_lines,
        claim_section, "Claims",
    )  # fmt: skip


def questions(
    place: Place, files: Contents = None, trace: Annotated[str, typer.Option("--trace", metavar="NUMBER",
    help="This question alone.")] = "", partner: PartnerName = "", state: State = "", troubled: Troubled = False,
    wait: Annotated[int, typer.Option("--wait", metavar="SECONDS", help="Tell of questions without an answer after so "
    "many seconds.")] = 86_400,
    ledger: Ledger = None, since: Since = "30d", at: At = "", as_html: AsHtml = False,
) -> int:  # fmt: skip
    """Follow questions: 270, 276 and 278 with answers.

    Links 271, 277 and answers in 278 by trace number, or by the reference of the transaction where there is no trace;
    tells how long an answer took, what was refused, and what nobody answered.
    """
    from waypost.reconcile.chain.health import QUESTIONS
    from waypost.reconcile.chain.present import question_lines, question_section
    from waypost.reconcile.chain.questions import question_chains

    asked = _asked(place, files, ledger, since, partner, state, troubled, as_html, at)
    return _told(
        asked, QUESTIONS, lambda book: question_chains(book, asked.now, trace=trace, wait_seconds=wait), question_lines,
        question_section, "Questions",
    )  # fmt: skip


def due_documents(place: Place, partner: str, since: str) -> list[dict[str, Any]]:
    """The documents that service levels of partners' files expect for stored orders, as rows of expectations."""
    from waypost.reconcile.chain.book import Book
    from waypost.reconcile.chain.entry import Entered
    from waypost.reconcile.chain.orders import order_chains
    from waypost.reconcile.chain.retail import READERS

    asked = _asked(place, None, None, since, partner, "", False, False, "")
    with Book() as book:
        _entered(asked, READERS, book, Entered())
        chains = order_chains(book, _terms(asked, "0/0", []), asked.now)
        return [row for chain in chains for row in chain.expectations()]


def _asked(
    place: Place, files: list[Path] | None, ledger: Path | None, since: str, partner: str, state: str, troubled: bool,
    as_html: bool, at: str,
) -> Asked:  # fmt: skip
    from waypost.core.clock import SystemClock
    from waypost.core.errors import UsageError
    from waypost.flow.history.queries import moment

    if as_html and place.as_json:
        raise UsageError("both --html and --json", expected="one of them")
    now = SystemClock().now()
    return Asked(place, files or [], ledger, since, partner, state, troubled, as_html, moment(at, now) if at else now)


def _terms(asked: Asked, tolerance: str, due: list[str]) -> Callable[[Any], Any]:
    """Terms by the partner files of the project, where there is one; else those given."""
    from waypost.core.errors import UsageError
    from waypost.reconcile.chain.orders import KIND_OF, Promise, Terms, Tolerance

    quantity, _, price = tolerance.partition("/")
    try:
        given = Tolerance(Decimal(quantity), Decimal(price or "0"))
    except InvalidOperation:
        raise UsageError(f"--tolerance {tolerance!r}", expected="percentages such as 5/0.5") from None
    promises = []
    for text in due:
        what, _, age = text.partition("=")
        match = _AGE.fullmatch(age)
        if what not in KIND_OF or match is None:
            raise UsageError(f"--due {text!r}", expected="a document and an age, such as 856=2d")
        after = "ORDERS" if what.isalpha() else "850"
        promises.append(Promise(what, after, _later(int(match[1]) * _SECONDS[match[2]]), rule=f"--due {text}"))
    plain = Terms("", given, promises)
    if not (asked.place.project / "waypost.yaml").is_file():
        return lambda document: plain
    from waypost.flow.declared.project import load_project
    from waypost.partners.chains import terms_of

    agreed = terms_of(load_project(asked.place.project, asked.place.environment))

    def terms(document: Any) -> Any:
        found = agreed(document)
        return found if found.promises or found.tolerance != Tolerance() else Terms(found.partner, given, promises)

    return terms


def _later(seconds: float) -> Callable[[int], int]:
    return lambda moment: moment + round(seconds * 1_000_000)


def _told(
    asked: Asked, readers: Mapping[str, Reader], chains: Callable[[Book], Iterator[Any]],
    lines: Callable[[Any], list[str]], section: Callable[[Any], Section], title: str,
) -> int:  # fmt: skip
    """Enter the documents, and tell the chains asked for as text, JSON or a page."""
    from waypost.reconcile.chain.book import Book
    from waypost.reconcile.chain.entry import Entered
    from waypost.reconcile.chain.page import page

    counts: Counter[str] = Counter()
    said = Entered()
    with Book(asked.ledger) as book:
        _entered(asked, readers, book, said)
        found = _chosen(asked, chains(book), counts)
        if asked.as_html:
            subtitle = f"{sum(said.entered.values()):,} documents read"
            sys.stdout.writelines(page(title, subtitle, map(section, found), counts))
        elif asked.place.as_json:
            _json(found, counts, said)
        else:
            for chain in found:
                for line in lines(chain):
                    say(line)
            _summary(counts, said)
    return failure.FAILED if asked.troubled and counts else 0


def _entered(asked: Asked, readers: Mapping[str, Reader], book: Book, said: Entered) -> None:
    """Enter files, or the stored traffic."""
    from waypost.reconcile.chain.entry import enter
    from waypost.reconcile.chain.reading import Source

    for file in asked.files:
        with file.open("rb") as content:
            enter(book, readers, iter(lambda: content.read(1 << 18), b""), Source(str(file)), said)
    if asked.files or (asked.ledger and not (asked.place.project / "waypost.yaml").is_file()):
        return
    for row in exchanged(asked.place, partner=asked.partner, since=asked.since, content=True):
        data = base64.b64decode(row.get("context") or "") + base64.b64decode(row.get("raw") or "")
        source = Source(row["message"], row["at"], row["message"], row["flow"], row.get("state", ""), row["partner"])
        enter(book, readers, [data], source, said)


def _chosen(asked: Asked, chains: Iterator[Any], counts: Counter[str]) -> Iterator[Any]:
    for chain in chains:
        if asked.partner and asked.partner != chain.partner and asked.partner not in chain.pair.split("|"):
            continue
        if (asked.state and chain.state != asked.state) or (asked.troubled and not chain.troubled):
            continue
        counts[chain.state] += 1
        yield chain


def _json(found: Iterator[Any], counts: Counter[str], said: Entered) -> None:
    """One document, written as the chains come."""
    sys.stdout.write('{"chains": [')
    separator = ""
    for chain in found:
        sys.stdout.write(separator + json_text(chain.data()))
        separator = ", "
    rest = {"counts": dict(counts), "entered": dict(said.entered), "passed_over": dict(said.passed),
            "nameless": said.nameless}  # fmt: skip
    say("], " + json_text(rest)[1:])


def _summary(counts: Counter[str], said: Entered) -> None:
    read = ", ".join(f"{count:,} {name}" for name, count in sorted(said.entered.items()))
    note(f"{sum(counts.values()):,} chains: " + (", ".join(f"{n:,} {state}" for state, n in sorted(counts.items()))
                                                 or "none") + (f"; read {read}" if read else ""))  # fmt: skip
    if said.passed:
        note("passed over: " + ", ".join(f"{count:,} {name}" for name, count in sorted(said.passed.items())))
