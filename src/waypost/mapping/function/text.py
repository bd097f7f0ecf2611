"""Functions of text. A missing text gives a missing result, unless the function says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from waypost.mapping.access import contains as holds
from waypost.mapping.access import sequence
from waypost.mapping.fault import Refused, refuse_type
from waypost.mapping.function.declaration import function
from waypost.mapping.operation import MAX_ITEMS, MAX_TEXT, exact, too_long


def want_text(value: Any) -> str:
    """``value`` if it is a text; ``Refused`` otherwise."""
    if isinstance(value, str):
        return value
    raise refuse_type(value, "a text", "use text(…) for a number" if isinstance(value, int | Decimal) else "")


def want_count(value: Any, most: int = MAX_TEXT) -> int:
    """``value`` if it is a whole number from 0 to ``most``."""
    if type(value) is int and 0 <= value <= most:
        return value
    raise refuse_type(value, f"a whole number from 0 to {most}")


@function(
    "text", ("text(12)", "'12'"), ("text(1.50)", "'1.50'"), ("text(true)", "'true'"), ("text(None)", "None"),
    scalar=True,
    types="scalar -> text",
)  # fmt: skip
def text(value: Any) -> str | None:
    """A number, true or false as text; a number as it is written, without exponent."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        value = exact(value)
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > 6200:
            raise refuse_type(value, "a finite number of at most 6200 digits")
        return format(value, "f")
    if isinstance(value, int):
        if value.bit_length() > 13_000:
            raise refuse_type(value, "a whole number of at most 3900 digits")
        return str(value)
    raise refuse_type(value, "a text, a number, true or false")


@function("text", ("upper('abc')", "'ABC'"), types="text -> text", direct=str.upper)
def upper(value: Any) -> str | None:
    """The text in capitals."""
    return None if value is None else want_text(value).upper()


@function("text", ("lower('ABC')", "'abc'"), types="text -> text", direct=str.lower)
def lower(value: Any) -> str | None:
    """The text in small letters."""
    return None if value is None else want_text(value).lower()


@function(
    "text", ("trim('  a b ')", "'a b'"), ("trim('--a-', '-')", "'a'"), types="text, text -> text", direct=str.strip
)
def trim(value: Any, characters: Any = None) -> str | None:
    """The text without white space (or the given characters) at both ends."""
    if value is None:
        return None
    return want_text(value).strip(None if characters is None else want_text(characters))


def _prepare_left(length: Any) -> Callable[[Any], Any]:
    count = want_count(length)
    return lambda value: value[:count] if type(value) is str else left(value, count)


@function("text", ("left('4711-A', 4)", "'4711'"), ("left('ab', 9)", "'ab'"), types="text, whole -> text", cuts=True,
          prepare=_prepare_left)  # fmt: skip
def left(value: Any, length: Any) -> str | None:
    """The first characters of the text."""
    return None if value is None else want_text(value)[: want_count(length)]


@function("text", ("right('4711-A', 1)", "'A'"), ("right('ab', 0)", "''"), types="text, whole -> text", cuts=True)
def right(value: Any, length: Any) -> str | None:
    """The last characters of the text."""
    if value is None:
        return None
    whole = want_text(value)
    return whole[max(0, len(whole) - want_count(length)) :]


@function(
    "text",
    ("substring('abcdef', 2)", "'cdef'"),
    ("substring('abcdef', 2, 3)", "'cde'"),
    types="text, whole, whole -> text",
)
def substring(value: Any, start: Any, length: Any = None) -> str | None:
    """The characters from position ``start`` on (the first is 0), at most ``length`` of them."""
    if value is None:
        return None
    whole, begin = want_text(value), want_count(start)
    return whole[begin:] if length is None else whole[begin : begin + want_count(length)]


@function("text", ("replace('1.234,5', '.', '')", "'1234,5'"), types="text, text, text -> text")
def replace(value: Any, old: Any, new: Any) -> str | None:
    """The text with every ``old`` become ``new``."""
    if value is None:
        return None
    whole, before, after = want_text(value), want_text(old), want_text(new)
    if not before:
        raise Refused("the text to replace is empty", "at least one character")
    length = len(whole) + whole.count(before) * (len(after) - len(before))
    if length > MAX_TEXT:
        raise too_long(length)
    return whole.replace(before, after)


@function(
    "text",
    ("pad_left('47', 5, '0')", "'00047'"),
    ("pad_left('12345', 3)", "'12345'"),
    types="text, whole, text -> text",
)
def pad_left(value: Any, length: Any, fill: Any = " ") -> str | None:
    """The text filled up at its left to ``length`` characters; a longer text stays whole."""
    return None if value is None else want_text(value).rjust(want_count(length), _one(fill))


