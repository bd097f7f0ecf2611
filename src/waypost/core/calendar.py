"""Working time as people keep it: a zone, days, hours, holidays, half days, cut-offs, from ``calendars/NAME.yaml``.

::

    zone: Europe/Berlin
    working_days: [mon, tue, wed, thu, fri]
    opens: "08:00"
    closes: "17:00"
    holidays: [2026-12-25, 2026-12-26]
    half_days: {2026-12-24: "12:00"}     # nothing from noon on
    cut_offs: {orders: "15:00"}          # what comes later counts from the next working day on
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from waypost.core.errors import ConfigurationRefused, Fault
from waypost.core.spec import Option, OptionFault, Spec
from waypost.core.yamlfile import parse_yaml

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
_EXPECTED_ZONE = "an IANA name such as Europe/Berlin"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST_DAYS = 4000
"""A deadline further away than this many days is not looked for."""
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarOptions:
    """A calendar as it is written."""

    zone: Annotated[str, Option("Time zone the days are meant in.", "Europe/Berlin")] = "UTC"
    working_days: Annotated[
        tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], Option("Days of the week worked on.")
    ] = _DAYS  # type: ignore[assignment]
    opens: Annotated[str, Option("When a working day begins.", "08:00")] = "00:00"
    closes: Annotated[str, Option("When it ends; 24:00 is midnight.", "17:00")] = "24:00"
    holidays: Annotated[tuple[str, ...], Option("Days on which nothing is done.", ["2026-12-25"])] = ()
    half_days: Annotated[
        dict[str, str], Option("Days that end early, each with its last moment.", {"2026-12-24": "12:00"})
    ] = field(default_factory=dict)
    cut_offs: Annotated[
        dict[str, str], Option("Times of day, by name, after which something counts as of the next working day.",
                               {"orders": "15:00"})
    ] = field(default_factory=dict)  # fmt: skip

    def faults(self) -> Iterable[OptionFault]:
        yield from zone_faults("zone", self.zone)
        for day in (*self.holidays, *self.half_days):
            if _day(day) is None:
                option = "holidays" if day in self.holidays else "half_days"
                yield OptionFault(option, f"found {day!r}", "a day such as 2026-12-25")
        for day, moment in self.half_days.items():
            if _moment(moment) is None:
                yield OptionFault("half_days", f"found {moment!r} for {day}", "a time of day such as 12:00")
        for name, moment in self.cut_offs.items():
            if _moment(moment) is None:
                yield OptionFault("cut_offs", f"found {moment!r} for {name}", "a time of day such as 15:00")
        if not self.working_days:
            yield OptionFault("working_days", "found none", "at least one, such as mon")
        opens, closes = _moment(self.opens), _seconds(self.closes)
        if opens is None:
            yield OptionFault("opens", f"found {self.opens!r}", "a time of day such as 08:00")
        elif closes <= _seconds(self.opens):
            yield OptionFault("closes", f"found {self.closes!r}", f"a time of day after {self.opens}, such as 17:00")


class Calendar:
    """Tells whether a moment lies in working time, and when so much of it has passed."""

    def __init__(self, options: CalendarOptions) -> None:
        self.zone = zone_of(options.zone)
        self._days = frozenset(map(_DAYS.index, options.working_days))
        self._opens, self._closes = _seconds(options.opens), _seconds(options.closes)
        self._holidays = frozenset(day for day in map(_day, options.holidays) if day)
        self._ends = {_day(day): _seconds(moment) for day, moment in options.half_days.items()}
        self._cut_offs = {name: _seconds(moment) for name, moment in options.cut_offs.items()}

    def works_at(self, moment: int) -> bool:
        """Whether ``moment`` (UTC µs) lies in working time."""
        local = datetime.fromtimestamp(moment / _MICROSECONDS, UTC).astimezone(self.zone)
        hours = self._hours(local.date())
        at = local.hour * 3600 + local.minute * 60 + local.second
        return hours is not None and hours[0] <= at < hours[1]

    def deadline(self, moment: int, seconds: float, cut_off: str = "") -> int:
        """The moment at which ``seconds`` of working time have passed since ``moment`` (both UTC µs). What comes after
        the cut-off of that name counts from the beginning of the next working day. ``ValueError`` where there is none
        within ten years."""
        left = round(seconds * _MICROSECONDS)
        start = self._after_cut_off(moment, cut_off) if cut_off else moment
        last = start
        for begin, end in self._stretches(start):
            last = max(begin, start)
            if end <= last:
                continue
            if left <= end - last:
                return last + left
            left -= end - last
        raise ValueError("no working time in sight")

    def _after_cut_off(self, moment: int, name: str) -> int:
        local = datetime.fromtimestamp(moment / _MICROSECONDS, UTC).astimezone(self.zone)
        at = local.hour * 3600 + local.minute * 60 + local.second
        if name not in self._cut_offs or at < self._cut_offs[name]:
            return moment
        return self._at(local.date() + timedelta(days=1), 0)

    def _stretches(self, moment: int) -> Iterator[tuple[int, int]]:
        """Stretches of working time from the day of ``moment`` on."""
        day = datetime.fromtimestamp(moment / _MICROSECONDS, UTC).astimezone(self.zone).date()
        for number in range(_MOST_DAYS):
            hours = self._hours(day + timedelta(days=number))
            if hours is not None:
                yield self._at(day + timedelta(days=number), hours[0]), self._at(day + timedelta(days=number), hours[1])

    def _hours(self, day: date) -> tuple[int, int] | None:
        """The seconds of a day between which work is done, or None."""
        if day.weekday() not in self._days or day in self._holidays:
            return None
        closes = min(self._closes, self._ends.get(day, self._closes))
        return (self._opens, closes) if closes > self._opens else None

    def _at(self, day: date, seconds: int) -> int:
        """A wall-clock time as UTC µs; one that a change of daylight saving time leaves out is the moment after it."""
        wall = datetime.combine(day, time(0)) + timedelta(seconds=seconds)
        return round(wall.replace(tzinfo=self.zone).timestamp() * _MICROSECONDS)


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


def _seconds(text: str) -> int:
    """Seconds since midnight; -1 for what is no time of day."""
    if text in ("24:00", "24:00:00"):
        return 86400
    moment = _moment(text)
    return -1 if moment is None else moment.hour * 3600 + moment.minute * 60 + moment.second
