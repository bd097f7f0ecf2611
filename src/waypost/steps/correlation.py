"""Which messages belong together: the text of a correlation key, the same for equal keys however they are written."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from waypost.core.component import Failed
from waypost.core.errors import DataError
from waypost.core.message import Message
from waypost.mapping.expression import Compiled, compile_expression

_encode = msgspec.json.Encoder(decimal_format="number", order="sorted").encode


class Correlation:
    """The group of each message by an expression; without one all messages are one group, named ''."""

    def __init__(self, expression: str | None) -> None:
        self._key: Compiled | None = None if expression is None else compile_expression(expression)

    def of(self, batch: Sequence[Message]) -> list[str | Failed]:
        if self._key is None:
            return [""] * len(batch)
        found = [key_text(key, self._key.text) for key in self._key.of_messages(batch)]
        return [Failed(key) if isinstance(key, DataError) else key for key in found]


def key_text(key: Any, expression: str) -> str | DataError:
    """A key as text: 1, 1.0 and 1.00 are the same. An error for one that is missing or cannot be written."""
    if isinstance(key, DataError):
        return key
    where = f"`{expression}`"
    if key is None or key == "" or (isinstance(key, list) and all(part is None for part in key)):
        remedy = "filter such messages out before, or choose another key"
        return DataError("the message has no key", where=where, expected="a value", remedy=remedy)
    try:
        return key if isinstance(key, str) else _encode(_exact(key)).decode()
    except (TypeError, ValueError) as error:
        return DataError(f"the key cannot be written: {error}", where=where)


def _exact(key: Any) -> Any:
    """The key with floats and whole decimals written one way."""
    if isinstance(key, list | tuple):
        return [_exact(part) for part in key]
    if isinstance(key, float | Decimal):
        number = Decimal(repr(key)) if isinstance(key, float) else key
        return int(number) if number == number.to_integral_value() else number.normalize()
    return key
