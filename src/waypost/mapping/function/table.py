"""Functions of lists of mappings: picking, grouping, joining by a field. A path is a text, ``'buyer.name'``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from waypost.mapping.access import field, sequence
from waypost.mapping.fault import Refused, refuse_type
from waypost.mapping.function.collection import scalar
from waypost.mapping.function.declaration import function
from waypost.mapping.function.number import sum_
from waypost.mapping.function.text import want_count, want_text
from waypost.mapping.operation import MAX_ITEMS


def at_path(value: Any, path: Any) -> Any:
    """What a dotted path leads to inside ``value``; missing where it leads nowhere."""
    for name in want_text(path).split("."):
        value = field(value, name)
    return value


def grouped(values: Any, path: Any) -> dict[Any, list[Any]]:
    """The items by the value of a field, in the order of their first appearance."""
    found: dict[Any, list[Any]] = {}
    for value in sequence(values):
        found.setdefault(scalar(at_path(value, path)), []).append(value)
    return found


@function("collection", ("pluck([{'n': 1}, {'n': 2}], 'n')", "[1, 2]"), types="list, text -> list!")
def pluck(values: Any, path: Any) -> list[Any]:
    """That field of each item, missing ones included."""
    return [at_path(value, path) for value in sequence(values)]


@function(
    "collection",
    ("find([{'q': 'ST', 'n': 'A'}], 'q', 'ST')", "{'q': 'ST', 'n': 'A'}"),
    ("find([], 'q', 'ST')", "None"),
    types="list, text, any -> item?",
)
def find(values: Any, path: Any, wanted: Any) -> Any:
    """The first item whose field has the value, such as the party with a qualifier."""
    key = scalar(wanted)
    return next((value for value in sequence(values) if scalar(at_path(value, path)) == key), None)


@function("collection", ("find_all([{'q': 1}, {'q': 2}], 'q', 2)", "[{'q': 2}]"), types="list, text, any -> arg!")
def find_all(values: Any, path: Any, wanted: Any) -> list[Any]:
    """Every item whose field has the value."""
    key = scalar(wanted)
    return [value for value in sequence(values) if scalar(at_path(value, path)) == key]


@function(
    "collection",
    (
        "group_by([{'k': 'a', 'n': 1}, {'k': 'a', 'n': 2}], 'k')",
        "[{'key': 'a', 'items': [{'k': 'a', 'n': 1}, {'k': 'a', 'n': 2}]}]",
    ),
    types="list, text -> list of map!",
)
def group_by(values: Any, path: Any) -> list[dict[str, Any]]:
    """The items grouped by a field: mappings of ``key`` and ``items``, in the order of their first appearance."""
    return [{"key": key, "items": items} for key, items in grouped(values, path).items()]


@function(
    "collection",
    ("join_by([{'id': 1}], [{'of': 1, 'x': 2}], 'id', 'of')", "[{'left': {'id': 1}, 'right': {'of': 1, 'x': 2}}]"),
    types="list, list, text, text -> list of map!",
)
def join_by(left: Any, right: Any, left_path: Any, right_path: Any) -> list[dict[str, Any]]:
    """Each pair of items of two lists whose fields are equal, as ``left`` and ``right``; a left item without a partner
    comes once, without ``right``. A missing field has no partner."""
    partners = grouped(right, right_path)
    made: list[dict[str, Any]] = []
    for one in sequence(left):
        key = scalar(at_path(one, left_path))
        found = partners.get(key, []) if key is not None else []
        made.extend({"left": one, "right": each} for each in found or [None])
        if len(made) > MAX_ITEMS:
            raise Refused("the join has too many pairs", f"at most {MAX_ITEMS}")
    return made


@function("collection", ("sum_by([{'n': 1}, {'n': 2.5}], 'n')", "3.5"), types="list, text -> number!")
def sum_by(values: Any, path: Any) -> Any:
    """That field of each item, added up; missing ones are left out."""
    return sum_([found for found in pluck(values, path) if found is not None])


@function(
    "collection",
    ("unique_by([{'k': 1, 'n': 1}, {'k': 1, 'n': 2}], 'k')", "[{'k': 1, 'n': 1}]"),
    types="list, text -> arg!",
)
def unique_by(values: Any, path: Any) -> list[Any]:
    """The first item of each value of a field."""
    return [items[0] for items in grouped(values, path).values()]


@function("collection", ("compact([1, None, '', 2])", "[1, 2]"), types="list -> arg!")
def compact(values: Any) -> list[Any]:
    """The list without missing items and empty texts."""
    return [value for value in sequence(values) if value is not None and value != ""]


@function("collection", ("reverse([1, 2])", "[2, 1]"), types="list -> arg!")
def reverse(values: Any) -> list[Any]:
    """The list from its end to its beginning."""
    return list(sequence(values))[::-1]


@function("collection", ("chunks([1, 2, 3], 2)", "[[1, 2], [3]]"), types="list, whole -> list of list!")
def chunks(values: Any, size: Any) -> list[list[Any]]:
    """The list in pieces of so many items; the last may be shorter."""
    found, width = list(sequence(values)), want_count(size, MAX_ITEMS)
    if not width:
        raise Refused("the pieces would be empty", "a size of at least 1")
    return [found[at : at + width] for at in range(0, len(found), width)]


@function("collection", ("numbers(3)", "[1, 2, 3]"), ("numbers(0)", "[]"), types="whole -> list of whole!")
def numbers(count: Any) -> list[int]:
    """The whole numbers from 1 to the one given, to walk so many times."""
    return [] if count is None else list(range(1, want_count(count, MAX_ITEMS) + 1))


@function(
    "collection",
    ("as_list({'a': 1})", "[{'a': 1}]"),
    ("as_list([1])", "[1]"),
    ("as_list(None)", "[]"),
    types="any -> list!",
)
def as_list(value: Any) -> list[Any]:
    """A list as it is, any other value as a list of one: for elements that come once or many times."""
    return [] if value is None else list(sequence(value)) if isinstance(value, list | tuple) else [value]


@function("collection", ("any_of([false, 1])", "True"), ("any_of([])", "False"), types="list -> bool!")
def any_of(values: Any) -> bool:
    """Whether one of the items counts as true."""
    return any(sequence(values))


@function("collection", ("all_of([true, 0])", "False"), ("all_of([])", "True"), types="list -> bool!")
def all_of(values: Any) -> bool:
    """Whether each of the items counts as true."""
    return all(sequence(values))


@function("collection", ("common(['a', 'b'], ['b', 'c'])", "['b']"), types="list, list -> arg!")
def common(left: Any, right: Any) -> list[Any]:
    """The items of the first list that are in the second, too; texts, numbers, true or false."""
    known = {scalar(value) for value in sequence(right)}
    return [value for value in sequence(left) if scalar(value) in known]


@function("collection", ("without(['a', 'b'], ['b', 'c'])", "['a']"), types="list, list -> arg!")
def without(left: Any, right: Any) -> list[Any]:
    """The items of the first list that are not in the second; texts, numbers, true or false."""
    known = {scalar(value) for value in sequence(right)}
    return [value for value in sequence(left) if scalar(value) not in known]


def _mapping(value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise refuse_type(value, "a mapping")
    sequence([*value])
    return value


@function("collection", ("values({'b': 1, 'a': 2})", "[1, 2]"), types="map -> list!")
def values(value: Any) -> list[Any]:
    """The values of a mapping's fields, in their order."""
    return list(_mapping(value).values())


