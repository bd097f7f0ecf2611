"""One regular expression for each use of a segment: types, lengths, codes, composites, repetition, conditions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from waypost.formats.edi.schema.condition import Grain, violations
from waypost.formats.edi.schema.model import UNLIMITED, Composite, Element, Segment, Use
from waypost.formats.edi.schema.notation import places

PLACEHOLDERS = "\x01\x02\x03\x04\x05"
"""What released characters are written as while a message is looked at, each one character long."""

Item = Element | Composite
_DATE = r"(?:[0-9]{2})?[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9][0-9]{0,2})?"


@dataclass(frozen=True, slots=True)
class Marks:
    """The separators of an interchange as text; ``repetition`` may be empty. Where a damaged header names no component
    separator, a character stands for it that no data holds."""

    element: str
    component: str
    repetition: str = ""
    segment: str = ""
    release: str = ""
    decimal: str = "."

    def __post_init__(self) -> None:
        if not self.component:
            object.__setattr__(self, "component", "\x00")


class Patterns:
    """Makes the patterns for one set of separators."""

    def __init__(self, marks: Marks) -> None:
        self.marks = marks
        separators = "".join(map(re.escape, (marks.element, marks.component, marks.repetition)))
        control = "\\x00\\x06-\\x1f\\x7f" if marks.release else "\\x00-\\x1f\\x7f"
        self._inside = f"{separators}{control}"
        self._element, self._component = re.escape(marks.element), re.escape(marks.component)
        self._points = re.escape("".join(dict.fromkeys((marks.decimal, ".", ","))) if marks.release else ".")

    def segment(self, use: Use) -> str:
        """The pattern of the whole segment, from its tag on."""
        tag, segment = re.escape(use.tag), use.segment
        if not segment.described:
            return f"(?s:{tag}(?:{self._element}.*)?)"
        checks = self._conditions(segment) + self._where(use)
        return f"{tag}{checks}{self._sequence(segment, self._repeated)}"

    def value(self, element: Element) -> str:
        """The pattern of one value, without repetition."""
        low, high = element.minimum, element.maximum
        if element.codes:
            return _any_of(element.codes)
        kind = element.kind
        if kind == "-":
            return "(?!)"
        if kind == "DT":
            return f"(?=[0-9]{{{low},{high}}}(?![0-9])){_DATE}"
        if kind == "TM":
            return f"(?=[0-9]{{{low},{high}}}(?![0-9])){_TIME}"
        size = _times(low, high)
        if kind == "R" or kind == "n":  # sign and point do not count
            point = f"(?=[0-9{self._points}]{_times(low + 1, high + 1 if high < UNLIMITED else high)}" \
                    f"(?![0-9{self._points}]))[0-9]*[{self._points}][0-9]*"  # fmt: skip
            return f"-?(?:[0-9]{size}+(?![0-9{self._points}])|{point})"
        if kind[0] == "N":
            return f"-?[0-9]{size}+"
        if kind == "ID":
            return f"[^a-z{self._inside}]{size}+"
        if kind == "a":
            return f"[^0-9{self._inside}]{size}+"
        if kind == "B":
            return "(?s:.)*"
        return f"[^{self._inside}]{size}+"

    def composite(self, composite: Composite) -> str:
        """The pattern of one composite that is there."""
        return self._conditions(composite) + self._sequence(composite, self.value)

    def _repeated(self, item: Item) -> str:
        one = self.composite(item) if isinstance(item, Composite) else self.value(item)
        if item.repeat == 1 or not self.marks.repetition:
            return one
        return f"{one}(?:{re.escape(self.marks.repetition)}{one}){{0,{item.repeat - 1}}}"

    def _sequence(self, holder: Segment | Composite, make: Callable[[Any], str]) -> str:
        opens = isinstance(holder, Segment)
        items = holder.elements if isinstance(holder, Segment) else holder.parts
        separator = self._element if opens else self._component
        pattern, needed = f"{separator}*", False  # separators behind the last value are harmless, and common
        pairs, number = _pairs(holder), len(items)
        while number:
            lead = separator if opens or number > 1 else ""
            item = items[number - 1]
            one = f"(?:{make(item)})"
            if number - 1 in pairs:
                pattern = f"(?:{lead}(?:{make(items[number - 2])}){separator}{one}|{lead}{separator}){pattern}"
                number -= 1
            else:
                if item.required and isinstance(item, Composite):
                    one = f"(?!{separator}|\\Z){one}"
                pattern = f"{lead}{one if item.required else f'{one}?'}{pattern}"
            needed = needed or item.required
            if not needed and lead:
                pattern = f"(?:{pattern})?"
            number -= 1
        return pattern

    def _conditions(self, holder: Segment | Composite) -> str:
        if not holder.notes:
            return ""
        if isinstance(holder, Segment):
            grain = Grain(self._element, "\\Z", f"[^{self._element}]", True)
        else:
            outer = f"{self._element}{re.escape(self.marks.repetition)}"
            grain = Grain(self._component, f"(?=[{outer}]|\\Z)", f"[^{outer}{self._component}]", False)
        return "".join(f"(?!{grain.pattern(v)})" for note in _written_out(holder) for v in violations(note))

    def _where(self, use: Use) -> str:
        made = []
        for element, component, values in use.where:
            before = f"(?:{self._element}[^{self._element}]*+){{{element - 1}}}{self._element}"
            inner = (
                f"(?:[^{self._element}{self._component}]*+{self._component}){{{component - 1}}}"
                if component > 1
                else ""
            )
            made.append(f"(?={before}{inner}{_any_of(values)}(?:[{self._element}{self._component}]|\\Z))")
        return "".join(made)


def _pairs(holder: Segment | Composite) -> set[int]:
    """The first elements of neighbours that come both or not at all: cheaper as one unit than as a condition."""
    if not isinstance(holder, Segment):
        return set()
    found: set[int] = set()
    for note in holder.notes:
        at = places(note)
        neighbours = note[0] == "P" and len(at) == 2 and at[1] == at[0] + 1
        taken = bool({at[0] - 1, at[0], at[1]} & found) or any(holder.elements[n - 1].required for n in at)
        if neighbours and not taken:
            found.add(at[0])
    return found


def _written_out(holder: Segment | Composite) -> list[str]:
    """The conditions that its pairs don't cover."""
    pairs = _pairs(holder)
    return [n for n in holder.notes if not (n[0] == "P" and len(places(n)) == 2 and places(n)[0] in pairs)]


def _times(low: int, high: int) -> str:
    return f"{{{low},{high}}}" if high < UNLIMITED else f"{{{low},}}"


def _any_of(texts: Iterable[str]) -> str:
    """A pattern that matches any of ``texts``: a tree of their beginnings, so that a long list costs as a short one."""
    tree: dict[str, dict] = {}  # type: ignore[type-arg]
    for text in sorted(texts):
        at = tree
        for character in text:
            at = at.setdefault(character, {})
        at[""] = {}
    return _branch(tree)


def _branch(tree: dict[str, dict]) -> str:  # type: ignore[type-arg]
    if not any(tree):
        return ""
    leaves = "".join(re.escape(c) for c, below in tree.items() if c and not any(below))
    made = [f"{re.escape(c)}{_branch(below)}" for c, below in tree.items() if c and any(below)]
    if leaves:
        made.append(f"[{leaves}]")
    whole = "|".join(made)
    return f"(?:{whole})" + ("?" if "" in tree else "") if len(made) > 1 or "" in tree else whole
