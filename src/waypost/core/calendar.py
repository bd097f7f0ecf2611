"""Working days as people keep them: a zone, its holidays and its half days, from ``calendars/NAME.yaml``.

::

    zone: Europe/Berlin
    holidays: [2026-12-25, 2026-12-26]
    half_days: {2026-12-24: "12:00"}     # nothing from noon on
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from waypost.core.errors import ConfigurationRefused, Fault
from waypost.core.spec import Option, OptionFault, Spec
from waypost.core.yamlfile import parse_yaml

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
_EXPECTED_ZONE = "an IANA name such as Europe/Berlin"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarOptions:
    """A calendar as it is written."""

    zone: Annotated[str, Option("Time zone the days are meant in.", "Europe/Berlin")] = "UTC"
    holidays: Annotated[tuple[str, ...], Option("Days on which nothing is done.", ["2026-12-25"])] = ()
    half_days: Annotated[
        dict[str, str], Option("Days that end early, each with its last moment.", {"2026-12-24": "12:00"})
    ] = field(default_factory=dict)

    def faults(self) -> Iterable[OptionFault]:
        yield from zone_faults("zone", self.zone)
        for day in (*self.holidays, *self.half_days):
            if _day(day) is None:
                option = "holidays" if day in self.holidays else "half_days"
                yield OptionFault(option, f"found {day!r}", "a day such as 2026-12-25")
        for day, moment in self.half_days.items():
            if _moment(moment) is None:
                yield OptionFault("half_days", f"found {moment!r} for {day}", "a time of day such as 12:00")


class Calendar:
    """Tells whether a moment lies in working time."""

    def __init__(self, options: CalendarOptions) -> None:
        self.zone = zone_of(options.zone)
        self._holidays = frozenset(day for day in map(_day, options.holidays) if day)
        self._ends = {_day(day): _moment(moment) for day, moment in options.half_days.items()}

    def works_at(self, moment: int) -> bool:
        """Whether ``moment`` (UTC µs) is neither on a holiday nor after the end of a half day."""
        local = datetime.fromtimestamp(moment / 1_000_000, UTC).astimezone(self.zone)
        end = self._ends.get(local.date())
        return local.date() not in self._holidays and (end is None or local.time() < end)


def parse_calendar(text: str, name: str, faults: list[Fault]) -> Calendar | None:
    """The calendar written in ``text``; None with every fault added."""
    file = parse_yaml(text, name, faults)
    options = Spec.of(CalendarOptions).parse(file, file.data, (), faults)
    return None if options is None or faults else Calendar(options)


def zone_of(name: str) -> tzinfo:
    """The time zone of that IANA name; ``ConfigurationRefused`` where there is none."""
    try:
        if _ZONE.fullmatch(name):
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass  # refused below, as a name that is none at all
    raise ConfigurationRefused(f"time zone {name!r} is not known", where="zone", expected=_EXPECTED_ZONE)


def zone_faults(option: str, name: str) -> Iterable[OptionFault]:
    """The fault of an option that must name a time zone."""
    try:
        zone_of(name)
    except ConfigurationRefused as error:
        yield OptionFault(option, error.found, error.expected)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else None
    except ValueError:
        return None


def _moment(text: str) -> time | None:
    try:
        return time.fromisoformat(text) if re.fullmatch(r"\d\d:\d\d(:\d\d)?", text) else None
    except ValueError:
        return None