@function("collection", ("pairs({'a': 1})", "[{'key': 'a', 'value': 1}]"), types="map -> list of map!")
def pairs(value: Any) -> list[dict[str, Any]]:
    """The fields of a mapping as a list of ``key`` and ``value``."""
    return [{"key": key, "value": each} for key, each in _mapping(value).items()]


@function(
    "collection", ("from_pairs([{'q': 'ST', 'n': 'A'}], 'q', 'n')", "{'ST': 'A'}"), types="list, text, text -> map!"
)
def from_pairs(values: Any, key: Any = "key", value: Any = "value") -> dict[str, Any]:
    """A mapping out of a list of mappings: one field's text is the name, another the value; the last of a name wins."""
    return {want_text(at_path(each, key)): at_path(each, value) for each in sequence(values)}


@function("collection", ("merge({'a': 1}, {'b': 2}, None)", "{'a': 1, 'b': 2}"), types="map -> map!")
def merge(*values: Any) -> dict[str, Any]:
    """The fields of several mappings in one; later ones win, missing mappings are empty."""
    made: dict[str, Any] = {}
    for value in values:
        made.update(_mapping(value))
    return made


@function("collection", ("pick({'a': 1, 'b': 2}, ['a', 'x'])", "{'a': 1}"), types="map, list -> map!")
def pick(value: Any, names: Any) -> dict[str, Any]:
    """Those fields of a mapping that are named."""
    found = _mapping(value)
    return {name: found[name] for name in map(want_text, sequence(names)) if name in found}


@function("collection", ("omit({'a': 1, 'b': 2}, ['a'])", "{'b': 2}"), types="map, list -> map!")
def omit(value: Any, names: Any) -> dict[str, Any]:
    """The fields of a mapping but those named."""
    left_out = frozenset(map(want_text, sequence(names)))
    return {name: each for name, each in _mapping(value).items() if name not in left_out}
