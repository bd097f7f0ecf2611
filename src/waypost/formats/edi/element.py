"""Compares the elements of a segment with their types and lengths (X12.6, section 3.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from waypost.formats.edi.finding import Finding
from waypost.formats.edi.schema import Element

_DATE = r"(?:[0-9]{2})?[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9][0-9]{0,2})?"
_WORDS = {"R": "a decimal", "DT": "a calendar date", "TM": "a time of day"}
_SHOWN = 40


class ElementCheck:
    """One regular expression a segment says whether it is right; ``explain`` says what is wrong with one that is not.

    Segments without a description are right as they are.
    """

    def __init__(
        self, segments: Mapping[str, tuple[Element, ...]], element: str, component: str, repetition: str
    ) -> None:
        self._segments, self._component, self._repetition = segments, component, repetition
        self._separator = re.escape(element)
        inside = "".join(map(re.escape, (element, component, repetition)))
        self._character = f"[^{inside}\\x00-\\x1f\\x7f]"
        self._composite = f"[^{re.escape(element)}\\x00-\\x1f\\x7f]*"
        self._patterns: dict[str, Callable[[str], object]] = {}
        self._element_patterns: dict[Element, Callable[[str], object]] = {}

    def accepts(self, tag: str, text: str) -> bool:
        """Whether the whole segment is as described."""
        pattern = self._patterns.get(tag)
        if pattern is None:
            pattern = self._patterns[tag] = self._compile(tag)
        return pattern(text) is not None

    def explain(self, row: list[str], position: int, loop: str) -> list[Finding]:
        """Every fault of a segment's elements."""
        tag, elements = row[0], self._segments[row[0]]
        findings = []
        for number, element in enumerate(elements, 1):
            value = row[number] if number < len(row) else ""
            if not value and element.required:
                findings.append(Finding("element-missing", "1", tag, position, loop, number, level="element",
                                        found="nothing", expected=_expected(element)))  # fmt: skip
            elif value:
                for one in value.split(self._repetition) if self._repetition else [value]:
                    if not self._fits(element)(one):
                        findings.append(self._wrong(element, one, Finding("", "", tag, position, loop, number)))
        if len(row) - 1 > len(elements):
            findings.append(Finding("too-many-elements", "3", tag, position, loop, len(elements) + 1, level="element",
                                    found=f"{len(row) - 1} elements", expected=f"at most {len(elements)}"))  # fmt: skip
        return findings

    def _wrong(self, element: Element, value: str, at: Finding) -> Finding:
        length, code, x12 = _length(element, value), "", ""
        if self._component in value or re.search(r"[\x00-\x1f\x7f]", value):
            code, x12 = "element-character", "6"
        elif element.kind == "DT":
            code, x12 = "element-date", "8"
        elif element.kind == "TM":
            code, x12 = "element-time", "9"
        elif length < element.minimum:
            code, x12 = "element-too-short", "4"
        elif length > element.maximum:
            code, x12 = "element-too-long", "5"
        else:
            code, x12 = "element-character", "6"
        return Finding(code, x12, at.segment, at.position, at.loop, at.element, level="element",
                       found=repr(value[:_SHOWN]), expected=_expected(element))  # fmt: skip

    def _compile(self, tag: str) -> Callable[[str], object]:
        elements = self._segments.get(tag)
        if elements is None:
            return re.compile(r"(?s).*").fullmatch
        pattern, needed = f"{self._separator}*", False  # separators behind the last element are harmless, and common
        for element in reversed(elements):
            one = self._pattern(element)
            needed = needed or element.required
            pattern = f"{self._separator}{one if element.required else f'(?:{one})?'}{pattern}"
            if not needed:
                pattern = f"(?:{pattern})?"
        return re.compile(tag + pattern).fullmatch

    def _fits(self, element: Element) -> Callable[[str], object]:
        if element not in self._element_patterns:
            self._element_patterns[element] = re.compile(self._pattern(element)).fullmatch
        return self._element_patterns[element]

    def _pattern(self, element: Element) -> str:
        low, high = element.minimum, element.maximum
        if element.kind == "C":
            return self._composite
        if element.kind == "DT":
            return f"(?=[0-9]{{{low},{high}}}(?![0-9])){_DATE}"
        if element.kind == "TM":
            return f"(?=[0-9]{{{low},{high}}}(?![0-9])){_TIME}"
        if element.kind == "R":  # sign and point do not count
            whole, point = f"[0-9]{{{low},{high}}}", f"(?=[0-9.]{{{low + 1},{high + 1}}}(?![0-9.]))[0-9]*\\.[0-9]*"
            return f"-?(?:{point}|{whole})"
        if element.kind[0] == "N":
            return f"-?[0-9]{{{low},{high}}}"
        return f"{self._character}{{{low},{high}}}+"


def _length(element: Element, value: str) -> int:
    return sum(c not in "-." for c in value) if element.kind[0] in "RN" else len(value)


def _expected(element: Element) -> str:
    if element.kind == "C":
        return "a composite"
    words = _WORDS.get(element.kind) or ("a whole number" if element.kind[0] == "N" else "text")
    size = f"{element.minimum}" if element.minimum == element.maximum else f"{element.minimum} to {element.maximum}"
    return f"{words} of {size} characters" if words == "text" else f"{words} of {size} digits"
