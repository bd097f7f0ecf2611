"""Makes the elements of a segment: types, lengths, codes, conditions, and the values that mark its place."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from waypost.formats.edi.schema.condition import Violation, violations
from waypost.formats.edi.schema.model import UNLIMITED, Composite, Element, Segment, Use
from waypost.formats.edi.x12_dialect import X12

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = "0123456789"
_LONGEST = 18
_DAY = "20260331"
_USUAL: Mapping[str, tuple[str, ...]] = {
    "2379": ("102",), "2380": (_DAY,), "1250": ("D8",), "1251": (_DAY,), "0081": ("S", "D"), "1004": (),
}  # fmt: skip
"""What real documents hold where a schema allows more: dates of one form."""
BINARY: Mapping[str, int] = {tag.decode(): number for tag, number in X12.binary.items()}
Row = list[str]
Where = tuple[tuple[int, int, frozenset[str]], ...]


class Values:
    """Makes rows with one set of separators; ``density`` is how often an element is filled that need not be."""

    def __init__(self, chance: random.Random, component: str, density: float) -> None:
        self.chance, self._component, self.density = chance, component, density

    def row(self, use: Use) -> Row:
        """A segment as its place in the message allows it."""
        segment = use.segment
        if not segment.described:
            return [use.tag, self.text(1, 6)]
        marked = {(element, component): values for element, component, values in use.where}
        filled = [self._wanted(item, any(e == n for e, _ in marked)) for n, item in enumerate(segment.elements, 1)]
        filled = settled(filled, segment, self.chance)
        row = [use.tag]
        for number, item in enumerate(segment.elements, 1):
            row.append(self.item(item, _of(marked, number)) if filled[number - 1] else "")
        while len(row) > 1 and not row[-1]:
            row.pop()
        length = BINARY.get(use.tag)
        if length:  # data of which the element before says how many bytes they are
            row = [*row[: length + 1], *[""] * (length + 1 - len(row)), "BINARY DATA"]
            row[length] = str(len(row[-1]))
        return row

    def _wanted(self, item: Element | Composite, marked: bool) -> bool:
        if isinstance(item, Element) and item.kind == "-":
            return False
        return item.required or marked or self.chance.random() < self.density

    def item(self, item: Element | Composite, marked: Mapping[int, frozenset[str]]) -> str:
        """An element or composite that is there; ``marked`` are the values of components that mark its place."""
        if isinstance(item, Element):
            values = marked.get(1)
            return self.chance.choice(sorted(values & item.codes or values)) if values else self.value(item)
        filled = [
            part.kind != "-" and (part.required or n in marked or self.chance.random() < self.density / 2)
            for n, part in enumerate(item.parts, 1)
        ]
        if not any(filled):
            filled[0] = item.parts[0].kind != "-"
        filled = settled(filled, item, self.chance)
        parts = [
            self.item(part, {1: marked[n]} if n in marked else {}) if filled[n - 1] else ""
            for n, part in enumerate(item.parts, 1)
        ]
        return self._component.join(parts).rstrip(self._component)

    def value(self, item: Element) -> str:
        """A value of a simple element."""
        usual = [v for v in _USUAL.get(item.ref, ()) if not item.codes or v in item.codes]
        if usual and item.minimum <= len(usual[0]) <= item.maximum:
            return self.chance.choice(usual)
        if item.codes:
            return self.chance.choice(sorted(item.codes))
        low = max(item.minimum, 1)
        high = max(low, min(item.maximum, _LONGEST if item.maximum == UNLIMITED else item.maximum, low + 9))
        kind = item.kind
        if kind == "DT":
            return _DAY if item.maximum >= 8 else _DAY[2:]
        if kind == "TM":
            return "1230" if low <= 4 else "123045"[: max(low, 4)].ljust(low, "0")
        if kind in ("R", "n") or kind[0] == "N":
            return self._number(kind, low, min(high, 4 if low < 4 else low))
        return self.text(low, high, letters=kind == "a", code=kind == "ID")

    def _number(self, kind: str, low: int, high: int) -> str:
        digits = self.chance.randint(low, high)
        whole = self.chance.choice("123456789") + "".join(self.chance.choices(_DIGITS, k=digits - 1))
        if kind == "R" and low == 1 and digits >= 3 and self.chance.random() < 0.5:
            return f"{whole[:-2]}.{whole[-2:]}"
        return whole

    def text(self, low: int, high: int, *, letters: bool = False, code: bool = False) -> str:
        """Letters and digits, as many as asked for."""
        size = self.chance.randint(low, high)
        marks = _LETTERS if letters or code else _LETTERS + _DIGITS
        return "".join(self.chance.choices(marks, k=size))


def _of(marked: Mapping[tuple[int, int], frozenset[str]], number: int) -> dict[int, frozenset[str]]:
    return {component: values for (element, component), values in marked.items() if element == number}


def settled(filled: Sequence[bool], holder: Segment | Composite, chance: random.Random) -> list[bool]:
    """``filled`` changed until no condition between the elements is broken."""
    items = holder.elements if isinstance(holder, Segment) else holder.parts
    usable = [not (isinstance(item, Element) and item.kind == "-") for item in items]
    made = list(filled)
    for _ in range(12):
        present = frozenset(n for n, there in enumerate(made, 1) if there)
        broken = [v for note in holder.notes for v in violations(note) if v.shown_by(present)]
        if not broken:
            break
        for violation in broken:
            _mend(violation, made, usable, items, chance)
    return made


def _mend(
    violation: Violation, made: list[bool], usable: Sequence[bool], items: Sequence[Element | Composite],
    chance: random.Random,
) -> None:  # fmt: skip
    """Fill what lacks, else empty what is too much."""
    absent = [n for n in violation.absent if usable[n - 1]]
    if violation.missing and absent:
        made[chance.choice(sorted(absent)) - 1] = True
        return
    free = [n for n in violation.present if not items[n - 1].required]
    if free:
        made[max(free) - 1] = False
