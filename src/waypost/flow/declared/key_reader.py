"""Reads the business keys of documents, as written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from waypost.core.errors import WaypostError

KeyReader = Callable[[Sequence[Any]], list[tuple[str, ...]]]
"""Documents → the values of one business key in each, as written."""


def key_reader(evaluate_batch: Callable[[Sequence[Any]], list[Any]]) -> KeyReader:
    """A reader of one business key; a document in which the key cannot be computed has no value."""

    def read(documents: Sequence[Any]) -> list[tuple[str, ...]]:
        found = evaluate_batch(documents)
        if set(map(type, found)) == _TEXTS:
            return [(value.strip(),) for value in found]
        return [_key_values(value) for value in found]

    return read


_TEXTS = {str}
_MOST_VALUES = 100
"""Values of one key in one message; more are not business keys."""


def _key_values(value: Any) -> tuple[str, ...]:
    if value is None or isinstance(value, WaypostError | dict):
        return ()
    if isinstance(value, list | tuple):
        few = value[:_MOST_VALUES]
        return tuple(str(one).strip() for one in few if one is not None and not isinstance(one, dict | list))
    return (str(value).strip(),)
