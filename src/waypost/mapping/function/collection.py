"""Functions of lists and mappings."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from waypost.mapping.access import field, index, sequence
from waypost.mapping.fault import Refused, refuse_type
from waypost.mapping.function.declaration import function
from waypost.mapping.function.text import want_text
from waypost.mapping.operation import MAX_ITEMS, exact


@function(
    "collection",
    ("count([1, 2])", "2"),
    ("count('abc')", "3"),
    ("count(None)", "0"),
    scalar=True,
    types="list|text|map -> whole!",
)
def count(value: Any) -> int:
    """How many items a list, fields a mapping or characters a text has; 0 of a missing value."""
    if type(value) is list and len(value) <= MAX_ITEMS:
        return len(value)
    return len(value) if isinstance(value, str | Mapping) else len(sequence(value))


@function("collection", ("first([1, 2])", "1"), ("first([])", "None"), scalar=True, types="list -> item?")
def first(values: Any) -> Any:
    """The first item of a list; missing of an empty or missing list."""
    return index(None if values is None else sequence(values), 0)


@function("collection", ("last([1, 2])", "2"), ("last(None)", "None"), scalar=True, types="list -> item?")
def last(values: Any) -> Any:
    """The last item of a list; missing of an empty or missing list."""
    return index(None if values is None else sequence(values), -1)


@function("collection", ("unique(['b', 'a', 'b'])", "['b', 'a']"), ("unique([1, 1.0])", "[1]"), types="list -> arg!")
def unique(values: Any) -> list[Any]:
    """The list without repetitions, in its order; its items are texts, numbers, true, false or missing."""
    seen: dict[Any, None] = {}
    for value in sequence(values):
        seen.setdefault(scalar(value))
    return list(seen)


@function("collection", ("keys({'b': 1, 'a': 2})", "['b', 'a']"), ("keys(None)", "[]"), types="map -> list of text!")
def keys(value: Any) -> list[str]:
    """The names of a mapping's fields, in their order."""
    if value is None:
        return []
    if not isinstance(value, Mapping):
        raise refuse_type(value, "a mapping")
    return list(sequence(list(value)))


@function(
    "collection", ("sort_by([{'n': 2}, {'n': 1}], 'n')", "[{'n': 1}, {'n': 2}]"), ("sort_by(['b', 'a'])", "['a', 'b']"),
    ("sort_by([1, None, 3], None, true)", "[3, 1, None]"),
    types="list, text, bool -> arg!",
)  # fmt: skip
def sort_by(values: Any, path: Any = None, descending: Any = False) -> list[Any]:
    """The list in the order of a field (``'buyer.name'``) or of the items themselves; equal ones keep their order,
    missing ones come last. Texts and numbers do not mix."""
    names = want_text(path).split(".") if path is not None else []
    present: list[tuple[Any, Any]] = []
    missing: list[tuple[Any, Any]] = []
    for value in sequence(values):
        found = value
        for name in names:
            found = field(found, name)
        (missing if found is None else present).append((scalar(found), value))
    if len({isinstance(key, str) for key, _ in present}) > 1:
        raise Refused("texts and numbers are mixed", "one kind to sort by", "use text(…) or decimal(…)")
    if any(isinstance(key, Decimal) and key.is_nan() for key, _ in present):
        raise Refused("found not-a-number", "numbers to sort by")
    present.sort(key=_first, reverse=bool(descending))
    return [value for _, value in present] + [value for _, value in missing]


@function("collection", ("flatten([[1, 2], None, [3]])", "[1, 2, 3]"), types="list -> list!")
def flatten(values: Any) -> list[Any]:
    """The items of a list's lists as one list; missing lists are empty."""
    made: list[Any] = []
    for value in sequence(values):
        made.extend(sequence(value))
        sequence(made)
    return made


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


def scalar(value: Any) -> Any:
    """``value`` if it can be compared and counted: text, number, true, false or missing; ``Refused`` otherwise."""
    if isinstance(value, float):
        return exact(value)
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Decimal) and not value.is_snan():
        return value
    raise refuse_type(value, "a text, a number, true or false")
