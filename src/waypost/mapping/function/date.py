"""Functions of date and time. A date is ISO 8601 text (``2026-03-31``, ``2026-03-31T14:05:00Z``): it compares and sorts
as text, and needs no type that a document cannot hold. Nothing depends on locale or time zone of the machine.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from waypost.mapping.fault import Refused, refuse_type
from waypost.mapping.function.declaration import function
from waypost.mapping.function.text import want_text

_PARTS = {
    "Y": ("year", r"\d{4}"), "y": ("short_year", r"\d{2}"), "m": ("month", r"\d{2}"), "d": ("day", r"\d{2}"),
    "j": ("day_of_year", r"\d{3}"), "H": ("hour", r"\d{2}"), "M": ("minute", r"\d{2}"), "S": ("second", r"\d{2}"),
    "f": ("fraction", r"\d{1,6}"), "z": ("zone", r"Z|[+-]\d{2}:?\d{2}"), "b": ("month_name", r"[A-Za-z]{3}"),
}  # fmt: skip
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?|\d{8}(T\d{6}Z?)?", re.ASCII
)
_CLOCK_PARTS = frozenset(("hour", "minute", "second", "fraction", "zone"))
_EPOCH = datetime(1970, 1, 1)


def _remembered(convert: Callable[[Any, Any], Any], pattern: Any) -> Callable[[Any], Any]:
    """Dates repeat from message to message: what a text becomes is kept for the last thousand of a pattern."""
    known = lru_cache(1024)(lambda text: convert(text, pattern))
    return lambda value: known(value) if type(value) is str and len(value) <= 100 else convert(value, pattern)


def _prepare_parse(pattern: Any) -> Callable[[Any], Any]:
    return _remembered(parse_date, pattern)


def _prepare_format(pattern: Any) -> Callable[[Any], Any]:
    return _remembered(format_date, pattern)


@function(
    "date", ("parse_date('20260331', '%Y%m%d')", "'2026-03-31'"),
    ("parse_date('31.03.26 14:05', '%d.%m.%y %H:%M')", "'2026-03-31T14:05:00'"), ("parse_date(None, '%Y')", "None"),
    scalar=True,
    types="text, text -> text", prepare=_prepare_parse,
)  # fmt: skip
def parse_date(value: Any, pattern: Any) -> str | None:
    """A text written after the pattern as ISO 8601. Pattern: %Y %y %m %d %j %b, %H %M %S %f %z, %%; %y is 2000–2068 and
    1969–1999. A time is given when the pattern has one. The empty text is a missing date."""
    if value is None or value == "":
        return None
    matcher, names, clocked = _reader(want_text(pattern))
    match = matcher.fullmatch(want_text(value)) if len(value) <= 100 else None
    if match is None:
        raise refuse_type(value, f"a date written as {pattern!r}")
    try:
        made = _assemble(dict(zip(names, match.groups(), strict=True)))
    except (ValueError, OverflowError) as error:
        raise Refused(f"found the text {value!r}: {error}", "a date of the calendar") from error
    return iso(made) if clocked else made.date().isoformat()


@lru_cache(512)
def _reader(pattern: str) -> tuple[re.Pattern[str], tuple[str, ...], bool]:
    names: list[str] = []
    text = ""
    for kind, literal in _pieces(pattern):
        if kind:
            name, shape = _PARTS[kind]
            if name in names:
                raise Refused(f"%{kind} is written twice in {pattern!r}", "each part once")
            names.append(name)
            text += f"({shape})"
        else:
            text += re.escape(literal)
    return re.compile(text, re.ASCII), tuple(names), not _CLOCK_PARTS.isdisjoint(names)


def _pieces(pattern: str) -> list[tuple[str, str]]:
    pieces, at = [], 0
    if len(pattern) > 100:
        raise Refused(f"the pattern has {len(pattern)} characters", "at most 100")
    while at < len(pattern):
        one = pattern[at]
        if one != "%":
            pieces.append(("", one))
        else:
            at += 1
            kind = pattern[at : at + 1]
            if not kind or (kind != "%" and kind not in _PARTS):
                raise Refused(f"found %{kind} in the pattern {pattern!r}", "one of %" + " %".join(_PARTS) + " %%")
            pieces.append(("", "%") if kind == "%" else (kind, ""))
        at += 1
    return pieces


def _assemble(parts: dict[str, str]) -> datetime:
    year = int(parts.get("year", "1900"))
    if "short_year" in parts:
        short = int(parts["short_year"])
        year = 2000 + short if short < 69 else 1900 + short
    month, day = int(parts.get("month", "1")), int(parts.get("day", "1"))
    if "month_name" in parts:
        if parts["month_name"].title() not in _MONTHS:
            raise ValueError(f"no month is called {parts['month_name']!r}")
        month = _MONTHS.index(parts["month_name"].title()) + 1
    fraction = int(parts.get("fraction", "0").ljust(6, "0"))
    made = datetime(
        year, month, day, int(parts.get("hour", "0")), int(parts.get("minute", "0")), int(parts.get("second", "0")),
        fraction, _zone(parts.get("zone")),
    )  # fmt: skip
    if "day_of_year" in parts:
        made = made.replace(month=1, day=1) + timedelta(days=int(parts["day_of_year"]) - 1)
        if made.year != year or parts["day_of_year"] == "000":
            raise ValueError(f"{year} has no day {parts['day_of_year']}")
    return made


def _zone(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def iso(moment: datetime) -> str:
    """A time in ISO 8601; UTC is written Z."""
    text = moment.isoformat()
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def read_iso(value: Any) -> date:
    """The ``date`` or ``datetime`` of an ISO 8601 text."""
    text = want_text(value)
    if len(text) <= 40 and _ISO.fullmatch(text):
        try:
            return datetime.fromisoformat(text) if len(text) > 10 else date.fromisoformat(text)
        except ValueError as error:
            raise Refused(f"found the text {text!r}: {error}", "a date of the calendar") from error
    raise refuse_type(value, "a date as ISO 8601 text, such as 2026-03-31", "use parse_date(value, pattern)")


@function(
    "date", ("format_date('2026-03-31', '%Y%m%d')", "'20260331'"),
    ("format_date('2026-03-31T14:05:00Z', '%d %b %Y, %H:%M')", "'31 Mar 2026, 14:05'"),
    ("format_date(None, '%Y')", "None"), scalar=True,
    types="text, text -> text", prepare=_prepare_format,
)  # fmt: skip
def format_date(value: Any, pattern: Any) -> str | None:
    """An ISO 8601 date written after the pattern (parts as in parse_date; a date alone has the time 00:00:00)."""
    if value is None or value == "":
        return None
    moment = read_iso(value)
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    return "".join([write(moment) for write in _writer(want_text(pattern))])


@lru_cache(512)
def _writer(pattern: str) -> tuple[Callable[[datetime], str], ...]:
    return tuple(_WRITERS[kind] if kind else _constant(literal) for kind, literal in _pieces(pattern))


def _constant(literal: str) -> Callable[[datetime], str]:
    return lambda _: literal


def _written_zone(moment: datetime) -> str:
    offset = moment.utcoffset()
    if offset is None:
        return ""
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"


_WRITERS: dict[str, Callable[[datetime], str]] = {
    "Y": lambda m: f"{m.year:04d}", "y": lambda m: f"{m.year % 100:02d}", "m": lambda m: f"{m.month:02d}",
    "d": lambda m: f"{m.day:02d}", "j": lambda m: f"{m.timetuple().tm_yday:03d}", "H": lambda m: f"{m.hour:02d}",
    "M": lambda m: f"{m.minute:02d}", "S": lambda m: f"{m.second:02d}", "f": lambda m: f"{m.microsecond:06d}",
    "z": _written_zone, "b": lambda m: _MONTHS[m.month - 1],
}  # fmt: skip
_UNITS = {"weeks": 10_080, "days": 1440, "hours": 60, "minutes": 1}


@function(
    "date", ("date_add('2026-01-31', 1, 'months')", "'2026-02-28'"), ("date_add('2026-03-31', -1)", "'2026-03-30'"),
    ("date_add('2026-03-31T23:30:00', 90, 'minutes')", "'2026-04-01T01:00:00'"), scalar=True,
    types="text, whole, text -> text",
)  # fmt: skip
def date_add(value: Any, amount: Any, unit: Any = "days") -> str | None:
    """The date so much later (earlier if negative). Units: years, months, weeks, days, hours, minutes; a day that the
    month does not have becomes its last. Hours of a date alone give a date and time."""
    if value is None or value == "":
        return None
    if type(amount) is not int or abs(amount) > 1_000_000_000:
        raise refuse_type(amount, "a whole number as amount")
    moment = read_iso(value)
    try:
        if unit in ("years", "months"):
            return _later(_shift(moment, amount * 12 if unit == "years" else amount))
        if not isinstance(unit, str) or unit not in _UNITS:
            raise refuse_type(unit, "years, months, weeks, days, hours or minutes")
        if not isinstance(moment, datetime) and unit in ("hours", "minutes"):
            moment = datetime(moment.year, moment.month, moment.day)
        return _later(moment + timedelta(minutes=amount * _UNITS[unit]))
    except (ValueError, OverflowError) as error:
        raise Refused(f"the date leaves the calendar: {error}", "a year from 1 to 9999") from error


def _later(moment: date) -> str:
    return iso(moment) if isinstance(moment, datetime) else moment.isoformat()


def _shift(moment: date, months: int) -> date:
    count = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(count, 12)
    if not 1 <= year <= 9999:
        raise ValueError(f"year {year}")
    return moment.replace(year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1]))


@function("date", ("now()", "'1970-01-01T00:00:00Z'"), scalar=True, needs="now", types="-> text!")
def now(received_at: int) -> str:
    """When the message was received, in UTC: the same at every recomputation."""
    return (_EPOCH + timedelta(microseconds=received_at)).isoformat() + "Z"
