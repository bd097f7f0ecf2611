"""Makes the rows of a message to write from its ``body``: segments and elements by name, in the order written.

``{"BAK": {"01": "00", "03": "AC-1"}, "lines": [{"PO1": {"01": 1}}]}`` is ``BAK*00**AC-1`` and ``PO1*1``. A name is a
segment's tag, with anything behind ``_`` to tell several apart (``N1_buyer``); any other name holds segments that
belong together. A list is one after the other. An element is a value, a list of components, or components by number; a
list of those is an element that repeats. Names in ``_order`` say in which order to write, one of each name at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from waypost.core.errors import DataError
from waypost.formats.edi.schema.names import ORDER

_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{1,2}(?=_|$)")
_NUMBER = re.compile(r"[0-9]{1,3}")
_DEEPEST = 20


def rows_of_body(body: Mapping[str, Any], where: str, code: str) -> list[list[Any]]:
    """The segments of a body as rows that begin with their tag. Raises ``DataError`` for what is none."""
    return list(_rows(body, where, code, 0))


def _rows(part: Any, where: str, code: str, depth: int) -> Iterator[list[Any]]:
    if not isinstance(part, Mapping) or depth > _DEEPEST:
        raise _error(part, where, code, "segments by name, such as BAK: {01: …}")
    for name, place, one in _items(part, where, code):
        tag = _SEGMENT.match(name)
        if tag is not None and _is_segment(one):
            yield [tag[0], *_by_number(one, place, code, _element)]
        elif one is not None:
            yield from _rows(one, place, code, depth + 1)


def _items(part: Mapping[str, Any], where: str, code: str) -> Iterator[tuple[str, str, Any]]:
    """The name, the place and the value of everything a part holds, in the order it is to be written."""
    if ORDER not in part:
        for name, value in part.items():
            yield from _each(str(name), value, where)
        return
    order = part[ORDER]
    if not isinstance(order, list | tuple) or not all(isinstance(name, str) for name in order):
        raise _error(order, f"{where}.{ORDER}", code, "a list of names")
    left = {str(name): _each(str(name), value, where) for name, value in part.items() if name != ORDER}
    for name in order:
        yield from islice(left.get(name, iter(())), 1)
    for rest in left.values():
        yield from rest


def _each(name: str, value: Any, where: str) -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, list | tuple):
        yield from ((name, f"{where}.{name}[{number}]", one) for number, one in enumerate(value, 1))
    else:
        yield name, f"{where}.{name}", value


def _is_segment(value: Any) -> bool:
    """Whether it holds elements; a loop may have its first segment's name and holds segments."""
    return isinstance(value, Mapping) and all(_NUMBER.fullmatch(str(name)) for name in value)


def _by_number(values: Mapping[str, Any], where: str, code: str, read: Any) -> list[Any]:
    """The values at their places, which begin with 1; what lies between is empty."""
    made: list[Any] = []
    for name, value in values.items():
        number = int(name)
        if not number:
            raise _error(name, where, code, "elements from 01 on")
        made += [""] * (number - len(made))
        made[number - 1] = read(value, f"{where}.{name}", code)
    return made


def _element(value: Any, where: str, code: str) -> Any:
    if isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value):
        repeated = [_element(one, f"{where}[{number}]", code) for number, one in enumerate(value, 1)]
        return repeated if len(repeated) > 1 else repeated[0]
    if not isinstance(value, Mapping):
        return value
    if not _is_segment(value):
        raise _error(value, where, code, "components by number, such as {1: …, 2: …}")
    return _by_number(value, where, code, _component)


def _component(value: Any, where: str, code: str) -> Any:
    if isinstance(value, Mapping | Sequence) and not isinstance(value, str):
        raise _error(value, where, code, "text or a number")
    return value


def _error(found: Any, where: str, code: str, expected: str) -> DataError:
    return DataError(f"{str(found)[:40]!r}", where=where, expected=expected, remedy="set it in a map", code=code)
