"""Makes plausible values in place of real ones: the same for the same value under one secret, and no way back.

Identifiers go through a keyed permutation of all texts of their shape (a Feistel network of ten rounds of
HMAC-SHA-256): two different ones never become the same, digits stay digits and letters letters. Names, streets
and cities are put together of syllables. Dates of one household move by one number of days, always into the past.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

_ROUNDS = 10
_ONSETS = ("b", "br", "c", "d", "dr", "f", "g", "gr", "h", "k", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v", "w")
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "io")
_CODAS = ("", "l", "m", "n", "r", "s", "th", "nd")
_TRADES = ("HEALTH", "CLINIC", "CARE", "GROUP", "PARTNERS", "SERVICES", "MEDICAL", "SUPPLY")
_WAYS = ("ST", "AVE", "RD", "LN", "WAY")
_DIAGNOSES = ("R69", "Z0000", "J069", "M545", "R51", "E119", "I10", "K219", "N390", "J029", "R05", "L309")
_DIAGNOSES_9 = ("7999", "V700", "4659", "7245", "7840", "25000", "4019", "53081", "5990", "462", "7862", "6929")
_NPI = re.compile(r"[12][0-9]{9}")
_GS1 = re.compile(r"[0-9]{8}|[0-9]{12,14}|[0-9]{18}")
_KEPT_CACHE = 1 << 16
_WHOLE_SHIFT, _OWN_SHIFT = 365, 180


class Pseudonyms:
    """Values under one secret. Every method is a function of the secret and what it is given, and of nothing else."""

    def __init__(self, secret: bytes) -> None:
        self._secret = hmac.digest(secret, b"waypost edi redaction", "sha256")
        self.identifier = lru_cache(_KEPT_CACHE)(self._identifier)
        self.word = lru_cache(_KEPT_CACHE)(self._word)
        self.days = lru_cache(_KEPT_CACHE)(self._days)

    def _number(self, use: str, text: str) -> int:
        return int.from_bytes(hmac.digest(self._secret, f"{use}\0{text}".encode(), "sha256"), "big")

    # ── identifiers ──────────────────────────────────────────────────────────────────────────────────────────────

    def _identifier(self, text: str) -> str:
        """Another identifier of the same shape. That of a provider (NPI), and of goods and places (GS1), has a right
        check digit; no other one gets it by chance, so that two never become the same."""
        if _is_npi(text):
            body = text[0] + self.permuted("npi", text[1:9])
            return body + npi_check_digit(body)
        if _is_gs1(text):
            body = self.permuted("gs1", text[:-1])
            return body + gs1_check_digit(body)
        made = self.permuted("identifier", text)
        while _is_npi(made) or _is_gs1(made):
            made = self.permuted("identifier", made)
        return made

    def control(self, text: str) -> str:
        """A control number in place of another: however many zeros stand before it, it becomes the same number."""
        if not text.isascii() or not text.isdigit() or not 1 <= len(text) <= 9:
            return self.identifier(text)
        return self.permuted("control", text.zfill(9))

    def routing(self, text: str) -> str:
        """A bank's number; one of nine digits keeps the check digit of the American Bankers Association."""
        if not re.fullmatch("[0-9]{9}", text):
            return self.identifier(text)
        body = self.permuted("routing", text[:8])
        total = sum(int(digit) * (3, 7, 1)[at % 3] for at, digit in enumerate(body))
        return body + str(-total % 10)

    def permuted(self, use: str, text: str) -> str:
        """``text`` with its letters and digits replaced by others of their kind, one to one; other ASCII characters
        stay, and of the rest each becomes an X."""
        plain = "".join(c if c.isascii() else "X" for c in text)
        places = [at for at, c in enumerate(plain) if c.isalnum()]
        if not places:
            return plain
        shape = "".join("0" if c.isdigit() else "a" if c.islower() else "A" if c.isalpha() else c for c in plain)
        half = len(places) // 2
        left, right = places[:half], places[half:]
        x, a = _read(plain, left)
        y, b = _read(plain, right)
        for turn in range(0, _ROUNDS, 2):
            x = (x + self._number(f"{use}{turn}{shape}", str(y))) % a
            y = (y + self._number(f"{use}{turn + 1}{shape}", str(x))) % b
        made = list(plain)
        _write(made, plain, left, x)
        _write(made, plain, right, y)
        return "".join(made)

    # ── names and texts ──────────────────────────────────────────────────────────────────────────────────────────

    def _word(self, use: str, text: str, syllables: int) -> str:
        """A word that can be spoken, never the one it stands for; capitals like ``text``."""
        plain = " ".join(text.casefold().split())
        for turn in range(8):
            number, made = self._number(f"{use}{turn}", plain), ""
            for _ in range(syllables):
                for sounds in (_ONSETS, _VOWELS):
                    number, at = divmod(number, len(sounds))
                    made += sounds[at]
            made += _CODAS[number % len(_CODAS)]
            if made not in plain:
                break
        return made.upper() if text.upper() == text else made.capitalize()

    def pick(self, use: str, text: str, choices: Sequence[str]) -> str:
        """One of ``choices``, not ``text`` itself where there is another."""
        others = [one for one in choices if one != text] or list(choices)
        return others[self._number(use, text.casefold()) % len(others)]

    def surname(self, text: str) -> str:
        return self.word("surname", text, 3)

    def given(self, text: str) -> str:
        """A given name; of one letter another letter."""
        return self.permuted("initial", text) if len(text) < 3 else self.word("given", text, 2)

    def person(self, text: str) -> str:
        name = f"{self.word('given', text, 2)} {self.word('surname', text, 3)}"
        return name.upper() if text.upper() == text else name

    def company(self, text: str) -> str:
        name = f"{self.word('company', text, 3)} {self.pick('trade', text, _TRADES)}"
        return name.upper() if text.upper() == text else name.title()

    def street(self, text: str) -> str:
        number = 100 + self._number("house", text.casefold()) % 9800
        return f"{number} {self.word('street', text, 2)} {self.pick('way', text, _WAYS)}".upper()

    def city(self, text: str) -> str:
        return self.word("city", text, 3)

    def email(self, text: str) -> str:
        return f"{self.word('email', text, 3).lower()}@example.com"

    def address(self, text: str) -> str:
        return f"www.example.com/{self.word('address', text, 3).lower()}"

    def diagnosis(self, text: str) -> str:
        return self.pick("diagnosis", text, _DIAGNOSES)

    def diagnosis_9(self, text: str) -> str:
        return self.pick("diagnosis", text, _DIAGNOSES_9)

    # ── dates ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _days(self, household: str) -> int:
        """By how many days the dates of a household move; '' for those of nobody. Never 0."""
        whole = 1 + self._number("days", "") % _WHOLE_SHIFT
        return -whole if not household else -whole - self._number("days", household) % _OWN_SHIFT


