"""Functions of date and time, in ISO 8601 or as a picture shows them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.frame import Run
from waypost.mapping.jsonata.library import date_picture
from waypost.mapping.jsonata.value import NOTHING

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?)?)?", re.ASCII
)
_MILLISECOND = timedelta(milliseconds=1)


def written(run: Run, millis: Any, picture: Any = NOTHING, zone: Any = NOTHING) -> Any:
    """Milliseconds since 1970 as a date and time."""
    if millis is NOTHING:
        return NOTHING
    try:
        moment = (_EPOCH + timedelta(milliseconds=int(millis))).astimezone(_zone(zone))
    except OverflowError:
        raise JsonataError("D3110", -1, millis, "the moment lies outside the years 1 to 9999") from None
    if picture is not NOTHING:
        return date_picture.write(moment, picture)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _zone(text: Any) -> timezone:
    if text is NOTHING:
        return UTC
    match = re.fullmatch(r"([+-]?)(\d\d):?(\d\d)", text)
    if match is None:
        raise JsonataError("D3134", -1, text)
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-offset if match[1] == "-" else offset)


def read(run: Run, text: Any, picture: Any = NOTHING) -> Any:
    """The milliseconds since 1970 of a date and time; UTC where it says nothing else. Raises D3110."""
    if text is NOTHING:
        return NOTHING
    if picture is not NOTHING:
        found = date_picture.read(text, picture, _EPOCH + timedelta(milliseconds=run.now))
        return NOTHING if found is None else (found - _EPOCH) // _MILLISECOND
    match = _ISO.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        year, month, day, hour, minute, second = (int(part or default) for part, default in zip(
            match.groups()[:6], (0, 1, 1, 0, 0, 0), strict=True))  # fmt: skip
        zone = _zone(NOTHING if match[8] in (None, "Z") else match[8])
        moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        raise JsonataError("D3110", -1, text) from None
    return (moment - _EPOCH) // _MILLISECOND + int((match[7] or "0").ljust(3, "0")[:3])


FUNCTIONS: dict[str, tuple[Any, str]] = {}
RUN_FUNCTIONS: dict[str, tuple[Any, str]] = {
    "now": (lambda run, p=NOTHING, z=NOTHING: written(run, run.now, p, z), "<s?s?:s>"),
    "millis": (lambda run: run.now, "<:n>"), "fromMillis": (written, "<n-s?s?:s>"), "toMillis": (read, "<s-s?:n>"),
}  # fmt: skip
