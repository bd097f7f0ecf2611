"""How an expression fails: refused when compiled (``ExpressionFault``) or when evaluated (``ExpressionError``)."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

from waypost.core.errors import DataError, ErrorClass, Fault, WaypostError

_show = reprlib.Repr()
_show.maxstring = _show.maxother = _show.maxlong = 60
_show.maxlist = _show.maxtuple = _show.maxdict = 4
_show.maxlevel = 2


def show(value: Any) -> str:
    """``value`` in at most about 80 characters, whatever its size."""
    try:
        return _show.repr(value)
    except ValueError:  # an integer of more digits than Python prints
        return f"a whole number of {value.bit_length()} bits" if isinstance(value, int) else type(value).__name__


class ExpressionFault(WaypostError):
    """The text of an expression is refused; nothing was evaluated. ``column`` counts characters from 1."""

    code = "expression"
    error_class = ErrorClass.CONFIGURATION

    def __init__(self, found: str, *, text: str, column: int = 1, expected: str = "", remedy: str = "") -> None:
        self.text, self.column = text, column
        shown = text if len(text) <= 120 else text[:117] + "…"
        super().__init__(found, where=f"expression `{shown}` column {column}", expected=expected, remedy=remedy)

    def fault(self, file: str, line: int) -> Fault:
        """The same as a fault of a project file."""
        return Fault(file, line, self.code, f"{self.where}: {self.found}", self.expected, self.remedy)


class ExpressionError(DataError):
    """An expression cannot be evaluated for this document. ``part`` is the sub-expression that failed, ``column``
    where it begins, ``values`` the shown values of its operands."""

    code = "expression-data"

    def __init__(
        self, found: str, *, text: str, part: str, column: int, values: Mapping[str, str],
        expected: str = "", remedy: str = "",
    ) -> None:  # fmt: skip
        self.text, self.part, self.column, self.values = text, part, column, values
        given = ", ".join(f"{name} = {value}" for name, value in values.items())
        where = f"`{part}`" if part == text else f"`{part}` at column {column} of `{text}`"
        super().__init__(found + (f" ({given})" if given else ""), where=where, expected=expected, remedy=remedy)


class Refused(Exception):
    """An operation does not accept these operands; the interpreter turns it into an ``ExpressionError``."""

    def __init__(self, found: str, expected: str = "", remedy: str = "") -> None:
        self.found, self.expected, self.remedy = found, expected, remedy
        super().__init__(found)


UNMAPPED = "unmapped"
"""How the code of a missing row of reference data begins."""


class Unmapped(Refused):
    """A table of reference data has no row for a value; ``column`` is '' for the key."""

    def __init__(self, table: str, value: str, found: str, column: str = "") -> None:
        self.code = unmapped_code(table, column, value)
        super().__init__(found, "a row for it", f"add it: waypost reference set {table} …, then release the message")


def unmapped_code(table: str, column: str, value: str) -> str:
    """What all failures for want of the same row have as their code.

    >>> unmapped_code("carriers", "", "XX"), unmapped_code("carriers", "scac", "XX")
    ('unmapped:carriers=XX', 'unmapped:carriers.scac=XX')
    """
    return f"{UNMAPPED}:{table}{f'.{column}' if column else ''}={value[:200]}"


def unmapped_parts(code: str) -> tuple[str, str, str] | None:
    """Table, column ('' for the key) and value of such a code; None for any other."""
    place, equals, value = code.removeprefix(f"{UNMAPPED}:").partition("=")
    if not equals or not code.startswith(f"{UNMAPPED}:"):
        return None
    table, _, column = place.partition(".")
    return table, column, value


class UnmappedValue(ExpressionError):
    """An expression needs a row of reference data that is not there. The message waits for it, parked."""

    error_class = ErrorClass.CONFIGURATION

    def at(self, where: str) -> UnmappedValue:
        """The same, found at this place."""
        self.where = where
        return self


def refuse_type(value: Any, expected: str, remedy: str = "") -> Refused:
    """The refusal of a value of the wrong kind."""
    return Refused(f"found {kind_of(value)}", expected, remedy)


def kind_of(value: Any) -> str:
    """The word for a value's type, as people who write maps say it."""
    if value is None:
        return "nothing (the field is missing or null)"
    for kinds, word in _WORDS:
        if isinstance(value, kinds):
            return word if word == "true or false" else f"{word} {show(value)}"
    return f"a {type(value).__name__}"


_WORDS: tuple[tuple[Any, str], ...] = (
    (bool, "true or false"), (int, "the number"), (float, "the number"), (str, "the text"), (bytes, "the bytes"),
    (Mapping, "the mapping"), ((list, tuple), "the list"),
)  # fmt: skip
