"""Pictures of whole numbers: digits, letters, Roman numerals and words, as XPath's format-integer (F&O 3.1, 4.6)."""

from __future__ import annotations

import functools
import math
import re
from typing import Any

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.value import NOTHING, shrink

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_LARGE = ("thousand", "million", "billion", "trillion")
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
          (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_ZEROS = (
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0,
    0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620,
    0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
)  # fmt: skip
_MOST_LETTERS = 20


def words(value: int, ordinal: bool = False) -> str:
    """``value`` in English: 123 is ``one hundred and twenty-three``."""
    text = _words(value)
    if not ordinal:
        return text
    head, last = re.fullmatch(r"(.*[ -])?(\w+)", text).groups("")  # type: ignore[union-attr]
    if last in _ORDINALS:
        return str(head + _ORDINALS[last])
    return str(head + (last[:-1] + "ieth" if last.endswith("y") else last + "th"))


def _words(value: int) -> str:
    if value < 20:
        return _SMALL[value]
    if value < 100:
        tens, ones = divmod(value, 10)
        return _TENS[tens - 2] + (f"-{_SMALL[ones]}" if ones else "")
    if value < 1000:
        hundreds, rest = divmod(value, 100)
        return f"{_SMALL[hundreds]} hundred" + (f" and {_words(rest)}" if rest else "")
    power = min((len(str(value)) - 1) // 3, len(_LARGE))
    count, rest = divmod(value, 1000**power)
    joined = "" if not rest else f" and {_words(rest)}" if rest < 100 else f", {_words(rest)}"
    return f"{_words(count)} {_LARGE[power - 1]}{joined}"


@functools.cache
def _values() -> dict[str, int]:
    known = {word: at for at, word in enumerate(_SMALL)} | {word: 20 + 10 * at for at, word in enumerate(_TENS)}
    known |= {"hundred": 100} | {word: 1000 ** (at + 1) for at, word in enumerate(_LARGE)}
    for word, value in list(known.items()):
        known[_ORDINALS.get(word, word[:-1] + "ieth" if word.endswith("y") else word + "th")] = value
    return known


def value_of_words(text: str) -> int:
    """The value of a number in English words. Raises D3137 for a word that is none."""
    segments = [0]
    for word in re.split(r",\s|\sand\s|[\s-]", text.lower()):
        value = _values().get(word)
        if value is None:
            raise JsonataError("D3137", -1, word, "no word of a number")
        if value < 100:
            top = segments.pop()
            if top >= 1000:
                segments.append(top)
                top = 0
            segments.append(top + value)
        else:
            segments.append(segments.pop() * value)
    return sum(segments)


def roman(value: int) -> str:
    """The function ``$formatInteger`` for Roman numerals."""
    made = "m" * min(value // 1000, 100_000)
    value %= 1000
    for amount, letters in _ROMAN:
        while value >= amount:
            made, value = made + letters, value - amount
    return made


def value_of_roman(text: str) -> int:
    """The function ``$parseInteger`` for Roman numerals."""
    worth = {letters: amount for amount, letters in _ROMAN if len(letters) == 1}
    total = before = 0
    for char in reversed(text.lower()):
        now = worth.get(char)
        if now is None:
            raise JsonataError("D3137", -1, text, "no Roman numeral")
        total, before = (total - now, before) if now < before else (total + now, now)
    return total


def letters(value: int, first: str) -> str:
    """The function ``$formatInteger`` for letters."""
    made = ""
    while value > 0:
        value, at = divmod(value - 1, 26)
        made = chr(ord(first) + at) + made
    return made


def format_integer(value: Any, picture: Any) -> Any:
    """The whole number as its picture shows it. Raises D3130, D3131."""
    if value is NOTHING:
        return NOTHING
    return written(math.floor(value), picture)


def written(value: int, picture: str) -> str:
    """The function ``$formatInteger`` for a whole number."""
    primary, _, modifier = picture.rpartition(";") if ";" in picture else (picture, "", "")
    ordinal = modifier.startswith("o")
    minus, value = "-" if value < 0 else "", abs(value)
    if primary in ("A", "a"):
        return minus + letters(value, primary)
    if primary in ("I", "i"):
        text = roman(value)
        return minus + (text.upper() if primary == "I" else text)
    if primary in ("W", "w", "Ww"):
        text = words(value, ordinal)
        if primary == "Ww":
            text = re.sub(r"(?<![a-z])(?!and\b)[a-z]", lambda m: m[0].upper(), text)
        return minus + (text.upper() if primary == "W" else text)
    zero, least, groups, regular = _digits(primary)
    text = str(value).rjust(least, "0")
    made = ""
    for at, char in enumerate(text):
        made += chr(ord(char) - 48 + zero)
        left = len(text) - at - 1
        if left and regular and left % regular[0] == 0:
            made += regular[1]
        elif left and not regular:
            made += groups.get(left, "")
    if ordinal:
        last, teen = text[-1], len(text) > 1 and text[-2] == "1"
        made += "th" if teen else {"1": "st", "2": "nd", "3": "rd"}.get(last, "th")
    return minus + made


def _digits(primary: str) -> tuple[int, int, dict[int, str], tuple[int, str] | None]:
    """Zero of the digits, least number of digits, separators by digits to their right, and whether they repeat."""
    zero, mandatory, count = -1, 0, 0
    groups: dict[int, str] = {}
    for char in reversed(primary):
        family = next((z for z in _ZEROS if z <= ord(char) <= z + 9), -1)
        if family >= 0:
            if zero not in (-1, family):
                raise JsonataError("D3131", -1, primary)
            zero, mandatory, count = family, mandatory + 1, count + 1
        elif char == "#":
            count += 1
        else:
            groups[count] = char
    if not mandatory:
        raise JsonataError("D3130", -1, primary)
    step = min(groups, default=0)
    even = step > 0 and len(set(groups.values())) == 1 and list(groups) == [step * (n + 1) for n in range(len(groups))]
    return zero, mandatory, groups, (step, groups[step]) if even else None


def parse_integer(text: Any, picture: Any) -> Any:
    """The whole number that a text of this picture says. Raises D3130, D3137."""
    if text is NOTHING:
        return NOTHING
    return shrink(value_of(text, picture))


def value_of(text: str, picture: str) -> int:
    """The function ``$parseInteger`` for a text."""
    primary, _, modifier = picture.rpartition(";") if ";" in picture else (picture, "", "")
    if primary in ("A", "a"):
        if len(text) > _MOST_LETTERS:
            raise JsonataError("D3137", -1, text, "too many letters for a number")
        return functools.reduce(lambda total, char: total * 26 + ord(char) - ord(primary) + 1, text, 0)
    if primary in ("I", "i"):
        return value_of_roman(text)
    if primary in ("W", "w", "Ww"):
        return value_of_words(text)
    zero, _, groups, _ = _digits(primary)
    if modifier.startswith("o"):
        text = re.sub(r"(st|nd|rd|th)$", "", text)
    for mark in set(groups.values()):
        text = text.replace(mark, "")
    plain = "".join(chr(ord(char) - zero + 48) if zero <= ord(char) <= zero + 9 else char for char in text)
    if not re.fullmatch(r"-?[0-9]{1,400}", plain):
        raise JsonataError("D3137", -1, text, "no whole number of this picture")
    return int(plain)
