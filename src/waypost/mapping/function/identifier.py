"""Countries, currencies, units of measure and numbers with a check digit.

The lists are data files: countries by ISO 3166-1, currencies by ISO 4217 (money in use, without funds and metals),
units by UNECE Recommendation 20 with their X12 codes (element 355) and factors to the unit of their dimension.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from waypost.core.errors import near
from waypost.mapping.fault import Refused, refuse_type
from waypost.mapping.function.declaration import function
from waypost.mapping.function.number import round_
from waypost.mapping.function.text import text, want_text
from waypost.mapping.operation import CONTEXT, number


@dataclass(frozen=True, slots=True)
class CodeList:
    """A published list: its rows by every code they have, capitals, and by their name in capitals."""

    headings: tuple[str, ...]
    rows: dict[str, dict[str, str]]

    def value(self, value: Any, column: Any) -> str | None:
        """A column of the row that a code or name means; missing where there is none."""
        if column not in self.headings:
            raise Refused(
                f"there is no column {column!r}", "one of " + ", ".join(self.headings), near(str(column), self.headings)
            )
        row = self.row(value)
        return None if row is None else row[column] or None

    def row(self, value: Any) -> dict[str, str] | None:
        shown = text(value)
        return None if shown is None or len(shown) > 100 else self.rows.get(shown.strip().upper())


@cache
def code_list(name: str) -> CodeList:
    """The list in the data file of that name."""
    data = resources.files("waypost.mapping").joinpath("data", f"{name}.csv").read_text("utf-8")
    lines = csv.DictReader(data.splitlines())
    headings = tuple(lines.fieldnames or ())
    rows: dict[str, dict[str, str]] = {}
    read = list(lines)
    for heading in ("code", "alpha3", "numeric", "symbol", "x12", "name"):
        for row in read:
            if row.get(heading):
                rows.setdefault(row[heading].upper(), row)
    return CodeList(headings, rows)


@function(
    "code",
    ("country('Germany')", "'DE'"),
    ("country('DEU', 'numeric')", "'276'"),
    ("country('XX')", "None"),
    types="scalar, text -> text?",
    scalar=True,
)
def country(value: Any, column: Any = "code") -> str | None:
    """The country (ISO 3166-1) that a code or English name means, as ``code`` (two letters), ``alpha3``, ``numeric`` or
    ``name``; missing where there is none."""
    return code_list("countries").value(value, column)


@function(
    "code",
    ("currency('978')", "'EUR'"),
    ("currency('JPY', 'places')", "'0'"),
    ("currency('EURO')", "'EUR'"),
    types="scalar, text -> text?",
    scalar=True,
)
def currency(value: Any, column: Any = "code") -> str | None:
    """The currency (ISO 4217) that a code or name means, as ``code``, ``numeric``, ``places`` (decimals of its smallest
    coin) or ``name``; missing where there is none."""
    return code_list("currencies").value(value, column)


@function(
    "code",
    ("unit('kg')", "'KGM'"),
    ("unit('LBR', 'x12')", "'LB'"),
    ("unit('EA')", "'C62'"),
    types="scalar, text -> text?",
    scalar=True,
)
def unit(value: Any, column: Any = "code") -> str | None:
    """The unit that a code, symbol or name means, as ``code`` (UNECE Rec. 20), ``symbol``, ``x12``, ``dimension`` or
    ``name``; missing where there is none."""
    return code_list("units").value(value, column)


@function(
    "number",
    ("round(convert(10, 'LBR', 'KGM'), 3)", "4.536"),
    ("convert(3, 'DZN', 'EA')", "decimal(36)"),
    ("round(convert(100, '°C', '°F'), 6)", "212.000000"),
    types="number, text, text -> number",
    scalar=True,
)
def convert(value: Any, given: Any, wanted: Any) -> Decimal | None:
    """A quantity in another unit of the same dimension, by its Rec. 20 or X12 code or its symbol."""
    if value is None:
        return None
    units = code_list("units")
    rows = []
    for name in (given, wanted):
        row = units.row(name)
        if row is None:
            raise Refused(f"no unit is called {name!r}", "a code of UNECE Rec. 20, such as KGM")
        rows.append(row)
    first, second = rows
    if first["dimension"] != second["dimension"]:
        raise Refused(f"{given} is a {first['dimension']}, {wanted} a {second['dimension']}", "units of one dimension")
    own = CONTEXT.add(CONTEXT.multiply(number(value), Decimal(first["factor"])), Decimal(first["offset"]))
    return CONTEXT.divide(CONTEXT.subtract(own, Decimal(second["offset"])), Decimal(second["factor"]))


@function(
    "number",
    ("round_money(12.345, 'EUR')", "12.35"),
    ("round_money(12.5, 'JPY')", "13"),
    types="number, text -> number",
    scalar=True,
)
def round_money(value: Any, code: Any) -> Any:
    """An amount with the decimals of its currency (ISO 4217), half-up."""
    places = currency(code, "places")
    if places is None:
        raise Refused(f"no currency is called {code!r}", "a code of ISO 4217, such as EUR")
    return round_(value, int(places), "half_up")


def _numerals(value: Any, most: int = 100) -> str:
    shown = (text(value) or "").replace(" ", "").replace("-", "")
    if not shown or len(shown) > most or not (shown.isascii() and shown.isdigit()):
        raise refuse_type(value, f"1 to {most} digits")
    return shown


def _gs1(body: str) -> str:
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return str(-total % 10)


def _luhn(body: str) -> str:
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body))]
    return str(-sum(each // 10 + each % 10 for each in doubled) % 10)


def _mod97(shown: str) -> int:
    return int("".join(str(int(c, 36)) for c in shown)) % 97


_CHECKS = {"gs1": _gs1, "luhn": _luhn}
_KINDS = "gs1 (GTIN, GLN, SSCC), luhn (cards, NPI), iban or lei"


@function(
    "code",
    ("check_digit('400638133393', 'gs1')", "'1'"),
    ("check_digit('7992739871', 'luhn')", "'3'"),
    types="scalar, text -> text",
    scalar=True,
)
def check_digit(value: Any, kind: Any) -> str | None:
    """The check digit to put behind a number: ``gs1`` or ``luhn``."""
    if value is None:
        return None
    if kind not in _CHECKS:
        raise refuse_type(kind, "'gs1' or 'luhn'")
    return _CHECKS[kind](_numerals(value))


@function(
    "code",
    ("valid_id('4006381333931', 'gs1')", "True"),
    ("valid_id('DE89 3704 0044 0532 0130 00', 'iban')", "True"),
    ("valid_id('4006381333932', 'gs1')", "False"),
    types="scalar, text -> bool!",
    scalar=True,
)
def valid_id(value: Any, kind: Any) -> bool:
    """Whether a number's check digit is right: ``gs1`` (GTIN, GLN, SSCC), ``luhn`` (cards, NPI), ``iban``, ``lei``."""
    if kind in ("iban", "lei"):
        shown = (text(value) or "").replace(" ", "").upper()
        least, most = (15, 34) if kind == "iban" else (20, 20)
        if not least <= len(shown) <= most or not (shown.isascii() and shown.isalnum()):
            return False
        return _mod97(shown[4:] + shown[:4] if kind == "iban" else shown) == 1
    if kind not in _CHECKS:
        raise refuse_type(kind, f"one of {_KINDS}")
    try:
        shown = _numerals(value)
    except Refused:
        return False
    return len(shown) > 1 and _CHECKS[str(want_text(kind))](shown[:-1]) == shown[-1]
