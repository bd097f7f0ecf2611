"""Further functions of numbers: rounding, written forms of partners, implied decimals, checks."""

from __future__ import annotations

import decimal
from decimal import Decimal
from typing import Any

from waypost.mapping import operation
from waypost.mapping.access import sequence
from waypost.mapping.fault import Refused, refuse_type
from waypost.mapping.function.declaration import function
from waypost.mapping.function.number import decimal_, round_, sum_
from waypost.mapping.function.text import text, want_count, want_text
from waypost.mapping.operation import CONTEXT, divide, less


@function("number", ("floor(2.7)", "2"), ("floor(-2.1)", "-3"), types="number -> whole", scalar=True)
def floor(value: Any) -> int | None:
    """The largest whole number not above the number."""
    return None if value is None else _whole(value, decimal.ROUND_FLOOR)


@function("number", ("ceiling(2.1)", "3"), ("ceiling(-2.9)", "-2"), types="number -> whole", scalar=True)
def ceiling(value: Any) -> int | None:
    """The smallest whole number not below the number."""
    return None if value is None else _whole(value, decimal.ROUND_CEILING)


def _whole(value: Any, rounding: str) -> int:
    found = operation.number(value)
    if isinstance(found, int):
        return found
    if not found.is_finite() or found.adjusted() > 1000:
        raise refuse_type(value, "a finite number of at most 1000 digits")
    return int(found.to_integral_value(rounding))


@function("number", ("sign(-3.5)", "-1"), ("sign(0)", "0"), types="number -> whole", scalar=True)
def sign(value: Any) -> int | None:
    """-1 of a negative number, 1 of a positive one, 0 of zero."""
    if value is None:
        return None
    found = operation.number(value)
    if isinstance(found, Decimal) and found.is_nan():
        raise refuse_type(value, "a number")
    return (found > 0) - (found < 0)


@function(
    "number",
    ("clamp(12, 0, 10)", "10"),
    ("clamp(-1, 0, 10)", "0"),
    types="number, number, number -> number",
    scalar=True,
)
def clamp(value: Any, least: Any, most: Any) -> int | Decimal | None:
    """The number, or the bound it lies beyond."""
    if value is None:
        return None
    found, low, high = operation.number(value), operation.number(least), operation.number(most)
    if less(high, low):
        raise Refused(f"the least {low} is above the most {high}", "the smaller bound first")
    return low if less(found, low) else high if less(high, found) else found


@function("number", ("average([1, 2])", "1.5"), ("average([])", "None"), types="list -> number?")
def average(values: Any) -> Decimal | None:
    """The mean of the items of a list; missing of an empty or missing list."""
    found = sequence(values)
    return divide(sum_(found), len(found)) if found else None


@function(
    "number",
    ("parse_number('1.234,50', ',', '.')", "1234.50"),
    ("parse_number('12-')", "decimal(-12)"),
    ("parse_number('$1,200')", "decimal(1200)"),
    types="text, text, text -> number",
)
def parse_number(value: Any, mark: Any = ".", grouping: Any = ",") -> Decimal | None:
    """A number as people and old systems write it: with a decimal mark and a grouping mark of their own, a minus sign
    at either end, blanks, or one currency sign in front."""
    if value is None or value == "":
        return None
    point, group = want_text(mark), want_text(grouping)
    plain = want_text(value).strip().lstrip("$€£¥")
    if plain.endswith("-"):
        plain = "-" + plain[:-1]
    if len(plain) > 1000 or len(point) != 1 or point == group:
        raise refuse_type(value, "a number of at most 1000 characters, and two different marks")
    for removed in (group, " ", "\u00a0"):
        plain = plain.replace(removed, "") if removed else plain
    try:
        return decimal_(plain.replace(point, "."))
    except Refused:
        raise refuse_type(value, f"a number with {point!r} as its decimal mark") from None


@function(
    "number",
    ("format_number(1234.5, 2, ',', '.')", "'1.234,50'"),
    ("format_number(1234.5)", "'1,234.50'"),
    ("format_number(7, 0)", "'7'"),
    types="number, whole, text, text -> text",
    scalar=True,
)
def format_number(value: Any, places: Any = 2, mark: Any = ".", grouping: Any = ",") -> str | None:
    """The number with so many decimals (half-up), a decimal mark, and a mark between thousands."""
    made = round_(value, places, "half_up")
    if made is None:
        return None
    written = f"{made:,f}" if isinstance(made, Decimal) else f"{made:,d}"
    marks = {".": want_text(mark), ",": want_text(grouping)}
    return "".join([marks.get(c, c) for c in written])


@function(
    "number",
    ("implied('1250', 2)", "12.50"),
    ("implied('-5', 2)", "-0.05"),
    types="text|number, whole -> number",
    scalar=True,
)
def implied(value: Any, places: Any) -> Decimal | None:
    """The decimal that a whole number with implied decimals stands for (X12 type N2, and most fixed-width files)."""
    if value is None or value == "":
        return None
    count = want_count(places, 30)
    found = decimal_(value)
    if found is None or not found.is_finite() or found != found.to_integral_value():
        raise refuse_type(value, "a whole number, its decimals implied")
    return CONTEXT.scaleb(found.quantize(Decimal(1), context=CONTEXT), -count)


@function(
    "number",
    ("to_implied(12.5, 2)", "'1250'"),
    ("to_implied(-0.05, 2)", "'-5'"),
    types="text|number, whole -> text",
    scalar=True,
)
def to_implied(value: Any, places: Any) -> str | None:
    """The number as a text with implied decimals; one with more decimals than that is refused, not rounded."""
    if value is None or value == "":
        return None
    count = want_count(places, 30)
    found = decimal_(value)
    scaled = CONTEXT.scaleb(found, count) if found is not None else Decimal("NaN")
    if not scaled.is_finite() or scaled != scaled.to_integral_value() or scaled.adjusted() > 33:
        raise Refused(f"found {value}", f"a number of at most {count} decimals", f"round(value, {count}) first")
    return text(scaled.quantize(Decimal(1), context=CONTEXT))


@function(
    "number",
    ("is_number('12.5')", "True"),
    ("is_number('x')", "False"),
    ("is_number(None)", "False"),
    types="any -> bool!",
    scalar=True,
)
def is_number(value: Any) -> bool:
    """Whether decimal(…) would accept the value."""
    try:
        return decimal_(value) is not None
    except Refused:
        return False


@function(
    "number", ("share(30, 200)", "decimal(15)"), ("share(1, 0)", "None"), types="number, number -> number?", scalar=True
)
def share(value: Any, whole: Any) -> Decimal | None:
    """How many percent of the whole a number is; missing where the whole is 0 or missing."""
    if value is None or whole is None or not operation.number(whole):
        return None
    return divide(operation.multiply(value, 100), whole)
