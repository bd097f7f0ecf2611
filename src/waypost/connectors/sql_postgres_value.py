"""Values in and out of PostgreSQL as text: the server reads and writes them, so nothing is rounded on the way."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

_LONGEST = 1000
_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def as_text(value: Any) -> str:
    """A value in the form the server reads for any scalar type."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < _LONGEST:
        return format(value, "f")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, dict | list | tuple):
        return _encode(value).decode()
    return str(value)


def as_json(value: Any) -> str:
    """A value for json and jsonb: any plain data, a text as a JSON text."""
    return _encode(value).decode()


def _number(text: str) -> Any:
    number = Decimal(text)
    return number if number.is_finite() else text


def _boolean(text: str) -> bool:
    return text == "t"


def _time(text: str) -> str:
    """``2026-01-01 10:00:00.5+00`` as ``2026-01-01T10:00:00.5Z``; the session's zone is UTC."""
    made = text.replace(" ", "T", 1) if text[:1].isdigit() and not text.endswith("BC") else text
    return made[:-3] + "Z" if made.endswith("+00") else made


def _binary(text: str) -> str:
    return base64.b64encode(bytes.fromhex(text.removeprefix("\\x"))).decode()


_Codec = tuple[str, Callable[[Any], str], Callable[[str], Any]]
CODECS: tuple[_Codec, ...] = (
    *((name, as_text, int) for name in ("int2", "int4", "int8")),
    *((name, as_text, _number) for name in ("numeric", "float4", "float8")),
    *((name, as_text, str) for name in ("text", "varchar", "bpchar", "date", "time", "uuid", "interval", "timetz")),
    *((name, as_text, _time) for name in ("timestamp", "timestamptz")),
    *((name, as_json, _decode) for name in ("json", "jsonb")),
    ("bool", as_text, _boolean),
    ("bytea", as_text, _binary),
)
"""Type, how a value is written for it, how its text is read."""


def plain(value: Any) -> Any:
    """What a type without a codec of ours came as, as plain JSON data."""
    if value is None or isinstance(value, str | bool | int | Decimal | dict):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value)
