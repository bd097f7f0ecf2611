"""The values of JSONata and what all parts do with them.

Objects, arrays, strings, booleans and null are Python's dict, list, str, bool and None. Numbers are doubles: an int is
one that is whole and below 2**53, a Decimal of the message is one as soon as it is computed with. ``NOTHING`` is what
is not there. ``Sequence`` is the result of a path: one of a single item is that item.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, Final

from waypost.mapping.jsonata.error import JsonataError

MAX_ITEMS = 10_000_000
MAX_TEXT = 16 * 1024 * 1024
MAX_NODES = 5_000_000
MAX_NESTING = 200
"""How deep the value that comes out may be nested."""


class _Nothing:
    __slots__ = ()

    def __repr__(self) -> str:
        return "nothing"

    def __deepcopy__(self, memo: Any) -> _Nothing:
        return self


NOTHING: Final[Any] = _Nothing()


class Sequence(list[Any]):
    """What a path gives. ``keep``: it stays an array though it has one item. ``tuples``: its items are tuples. Made for
    every step of a path, so the marks are set where they are meant and looked up in the class else."""

    keep: bool = False
    outer: bool = False
    tuples: bool = False


class Built(list[Any]):
    """An array written as ``[…]`` at the end of a path: a step does not flatten it."""

    keep: bool = False


NUMBERS: Final = frozenset((int, float, Decimal))
"""The types of numbers; a truth is none."""


def is_number(value: Any) -> bool:
    """Whether the value is a number; a truth is none."""
    return type(value) in NUMBERS


def number(value: Any) -> int | float:
    """A number to compute with."""
    return shrink(float(value)) if type(value) is Decimal else value


def shrink(value: float) -> int | float:
    """A computed number: an int where it is whole. Raises D1001 where it is none."""
    if type(value) is int:
        return value if -(1 << 53) <= value <= 1 << 53 else shrink(_to_float(value))
    if value != value or value in (math.inf, -math.inf):
        raise JsonataError("D1001", -1, value)
    return int(value) if value.is_integer() and -(1 << 53) <= value <= 1 << 53 else value


def _to_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise JsonataError("D1001", -1, "a number too large") from None


def single(value: Any) -> Any:
    """A sequence of one as its item, an empty one as nothing."""
    if type(value) is Sequence and not value.tuples:
        if not value:
            return NOTHING
        if len(value) == 1 and not value.keep:
            return value[0]
    return value


def append(left: Any, right: Any) -> Any:
    """Both as one array."""
    if left is NOTHING:
        return right
    if right is NOTHING:
        return left
    first = left if isinstance(left, list) else [left]
    second = right if isinstance(right, list) else [right]
    if len(first) + len(second) > MAX_ITEMS:
        raise JsonataError("U1002")
    if not isinstance(left, list):
        return Sequence([*first, *second])
    return [*first, *second]


def boolean(value: Any) -> Any:
    """The value as a truth; NOTHING of nothing."""
    if value is True or value is False or value is NOTHING:
        return value
    if isinstance(value, list):
        return boolean(value[0]) is True if len(value) == 1 else any(boolean(item) is True for item in value)
    if isinstance(value, str | dict):
        return len(value) > 0
    return is_number(value) and value != 0


def truth(value: Any) -> bool:
    """``boolean`` of the value, and false of nothing."""
    return value if value is True or value is False else boolean(value) is True


def equal(left: Any, right: Any) -> bool:
    """Whether two values are the same, part by part; true is not 1."""
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict):
        return (
            isinstance(right, dict) and left.keys() == right.keys() and all(equal(v, right[k]) for k, v in left.items())
        )
    if is_number(left):
        return is_number(right) and bool(number(left) == number(right))
    return type(left) is type(right) and bool(left == right)


def array(value: Any) -> list[Any]:
    """The value as an array: itself, or of this one item; empty of nothing."""
    if value is NOTHING:
        return []
    return value if isinstance(value, list) else [value]


def text_of(value: float | Decimal) -> str:
    """A number as JSONata writes it: at most 15 significant digits."""
    if type(value) is int:
        if abs(value) <= 1 << 53:
            return str(value)
        value = float(value)
    value = float(value)
    if value != value or math.isinf(value):
        raise JsonataError("D3001", -1, value)
    return write_number(float(f"{value:.15g}"))


def write_number(value: float) -> str:
    """A double in the shortest digits that give it back, with an exponent as ECMAScript has it."""
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    text = "".join(map(str, digits)).rstrip("0")
    point = len(digits) + int(exponent)
    minus = "-" if sign else ""
    if 0 < point <= 21:
        return minus + (text.ljust(point, "0") if len(text) <= point else f"{text[:point]}.{text[point:]}")
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{text}"
    mantissa = text[0] + (f".{text[1:]}" if len(text) > 1 else "")
    return f"{minus}{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def plain(value: Any) -> Any:
    """What leaves an evaluation: plain lists and dicts, bounded; functions and nothing are left out."""
    return _plain(value, [MAX_NODES], 0)


def _plain(value: Any, left: list[int], depth: int) -> Any:
    kind = type(value)
    left[0] -= 1 if kind is not str else 1 + (len(value) >> 6)
    if left[0] < 0 or depth > MAX_NESTING:
        raise JsonataError("U1002")
    if kind is dict:
        made: dict[Any, Any] = {}
        for key, item in value.items():
            kind = type(item)
            if kind is str:
                left[0] -= 1 + (len(item) >> 6)
                made[key] = item
            elif kind in NUMBERS:
                left[0] -= 1
                made[key] = item
            elif (inner := _plain(item, left, depth + 1)) is not NOTHING:
                made[key] = inner
        if left[0] < 0:
            raise JsonataError("U1002")
        return made
    if isinstance(value, list):
        items = [_plain(item, left, depth + 1) for item in value]
        return [None if item is NOTHING else item for item in items]
    return NOTHING if callable(value) else value
