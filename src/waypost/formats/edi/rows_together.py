"""Writes the rows of a whole transaction at once, where all of them are as most rows are.

Rows are joined with control characters, which no data may hold; what stands out in data is released in one pass over
the whole text; then the separators take the place of the control characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

_ELEMENT, _COMPONENT, _REPETITION, _SEGMENT = "\x1c", "\x1d", "\x1f", "\x1e"
_LAST_PARTS = re.compile(f"{_COMPONENT}+(?=[{_ELEMENT}{_REPETITION}{_SEGMENT}]|\\Z)").sub
_LAST_ELEMENTS = re.compile(f"{_ELEMENT}+(?={_SEGMENT}|\\Z)").sub
_PLAIN_EXPONENTS = range(-30, 30)


class Writing(Protocol):
    """What is known of how rows are written."""

    @property
    def element(self) -> str: ...
    @property
    def component(self) -> str: ...
    @property
    def repetition(self) -> str: ...
    @property
    def segment(self) -> str: ...
    @property
    def release(self) -> str: ...
    @property
    def decimal(self) -> str: ...
    @property
    def line_end(self) -> str: ...
    @property
    def encoding(self) -> str: ...
    @property
    def tags(self) -> set[str]: ...


class RowsTogether:
    """Joins rows of texts, numbers, and lists of them whose tags were written before."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self._nested: set[str] = set()
        self._outward = [(_ELEMENT, writing.element), (_COMPONENT, writing.component)]
        if writing.repetition:
            self._outward.append((_REPETITION, writing.repetition))
        self._marks = [writing.release, writing.segment, *(mark for _, mark in self._outward)]

    def joined(self, rows: Sequence[Any]) -> bytes | None:
        """The segments with what stands between them; None where a row wants to be looked at by itself."""
        try:
            if not {row[0] for row in rows} <= self._writing.tags:
                return None
            text = self._text(rows)
            return text if text is None else self._outwards(text).encode(self._writing.encoding)
        except (TypeError, IndexError, KeyError, UnicodeEncodeError):
            return None

    def _text(self, rows: Sequence[Any]) -> str | None:
        """The rows joined by control characters; None where data holds some, or separators that cannot be released."""
        nested, element, component = self._nested, _ELEMENT.join, _COMPONENT.join
        counted = _Counted(self._writing.decimal)
        part, texts, separators = counted.part, [], 0
        for row in rows:
            if row[0] in nested:
                parts, more = [], 0
                try:  # most have texts and lists of texts alone
                    for value in row:
                        if type(value) is list and value:
                            more += len(value) - 1
                            parts.append(component(value))
                        else:
                            parts.append(value)
                    texts.append(element(parts))
                    separators += more
                except TypeError:
                    texts.append(element([value if type(value) is str else part(value) for value in row]))
                continue
            try:
                texts.append(element(row))
            except TypeError:
                nested.add(row[0])
                texts.append(element([value if type(value) is str else part(value) for value in row]))
        counted.separators += separators
        text = _SEGMENT.join(texts)
        ours = sum(map(len, rows)) - 1 + counted.separators
        if sum(map(text.count, (_ELEMENT, _SEGMENT, _COMPONENT, _REPETITION))) != ours:
            return None  # data holds control characters
        if counted.repetitions and not self._writing.repetition:
            return None
        return self._trimmed(text, rows, bool(counted.separators))

    def _trimmed(self, text: str, rows: Sequence[Any], parts: bool) -> str:
        """``text`` without empty components and elements at the end of what they belong to."""
        if parts:
            text = _LAST_PARTS("", text)
        if f"{_ELEMENT}{_SEGMENT}" in text or text.endswith(_ELEMENT):
            text = _LAST_ELEMENTS("", text)
        return text

    def _outwards(self, text: str) -> str:
        """``text`` with separators in data released, then with separators in place of control characters."""
        writing = self._writing
        for mark in self._marks:
            if mark and mark in text:
                if not writing.release:
                    raise TypeError("separators in data")
                text = text.replace(mark, writing.release + mark)
        for control, mark in self._outward:
            text = text.replace(control, mark)
        made = text.replace(_SEGMENT, writing.segment)
        if not made.isprintable():
            raise TypeError("control characters in data")
        return text.replace(_SEGMENT, writing.segment + writing.line_end) if writing.line_end else made


class _Counted:
    """Joins elements that are no texts, and counts what it put between their parts."""

    __slots__ = ("_decimal", "repetitions", "separators")

    def __init__(self, decimal: str) -> None:
        self._decimal, self.separators, self.repetitions = decimal, 0, 0

    def part(self, value: Any) -> str:
        """One element. Raises ``TypeError`` for what is to be looked at by itself."""
        if type(value) is not list and type(value) is not tuple:
            return self._simple(value)
        if not value:
            return ""
        self.separators += len(value) - 1
        try:
            return _COMPONENT.join(value)
        except TypeError:
            if any(type(item) is list or type(item) is tuple for item in value):
                self.repetitions += 1
                return _REPETITION.join([self._components(item) for item in value])
            return _COMPONENT.join([item if type(item) is str else self._simple(item) for item in value])

    def _components(self, item: Any) -> str:
        texts = item if type(item) is list or type(item) is tuple else [item]
        self.separators += max(len(texts) - 1, 0)
        return _COMPONENT.join([text if type(text) is str else self._simple(text) for text in texts])

    def _simple(self, value: Any) -> str:
        if value is None:
            return ""
        if type(value) is int or type(value) is str:
            return str(value)
        if type(value) is Decimal and value.is_finite() and value.adjusted() in _PLAIN_EXPONENTS:
            return f"{value:f}".replace(".", self._decimal)
        raise TypeError(type(value).__name__)
