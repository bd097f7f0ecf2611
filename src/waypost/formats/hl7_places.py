"""Where each value of an HL7 v2 message stands in its bytes, by position and by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from waypost.formats.hl7_names import named_fields
from waypost.formats.hl7_syntax import Delimiters, delimiters_of

Part = str | int | None
Range = tuple[int, int]
Segment = tuple[str, list[Range]]
_LINE = re.compile(rb"[^\r\n]+")


class Hl7Places:
    """The segments of one message as ranges of its bytes. Every delimiter is one byte."""

    def __init__(self, data: bytes, encoding: str) -> None:
        self._data, self._encoding = data, encoding
        lines = [match.span() for match in _LINE.finditer(data)]
        first = data[slice(*lines[0])].decode(encoding, "replace") if lines else ""
        self._marks: Delimiters = delimiters_of(first)
        self._rows = [self._fields(start, end) for start, end in lines]

    def range_of(self, path: Sequence[Part]) -> Range | None:
        """The bytes of a place of the document; None for one that stands nowhere."""
        head, *rest = path or ("",)
        if head == "message":
            return self._named(self._tagged("MSH"), [0, *rest])
        if head == "rows" and rest:
            return self._row(rest[0], rest[1:], self._rows)
        if head in ("segments", "named") and rest:
            found = self._tagged(str(rest[0]))
            return (
                self._row(rest[1], rest[2:], found)
                if head == "segments" and len(rest) > 1
                else (self._named(found, rest[1:]) if head == "named" else None)
            )
        return (0, len(self._data)) if not path else None

    def _tagged(self, tag: str) -> list[Segment]:
        return [row for row in self._rows if row[0] == tag]

    def _fields(self, start: int, end: int) -> Segment:
        ranges = self._split((start, end), self._marks.field)
        tag = self._data[slice(*ranges[0])].decode(self._encoding, "replace")
        if tag == "MSH":  # MSH-1 is the separator itself
            ranges = [ranges[0], (ranges[0][1], ranges[0][1] + 1), *ranges[1:]]
        return tag, ranges

    def _split(self, span: Range, mark: str) -> list[Range]:
        """The parts of a span between marks; none of an empty mark."""
        start, end = span
        byte = mark.encode(self._encoding)
        if not byte:
            return [span]
        made: list[Range] = []
        for piece in self._data[start:end].split(byte):
            made.append((start, start + len(piece)))
            start += len(piece) + len(byte)
        return made

    def _row(self, number: Part, rest: Sequence[Part], rows: Sequence[Segment]) -> Range | None:
        if not isinstance(number, int) or not 0 <= number < len(rows):
            return None
        tag, ranges = rows[number]
        if not rest:
            return ranges[0][0], ranges[-1][1]
        field, *inside = rest
        if not isinstance(field, int) or not 0 <= field < len(ranges):
            return None
        if tag == "MSH" and field in (1, 2):
            return ranges[field]
        return self._inside(ranges[field], inside)

    def _inside(self, span: Range, path: Sequence[Part]) -> Range | None:
        for mark, part in zip(
            (self._marks.repetition, self._marks.component, self._marks.subcomponent), path, strict=False
        ):
            parts = self._split(span, mark)
            if not isinstance(part, int) or not 0 <= part < len(parts):
                return None
            span = parts[part]
        return span

    def _named(self, rows: Sequence[Segment], path: Sequence[Part]) -> Range | None:
        number, rest = path[0] if path else None, path[1:]
        if not isinstance(number, int) or not 0 <= number < len(rows):
            return None
        if not rest:
            return self._row(number, (), rows)
        field = next((f for f in named_fields().get(rows[number][0], ()) if f.name == rest[0]), None)
        if field is None:
            return None
        inside = list(rest[1:])
        at = inside.pop(0) if field.many and inside else 0
        if field.many and len(rest) == 1:
            return self._row(number, (field.number,), rows)
        places: list[Part] = [field.number, at]
        if inside:
            if inside[0] not in field.parts:
                return None
            places.append(field.parts.index(str(inside[0])))
            found = self._row(number, places, rows)
            return None if found is None else self._split(found, self._marks.subcomponent)[0]
        if not field.parts:
            places.append(0)
        return self._row(number, places, rows)
