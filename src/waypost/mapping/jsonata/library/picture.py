"""Pictures of numbers: ``$formatNumber``, as XPath's format-number (F&O 3.1 section 4.7)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.library import integer
from waypost.mapping.jsonata.value import NOTHING, number

_EXACT = Context(prec=800, rounding=ROUND_HALF_EVEN)
_MARKS = {
    "decimal-separator": ".", "grouping-separator": ",", "exponent-separator": "e", "infinity": "Infinity",
    "minus-sign": "-", "NaN": "NaN", "percent": "%", "per-mille": "‰", "zero-digit": "0", "digit": "#",
    "pattern-separator": ";",
}  # fmt: skip


@dataclass(slots=True)
class _Picture:
    """One sub-picture, read. Groupings count digits from the point."""

    prefix: str
    suffix: str
    whole_groups: list[int]
    fraction_groups: list[int]
    least_whole: int
    least_fraction: int
    most_fraction: int
    least_exponent: int
    scaling: int
    factor: int


def format_number(value: Any, picture: Any, options: Any = NOTHING) -> Any:
    """The number as its picture shows it. Raises D3080 to D3093."""
    if value is NOTHING:
        return NOTHING
    marks = dict(_MARKS)
    if isinstance(options, dict):
        marks.update({key: str(item) for key, item in options.items()})
    parts = picture.split(marks["pattern-separator"])
    if len(parts) > 2:
        raise JsonataError("D3080")
    pictures = [_read(part, marks) for part in parts]
    value = Decimal(repr(number(value)))
    shown = pictures[0]
    if value < 0:
        if len(pictures) == 2:
            shown = pictures[1]
        else:
            shown.prefix = marks["minus-sign"] + shown.prefix
    return shown.prefix + _written(abs(value) * shown.factor, shown, marks) + shown.suffix


def _read(text: str, marks: dict[str, str]) -> _Picture:
    zero = ord(marks["zero-digit"])
    digits = {chr(zero + at) for at in range(10)}
    active = digits | {marks[n] for n in ("decimal-separator", "exponent-separator", "grouping-separator", "digit")}
    core = active - {marks["exponent-separator"]}
    places = [at for at, char in enumerate(text) if char in core]
    first, last = (places[0], places[-1] + 1) if places else (0, len(text))
    body, mandatory, exponent = text[first:last], text[first:last], ""
    at = body.find(marks["exponent-separator"])
    if at >= 0:
        mandatory, exponent = body[:at], body[at + 1 :]
    whole, _, fraction = mandatory.partition(marks["decimal-separator"])
    _check(text, body, mandatory, exponent, at >= 0, marks, active, digits)
    factor = 100 if marks["percent"] in text else 1000 if marks["per-mille"] in text else 1
    least, least_fraction = _count(whole, digits), _count(fraction, digits)
    most_fraction = least_fraction + fraction.count(marks["digit"])
    scaling = least
    if least == 0 and most_fraction == 0:
        if at >= 0:
            least_fraction = most_fraction = 1
        else:
            least = 1
    if at >= 0 and least == 0 and marks["digit"] in whole:
        least = 1
    if least == 0 and least_fraction == 0:
        least_fraction = 1
    group = marks["grouping-separator"]
    wide = digits | {marks["digit"]}
    return _Picture(
        text[:first], text[last:], [_count(whole[i:], wide) for i, c in enumerate(whole) if c == group],
        [_count(fraction[:i], wide) for i, c in enumerate(fraction) if c == group],
        least, least_fraction, max(most_fraction, least_fraction), _count(exponent, digits), scaling, factor,
    )  # fmt: skip


def _count(text: str, digits: set[str]) -> int:
    return sum(char in digits for char in text)


def _check(
    text: str, body: str, mandatory: str, exponent: str, scientific: bool, marks: dict[str, str], active: set[str],
    digits: set[str],
) -> None:  # fmt: skip
    point, group, optional = marks["decimal-separator"], marks["grouping-separator"], marks["digit"]
    whole, has_point, fraction = mandatory.partition(point)
    percents, milles = text.count(marks["percent"]), text.count(marks["per-mille"])
    started = [char in digits for char in whole if char in digits or char == optional]
    ended = [char in digits for char in fraction if char in digits or char == optional]
    rules = (
        (any(char not in active for char in body), "D3086"),
        (text.count(point) > 1, "D3081"), (percents > 1, "D3082"), (milles > 1, "D3083"),
        (percents > 0 and milles > 0, "D3084"),
        (not any(c in digits or c == optional for c in mandatory), "D3085"),
        (bool(has_point) and (whole.endswith(group) or fraction.startswith(group)), "D3087"),
        (not has_point and whole.endswith(group), "D3088"), (group * 2 in text, "D3089"),
        (started != sorted(started), "D3090"), (ended != sorted(ended, reverse=True), "D3091"),
        (scientific and bool(exponent) and (percents > 0 or milles > 0), "D3092"),
        (scientific and (not exponent or any(char not in digits for char in exponent)), "D3093"),
    )  # fmt: skip
    for broken, code in rules:
        if broken:
            raise JsonataError(code, -1, text)


def _written(value: Decimal, shown: _Picture, marks: dict[str, str]) -> str:
    exponent = 0
    if shown.least_exponent:
        if value:
            exponent = value.adjusted() + 1 - shown.scaling
        value = value.scaleb(-exponent)
    made = f"{value.quantize(Decimal(1).scaleb(-shown.most_fraction), context=_EXACT):f}"
    whole, _, fraction = made.partition(".")
    whole = whole.lstrip("0").rjust(shown.least_whole, "0")
    fraction = fraction.rstrip("0").ljust(shown.least_fraction, "0")
    zero = ord(marks["zero-digit"]) - ord("0")
    text = _grouped(whole, shown.whole_groups, marks["grouping-separator"])
    if fraction:
        text += marks["decimal-separator"] + _fraction(fraction, shown.fraction_groups, marks["grouping-separator"])
    if shown.least_exponent:
        minus = marks["minus-sign"] if exponent < 0 else ""
        text += marks["exponent-separator"] + minus + str(abs(exponent)).rjust(shown.least_exponent, "0")
    return "".join(chr(ord(char) + zero) if "0" <= char <= "9" else char for char in text)


def _grouped(whole: str, groups: list[int], mark: str) -> str:
    """The digits before the point; groups of one size go on to the left."""
    places = {g for g in groups if 0 < g < len(whole)}
    if groups and all(g % min(groups) == 0 for g in groups) and set(groups) == set(
            range(min(groups), max(groups) + 1, min(groups))):  # fmt: skip
        places = set(range(min(groups), len(whole), min(groups)))
    return "".join(
        char + (mark if len(whole) - at - 1 in places and len(whole) - at - 1 else "") for at, char in enumerate(whole)
    )


def _fraction(fraction: str, groups: list[int], mark: str) -> str:
    return "".join((mark if at in groups else "") + char for at, char in enumerate(fraction))


FUNCTIONS: dict[str, tuple[Any, str]] = {
    "formatNumber": (format_number, "<n-so?:s>"), "formatInteger": (integer.format_integer, "<n-s:s>"),
    "parseInteger": (integer.parse_integer, "<s-s:n>"),
}  # fmt: skip
