"""Positions of a polled table: texts that rise as the database orders its rows, and the values they stand for.

A position is the polled column, then the tie-breaking key, joined by U+001F, which sorts before every character that
may stand in a text position. Whole numbers are moved up by 2⁶³ and padded; moments are padded to microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from waypost.core.errors import ConfigurationRefused

SEPARATOR = "\x1f"
_SHIFT = 2**63
_MOMENTS = frozenset({"timestamp", "timestamptz"})


def position_of(values: Sequence[Any], types: Sequence[str]) -> str:
    """The position of a row by the values of its ordering columns. ``ConfigurationRefused`` for a value that cannot be
    ordered this way.

    >>> position_of([7, "a"], ["int4", "text"]) < position_of([12, "a"], ["int4", "text"])
    True
    """
    return SEPARATOR.join(_text(value, kind) for value, kind in zip(values, types, strict=True))


def values_of(position: str) -> tuple[Any, ...]:
    """The values a position stands for, to be bound."""
    return tuple(int(part[1:]) - _SHIFT if part[0] == "i" else part[1:] for part in position.split(SEPARATOR))


def _text(value: Any, kind: str) -> str:
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -_SHIFT <= value < _SHIFT:
        return f"i{value + _SHIFT:020d}"
    if isinstance(value, str) and kind in _MOMENTS:
        return f"t{_padded(value)}"
    if isinstance(value, str) and not any(character < " " for character in value):
        return f"s{value}"
    raise ConfigurationRefused(
        f"a row cannot be ordered by {value!r}", where="sql source",
        expected="whole numbers, moments or texts without control characters", remedy="poll by another column",
    )  # fmt: skip


def _padded(moment: str) -> str:
    """``2026-01-01T10:00:00.5Z`` with six digits. Years beyond four digits, BC and infinity have no such form."""
    zone = "Z" if moment.endswith("Z") else ""
    whole, _, fraction = moment.removesuffix("Z").partition(".")
    if len(whole) != 19 or whole[10:11] != "T":
        raise ConfigurationRefused(
            f"a row cannot be ordered by {moment!r}", where="sql source", expected="a moment of the years 1 to 9999"
        )
    return f"{whole}.{fraction:0<6}{zone}"
