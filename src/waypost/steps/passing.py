"""What steps have in common that hold messages back and then let each go on as it is."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from waypost.core.boundary import LimitOptions, Made
from waypost.core.errors import DataError
from waypost.core.message import Message
from waypost.core.spec import Size


def many() -> LimitOptions:
    """Limits of a step that holds back whatever comes: the source pauses long before (``delivery.max_open``)."""
    return LimitOptions(members=1_000_000, bytes=Size(16 << 30))


def unchanged(members: Sequence[Message]) -> list[Made]:
    """Each member as a message of its own."""
    return [Made(body=message.body, members=(place,), headers=message.headers) for place, message in enumerate(members)]


def whole_number(value: Any, where: str) -> int:
    """A whole number, also where it is written as text or as 4.0. Raises ``DataError``."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    whole = isinstance(value, Decimal | float) and value == value // 1
    if whole or (isinstance(value, str) and value.strip().removeprefix("-").isdecimal()):
        return int(value)
    raise DataError(f"found {value!r}", where=f"`{where}`", expected="a whole number")
