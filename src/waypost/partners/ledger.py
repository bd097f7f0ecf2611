"""The ledger of acknowledgements of a project: its rules, from agreements and flows, and its books."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from waypost.agreements.load import Partner
from waypost.core.calendar import Calendar, parse_calendar
from waypost.core.errors import Fault
from waypost.flow.declared.definition import ExpectOptions, Project
from waypost.reconcile.books import Books, books_of
from waypost.reconcile.exchange import Exchange
from waypost.reconcile.expectation import Rule


def rules_of(project: Project) -> list[Rule]:
    """Everything that is expected: what agreements say of what we send and owe, and ``expect:`` of flows."""
    made: list[Rule] = []
    for partner in project.partners.values():
        if partner.options.enabled:
            made += _agreed(partner, project)
    for flow in project.flows.values():
        for number, one in enumerate(flow.options.expect):
            place = f"{flow.file.name}:{flow.file.line(('expect', number))}"
            made.append(_written(one, flow.name, project, place))
    return made


def _agreed(partner: Partner, project: Project) -> Iterator[Rule]:
    for standard in ("x12", "edifact"):
        agreed = getattr(partner.options, standard)
        if agreed is None:
            continue
        for number, one in enumerate(agreed.send.expect):
            due = deadline(one.within, project, partner.options.calendar if one.working_time else "")
            line = partner.file.line((standard, "send", "expect", number))
            yield Rule(one.what, standard, partner.name, "sent", due, sets=frozenset(one.sets),
                       source=f"{partner.file.name}:{line}", by=one.by)  # fmt: skip
        owed = agreed.receive.acknowledge
        if owed.within is not None and owed.functional == "always":
            kind = owed.kind or ("997" if standard == "x12" else "CONTRL")
            line = partner.file.line((standard, "receive", "acknowledge"))
            due = deadline(owed.within, project, partner.options.calendar)
            yield Rule(kind, standard, partner.name, "received", due, source=f"{partner.file.name}:{line}")


def _written(one: ExpectOptions, flow: str, project: Project, place: str) -> Rule:
    standard, _, what = one.what.partition("/")
    due = deadline(one.within, project, one.calendar)
    sent = one.source != ""
    return Rule(what, standard, str(one.source or one.to), "sent" if sent else "received", due, flow,
                frozenset(one.after), place, one.by)  # fmt: skip


def deadline(seconds: float, project: Project, calendar: str) -> Callable[[int], int]:
    """What gives the moment (UTC µs) so many seconds after another, by a calendar of the project or by the clock."""
    known = _calendar(project, calendar)
    if known is None:
        return lambda moment: moment + round(seconds * 1_000_000)
    return lambda moment: known.deadline(moment, seconds)


def _calendar(project: Project, name: str) -> Calendar | None:
    """The calendar of that name; its faults are told when the project is checked."""
    data = project.files.get(f"calendars/{name}.yaml") if name else None
    faults: list[Fault] = []
    return parse_calendar(data.decode("utf-8", "replace"), name, faults) if data is not None else None


def books(project: Project, rows: Iterable[Mapping[str, Any]], now: int) -> Books:
    """The books of a project over rows of the control channel."""
    return books_of(rules_of(project), map(Exchange.of, rows), now)
