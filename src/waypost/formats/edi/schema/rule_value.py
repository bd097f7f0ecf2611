"""What a compiled rule calls: values of elements, sums, counts, dates, check digits.

A row is a segment as its elements, the tag first. A value that is not there is None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

Rows = Sequence[Sequence[str]]
Number = int | Decimal
_NUMBER = re.compile(r"-?(?:[0-9]{1,60}(?:[.,][0-9]{0,60})?|[.,][0-9]{1,60})").fullmatch
_MOST_DIGITS = 60
_HASH_LIMIT = 10_000_000_000
"""X12 keeps the last ten digits of a hash total (element 347)."""


def number(text: str, places: int) -> Number | None:
    """``text`` as a number whose last ``places`` digits are decimals; None where it is none."""
    if not places and len(text) <= _MOST_DIGITS and text.isdecimal() and text.isascii():
        return int(text)
    if not _NUMBER(text):
        return None
    value = Decimal(text.replace(",", "."))
    return value.scaleb(-places) if places else value


class Values:
    """Reads elements whose components are separated by ``component``."""

    def __init__(self, component: str) -> None:
        self._component = component

    def cell(self, row: Sequence[str], element: int, component: int) -> str | None:
        """One value, None where it is empty."""
        if element >= len(row):
            return None
        text = row[element]
        if component:
            parts = text.split(self._component)
            return (parts[component - 1] or None) if component <= len(parts) else None
        return text or None

    def text(self, rows: Rows | None, element: int, component: int) -> str | None:
        """The first value there is, as text."""
        for row in rows or ():
            text = self.cell(row, element, component)
            if text is not None:
                return text
        return None

    def value(self, rows: Rows | None, element: int, component: int, places: int) -> Number | str | None:
        """The first value there is: a number where it looks like one."""
        text = self.text(rows, element, component)
        if text is None:
            return None
        found = number(text, places)
        return text if found is None else found

    def cell_value(self, row: Sequence[str], element: int, component: int, places: int) -> Number | str | None:
        """The value of one row: a number where it looks like one."""
        return self.value((row,), element, component, places)

    def total(self, rows: Rows | None, elements: Iterable[int], component: int, places: int) -> Number:
        """The sum of all values of some elements; what is no number counts as nothing."""
        made: Number = 0
        for row in rows or ():
            for element in elements:
                text = self.cell(row, element, component)
                if text is not None and (value := number(text, places)) is not None:
                    made = made + value
        return made

    def hash_total(self, rows: Rows | None, elements: Iterable[int], component: int, places: int) -> int:
        """The sum of all values without regard to sign and decimal point, its last ten digits."""
        made = 0
        for row in rows or ():
            for element in elements:
                text = self.cell(row, element, component)
                if text is not None and _NUMBER(text):
                    made += int(re.sub("[^0-9]", "", text))
        return made % _HASH_LIMIT

    def many(self, rows: Rows | None, element: int, component: int) -> int:
        """How many values there are."""
        return sum(self.cell(row, element, component) is not None for row in rows or ())


class UncutValues(Values):
    """Reads elements of segments not split yet: most rows are kept for nothing, since nobody asks for them."""

    def __init__(self, separator: str, component: str) -> None:
        super().__init__(component)
        self._separator = separator
        self._last: tuple[Any, list[str]] = (None, [])

    def cell(self, row: Any, element: int, component: int) -> str | None:
        """One value, None where it is empty."""
        cells = row.split(self._separator, element + 1)
        if element >= len(cells):
            return None
        return self._part(cells[element], component) if component else cells[element] or None

    def text(self, rows: Any, element: int, component: int) -> str | None:
        """The first value there is, as text."""
        for row in rows or ():
            last = self._last  # rules ask for several elements of one row; one look and one write, for other threads
            if last[0] is not row:
                last = self._last = (row, row.split(self._separator))
            cells = last[1]
            if element < len(cells):
                text = self._part(cells[element], component) if component else cells[element]
                if text:
                    return text
        return None

    def total(self, rows: Any, elements: Iterable[int], component: int, places: int) -> Number:
        """The sum of all values of some elements; what is no number counts as nothing."""
        made: Number = 0
        for row in rows or ():
            cells = row.split(self._separator)
            for element in elements:
                if element < len(cells) and cells[element]:
                    text = self._part(cells[element], component) if component else cells[element]
                    if text and (value := number(text, places)) is not None:
                        made = made + value
        return made

    def _part(self, text: str, component: int) -> str | None:
        parts = text.split(self._component)
        return (parts[component - 1] or None) if component <= len(parts) else None


def known(every: bool, *held: bool | None) -> bool | None:
    """Whether all, or any, of what is known holds; None where nothing is known."""
    there = [h for h in held if h is not None]
    if not there:
        return None
    return all(there) if every else any(there)


_DATE = re.compile(r"([0-9]{8}|[0-9]{6})(?:[0-9]{4,6})?(?:-([0-9]{8}|[0-9]{6})(?:[0-9]{4,6})?)?").fullmatch


def date(text: str | None, last: bool = False) -> str | None:
    """The eight digits of a date, of the first or last one of a period; None where it is no date.

    >>> date("20240131-20240229", True), date("240131"), date("202401311200")
    ('20240229', '20240131', '20240131')
    """
    match = _DATE(text or "")
    if not match:
        return None
    found = (match[2] if last and match[2] else match[1]) or ""
    return found if len(found) == 8 else f"{'19' if found >= '70' else '20'}{found}"


def check_digit(kind: str, text: str | None) -> bool | None:
    """Whether the last digit is what the others make it; None where there is no value.

    >>> check_digit("npi", "1234567893"), check_digit("gtin", "4006381333931"), check_digit("gtin", "4006381333932")
    (True, True, False)
    """
    if text is None:
        return None
    return text.isascii() and text.isdigit() and _CHECKS[kind](text)


def _luhn(digits: str) -> bool:
    total = 0
    for number_, digit in enumerate(map(int, reversed(digits))):
        total += digit if number_ % 2 == 0 else sum(divmod(2 * digit, 10))
    return total % 10 == 0


def _gs1(digits: str) -> bool:
    return len(digits) in (8, 12, 13, 14, 17, 18) and sum(
        int(d) * (3 if n % 2 else 1) for n, d in enumerate(reversed(digits))
    ) % 10 == 0  # fmt: skip


_CHECKS: dict[str, Callable[[str], bool]] = {
    "npi": lambda digits: len(digits) == 10 and _luhn(f"80840{digits}"), "luhn": _luhn, "gtin": _gs1,
}  # fmt: skip
CHECKS = tuple(_CHECKS)


def compared(apply: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """What an operator makes of two values; None where one is missing or they can't be compared: the element's own
    fault says so."""
    if left is None or right is None:
        return None
    try:
        return apply(left, right)
    except (TypeError, ArithmeticError):
        return None
