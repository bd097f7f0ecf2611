"""One regular expression for each use of a segment: types, lengths, codes, composites, repetition, conditions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from waypost.formats.edi.schema.condition import Grain, Violation, violations
from waypost.formats.edi.schema.date_format import DATED, DAY, written_as
from waypost.formats.edi.schema.model import UNLIMITED, Composite, Element, Segment, Use
from waypost.formats.edi.schema.notation import places

PLACEHOLDERS = "\x01\x02\x03\x04\x05"
"""What released characters are written as while a message is looked at, each one character long."""

Item = Element | Composite
Mark = tuple[int, int, frozenset[str]]
_TIME = r"(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9][0-9]{0,2}|)"


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
        segment, ahead = _settled(use)
        watched, checks = _watched(segment)
        body = self._sequence(segment, watched, "e")
        return f"{tag}{self._where(ahead)}{body}{''.join(_unless(v, 'e') for v in checks)}"

    def value(self, element: Element) -> str:
        """The pattern of one value, without repetition."""
        low, high = max(element.minimum, 1), element.maximum
        if element.codes:
            return _any_of(element.codes)
        kind = element.kind
        if kind == "-":
            return "(?!)"
        if kind == "DT":
            return self._date(low, high)
        if kind == "TM":
            return f"(?=[0-9]{{{low},{high}}}(?![0-9])){_TIME}"
        if kind == "R" or kind == "n":
            return self._decimal(low, high)
        if kind[0] == "N":
            return f"-?[0-9]{_times(low, high)}+"
        return "(?s:.)*" if kind == "B" else f"{self._characters(kind)}{_times(low, high)}+"

    def _characters(self, kind: str) -> str:
        """What a value of text may hold."""
        return f"[^{'a-z' if kind == 'ID' else '0-9' if kind == 'a' else ''}{self._inside}]"

    def _date(self, low: int, high: int) -> str:
        """Six or eight digits; eight where there are as many."""
        if low == high and high in (6, 8):
            return f"[0-9]{{{high - 4}}}{DAY}"
        return f"(?=[0-9]{{{low},{high}}}(?![0-9]))[0-9]{{2}}(?:[0-9]{{2}}(?=[0-9]{{4}})|){DAY}"

    def _decimal(self, low: int, high: int) -> str:
        """Sign and point of a number do not count."""
        points = f"[{self._points}]"
        if low == 1 and high < UNLIMITED:
            beyond = f"(?<![0-9{self._points}]{{{high + 2}}})"
            return f"-?(?:[0-9]{{1,{high}}}+(?:{points}[0-9]*+{beyond}|)|{points}[0-9]{{1,{high}}}+)"
        size = _times(low, high)
        point = (
            f"(?=[0-9{self._points}]{_times(low + 1, high + 1 if high < UNLIMITED else high)}(?![0-9{self._points}]))"
            f"[0-9]*{points}[0-9]*"
        )
        return f"-?(?:[0-9]{size}+(?![0-9{self._points}])|{point})"

    def _composite(self, composite: Composite, prefix: str) -> str:
        """The pattern of one composite that is there."""
        return self._dated(composite) + self._in_order(composite, prefix)

    def _dated(self, composite: Composite) -> str:
        dated = composite.ref == DATED and self.marks.release and len(composite.parts) >= 3
        return written_as(self._element + re.escape(self.marks.repetition), self._component) if dated else ""

    def _in_order(self, composite: Composite, prefix: str) -> str:
        if composite.repeat > 1 and self.marks.repetition:  # groups would keep what an earlier repetition held
            return self._conditions(composite) + self._sequence(composite, frozenset(), prefix)
        watched, checks = _watched(composite)
        return self._sequence(composite, watched, prefix) + "".join(_unless(v, prefix) for v in checks)

    def _repeated(self, item: Item, prefix: str) -> str:
        one = self._composite(item, prefix) if isinstance(item, Composite) else self.value(item)
        if item.repeat == 1 or not self.marks.repetition:
            return one
        return f"{one}(?:{re.escape(self.marks.repetition)}{one}){{0,{item.repeat - 1}}}"

    def _sequence(self, holder: Segment | Composite, watched: frozenset[int], prefix: str) -> str:
        """The pattern of the elements of a holder; of those ``watched`` a group remembers whether they are there."""
        opens = isinstance(holder, Segment)
        items = holder.elements if isinstance(holder, Segment) else holder.parts
        separator = self._element if opens else self._component
        pattern, needed = f"{separator}*+", False  # separators behind the last value are harmless, and common
        pairs, number = _pairs(holder), len(items)
        while number and number not in watched and _unused(items[number - 1]) and number - 1 not in pairs:
            number -= 1  # what follows the last value that may be there is separators alone
        while number:
            lead = separator if opens or number > 1 else ""
            item = items[number - 1]
            one = self._there(item, number, watched, prefix, separator)
            if number - 1 in pairs:
                first = self._there(items[number - 2], number - 1, watched, prefix, separator)
                pattern = f"(?:{lead}{first}{separator}{one}|{lead}{separator}){pattern}"
                number -= 1
            elif item.required:
                pattern = f"{lead}{one}{pattern}"
            else:
                pattern = f"{lead}{self._maybe(item, one, number in watched)}{pattern}"
            needed = needed or item.required
            if not needed and lead:
                pattern = f"(?:{pattern}|)"
            number -= 1
        return pattern

    def _there(self, item: Item, number: int, watched: frozenset[int], prefix: str, separator: str) -> str:
        """The pattern of an element that is there."""
        one = self._repeated(item, f"{prefix}{number}_")
        if isinstance(item, Composite) and (item.required or number in watched):
            one = f"(?!{separator}|\\Z){one}"
        return f"(?P<{prefix}{number}>{one})" if number in watched else f"(?:{one})"

    def _maybe(self, item: Item, one: str, watched: bool) -> str:
        """The pattern of an element that may be there: where no group is needed, the one that is quickest."""
        if _unused(item) and not watched:
            return ""
        alone = item.repeat == 1 or not self.marks.repetition
        plain = isinstance(item, Element) and item.kind in ("AN", "ID", "a", "an") and not item.codes
        if plain and isinstance(item, Element) and not watched and alone and item.minimum <= 1:
            return f"{self._characters(item.kind)}{_times(0, item.maximum)}+"
        return f"(?:{one}|)"

    def _conditions(self, holder: Composite) -> str:
        outer = f"{self._element}{re.escape(self.marks.repetition)}"
        grain = Grain(self._component, f"(?=[{outer}]|\\Z)", f"[^{outer}{self._component}]", False)
        return "".join(f"(?!{grain.pattern(v)})" for note in holder.notes for v in violations(note))

    def _where(self, where: Iterable[Mark]) -> str:
        made = []
        for element, component, values in where:
            before = f"(?:{self._element}[^{self._element}]*+){{{element - 1}}}{self._element}"
            inner = (
                f"(?:[^{self._element}{self._component}]*+{self._component}){{{component - 1}}}"
                if component > 1
                else ""
            )
            made.append(f"(?={before}{inner}{_any_of(values)}(?:[{self._element}{self._component}]|\\Z))")
        return "".join(made)


def _settled(use: Use) -> tuple[Segment, list[Mark]]:
    """The segment whose elements allow only the values that mark the place, and the marks that can't be said so."""
    items, ahead = list(use.segment.elements), []
    for mark in use.where:
        number, part, values = mark
        item = items[number - 1] if number <= len(items) else None
        if isinstance(item, Element) and part == 1 and item.repeat == 1 and (held := _shared(item, values)):
            items[number - 1] = replace(item, codes=held, required=True)
        elif (
            isinstance(item, Composite)
            and item.repeat == 1
            and part <= len(item.parts)
            and (held := _shared(item.parts[part - 1], values))
        ):
            parts = list(item.parts)
            parts[part - 1] = replace(parts[part - 1], codes=held, required=True)
            items[number - 1] = replace(item, parts=tuple(parts), required=True)
        else:
            ahead.append(mark)
    return replace(use.segment, elements=tuple(items)), ahead