def npi_check_digit(body: str) -> str:
    """The tenth digit of a National Provider Identifier (Luhn, with 80840 before it).

    >>> npi_check_digit("123456789")
    '3'
    """
    total = 24  # of the prefix 80840
    for at, digit in enumerate(map(int, reversed(body))):
        total += digit if at % 2 else sum(divmod(2 * digit, 10))
    return str(-total % 10)


def gs1_check_digit(body: str) -> str:
    """The last digit of a GTIN, GLN or SSCC.

    >>> gs1_check_digit("400638133393")
    '1'
    """
    return str(-sum(int(digit) * (1 if at % 2 else 3) for at, digit in enumerate(reversed(body))) % 10)


def _is_npi(text: str) -> bool:
    return _NPI.fullmatch(text) is not None and npi_check_digit(text[:9]) == text[9]


def _is_gs1(text: str) -> bool:
    return _GS1.fullmatch(text) is not None and gs1_check_digit(text[:-1]) == text[-1]


def shifted(text: str, days: int) -> str | None:
    """The date, or two with a hyphen, moved by so many days; a time behind it stays. None for what is no date.

    >>> shifted("20240301", -1), shifted("240301", -1), shifted("20240301-20240302", -1), shifted("202403011405", -1)
    ('20240229', '240229', '20240229-20240301', '202402291405')
    """
    if "-" in text:
        parts = [shifted(part, days) for part in text.split("-")]
        return "-".join(part or "" for part in parts) if all(parts) and len(parts) == 2 else None
    size = 6 if len(text) == 6 else 8
    day = calendar_day(text)
    if day is None:
        return None
    try:
        moved = day + timedelta(days=days)
    except OverflowError:
        return None
    return f"{moved.year:04}{moved:%m%d}"[8 - size :] + text[size:]


def calendar_day(text: str) -> date | None:
    """The day a text of 6, 8, 12 or 14 digits begins with; two-digit years from 70 on are of the last century."""
    if not text.isascii() or not text.isdigit() or len(text) not in (6, 8, 12, 14):
        return None
    full = text[:8] if len(text) > 6 else f"{'19' if text[:2] >= '70' else '20'}{text}"
    try:
        return date(int(full[:4]), int(full[4:6]), int(full[6:]))
    except ValueError:
        return None


def _radix(character: str) -> tuple[int, str]:
    if character.isdigit():
        return 10, "0"
    return 26, "a" if character.islower() else "A"


def _read(text: str, places: Sequence[int]) -> tuple[int, int]:
    """The characters at some places as one number, and below what it is."""
    value, size = 0, 1
    for at in places:
        radix, first = _radix(text[at])
        value = value * radix + ord(text[at]) - ord(first)
        size *= radix
    return value, size


def _write(made: list[str], text: str, places: Sequence[int], value: int) -> None:
    for at in reversed(places):
        radix, first = _radix(text[at])
        value, digit = divmod(value, radix)
        made[at] = chr(ord(first) + digit)
