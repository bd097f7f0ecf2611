"""Values in and out of SQLite, exactly or not at all (the rules of affinity: https://sqlite.org/datatype3.html)."""

from __future__ import annotations

import base64
import datetime
import math
from decimal import Decimal
from typing import Any

import msgspec

from waypost.core.errors import DataError

MOST_DIGITS = 15
"""What a binary floating-point number keeps of any decimal."""
_INTEGERS = range(-(2**63), 2**63)
_LONGEST = 1000

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def affinity(declared: str) -> str:
    """``integer``, ``text``, ``blob``, ``real`` or ``numeric``, by section 3.1 of the page above."""
    upper = declared.upper()
    if "INT" in upper:
        return "integer"
    if any(word in upper for word in ("CHAR", "CLOB", "TEXT")):
        return "text"
    if not upper or "BLOB" in upper:
        return "blob"
    return "real" if any(word in upper for word in ("REAL", "FLOA", "DOUB")) else "numeric"


def bindable(value: Any, declared: str | None) -> Any:
    """``value`` for a column of the declared type; None where it is only compared. ``DataError`` for a number the
    column would not keep exactly."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        return _decimal(value, declared)
    if isinstance(value, int):
        return _integer(value, declared)
    if isinstance(value, float) and not math.isfinite(value):
        raise DataError(f"{value} is no number", where="column value", expected="a finite number")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, dict | list | tuple):
        return _encode(value).decode()
    return value


def _decimal(value: Decimal, declared: str | None) -> Any:
    if not value.is_finite():
        raise DataError(f"{value} is no number", where="column value", expected="a finite number")
    kind = affinity(declared) if declared is not None else "blob"
    text = format(value, "f") if abs(value.adjusted()) < _LONGEST else str(value)
    if kind == "text":
        return text
    if value == value.to_integral_value() and abs(value.adjusted()) < 20 and int(value) in _INTEGERS:
        return _integer(int(value), declared)
    number = float(value)
    if len(value.normalize().as_tuple().digits) <= MOST_DIGITS and Decimal(repr(number)) == value:
        return number
    if kind == "blob":
        return text
    raise _inexact(text, declared)


def _integer(value: int, declared: str | None) -> Any:
    kind = affinity(declared) if declared is not None else "blob"
    if kind == "real" and value != int(float(value) if abs(value) < 2**1000 else 0):
        raise _inexact(str(value), declared)
    if value in _INTEGERS:
        return value
    if kind in ("text", "blob"):
        return str(value)
    raise _inexact(str(value), declared)


def _inexact(text: str, declared: str | None) -> DataError:
    return DataError(
        f"{text[:60]} would lose digits in a column declared {declared!r}",
        where="column value",
        expected=f"at most {MOST_DIGITS} digits",
        remedy="declare the column TEXT",
        code="inexact",
    )


def plain(value: Any, declared: str) -> Any:
    """A value read from a column as plain JSON data."""
    if value is None:
        return None
    upper = declared.upper()
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, int):
        return bool(value) if upper.startswith("BOOL") and value in (0, 1) else value
    if upper.startswith("JSON"):
        try:
            return _decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value
