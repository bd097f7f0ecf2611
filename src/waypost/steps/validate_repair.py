"""What a sender most likely meant by a value that does not fit: a suggestion, never applied by itself."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from datetime import date, time
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from waypost.core.finding import shown

_INTEGER = re.compile(r"[-+]?[0-9]{1,30}")
_NUMBER = re.compile(r"[-+]?[0-9]{1,30}(\.[0-9]{1,30})?")
_COMMA = re.compile(r"[-+]?[0-9]{1,30},[0-9]{1,4}")
_DATES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(\d{4})(\d\d)(\d\d)"), "ymd"),
    (re.compile(r"(\d{4})[/.-](\d\d?)[/.-](\d\d?)(?:[T ].*)?"), "ymd"),
    (re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})"), "dmy"),
    (re.compile(r"(\d\d?)[/-](\d\d?)[/-](\d{4})"), "?"),
)
_TIME = re.compile(r"(\d\d?):?(\d\d):?(\d\d)?(?:\.\d+)?")
_WORDS = {"true": True, "yes": True, "y": True, "1": True, "false": False, "no": False, "n": False, "0": False}


def repair(rule: str, kind: Any, value: Any) -> str:
    """The suggestion for a value that breaks ``rule`` of a JSON Schema, '' where nothing stands to reason.

    ``kind`` is the fault as the validator describes it.
    """
    make = _REPAIRS.get(rule)
    try:
        made = make(kind, value) if make else None
    except (ArithmeticError, AttributeError, ValueError, TypeError):
        return ""
    return "" if made is None or (made == value and type(made) is type(value)) else f"write {shown(made)}"


def nearest(value: Any, options: Sequence[Any]) -> Any:
    """The option closest to a value: the same but for case and blanks, or a near word; None for none."""
    text = str(value).strip()
    texts = {str(option): option for option in options if isinstance(option, str | int)}
    for option in texts:
        if option.strip().casefold() == text.casefold():
            return texts[option]
    folded = {option.casefold(): option for option in texts}
    close = difflib.get_close_matches(text.casefold()[:200], [*folded][:500], n=1, cutoff=0.6)
    return texts[folded[close[0]]] if close else None


def iso_date(text: str) -> str | None:
    """A date written otherwise in its ISO form; None where it is no date, or could be two.

    >>> iso_date("20260301"), iso_date("1.3.2026"), iso_date("31/12/2026"), iso_date("03/04/2026")
    ('2026-03-01', '2026-03-01', '2026-12-31', None)
    """
    for pattern, order in _DATES:
        match = pattern.fullmatch(text.strip())
        if match is None:
            continue
        numbers = [int(part) for part in match.groups()]
        if order == "?":
            order = "dmy" if numbers[0] > 12 else "mdy" if numbers[1] > 12 else ""
            if not order:
                return None
        parts = dict(zip(order, numbers, strict=True))
        try:
            return date(parts["y"], parts["m"], parts["d"]).isoformat()
        except ValueError:
            return None
    return None


def _type(kind: Any, value: Any) -> Any:
    wanted: Any = getattr(kind, "types", None) or getattr(kind, "value", "")
    wanted = [wanted] if isinstance(wanted, str) else [str(each) for each in wanted]
    if isinstance(value, str):
        text = value.strip()
        if "integer" in wanted and _INTEGER.fullmatch(text):
            return int(text)
        if "number" in wanted and (_NUMBER.fullmatch(text) or _COMMA.fullmatch(text)):
            return Decimal(text.replace(",", "."))
        if "boolean" in wanted and text.lower() in _WORDS:
            return _WORDS[text.lower()]
        if "null" in wanted and not text:
            return None
    elif "string" in wanted and isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return str(value)
    elif "integer" in wanted and isinstance(value, float | Decimal) and value == int(value):
        return int(value)
    return [value] if "array" in wanted and not isinstance(value, dict | list) and value is not None else None


def _shorter(kind: Any, value: Any) -> Any:
    text = " ".join(str(value).split())
    return text if len(text) <= int(kind.limit) else None


def _pattern(kind: Any, value: Any) -> Any:
    try:
        pattern = re.compile(str(kind.pattern)) if _harmless(str(kind.pattern)) else None
    except re.error:
        return None
    if pattern is None or not isinstance(value, str) or len(value) > 200:
        return None
    for made in (value.strip(), value.strip().upper(), value.strip().lower(), re.sub(r"[\s./-]", "", value).upper()):
        if made != value and pattern.search(made):
            return made
    return None


def _harmless(pattern: str) -> bool:
    """Whether a pattern is simple enough to be tried by an engine that goes back: nothing repeated in a repetition."""
    return len(pattern) < 200 and not re.search(r"\)[*+{]|\\[1-9]", pattern)


def _format(kind: Any, value: Any) -> Any:
    if not isinstance(value, str) or len(value) > 200:
        return None
    text = value.strip()
    if kind.format == "date":
        return iso_date(text)
    if kind.format == "date-time":
        day, _, clock = text.replace("T", " ").partition(" ")
        made = iso_date(day)
        match = _TIME.fullmatch(clock.rstrip("Z"))
        return f"{made}T{_clock(match)}Z" if made and match else None
    if kind.format == "time":
        match = _TIME.fullmatch(text.rstrip("Z"))
        return f"{_clock(match)}Z" if match else None
    if kind.format == "uuid":
        digits = re.sub(r"[^0-9a-fA-F]", "", text).lower()
        parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
        return "-".join(parts) if len(digits) == 32 else None
    return text if text != value else None


def _clock(match: re.Match[str]) -> str:
    return time(int(match[1]), int(match[2]), int(match[3] or 0)).isoformat()


def _multiple(kind: Any, value: Any) -> Any:
    try:
        step = Decimal(str(kind.multiple_of))
        times = (Decimal(str(value)) / step).to_integral_value(ROUND_HALF_EVEN)
    except InvalidOperation:
        return None
    return times * step


_REPAIRS: dict[str, Callable[[Any, Any], Any]] = {
    "enum": lambda kind, value: nearest(value, kind.options), "const": lambda kind, value: kind.expected_value,
    "type": _type, "maxLength": _shorter, "pattern": _pattern, "format": _format, "multipleOf": _multiple,
}  # fmt: skip
