"""Functions of dates between zones, and parts and distances of dates. Zones are those of the pinned package
``tzdata``, so that a message is recomputed to the same value on any machine."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from waypost.mapping.fault import Refused, refuse_type
from waypost.mapping.function.date import iso, parse_date, read_iso
from waypost.mapping.function.declaration import function
from waypost.mapping.function.text import want_text
from waypost.mapping.operation import divide

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,30}(/[A-Za-z][A-Za-z0-9_+-]{0,30}){0,2}")
_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}


@lru_cache(256)
def zone(name: str) -> ZoneInfo:
    """The zone of that IANA name; ``Refused`` where there is none."""
    if _NAME.fullmatch(name):
        at = resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
        if at.is_file():
            with at.open("rb") as file:
                return ZoneInfo.from_file(file, name)
    raise Refused(f"no time zone is called {name!r}", "an IANA name such as Europe/Berlin")


def _moment(value: Any) -> datetime:
    found = read_iso(value)
    return found if isinstance(found, datetime) else datetime(found.year, found.month, found.day)


@function(
    "date",
    ("to_zone('2026-03-31T12:00:00Z', 'Europe/Berlin')", "'2026-03-31T14:00:00+02:00'"),
    ("to_zone('2026-01-05T23:30:00-05:00', 'UTC')", "'2026-01-06T04:30:00Z'"),
    types="text, text -> text",
    scalar=True,
)
def to_zone(value: Any, name: Any) -> str | None:
    """A time with its offset from UTC, as the clocks of another zone show it."""
    if value is None or value == "":
        return None
    moment = _moment(value)
    if moment.tzinfo is None:
        raise refuse_type(value, "a time with an offset, such as 2026-03-31T12:00:00Z", "use in_zone(value, zone)")
    return _shifted(moment, zone(want_text(name)))


def _shifted(moment: datetime, to: Any) -> str:
    try:
        return iso(moment.astimezone(to))
    except OverflowError as error:
        raise Refused(f"the date leaves the calendar: {error}", "a year from 1 to 9999") from error


@function(
    "date",
    ("in_zone('2026-03-31T14:00:00', 'Europe/Berlin')", "'2026-03-31T14:00:00+02:00'"),
    ("in_zone('2026-10-25T02:30:00', 'Europe/Berlin', 'later')", "'2026-10-25T02:30:00+01:00'"),
    types="text, text, text -> text",
    scalar=True,
)
def in_zone(value: Any, name: Any, twice: Any = "earlier") -> str | None:
    """A time that a clock of the zone shows, with its offset from UTC. A time that comes twice in autumn is the
    ``earlier`` or the ``later`` one; one that is skipped in spring is refused."""
    if value is None or value == "":
        return None
    if twice not in ("earlier", "later"):
        raise refuse_type(twice, "'earlier' or 'later'")
    moment = _moment(value)
    if moment.tzinfo is not None:
        raise refuse_type(value, "a time without an offset", "use to_zone(value, zone)")
    found = moment.replace(tzinfo=zone(want_text(name)), fold=int(twice == "later"))
    try:
        back = found.astimezone(UTC).astimezone(found.tzinfo)
    except OverflowError as error:
        raise Refused(f"the date leaves the calendar: {error}", "a year from 1 to 9999") from error
    if back.replace(tzinfo=None) != moment:
        raise Refused(f"the clocks of {name} skip {value}", "a time that there is")
    return iso(found)


@function("date", ("to_utc('2026-03-31T14:00:00+02:00')", "'2026-03-31T12:00:00Z'"), types="text -> text", scalar=True)
def to_utc(value: Any) -> str | None:
    """A time with its offset, in UTC."""
    return to_zone(value, "UTC")


@function("date", ("date_of('2026-03-31T14:00:00Z')", "'2026-03-31'"), types="text -> text", scalar=True)
def date_of(value: Any) -> str | None:
    """The date of a date or time, as it is written there."""
    return None if value is None or value == "" else read_iso(value).isoformat()[:10]


@function("date", ("time_of('2026-03-31T14:05:00Z')", "'14:05:00'"), types="text -> text", scalar=True)
def time_of(value: Any) -> str | None:
    """The time of day as it is written there; 00:00:00 of a date alone."""
    return None if value is None or value == "" else _moment(value).time().isoformat()


_PARTS: dict[str, Any] = {
    "year": lambda d: d.year,
    "month": lambda d: d.month,
    "day": lambda d: d.day,
    "hour": lambda d: d.hour,
    "minute": lambda d: d.minute,
    "second": lambda d: d.second,
    "weekday": lambda d: d.isoweekday(),
    "quarter": lambda d: (d.month + 2) // 3,
    "day_of_year": lambda d: d.timetuple().tm_yday,
    "week": lambda d: d.isocalendar().week,
    "week_year": lambda d: d.isocalendar().year,
}


@function(
    "date",
    ("date_part('2026-03-31', 'quarter')", "1"),
    ("date_part('2026-03-31', 'weekday')", "2"),
    types="text, text -> whole",
    scalar=True,
)
def date_part(value: Any, part: Any) -> int | None:
    """A part of a date as a whole number: year, month, day, hour, minute, second, weekday (1 is Monday), quarter,
    day_of_year, week and week_year (ISO 8601)."""
    if value is None or value == "":
        return None
    if not isinstance(part, str) or part not in _PARTS:
        raise refuse_type(part, "one of " + ", ".join(_PARTS))
    return int(_PARTS[part](_moment(value)))


@function(
    "date",
    ("date_diff('2026-03-01', '2026-03-31')", "30"),
    ("date_diff('2026-01-31', '2026-03-01', 'months')", "1"),
    ("date_diff('2026-03-31T10:00:00Z', '2026-03-31T13:30:00+02:00', 'minutes')", "90"),
    types="text, text, text -> whole?",
    scalar=True,
)
def date_diff(start: Any, end: Any, unit: Any = "days") -> int | None:
    """How many whole units lie between two dates; negative when the end comes first. Units: years, months, weeks, days,
    hours, minutes, seconds."""
    if not start or not end:
        return None
    first, last = _moment(start), _moment(end)
    if (first.tzinfo is None) != (last.tzinfo is None):
        raise Refused("one time has an offset from UTC and the other has none", "both or neither", "use in_zone(…)")
    if unit in ("years", "months"):
        return _months(first, last) if unit == "months" else int(divide(_months(first, last), 12))
    if not isinstance(unit, str) or unit not in _SECONDS:
        raise refuse_type(unit, "one of years, months, " + ", ".join(_SECONDS))
    apart, one = last - first, timedelta(seconds=_SECONDS[unit])
    return apart // one if apart >= timedelta(0) else -(-apart // one)


def _months(first: datetime, last: datetime) -> int:
    if last < first:
        return -_months(last, first)
    months = (last.year - first.year) * 12 + last.month - first.month
    return months - ((last.day, last.timetz()) < (first.day, first.timetz()))


@function(
    "date",
    ("start_of('2026-03-31', 'month')", "'2026-03-01'"),
    ("start_of('2026-04-01', 'week')", "'2026-03-30'"),
    types="text, text -> text",
    scalar=True,
)
def start_of(value: Any, unit: Any) -> str | None:
    """The first day of the year, quarter, month or week (from Monday) that the date lies in."""
    return None if value is None or value == "" else _bounds(read_iso(value), unit)[0].isoformat()


@function("date", ("end_of('2026-02-03', 'month')", "'2026-02-28'"), types="text, text -> text", scalar=True)
def end_of(value: Any, unit: Any) -> str | None:
    """The last day of the year, quarter, month or week (to Sunday) that the date lies in."""
    return None if value is None or value == "" else _bounds(read_iso(value), unit)[1].isoformat()


def _bounds(moment: date, unit: Any) -> tuple[date, date]:
    day = date(moment.year, moment.month, moment.day)
    try:
        if unit == "week":
            monday = day - timedelta(days=day.weekday())
            return monday, monday + timedelta(days=6)
    except OverflowError as error:
        raise Refused(f"the date leaves the calendar: {error}", "a year from 1 to 9999") from error
    months = {"year": 12, "quarter": 3, "month": 1}.get(unit if isinstance(unit, str) else "")
    if months is None:
        raise refuse_type(unit, "year, quarter, month or week")
    first = (day.month - 1) // months * months + 1
    last = first + months - 1
    return day.replace(month=first, day=1), day.replace(month=last, day=calendar.monthrange(day.year, last)[1])


@function(
    "date",
    ("is_date('20260230', '%Y%m%d')", "False"),
    ("is_date('2026-03-31')", "True"),
    types="any, text -> bool!",
    scalar=True,
)
def is_date(value: Any, pattern: Any = None) -> bool:
    """Whether a text is a date of the calendar, written after the pattern or as ISO 8601."""
    if not isinstance(value, str) or not value:
        return False
    try:
        return (read_iso(value) if pattern is None else parse_date(value, pattern)) is not None
    except Refused:
        return False


@function("date", ("from_epoch(1774958400)", "'2026-03-31T12:00:00Z'"), types="number -> text", scalar=True)
def from_epoch(value: Any) -> str | None:
    """The time so many whole seconds after 1970 began, in UTC."""
    if value is None:
        return None
    if type(value) is not int or not -62_135_596_800 <= value <= 253_402_300_799:
        raise refuse_type(value, "a whole number of seconds, within the years 1 to 9999")
    return iso(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value))


@function("date", ("to_epoch('2026-03-31T12:00:00Z')", "1774958400"), types="text -> whole", scalar=True)
def to_epoch(value: Any) -> int | None:
    """How many whole seconds after 1970 began a time with its offset lies."""
    if value is None or value == "":
        return None
    moment = _moment(value)
    if moment.tzinfo is None:
        raise refuse_type(value, "a time with an offset", "use in_zone(value, zone)")
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
