"""The operators of the mapping language, exact and total: each gives a value or raises ``Refused``.

Numbers are whole numbers and decimals of 34 digits (IEEE 754 decimal128, half-even); a binary float met in a document
counts as the decimal it is written as. Nothing here reads the thread's decimal context.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any

from waypost.mapping.fault import Refused, refuse_type

CONTEXT = Context(34, ROUND_HALF_EVEN, -6143, 6144, 1, 0, [], [InvalidOperation, DivisionByZero, Overflow])
_FLOOR = Context(34, ROUND_FLOOR, -6143, 6144, 1, 0, [], [InvalidOperation, DivisionByZero, Overflow])
MAX_TEXT = 10_000_000
"""Most characters of a text that an expression makes."""
MAX_ITEMS = 100_000
"""Most items of a list that an expression walks or makes."""
MAX_INTEGER_BITS = 4096
MAX_WORK = 1_000_000
"""Units of work of one evaluation: an item of a comprehension counts its body's size / 50 + 1, an item of a list
handed to a function 1, 16 characters 1."""
MAX_MAP_WORK = 4 * MAX_WORK
"""The same of one message's map."""
_MAX_NODES = 1_000_000
_LARGE = 1 << 62

_add, _subtract, _multiply, _divide = CONTEXT.add, CONTEXT.subtract, CONTEXT.multiply, CONTEXT.divide
_NUMBERS = (int, Decimal, float)
_WANT_NUMBERS = "two numbers"
_TO_NUMBER = "turn text into a number with decimal(…), give a missing value one with default(…, 0)"


def exact(value: float) -> Decimal:
    """The decimal a float is written as."""
    if not math.isfinite(value):
        raise Refused(f"found {value!r}", "a finite number")
    return Decimal(repr(value))


