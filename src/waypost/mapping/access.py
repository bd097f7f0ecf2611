"""Reaching into values and bounding the work on them: fields, items, parts, membership.

As in ``operation``, each gives a value or raises ``Refused``; what is missing gives nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from waypost.mapping.fault import Refused, refuse_type
from waypost.mapping.operation import MAX_ITEMS, equal, exact, spend

_MAX_NODES = 1_000_000


def field(value: Any, name: str) -> Any:
    """Field ``name`` of a mapping; nothing of nothing; ``Refused`` for a value that has no fields."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(value, list | tuple):
        raise Refused(
            f"field {name!r} is asked of a list", "one item of it", "write list[0], or [x for x in list] to walk it"
        )
    raise refuse_type(value, f"a mapping with the field {name!r}")


def index(value: Any, key: Any) -> Any:
    """``value[key]``: an item (0 is the first, -1 the last), a field, a character; nothing where there is none."""
    if value is None or key is None:
        return None
    if isinstance(value, Mapping):
        if not isinstance(key, str):
            raise refuse_type(key, "the name of a field, as text", "a list may have come as a single mapping")
        return value.get(key)
    if type(key) is not int:
        raise refuse_type(key, "a whole number as index")
    if not isinstance(value, str):
        value = sequence(value)
    return value[key] if -len(value) <= key < len(value) else None


def part(value: Any, start: Any, stop: Any) -> Any:
    """``value[start:stop]`` of a text or a list; what lies outside is simply not there."""
    if value is None:
        return None
    for bound in (start, stop):
        if bound is not None and type(bound) is not int:
            raise refuse_type(bound, "a whole number as bound")
    if isinstance(value, str):
        return value[start:stop]
    return list(sequence(value)[start:stop])


def sequence(value: Any) -> Sequence[Any]:
    """``value`` as a list of bounded length; nothing is the empty list."""
    if value is None:
        return ()
    if (
        type(value) is not list
        and not isinstance(value, list | tuple)
        and (isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence))
    ):
        remedy = "write [value] to make a list of one" if isinstance(value, Mapping) else ""
        raise refuse_type(value, "a list", remedy)
    if len(value) > MAX_ITEMS:
        raise Refused(f"found a list of {len(value)} items", f"at most {MAX_ITEMS}", "split the message first")
    return value


def contains(container: Any, item: Any, work: list[int] | None = None) -> bool:
    """``item in container``: an item of a list, a part of a text, a key of a mapping; false when either is missing."""
    if container is None:
        return False
    if isinstance(container, str):
        if item is None:
            return False
        if not isinstance(item, str):
            raise refuse_type(item, "a text to look for in a text", "use text(…)")
        return item in container
    if isinstance(container, Mapping):
        return isinstance(item, str) and item in container
    return any(equal(each, item, work) for each in sequence(container))


# ── bounds ───────────────────────────────────────────────────────────────────────────────────────────────────────


def items(value: Any, work: list[int], weight: int) -> Sequence[Any]:
    """The items a comprehension walks, charged to ``work``."""
    if type(value) is list and (count := len(value)) <= MAX_ITEMS:
        work[0] -= count * weight
        if work[0] >= 0:
            return value
    found = sequence(value)
    spend(work, len(found) * weight)
    return found


def pay(value: Any, work: list[int]) -> Any:
    """``value``, charged by its size; used inside loops, where a large operand is handled many times."""
    kind = type(value)
    if kind is str or kind is bytes:
        if len(value) > 256:
            spend(work, len(value) >> 4)
    elif (kind is list or kind is dict) and len(value) > 16:
        spend(work, len(value))
    return value


def bounded(value: Any) -> Any:
    """``value``, refused when it would unfold to more than a million values when written out."""
    if type(value) is not list and type(value) is not dict:
        return value
    rest: list[Any] = [value]
    seen = 0
    while rest:
        one = rest.pop()
        children: Any = one.values() if isinstance(one, Mapping) else one if isinstance(one, list | tuple) else ()
        seen += len(children)
        if seen > _MAX_NODES:
            raise Refused("the result is too large", f"at most {_MAX_NODES} values")
        rest.extend(child for child in children if isinstance(child, list | tuple | Mapping))
    return value


# ── joining and grouping ─────────────────────────────────────────────────────────────────────────────────────────


def join_key(value: Any) -> Any:
    """``value`` as what items are joined and grouped by: equal values of the language are one key."""
    if isinstance(value, float):
        return exact(value)
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Decimal) and not value.is_nan():
        return value
    raise refuse_type(value, "a text, a number, true or false to join or group by")


def partners(index: Mapping[Any, list[Any]], key: Any, keep_all: bool) -> list[Any]:
    """The items of a joined list with that key; missing has none. ``keep_all``: one missing item in place of none."""
    found = index.get(key, []) if key is not None else []
    return found or ([None] if keep_all else [])
