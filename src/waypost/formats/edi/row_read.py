"""Turns the text of a segment into a row: a list that begins with the tag, so that index 3 is element 03."""

from __future__ import annotations

import re
from typing import Any

from waypost.formats.edi.delimiter import Delimiters, split_text

_LINE_END = re.compile("[\r\n]+")


class RowReader:
    """Rows of segments written with one set of separators."""

    def __init__(self, marks: Delimiters, encoding: str) -> None:
        self.element, self.component, self.repetition, self.release, self.tag = (
            mark.decode(encoding)
            for mark in (marks.element, marks.component, marks.repetition, marks.release, marks.tag)
        )

    def row(self, text: str) -> list[Any]:
        """A composite element is a list, a repeated one a list of lists; characters are released. Of a tag with
        explicit nesting (``LIN:1``) the tag is kept."""
        if "\n" in text or "\r" in text:  # some partners break lines every 80 characters, whatever stands there
            text = _LINE_END.sub("", text)
        if self.release and self.release in text:
            return self._released(text)
        if self.tag:
            tag, equals, rest = text.partition(self.tag)
            plain = [tag, *rest.split(self.element)] if equals else [tag]
        else:
            plain = text.split(self.element)
        return self.structured(text, plain)

    def structured(self, text: str, row: list[str]) -> list[Any]:
        """The elements of ``row``, which ``text`` came apart into, with composites and repetitions apart."""
        component, repetition = self.component, self.repetition
        if (component and component in text) or (repetition and repetition in text):
            return [row[0].partition(component)[0] if component else row[0], *map(self._composite, row[1:])]
        return row

    def _composite(self, element: str) -> Any:
        if self.repetition and self.repetition in element:
            return [self._components(one) for one in element.split(self.repetition)]
        return self._components(element) if self.component and self.component in element else element

    def _components(self, text: str) -> list[str]:
        return text.split(self.component) if self.component else [text]

    def _released(self, text: str) -> list[Any]:
        tag, _, rest = text.partition(self.tag or self.element)
        made: list[Any] = [tag.partition(self.component)[0] if self.component else tag]
        for repeated in split_text(rest, self.element, self.component, self.repetition, self.release):
            made.append(repeated if len(repeated) > 1 else repeated[0] if len(repeated[0]) > 1 else repeated[0][0])
        return made


def by_tag(rows: list[Any]) -> dict[str, list[Any]]:
    """The rows by their tag, in order."""
    made: dict[str, list[Any]] = {}
    for row in rows:
        made.setdefault(row[0], []).append(row)
    return made
