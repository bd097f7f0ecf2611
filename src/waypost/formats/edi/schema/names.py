"""What the segments and loops of a message are called where a document holds them by name.

A segment is called by its tag: ``BGM``. Where one level has several of a tag, the one or two values that mark it apart
follow, ``DTP_431`` or ``REF_9F_G1``, else its number, ``REF_2``. A loop has the name its schema gives it, ``SG25`` or
``2300``; where that is the tag of its first segment, as in most of X12, ``_loop`` follows: ``IT1_loop``. What may come
more than once is a list, also when it came once. An element is called by its two digits, ``02``, a component by its
number, ``1``; an element that may repeat is a list, each of its values by components.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from waypost.formats.edi.schema.model import Composite, Element, Loop, Schema, Use

ORDER = "_order"
"""Where it is needed, names in the order their segments came in."""
_MOST_VALUES = 2
_VALUE = re.compile("[A-Za-z0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Name:
    """What an item is called, and whether it is a list."""

    text: str
    many: bool


class Names:
    """The names of a schema's levels."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._levels: dict[Loop, tuple[Name, ...]] = {}

    def of(self, loop: Loop) -> tuple[Name, ...]:
        """The names of the items of a loop, each in the place of its item."""
        found = self._levels.get(loop)
        if found is None:
            found = self._levels[loop] = tuple(_named(loop.body))
        return found

    def walk(self) -> Iterator[tuple[int, Name, Use | Loop]]:
        """Every name of the message with its depth, in the order of the schema."""
        yield from self._walk(self.schema.root, 0)

    def _walk(self, loop: Loop, depth: int) -> Iterator[tuple[int, Name, Use | Loop]]:
        for name, item in zip(self.of(loop), loop.body, strict=True):
            yield depth, name, item
            if isinstance(item, Loop):
                yield from self._walk(item, depth + 1)


def element_name(number: int) -> str:
    """What the element with a number is called.

    >>> element_name(3)
    '03'
    """
    return f"{number:02}"


def _named(body: Sequence[Use | Loop]) -> Iterator[Name]:
    uses = [item.tag for item in body if isinstance(item, Use)]
    taken: set[str] = set()
    for item in body:
        plain = _loop_name(item) if isinstance(item, Loop) else item.tag
        text = plain
        if isinstance(item, Use) and uses.count(item.tag) > 1:
            text = "_".join([item.tag, *_values(item)])
        number = 1
        while text in taken:
            number += 1
            text = f"{plain}_{number}"
        taken.add(text)
        yield Name(text, item.maximum > 1)


def _loop_name(loop: Loop) -> str:
    return f"{loop.name}_loop" if loop.name == loop.tag or not loop.name else loop.name


def _values(use: Use) -> list[str]:
    """What marks a use apart, where it is short enough for a name."""
    values = sorted({value for _, _, listed in use.where for value in listed})
    return values if len(values) <= _MOST_VALUES and all(map(_VALUE.fullmatch, values)) else []


def shape(item: Element | Composite) -> int:
    """How an element is held: 0 as its text, 1 by its components, 2 as a list of such."""
    return 2 if item.repeat > 1 else int(isinstance(item, Composite))
