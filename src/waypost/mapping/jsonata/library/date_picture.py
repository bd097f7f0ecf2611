"""Pictures of dates and times, as XPath's format-dateTime (F&O 3.1 section 9.8), for writing and for reading."""

from __future__ import annotations

import functools
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, NamedTuple

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.library import integer

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DEFAULTS = {
    "Y": "1", "M": "1", "D": "1", "d": "1", "F": "n", "W": "1", "w": "1", "X": "1", "x": "1", "H": "1", "h": "1",
    "P": "n", "m": "01", "s": "01", "f": "1", "Z": "01:01", "z": "01:01", "C": "n", "E": "n",
}  # fmt: skip
_NAMES = {"n", "N", "Nn"}
_MOST_PICTURE = 1_000


class Marker(NamedTuple):
    """One component: its letter, how it is shown (``01``, ``Nn``, ``o`` for ordinal), least and most width."""

    code: str
    shown: str
    least: int
    most: int
    zulu: bool


@functools.lru_cache(256)
def parts_of(picture: str) -> tuple[str | Marker, ...]:
    """Literals and markers in their order. Raises D3132 to D3135."""
    if len(picture) > _MOST_PICTURE:
        raise JsonataError("D3132", -1, None, f"a picture has at most {_MOST_PICTURE} characters")
    parts: list[str | Marker] = []
    at = 0
    while at < len(picture):
        if picture[at] != "[":
            end = picture.find("[", at)
            end = len(picture) if end < 0 else end
            parts.append(picture[at:end].replace("]]", "]"))
        elif picture.startswith("[[", at):
            parts.append("[")
            end = at + 2
        else:
            end = picture.find("]", at)
            if end < 0:
                raise JsonataError("D3135", -1, picture)
            parts.append(_marker(re.sub(r"\s+", "", picture[at + 1 : end])))
            end += 1
        at = end
    return tuple(parts)


def _marker(text: str) -> Marker:
    code = text[:1]
    if code not in _DEFAULTS:
        raise JsonataError("D3132", -1, code)
    shown, _, width = text[1:].rpartition(",") if "," in text else (text[1:], "", "")
    lower, _, upper = width.partition("-")
    least = int(lower) if lower.isdecimal() else 0
    most = int(upper) if upper.isdecimal() else least if width and not upper and lower.isdecimal() else 0
    if not upper and width:
        most = 0 if lower == "*" else int(lower) if lower.isdecimal() else 0
    zulu = code in "Zz" and shown.endswith("t")
    shown = shown[:-1] if zulu else shown
    if len(shown) > 1 and shown[-1] in "atco" and shown not in _NAMES:
        shown = shown[:-1] + (";o" if shown[-1] == "o" else "")
    shown = shown or _DEFAULTS[code]
    if shown in _NAMES and code not in "MdFxPCE":
        raise JsonataError("D3133", -1, code)
    if code in "Zz" and sum(char.isdecimal() for char in shown) > 4:
        raise JsonataError("D3134", -1, shown)
    return Marker(code, shown, min(least, 100), min(most, 100), zulu)


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def write(moment: datetime, picture: str) -> str:
    """The moment, in its zone, as the picture shows it."""
    return "".join(part if isinstance(part, str) else _component(moment, part) for part in parts_of(picture))


def _component(moment: datetime, marker: Marker) -> str:
    code = marker.code
    if code in "Zz":
        return _zone(moment, marker)
    if code in "CE":
        return "ISO"
    if code == "P":
        return _cased("am" if moment.hour < 12 else "pm", marker)
    value = _value(moment, code)
    if marker.shown in _NAMES:
        return _cased(_DAYS[value - 1] if code == "F" else _MONTHS[value - 1], marker)
    if code == "Y":
        digits = marker.most or sum(char.isdecimal() or char == "#" for char in marker.shown)
        if marker.most or digits >= 2:
            value %= 10**digits
    return integer.written(value, _widened(marker))


def _value(moment: datetime, code: str) -> int:
    thursday = moment.date() + timedelta(days=4 - moment.isoweekday())
    iso = moment.isocalendar()
    values = {
        "Y": moment.year, "M": moment.month, "D": moment.day, "d": moment.timetuple().tm_yday, "F": iso.weekday,
        "W": iso.week, "X": iso.year, "x": thursday.month, "w": (thursday.day - 1) // 7 + 1, "H": moment.hour,
        "h": moment.hour % 12 or 12, "m": moment.minute, "s": moment.second, "f": moment.microsecond // 1000,
    }  # fmt: skip
    return values[code]


def _widened(marker: Marker) -> str:
    """The picture of a number with at least as many digits as the width says."""
    digits = sum(char.isdecimal() for char in marker.shown)
    return "0" * (marker.least - digits) + marker.shown if 0 < digits < marker.least else marker.shown


def _cased(name: str, marker: Marker) -> str:
    if marker.most:
        name = name[: marker.most]
    return {"N": name.upper(), "n": name.lower(), "Nn": name.title()}.get(marker.shown, name.lower())


