"""Fields of a message named by a path with dots, written without changing the message that is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from waypost.core.errors import DataError
from waypost.core.spec import OptionFault


def split_path(path: str) -> tuple[str, ...]:
    """The names of a path; none of an empty one."""
    return tuple(path.split(".")) if path else ()


def path_faults(option: str, path: str, *, may_be_empty: bool = False) -> Iterator[OptionFault]:
    """What is wrong with a path that an option names."""
    if not (path or may_be_empty) or (path and not all(path.split("."))):
        yield OptionFault(option, f"found {path!r}", "the name of a field, or names with dots between them")


def put(body: Any, names: Sequence[str], value: Any, *, drop: bool = False) -> dict[str, Any]:
    """``body`` with ``value`` at the path ``names``, or with ``drop`` without that field; what is changed is copied,
    the rest is shared. ``DataError`` where something that is no mapping is in the way."""
    if body is not None and not isinstance(body, Mapping):
        raise DataError(f"{names[0]!r} has no place in a {type(body).__name__}", expected="a mapping")
    made = dict(body or {})
    if len(names) > 1:
        made[names[0]] = put(made.get(names[0]), names[1:], value, drop=drop)
    elif drop:
        made.pop(names[0], None)
    else:
        made[names[0]] = value
    return made