@function("text", ("pad_right('47', 5)", "'47   '"), types="text, whole, text -> text")
def pad_right(value: Any, length: Any, fill: Any = " ") -> str | None:
    """The text filled up at its right to ``length`` characters; a longer text stays whole."""
    return None if value is None else want_text(value).ljust(want_count(length), _one(fill))


def _one(fill: Any) -> str:
    if len(want_text(fill)) == 1:
        return str(fill)
    raise refuse_type(fill, "one character to fill with")


@function("text", ("concat('PO-', 4711)", "'PO-4711'"), ("concat('a', None, 'b')", "'ab'"), types="scalar -> text!")
def concat(*values: Any) -> str:
    """All values as one text; missing ones are left out."""
    try:
        made = "".join(values)
    except TypeError:
        return _glue("", values)
    if len(made) > MAX_TEXT:
        raise too_long(len(made))
    return made


@function(
    "text",
    ("join(['a', 'b'], '-')", "'a-b'"),
    ("join([1, None, 2], ',')", "'1,2'"),
    ("join(None, ',')", "''"),
    types="list, text -> text!",
)
def join(values: Any, separator: Any = "") -> str:
    """The items of a list as one text with a separator between them; missing ones are left out."""
    return _glue(want_text(separator), sequence(values))


def _glue(separator: str, values: Any) -> str:
    parts, length = [], 0
    for value in values:
        one = value if type(value) is str else text(value)
        if one is not None:
            parts.append(one)
            length += len(one) + len(separator)
            if length > MAX_TEXT:
                raise too_long(length)
    return separator.join(parts)


@function(
    "text",
    ("split('a,b,,c', ',')", "['a', 'b', '', 'c']"),
    ("split(None, ',')", "[]"),
    ("split('', ',')", "[]"),
    types="text, text -> list of text!",
)
def split(value: Any, separator: Any) -> list[str]:
    """The parts of a text between separators; no parts of a missing or empty text."""
    if value is None or value == "":
        return []
    between = want_text(separator)
    if not between:
        raise Refused("the separator is empty", "at least one character")
    parts = want_text(value).split(between, MAX_ITEMS)
    if len(parts) > MAX_ITEMS:
        raise Refused("the text has too many parts", f"at most {MAX_ITEMS}")
    return parts


@function(
    "text",
    ("contains('order', 'rd')", "True"),
    ("contains(['a', 'b'], 'c')", "False"),
    types="text|list|map, any -> bool!",
)
def contains(value: Any, item: Any) -> bool:
    """Whether a text has the part, or a list the item; false of a missing value. The same as ``item in value``."""
    return holds(value, item)


@function(
    "text", ("starts_with('ISA*00', 'ISA')", "True"), ("starts_with(None, 'x')", "False"), types="text, text -> bool!"
)
def starts_with(value: Any, beginning: Any) -> bool:
    """Whether the text begins so; false of a missing text."""
    return value is not None and want_text(value).startswith(want_text(beginning))


@function("text", ("ends_with('a.csv', '.csv')", "True"), types="text, text -> bool!")
def ends_with(value: Any, ending: Any) -> bool:
    """Whether the text ends so; false of a missing text."""
    return value is not None and want_text(value).endswith(want_text(ending))


@function(
    "text", ("like('PO-4711.edi', 'PO-*.edi')", "True"), ("like('A7', 'A?')", "True"), ("like('A', 'A?')", "False"),
    ("like(None, '*')", "False"),
    types="text, text -> bool!",
)  # fmt: skip
def like(value: Any, pattern: Any) -> bool:
    """Whether the whole text fits the pattern: ``*`` any characters, ``?`` one character. Regular expressions are not
    offered: their cost cannot be bounded."""
    if value is None:
        return False
    whole, wanted = want_text(value), want_text(pattern)
    if len(wanted) > 200 or len(whole) > 100_000:
        raise Refused(f"found {len(whole)} characters and a pattern of {len(wanted)}", "at most 100000 and 200")
    first, *rest = wanted.split("*")
    if not rest:
        return len(whole) == len(first) and _fits(whole, first, 0)
    last, limit = rest.pop(), len(whole)
    if limit < len(first) + len(last) or not _fits(whole, first, 0) or not _fits(whole, last, limit - len(last)):
        return False
    at, limit = len(first), limit - len(last)
    for piece in rest:
        at = _find(whole, piece, at, limit)
        if at < 0:
            return False
        at += len(piece)
    return True


def _find(whole: str, piece: str, at: int, limit: int) -> int:
    if "?" not in piece:
        return whole.find(piece, at, limit)
    return next((i for i in range(at, limit - len(piece) + 1) if _fits(whole, piece, i)), -1)


def _fits(whole: str, piece: str, at: int) -> bool:
    if "?" not in piece:
        return whole.startswith(piece, at)
    return all(p in ("?", c) for p, c in zip(piece, whole[at : at + len(piece)], strict=True))