def _zone(moment: datetime, marker: Marker) -> str:
    seconds = int((moment.utcoffset() or timedelta()).total_seconds())
    if seconds == 0 and marker.zulu:
        return "Z"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    digits = sum(char.isdecimal() for char in marker.shown)
    if digits <= 2:
        text = integer.written(hours, marker.shown) + (f":{minutes:02}" if minutes else "")
    else:
        text = integer.written(hours * 100 + minutes, marker.shown)
    return ("GMT" if marker.code == "z" else "") + ("-" if seconds < 0 else "+") + text


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read(text: str, picture: str, now: datetime) -> datetime | None:
    """The moment that ``text`` says; None where it does not fit the picture. What is not said and is larger than what
    is said is taken from ``now``. Raises D3136 where something between is missing."""
    parts = parts_of(picture)
    pattern = "".join(re.escape(part) if isinstance(part, str) else f"({_pattern(part)})" for part in parts)
    match = re.fullmatch(pattern, text[:_MOST_PICTURE], re.IGNORECASE)
    if match is None:
        return None
    found: dict[str, Any] = {}
    markers = [part for part in parts if isinstance(part, Marker)]
    for marker, said in zip(markers, match.groups(), strict=True):
        found["Z" if marker.code == "z" else marker.code] = _said(marker, said)
    return _moment(found, now)


def _pattern(marker: Marker) -> str:
    """A pattern without groups or choices that overlap, so that matching takes no more than polynomial time."""
    code, shown = marker.code, marker.shown
    if code in "Zz":
        return ("GMT" if code == "z" else "") + r"(?:Z|[-+]\d{1,2}(?::?\d\d)?)"
    if shown in _NAMES or code in "PCE":
        return "[a-zA-Z]+"
    primary = shown.split(";")[0]
    if primary in ("A", "a"):
        return "[a-zA-Z]+"
    if primary in ("I", "i"):
        return "[MDCLXVI]+"
    if primary in ("W", "w", "Ww"):
        return r"[a-zA-Z]+(?:(?:, |-| )[a-zA-Z]+)*"
    digits = marker.most or (sum(char.isdecimal() for char in primary) if sum(map(str.isdecimal, primary)) > 1 else 0)
    count = f"{{{marker.least or digits},{digits}}}" if digits else "+"
    marks = "".join(re.escape(char) for char in primary if not char.isdecimal() and char != "#")
    body = rf"[0-9{marks}]+" if marks else rf"[0-9]{count}"
    return body + ("(?:st|nd|rd|th)" if ";o" in shown else "")


def _said(marker: Marker, text: str) -> Any:
    code = marker.code
    if code in "Zz":
        text = text.upper().removeprefix("GMT")
        if text == "Z":
            return timedelta()
        digits = text[1:].replace(":", "")
        hours, minutes = (int(digits), 0) if len(digits) <= 2 else (int(digits[:-2]), int(digits[-2:]))
        offset = timedelta(hours=hours, minutes=minutes)
        return -offset if text[0] == "-" else offset
    if code in "PCE":
        return text.lower()
    if marker.shown in _NAMES:
        names = _DAYS if code == "F" else _MONTHS
        for at, name in enumerate(names, 1):
            if (name[: marker.most] if marker.most else name).lower() == text.lower():
                return at
        raise JsonataError("D3137", -1, text, "no name of a day or month")
    return integer.value_of(text, marker.shown)


def _moment(found: dict[str, Any], now: datetime) -> datetime | None:
    if not found:
        return None
    if found.keys() & set("XxWwF") and not (found.keys() >= {"Y", "M", "D"} or found.keys() >= {"Y", "d"}) and (
            found.keys() & set("XxWw")):  # fmt: skip
        raise JsonataError("D3136", -1, "week")
    hour_name = "h" if found.keys() & {"h", "P"} and "H" not in found else "H"
    order = ["Y", "d"] if "d" in found and "M" not in found else ["Y", "M", "D"]
    order += ["H", "m", "s", "f"] if hour_name == "H" else ["P", "h", "m", "s", "f"]
    today = {name: _value(now, name) for name in "YMDdHhmsf"} | {"P": "am" if now.hour < 12 else "pm"}
    values: dict[str, Any] = {}
    begun = ended = False
    for name in order:
        if name in found:
            if ended:
                raise JsonataError("D3136", -1, name)
            begun, values[name] = True, found[name]
        elif begun:
            ended, values[name] = True, 1 if name in "MDd" else 0
        else:
            values[name] = today[name]
    return _built(values, found.get("Z", timedelta()))


def _built(values: dict[str, Any], offset: timedelta) -> datetime:
    hour = values["H"] if "H" in values else values["h"] % 12 + (12 if values["P"] == "pm" else 0)
    try:
        if "d" in values:
            day = date(values["Y"], 1, 1) + timedelta(days=values["d"] - 1)
        else:
            day = date(values["Y"], values["M"], 1) + timedelta(days=values["D"] - 1)
        begin = datetime(day.year, day.month, day.day, tzinfo=timezone(offset))
        span = timedelta(hours=hour, minutes=values["m"], seconds=values["s"], milliseconds=values["f"])
        return (begin + span).astimezone(UTC)
    except (ValueError, OverflowError):
        raise JsonataError("D3110", -1, None, "no such date and time") from None
