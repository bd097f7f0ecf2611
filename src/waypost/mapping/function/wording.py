"""Further functions of text: cutting at marks, cleaning, comparing. A missing text gives a missing result."""

from __future__ import annotations

import unicodedata
from typing import Any

from waypost.mapping.fault import Refused
from waypost.mapping.function.declaration import function
from waypost.mapping.function.text import want_count, want_text
from waypost.mapping.operation import MAX_ITEMS, bounded_text

_PLAIN = str.maketrans(
    {
        "ß": "ss",
        "ẞ": "SS",
        "Æ": "AE",
        "æ": "ae",
        "Ø": "O",
        "ø": "o",
        "Œ": "OE",
        "œ": "oe",
        "Ł": "L",
        "ł": "l",
        "Đ": "D",
        "đ": "d",
        "Þ": "Th",
        "þ": "th",
        "ı": "i",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "–": "-",
        "—": "-",
        "…": "...",
        "€": "EUR",
        "\u00a0": " ",
    }
)


@function("text", ("title('NEW yORK')", "'New York'"), types="text -> text")
def title(value: Any) -> str | None:
    """The text with each word's first letter as a capital and the rest small."""
    return None if value is None else want_text(value).title()


@function("text", ("collapse('  a   b ')", "'a b'"), types="text -> text")
def collapse(value: Any) -> str | None:
    """The text without white space at its ends, each run of white space inside it become one blank."""
    return None if value is None else " ".join(want_text(value).split())


@function("text", ("before('A-100-X', '-')", "'A'"), ("before('A', '-')", "'A'"), types="text, text -> text")
def before(value: Any, mark: Any) -> str | None:
    """What stands before the first mark; the whole text where there is none."""
    return None if value is None else want_text(value).partition(_mark(mark))[0]


@function("text", ("after('A-100-X', '-')", "'100-X'"), ("after('A', '-')", "''"), types="text, text -> text")
def after(value: Any, mark: Any) -> str | None:
    """What stands after the first mark; the empty text where there is none."""
    return None if value is None else want_text(value).partition(_mark(mark))[2]


@function(
    "text", ("part_of('A*B*C', '*', 1)", "'B'"), ("part_of('A*B', '*', 5)", "None"), types="text, text, whole -> text?"
)
def part_of(value: Any, separator: Any, place: Any) -> str | None:
    """One part of a text between separators (the first is 0); missing where there are not so many."""
    if value is None:
        return None
    wanted = want_count(place, MAX_ITEMS)
    parts = want_text(value).split(_mark(separator), wanted + 1)
    return parts[wanted] if wanted < len(parts) else None


def _mark(value: Any) -> str:
    if want_text(value):
        return str(value)
    raise Refused("the mark is empty", "at least one character")


@function("text", ("position('order', 'd')", "2"), ("position('order', 'x')", "None"), types="text, text -> whole?")
def position(value: Any, part: Any) -> int | None:
    """Where a part first begins in the text (0 is its first character); missing where it is not there."""
    if value is None:
        return None
    found = want_text(value).find(_mark(part))
    return None if found < 0 else found


@function("text", ("lines('a\\r\\nb\\nc')", "['a', 'b', 'c']"), ("lines(None)", "[]"), types="text -> list of text!")
def lines(value: Any) -> list[str]:
    """The lines of a text, without their ends (CR LF, LF or CR)."""
    if value is None or value == "":
        return []
    whole = want_text(value).replace("\r\n", "\n").replace("\r", "\n")
    if whole.count("\n") > MAX_ITEMS:
        raise Refused("the text has too many lines", f"at most {MAX_ITEMS}")
    return whole.removesuffix("\n").split("\n")


@function(
    "text",
    ("truncate('purchase order', 8)", "'purchase'"),
    ("truncate('purchase order', 9, '…')", "'purchase…'"),
    types="text, whole, text -> text",
)
def truncate(value: Any, length: Any, ending: Any = "") -> str | None:
    """The text cut to a length; a cut text ends with the ending, which counts."""
    if value is None:
        return None
    whole, most, end = want_text(value), want_count(length), want_text(ending)
    return whole if len(whole) <= most else whole[: max(0, most - len(end))] + end[:most]


@function("text", ("digits('+49 (30) 12-34')", "'49301234'"), types="text -> text")
def digits(value: Any) -> str | None:
    """The digits 0 to 9 of a text, and nothing else."""
    return None if value is None else "".join([c for c in want_text(value) if "0" <= c <= "9"])


@function("text", ("letters('A-1 b')", "'Ab'"), types="text -> text")
def letters(value: Any) -> str | None:
    """The letters of a text, and nothing else."""
    return None if value is None else "".join([c for c in want_text(value) if c.isalpha()])


@function("text", ("ascii('Straße Łódź')", "'Strasse Lodz'"), ("ascii('日', '?')", "'?'"), types="text, text -> text")
def ascii_(value: Any, instead: Any = "") -> str | None:
    """The text in ASCII: letters lose their marks; what has no plain form is replaced."""
    if value is None:
        return None
    other = want_text(instead)
    apart = unicodedata.normalize("NFKD", want_text(value).translate(_PLAIN))
    kept = [c if c < "\x80" else other for c in apart if not unicodedata.combining(c)]
    return bounded_text("".join(kept))


@function("text", ("keep('PO 47/11', 'PO0123456789')", "'PO4711'"), types="text, text -> text")
def keep(value: Any, allowed: Any) -> str | None:
    """The characters of a text that are among those allowed: for fields with a character set of their own."""
    if value is None:
        return None
    known = frozenset(want_text(allowed))
    return "".join([c for c in want_text(value) if c in known])


@function("text", ("remove_prefix('PO-4711', 'PO-')", "'4711'"), types="text, text -> text")
def remove_prefix(value: Any, prefix: Any) -> str | None:
    """The text without this beginning; unchanged where it begins otherwise."""
    return None if value is None else want_text(value).removeprefix(want_text(prefix))


@function("text", ("remove_suffix('a.edi', '.edi')", "'a'"), types="text, text -> text")
def remove_suffix(value: Any, suffix: Any) -> str | None:
    """The text without this end; unchanged where it ends otherwise."""
    return None if value is None else want_text(value).removesuffix(want_text(suffix))


@function(
    "text", ("same_text('ACME ', 'acme')", "True"), ("same_text(None, 'a')", "False"), types="text, text -> bool!"
)
def same_text(left: Any, right: Any) -> bool:
    """Whether two texts are the same but for case and white space at their ends; false when one is missing."""
    if left is None or right is None:
        return False
    return want_text(left).strip().casefold() == want_text(right).strip().casefold()


@function("text", ("blank('  ')", "True"), ("blank(None)", "True"), ("blank('a')", "False"), types="text -> bool!")
def blank(value: Any) -> bool:
    """Whether a text is missing, empty or white space alone."""
    return value is None or not want_text(value).strip()


@function(
    "text", ("or_missing('')", "None"), ("or_missing(' ')", "None"), ("or_missing('a')", "'a'"), types="text -> text?"
)
def or_missing(value: Any) -> str | None:
    """The text, missing where it is blank, so that its target is left out."""
    return None if blank(value) else str(value)
