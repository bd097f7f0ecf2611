"""Functions of numbers: whole numbers and decimals, never binary floats."""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from waypost.mapping import operation
from waypost.mapping.access import sequence
from waypost.mapping.fault import refuse_type
from waypost.mapping.function.declaration import function
from waypost.mapping.operation import CONTEXT, add, greater, less

_DECIMAL = re.compile(r"[-+]?(\d{1,6000}(\.\d{0,6000})?|\.\d{1,6000})([eE][-+]?\d{1,4})?", re.ASCII)
_WHOLE = re.compile(r"[-+]?\d{1,1000}", re.ASCII)
_NOUGHT = Decimal(0)
_MODES = {
    "half_even": decimal.ROUND_HALF_EVEN,
    "half_up": decimal.ROUND_HALF_UP,
    "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN,
}


def _trimmed(value: str) -> str:
    return value.strip() if len(value) <= 13_000 else value


@function(
    "number",
    ("decimal('12.50')", "12.50"),
    ("decimal(' 7 ')", "decimal(7)"),
    ("decimal(None)", "None"),
    scalar=True,
    types="text|number -> number",
)
def decimal_(value: Any) -> Decimal | None:
    """The text or number as a decimal; missing of a missing value, an error of any other text."""
    if type(value) is str:
        trimmed = _trimmed(value)
        if _DECIMAL.fullmatch(trimmed):
            return CONTEXT.create_decimal(trimmed)
        remedy = "a thousands separator or a comma must be replaced first" if "," in value else ""
        raise refuse_type(value, "a number such as 12.50", remedy)
    if value is None or type(value) is Decimal:
        return value
    return Decimal(operation.number(value))


@function(
    "number",
    ("int('12')", "12"),
    ("int(12.9)", "12"),
    ("int(-12.9)", "-12"),
    ("int(None)", "None"),
    scalar=True,
    types="text|number -> whole",
)
def int_(value: Any) -> int | None:
    """The text or number as a whole number; decimals are cut off, a text must be whole."""
    if value is None:
        return None
    if isinstance(value, str):
        trimmed = _trimmed(value)
        if _WHOLE.fullmatch(trimmed):
            return int(trimmed)
        raise refuse_type(value, "a whole number such as 12", "use int(decimal(…)) to cut decimals off")
    found = operation.number(value)
    if isinstance(found, Decimal) and (not found.is_finite() or found.adjusted() > 1000):
        raise refuse_type(value, "a finite number of at most 1000 digits")
    return int(found)


def _prepare_round(places: Any = 0, mode: Any = "half_even") -> Callable[[Any], Any]:
    round_(0, places, mode)
    exponent, context = Decimal(1).scaleb(-places), CONTEXT.copy()
    context.rounding = _MODES[mode]
    quantize = context.quantize

    def prepared(value: Any) -> Any:
        return quantize(value, exponent) if type(value) is Decimal else round_(value, places, mode)

    return prepared if places else lambda value: round_(value, places, mode)


@function(
    "number", ("round(2.345, 2)", "2.34"), ("round(2.345, 2, 'half_up')", "2.35"), ("round(2.5)", "2"),
    ("round(None, 2)", "None"), scalar=True,
    types="number, whole, text -> number", prepare=_prepare_round,
)  # fmt: skip
def round_(value: Any, places: Any = 0, mode: Any = "half_even") -> int | Decimal | None:
    """The number with so many decimals; a whole number for none. Modes: half_even, half_up, up, down."""
    if value is None:
        return None
    found = operation.number(value)
    if type(places) is not int or not 0 <= places <= 30:
        raise refuse_type(places, "a whole number from 0 to 30 as places")
    if not isinstance(mode, str) or mode not in _MODES:
        raise refuse_type(mode, "one of " + ", ".join(_MODES))
    made = Decimal(found).quantize(Decimal(1).scaleb(-places), rounding=_MODES[mode], context=CONTEXT)
    return made if places else int(made)


@function("number", ("abs(-3)", "3"), ("abs(None)", "None"), scalar=True, types="number -> number")
def abs_(value: Any) -> int | Decimal | None:
    """The number without its sign."""
    if value is None:
        return None
    found = operation.number(value)
    return abs(found) if isinstance(found, int) else CONTEXT.abs(found)


@function(
    "number",
    ("sum([1, 2, 3])", "6"),
    ("sum([1.10, 2])", "3.10"),
    ("sum([])", "0"),
    ("sum(None)", "0"),
    types="list -> number!",
)
def sum_(values: Any) -> Any:
    """The items of a list added up; 0 of an empty or missing list. A missing item is an error."""
    total: Any = 0
    found = sequence(values)
    kinds = set(map(type, found))
    if len(kinds) == 1:
        if Decimal in kinds:
            return _added_up(found)
        if int in kinds:
            return operation.bounded_integer(sum(found))
    for value in found:
        if type(value) is not Decimal and type(value) is not int and type(value) is not float:
            place = next(place for place, each in enumerate(found) if each is value)
            raise refuse_type(value, f"numbers alone; this is item {place}", "use decimal(…), or default(…, 0)")
        total = add(total, value)
    return total


def _added_up(found: Sequence[Decimal]) -> Decimal:
    """The sum of decimals: Python's own addition, which goes by the thread's context, with ours in its place."""
    before = decimal.getcontext()
    decimal.setcontext(CONTEXT)
    try:
        return sum(found, _NOUGHT)
    finally:
        decimal.setcontext(before)


@function("number", ("min([3, 1, 2])", "1"), ("min(3, 1.5)", "1.5"), ("min([])", "None"), types="any -> any?")
def min_(*values: Any) -> Any:
    """The smallest of the values, or of the items of one list; missing ones are left out."""
    return _extreme(values, least=True)


@function("number", ("max([3, 1, 2])", "3"), ("max('a', 'b')", "'b'"), ("max(None, 4)", "4"), types="any -> any?")
def max_(*values: Any) -> Any:
    """The largest of the values, or of the items of one list; missing ones are left out."""
    return _extreme(values, least=False)


def _extreme(values: tuple[Any, ...], *, least: bool) -> Any:
    chosen: Any = None
    for value in sequence(values[0]) if len(values) == 1 else values:
        if chosen is None or (less(value, chosen) if least else greater(value, chosen)):
            chosen = value if value is not None else chosen
    return chosen