def anew(value: Any) -> Any:
    """A constant of a map as data of its own, its floats exact; ``Refused`` for one that is too large."""
    if isinstance(value, Mapping):
        return {str(name): anew(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [anew(each) for each in value]
    return exact(value) if isinstance(value, float) else value


def number(value: Any) -> int | Decimal:
    """``value`` as an exact number; ``Refused`` for anything else, true and false included."""
    kind = type(value)
    if kind is int or kind is Decimal:
        return value  # type: ignore[no-any-return]
    if kind is float:
        return exact(value)
    raise refuse_type(value, "a number", _TO_NUMBER)


def bounded_integer(value: int) -> int:
    """``value``, refused above 4096 bits."""
    if not -_LARGE < value < _LARGE and value.bit_length() > MAX_INTEGER_BITS:
        raise Refused(f"found a whole number of {value.bit_length()} bits", f"at most {MAX_INTEGER_BITS} bits")
    return value


def bounded_text(value: str) -> str:
    """``value``, refused above ten million characters."""
    if len(value) > MAX_TEXT:
        raise too_long(len(value))
    return value


def too_long(length: int) -> Refused:
    """The refusal of a text that would be too long."""
    return Refused(f"the text would have {length} characters", f"at most {MAX_TEXT}")


def _pair(a: Any, b: Any) -> tuple[int | Decimal, int | Decimal]:
    if type(a) not in _NUMBERS:
        raise refuse_type(a, _WANT_NUMBERS, _TO_NUMBER)
    if type(b) not in _NUMBERS:
        raise refuse_type(b, _WANT_NUMBERS, _TO_NUMBER)
    return number(a), number(b)


def add(a: Any, b: Any) -> Any:
    """Numbers are added, two texts or two lists are joined."""
    ta, tb = type(a), type(b)
    if (ta is Decimal and (tb is Decimal or tb is int)) or (ta is int and tb is Decimal):
        return _add(a, b)
    if ta is int and tb is int:
        return bounded_integer(a + b)
    if ta is str and tb is str:
        if len(a) + len(b) > MAX_TEXT:
            raise too_long(len(a) + len(b))
        return a + b
    if ta is list and tb is list:
        if len(a) + len(b) > MAX_ITEMS:
            raise Refused(f"the list would have {len(a) + len(b)} items", f"at most {MAX_ITEMS}")
        return a + b
    if ta is str or tb is str:
        raise refuse_type(b if ta is str else a, "two texts or two numbers", "use concat(…), or text(…) for a number")
    return _add(*_pair(a, b))


def subtract(a: Any, b: Any) -> int | Decimal:
    """``a - b`` of two numbers."""
    if type(a) is int and type(b) is int:
        return bounded_integer(a - b)
    return _subtract(*_pair(a, b))


def multiply(a: Any, b: Any) -> int | Decimal:
    """``a * b`` of two numbers; texts and lists are not repeated."""
    ta, tb = type(a), type(b)
    if ta is int:
        if tb is int:
            return bounded_integer(a * b)
        if tb is Decimal:
            return _multiply(a, b)
    elif ta is Decimal and (tb is Decimal or tb is int):
        return _multiply(a, b)
    return _multiply(*_pair(a, b))


def divide(a: Any, b: Any) -> Decimal:
    """Always a decimal: ``6 / 3`` is the decimal 2, ``1 / 3`` has 34 digits."""
    x, y = _pair(a, b)
    if not y:
        raise Refused("division by zero", "a divisor other than 0")
    return _divide(x, y)


def floor_divide(a: Any, b: Any) -> int | Decimal:
    """The largest whole number not above ``a / b``."""
    x, y = _pair(a, b)
    if not y:
        raise Refused("division by zero", "a divisor other than 0")
    if isinstance(x, int) and isinstance(y, int):
        return x // y
    return _FLOOR.divide(x, y).quantize(Decimal(1), context=_FLOOR)


def remainder(a: Any, b: Any) -> int | Decimal:
    """What is left of ``a`` after ``a // b``; it has the sign of ``b``."""
    x, y = _pair(a, b)
    if not y:
        raise Refused("division by zero", "a divisor other than 0")
    if isinstance(x, int) and isinstance(y, int):
        return x % y
    rest = CONTEXT.remainder(Decimal(x), Decimal(y))
    return _add(rest, y) if rest and (rest < 0) != (y < 0) else rest


def negate(a: Any) -> int | Decimal:
    """``-a`` of a number."""
    value = number(a)
    return -value if isinstance(value, int) else CONTEXT.minus(value)


# ── comparison ───────────────────────────────────────────────────────────────────────────────────────────────────


def _ordered(a: Any, b: Any) -> tuple[Any, Any]:
    """The operands in comparable form; ``Refused`` for text against number and for lists and mappings."""
    a, b = _comparable(a), _comparable(b)
    if isinstance(a, str) and isinstance(b, str):
        return a, b
    if isinstance(a, int | Decimal) and isinstance(b, int | Decimal):
        return a, b
    remedy = "turn text into a number with decimal(…)" if isinstance(a, str) or isinstance(b, str) else ""
    raise Refused(f"{_word(a)} cannot be ordered against {_word(b)}", "two numbers or two texts", remedy)


def _word(value: Any) -> str:
    return "a text" if isinstance(value, str) else "a number" if isinstance(value, int | Decimal) else "a value"


def less(a: Any, b: Any) -> bool:
    """Whether ``a < b``; false when either is missing, or is not a number (NaN)."""
    ta, tb = type(a), type(b)
    if not ((ta is Decimal or ta is int) and (tb is Decimal or tb is int)):
        if a is None or b is None:
            return False
        a, b = _ordered(a, b)
    try:
        return bool(a < b)
    except InvalidOperation:
        return False


def less_equal(a: Any, b: Any) -> bool:
    """Whether ``a <= b``; false when either is missing, or is not a number (NaN)."""
    ta, tb = type(a), type(b)
    if not ((ta is Decimal or ta is int) and (tb is Decimal or tb is int)):
        if a is None or b is None:
            return False
        a, b = _ordered(a, b)
    try:
        return bool(a <= b)
    except InvalidOperation:
        return False


def greater(a: Any, b: Any) -> bool:
    """Whether ``a > b``; see ``less``."""
    return less(b, a)


def greater_equal(a: Any, b: Any) -> bool:
    """Whether ``a >= b``; see ``less_equal``."""
    return less_equal(b, a)


def equal(a: Any, b: Any, work: list[int] | None = None) -> bool:
    """Whether two values are the same; a float is the decimal it is written as, at any depth. Missing equals only
    missing. ``work``, where given, is charged for values compared inside lists and mappings."""
    ta, tb = type(a), type(b)
    if (ta is str or ta is int or ta is Decimal) and tb is not float:
        return _same(a, b)
    return _deep_equal(a, b, work)


def _same(a: Any, b: Any) -> bool:
    try:
        return bool(a == b)
    except InvalidOperation:
        return False


def _deep_equal(left: Any, right: Any, work: list[int] | None) -> bool:
    pairs, seen = [(left, right)], 0
    while pairs:
        a, b = pairs.pop()
        seen += 1
        if work is not None and seen > 16:
            spend(work, 1)
        if seen > _MAX_NODES:
            raise Refused("the values are too large to compare", f"at most {_MAX_NODES} values in each")
        a = _comparable(a)
        b = _comparable(b)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            if a.keys() != b.keys():
                return False
            pairs.extend((a[key], b[key]) for key in a)
        elif isinstance(a, list | tuple) and isinstance(b, list | tuple):
            if len(a) != len(b):
                return False
            pairs.extend(zip(a, b, strict=True))
        elif not _same(a, b):
            return False
    return True


def _comparable(value: Any) -> Any:
    return Decimal(repr(value)) if type(value) is float else value


def not_equal(a: Any, b: Any, work: list[int] | None = None) -> bool:
    """Whether two values differ; see ``equal``."""
    return not equal(a, b, work)


def spend(work: list[int], units: int) -> None:
    """Take ``units`` from what work is left; ``Refused`` when there is none."""
    work[0] -= units
    if work[0] < 0:
        raise Refused("the expression does too much work", f"at most {MAX_WORK} units", "nest fewer loops")
