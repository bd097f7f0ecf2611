"""Says what is wrong with the elements of one segment: each value gets the first fault that fits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from waypost.formats.edi.finding import Finding, finding
from waypost.formats.edi.schema.condition import Violation, violations, words
from waypost.formats.edi.schema.date_format import DATED, wrong_date
from waypost.formats.edi.schema.model import Composite, Element, Use
from waypost.formats.edi.schema.pattern import Patterns

_SHOWN = 40
_CODES_SHOWN = 12


class ElementFaults:
    """Explains segments that their pattern refused."""

    def __init__(self, patterns: Patterns) -> None:
        self._patterns, self._marks = patterns, patterns.marks
        self._control = re.compile(r"[\x00\x06-\x1f\x7f]" if patterns.marks.release else r"[\x00-\x1f\x7f]")
        self._fits: dict[Element, Callable[[str], object]] = {}

    def explain(self, use: Use, row: Sequence[str], position: int, loop: str) -> list[Finding]:
        """Every fault of a segment's elements; none for one that is as described."""
        at = Finding("", "", use.tag, position, loop, level="element")
        return [
            finding(f.code, f.segment, f.position, loop=f.loop, element=f.element, component=f.component,
                    level="element",                     found=f.found, expected=f.expected, rule=f.rule)
            for f in self._segment(use, row, at)
        ]  # fmt: skip

    def _segment(self, use: Use, row: Sequence[str], at: Finding) -> Iterator[Finding]:
        elements = use.segment.elements
        wrong: set[int] = set()
        for number, item in enumerate(elements, 1):
            value = row[number] if number < len(row) else ""
            for fault in self._item(item, value, replace(at, element=number)):
                wrong.add(number)
                yield fault
        filled = max((n for n in range(1, len(row)) if row[n]), default=0)
        if filled > len(elements):
            yield replace(at, code="too-many-elements", element=len(elements) + 1, found=f"{filled} elements",
                          expected=f"at most {len(elements)}")  # fmt: skip
        present = frozenset(n for n in range(1, len(row)) if row[n])
        for violation in _broken(use.segment.notes, present, wrong):
            place = min(violation.absent) if violation.missing else max(violation.present)
            yield _unmet(violation, replace(at, element=place))

    def _item(self, item: Element | Composite, value: str, at: Finding) -> Iterator[Finding]:
        if not value:
            if item.required:
                yield replace(at, code="element-missing", found="nothing", expected=_expected(item))
            return
        mark = self._marks.repetition
        values = value.split(mark) if mark else [value]
        if len(values) > item.repeat:
            yield replace(
                at, code="too-many-repetitions", found=f"{len(values)} repetitions", expected=f"at most {item.repeat}"
            )
            return
        for one in values:
            if isinstance(item, Composite):
                yield from self._composite(item, one.split(self._marks.component), at)
            elif one and not self._fitting(item)(one):
                yield self._wrong(item, one, at)

    def _composite(self, item: Composite, parts: list[str], at: Finding) -> Iterator[Finding]:
        wrong: set[int] = set()
        filled = max((n for n, part in enumerate(parts, 1) if part), default=0)
        for number, part in enumerate(item.parts, 1):
            value = parts[number - 1] if number <= len(parts) else ""
            here = replace(at, component=number)
            if value and not self._fitting(part)(value):
                wrong.add(number)
                yield self._wrong(part, value, here)
            elif not value and part.required:
                wrong.add(number)
                yield replace(here, code="element-missing", found="nothing", expected=_expected(part))
        if item.ref == DATED and filled >= 3 and not wrong & {2, 3} and self._marks.release:
            form = wrong_date(parts[1], parts[2])
            if form:
                yield replace(at, component=2, code="element-date", found=repr(parts[1][:_SHOWN]),
                              expected=f"{form}, as format {parts[2]} says")  # fmt: skip
        if filled > len(item.parts):
            yield replace(at, code="too-many-components", component=len(item.parts) + 1, found=f"{filled} components",
                          expected=f"at most {len(item.parts)}")  # fmt: skip
        present = frozenset(n for n, part in enumerate(parts, 1) if part)
        for violation in _broken(item.notes, present, wrong):
            place = min(violation.absent) if violation.missing else max(violation.present)
            yield _unmet(violation, replace(at, component=place))

    def _fitting(self, element: Element) -> Callable[[str], object]:
        if element not in self._fits:
            self._fits[element] = re.compile(self._patterns.value(element)).fullmatch
        return self._fits[element]

    def _wrong(self, element: Element, value: str, at: Finding) -> Finding:
        return replace(at, code=self._code(element, value), found=repr(value[:_SHOWN]), expected=_expected(element))

    def _code(self, element: Element, value: str) -> str:
        if element.kind == "-":
            return "element-unused"
        if self._control.search(value) or self._marks.component in value:
            return "element-character"
        numeric = element.kind in ("R", "n") or element.kind[0] == "N"
        length = sum(c.isdigit() for c in value) if numeric else len(value)
        if element.kind in ("DT", "TM") and value.isdigit() and element.minimum <= length <= element.maximum:
            return "element-date" if element.kind == "DT" else "element-time"
        if numeric and not re.fullmatch(r"-?[0-9]*[.,]?[0-9]*", value):
            return "element-character"
        if element.codes and element.minimum <= length <= element.maximum:
            return "element-code"
        if length < element.minimum:
            return "element-date" if element.kind == "DT" else "element-too-short"
        if length > element.maximum:
            return "element-date" if element.kind == "DT" else "element-too-long"
        if element.kind == "ID":
            return "element-code"
        return {"DT": "element-date", "TM": "element-time"}.get(element.kind, "element-character")


def _broken(notes: Sequence[str], present: frozenset[int], wrong: set[int]) -> Iterator[Violation]:
    """The first violation of each note, of those that are not about an element already found wrong."""
    for note in notes:
        shown = next((v for v in violations(note) if v.shown_by(present)), None)
        if shown and not (shown.present | shown.absent) & wrong:
            yield shown


def _unmet(violation: Violation, at: Finding) -> Finding:
    if violation.missing:
        return replace(
            at, code="element-conditional", found="nothing", expected=words(violation.note), rule=violation.note
        )
    both = " and ".join(f"{n:02d}" for n in sorted(violation.present))
    return replace(
        at, code="element-exclusion", found=f"{both} together", expected=words(violation.note), rule=violation.note
    )


def _expected(item: Element | Composite) -> str:
    if isinstance(item, Composite):
        return "a composite"
    if item.codes:
        shown = sorted(item.codes)[:_CODES_SHOWN]
        return f"one of {', '.join(shown)}" + ("…" if len(item.codes) > _CODES_SHOWN else "")
    kind = item.kind
    if kind == "-":
        return "nothing: the guide does not use it"
    what = {
        "R": "a decimal",
        "n": "a decimal",
        "DT": "a calendar date",
        "TM": "a time of day",
        "ID": "a code",
        "a": "letters",
    }
    words_ = what.get(kind) or ("a whole number" if kind[0] == "N" else "text")
    size = f"{item.minimum}" if item.minimum == item.maximum else f"{item.minimum} to {item.maximum}"
    return f"{words_} of {size} {'digits' if kind[0] in 'RNn' or kind in ('DT', 'TM') else 'characters'}"
