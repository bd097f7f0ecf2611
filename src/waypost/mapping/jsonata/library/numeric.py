"""Functions of numbers."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.value import NOTHING, number, shrink

_EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def _each(values: Any) -> list[Any]:
    return [number(value) for value in values]


def total(values: Any) -> Any:
    """The function ``$sum``."""
    return NOTHING if values is NOTHING else shrink(sum(_each(values)))


def highest(values: Any) -> Any:
    """The function ``$max``."""
    return NOTHING if values is NOTHING or not values else max(_each(values))


def lowest(values: Any) -> Any:
    """The function ``$min``."""
    return NOTHING if values is NOTHING or not values else min(_each(values))


def average(values: Any) -> Any:
    """The function ``$average``."""
    return NOTHING if values is NOTHING or not values else shrink(sum(_each(values)) / len(values))


def rounded(value: Any, digits: Any = NOTHING) -> Any:
    """Half to even, of the digits the number is written in."""
    if value is NOTHING:
        return NOTHING
    places = 0 if digits is NOTHING else int(digits)
    if abs(places) > 340:
        return number(value) if places > 0 else 0
    made = Decimal(repr(number(value))).quantize(Decimal(1).scaleb(-places), context=_EXACT)
    return shrink(float(made))


def square_root(value: Any) -> Any:
    """The function ``$round``."""
    if value is NOTHING:
        return NOTHING
    if value < 0:
        raise JsonataError("D3060", -1, value)
    return shrink(math.sqrt(value))


def power(value: Any, exponent: Any) -> Any:
    """The function ``$sqrt``."""
    if value is NOTHING:
        return NOTHING
    try:
        made = math.pow(value, exponent)
    except (OverflowError, ValueError):
        raise JsonataError("D3061", -1, value) from None
    return shrink(made)


def format_base(value: Any, radix: Any = NOTHING) -> Any:
    """The function ``$power``."""
    if value is NOTHING:
        return NOTHING
    base = 10 if radix is NOTHING else int(rounded(radix))
    if not 2 <= base <= 36:
        raise JsonataError("D3100", -1, base)
    left = int(rounded(value))
    made, minus = "", left < 0
    left = abs(left)
    while left:
        left, digit = divmod(left, base)
        made = _DIGITS[digit] + made
    return ("-" if minus else "") + (made or "0")


FUNCTIONS: dict[str, tuple[Any, str]] = {
    "sum": (total, "<a<n>:n>"), "max": (highest, "<a<n>:n>"), "min": (lowest, "<a<n>:n>"),
    "average": (average, "<a<n>:n>"), "round": (rounded, "<n-n?:n>"), "sqrt": (square_root, "<n-:n>"),
    "power": (power, "<n-n:n>"), "formatBase": (format_base, "<n-n?:s>"),
    "abs": (lambda v: NOTHING if v is NOTHING else abs(number(v)), "<n-:n>"),
    "floor": (lambda v: NOTHING if v is NOTHING else math.floor(v), "<n-:n>"),
    "ceil": (lambda v: NOTHING if v is NOTHING else math.ceil(v), "<n-:n>"),
}  # fmt: skip
