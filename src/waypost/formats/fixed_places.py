"""Where each field of fixed-width lines stands in the bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from waypost.formats.fixed_layout import Layout, Use
from waypost.formats.fixed_line import LineCodec

Part = str | int | None
Range = tuple[int, int]
Line = tuple[int, str]
"""Where a line begins, and its text."""


class FixedPlaces:
    """The lines of a record or of a whole content."""

    def __init__(self, layout: Layout, codec: LineCodec, data: bytes, encoding: str) -> None:
        self._layout, self._codec, self._data, self._encoding = layout, codec, data, encoding

    def of_line(self, path: Sequence[Part], named: bool) -> Range | None:
        """The bytes of a field of a document that is one line."""
        start, text = next(iter(self._lines(single=True)), (0, ""))
        if not path:
            return start, start + len(text.encode(self._encoding))
        if len(path) == 1 and not (named and path[0] == "record"):
            return self._field((start, text), path[0])
        return None

    def of_content(self, path: Sequence[Part]) -> Range | None:
        """The bytes of a place of a document that is a whole content."""
        lines = [line for line in self._lines() if line[1].strip()]
        named = [(line, record.name) for line in lines if (record := self._codec.type_of(line[1])) is not None]
        _, found = self._body(self._layout.structure, named, 0, path)
        return found

    def _body(
        self, use: Use, lines: Sequence[tuple[Line, str]], at: int, path: Sequence[Part]
    ) -> tuple[int, Range | None]:
        """Where a body ends, and the bytes of ``path`` in it; walked as the reader walks it."""
        begun, found = at, None
        name, *rest = path or (None,)
        for item in use.body:
            count = 0
            while at < len(lines) and lines[at][1] == item.first and (item.most == "many" or not count):
                wanted = name == item.name and (item.most != "many" or (rest[:1] == [count]))
                inside = rest[1:] if item.most == "many" else rest
                here = at
                if item.body:
                    at, inner = self._body(item, lines, at, inside if wanted else ())
                else:
                    at, inner = at + 1, self._field(lines[here][0], inside[0]) if wanted and inside else None
                if wanted:
                    found = inner if inside else self._span(lines, here, at)
                count += 1
        return at, found if path else self._span(lines, begun, at)

    def _span(self, lines: Sequence[tuple[Line, str]], start: int, end: int) -> Range | None:
        if start >= end:
            return None
        last, text = lines[end - 1][0]
        return lines[start][0][0], last + len(text.encode(self._encoding))

    def _field(self, line: Line, name: Part) -> Range | None:
        start, text = line
        record = self._codec.type_of(text)
        field = next((f for f in record.fields if f.name == name), None) if record else None
        if field is None:
            return None
        before, inside = text[: field.start], text[field.start : field.end]
        at = start + len(before.encode(self._encoding))
        return at, at + len(inside.encode(self._encoding))

    def _lines(self, *, single: bool = False) -> Iterator[Line]:
        bom = 3 if self._data.startswith(b"\xef\xbb\xbf") and self._encoding == "utf-8" else 0
        text = self._data[bom:].decode(self._encoding)
        if self._layout.separated and not single:
            pieces, gap = [line for line in text.split("\n")], 1
        else:
            width = self._layout.length
            whole = single or not width
            pieces, gap = [text] if whole else [text[i : i + width] for i in range(0, len(text), width)], 0
        at = bom
        for piece in pieces:
            yield at, piece.removesuffix("\r")
            at += len(piece.encode(self._encoding)) + gap