def _shared(element: Element, values: frozenset[str]) -> frozenset[str]:
    return frozenset() if element.kind == "-" else values & element.codes if element.codes else values


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


def _watched(holder: Segment | Composite) -> tuple[frozenset[int], list[Violation]]:
    """The elements whose presence conditions ask for, and what breaks the conditions."""
    items = holder.elements if isinstance(holder, Segment) else holder.parts
    always = frozenset(n for n, item in enumerate(items, 1) if item.required and not _unused(item))
    never = frozenset(n for n, item in enumerate(items, 1) if _unused(item) and not item.required)
    broken = [
        replace(v, present=v.present - always, absent=v.absent - never)
        for note in _written_out(holder)
        for v in violations(note)
        if not (v.present & never or v.absent & always)
    ]
    return frozenset(n for v in broken for n in v.present | v.absent), broken


def _unused(item: Item) -> bool:
    """Whether a guide leaves the element out."""
    return isinstance(item, Element) and item.kind == "-"


def _unless(violation: Violation, prefix: str) -> str:
    """What fails at the end of a pattern where the groups of elements show ``violation``."""
    made = "(?!)"
    for number in sorted(violation.absent, reverse=True):
        made = f"(?({prefix}{number})|{made})"
    for number in sorted(violation.present, reverse=True):
        made = f"(?({prefix}{number}){made})"
    return made


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
    ends = [re.escape(c) for c, below in tree.items() if c and not any(below)]
    leaves = "".join(ends)
    made = [f"{re.escape(c)}{_branch(below)}" for c, below in tree.items() if c and any(below)]
    if leaves:
        made.append(f"[{leaves}]" if len(ends) > 1 else leaves)
    whole = "|".join(made)
    return f"(?:{whole})" + ("?" if "" in tree else "") if len(made) > 1 or "" in tree else whole
