"""Control numbers of what is sent to partners: where they stand, and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypost.cli.asking import ask
from waypost.cli.option import Place
from waypost.cli.output import print_json, say, table
from waypost.cli.verb.partner import PartnerName, partners_of, the_partner

if TYPE_CHECKING:
    from waypost.agreements.load import Partner
    from waypost.agreements.part import RangeOptions

Standard = Annotated[
    str, typer.Option("--standard", metavar="NAME", help="x12 or edifact; by default the one that is agreed.")
]
Usage = Annotated[
    str, typer.Option("--usage", metavar="NAME", help="production or test; by default what the environment is for.")
]
Level = Annotated[str, typer.Option("--level", metavar="NAME", help="interchange, group or message.")]


def numbers(name: PartnerName, place: Place) -> None:
    """Tell where the control numbers of a partner stand.

    Of each sequence that gave a number: the last and the next one as written, how many were given, how many are void
    because what had them was cancelled before it was sent.
    """
    partner = the_partner(partners_of(place.project), name)
    ranges = sequences(partner)
    found = {row["sequence"]: row for row in ask(place, "numbers", names=list(ranges))["numbers"]}
    rows: list[dict[str, Any]] = []
    for sequence, numbers in ranges.items():
        if sequence in found:
            following = numbers.following(found[sequence]["last"])
            rows.append({
                **found[sequence], "last": numbers.written(found[sequence]["last"]),
                "next": None if following is None else numbers.written(following),
            })  # fmt: skip
    if place.as_json:
        return print_json({"partner": name, "numbers": rows})
    head = ("sequence", "last", "next", "given", "void")
    table(head, [[row[column] for column in head] for row in rows], empty="no number was given yet")


def set_number(
    name: PartnerName,
    number: Annotated[int, typer.Argument(metavar="NEXT", help="The number that is given next.", min=1)],
    place: Place,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, which is journaled.")],
    level: Level = "interchange",
    standard: Standard = "",
    usage: Usage = "",
) -> None:
    """Say which control number is given next, and why.

    For a partner that lost count, or a system that takes over from another. Who said it and why is journaled.
    """
    from waypost.core.errors import UsageError, near

    partner = the_partner(partners_of(place.project), name)
    standard = standard or ("edifact" if partner.options.x12 is None else "x12")
    sequence, known = f"{name}/{standard}/{usage or _usage_of(place)}/{level}", sequences(partner)
    if sequence not in known:
        raise UsageError(f"no sequence {sequence!r}", remedy=near(sequence, known) or f"known: {', '.join(known)}")
    if not known[sequence].first <= number <= known[sequence].last:
        agreed = f"a number from {known[sequence].first} to {known[sequence].last}, as agreed"
        raise UsageError(f"next number {number}", expected=agreed)
    answer = ask(place, "set-number", name=sequence, number=number, why=why)
    if place.as_json:
        return print_json(answer)
    say(f"{sequence}: next {answer['next']}, the last was {answer['last'] or 'none'}")


def _usage_of(place: Place) -> str:
    """What is sent in the environment: production in one of class prod, tests elsewhere."""
    from waypost.flow.declared.definition import ConnectionClass
    from waypost.flow.declared.project import load_project

    project = load_project(place.project, place.environment)
    return "production" if project.environment_class is ConnectionClass.PROD else "test"


def sequences(partner: Partner) -> dict[str, RangeOptions]:
    """The range of every sequence of a partner, by its name."""
    made: dict[str, RangeOptions] = {}
    for standard, message in (("x12", "transaction"), ("edifact", "message")):
        agreed = getattr(partner.options, standard)
        for usage in ("production", "test") if agreed is not None else ():
            for level, option in (("interchange", "interchange"), ("group", "group"), ("message", message)):
                if (numbers := getattr(agreed.send.numbers, option)) is not None:
                    made[f"{partner.name}/{standard}/{usage}/{level}"] = numbers
    return made
