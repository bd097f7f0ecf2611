"""Where each value of an EDI document stands in the bytes it was read from.

The record is read once more with every element as a text that knows its bytes. A view by name is made of these by the
same grammar, its types left out, so that a value keeps its place whatever it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from waypost.core.errors import DataError
from waypost.formats.edi.body_read import BodyReader
from waypost.formats.edi.check import SetCheck
from waypost.formats.edi.cutter import cut
from waypost.formats.edi.delimiter import Delimiters, split
from waypost.formats.edi.dialect import Dialect, Header
from waypost.formats.edi.row_read import by_tag
from waypost.formats.edi.segment import Transaction
from waypost.formats.edi.token import Kind
from waypost.formats.edi.view import compile_view
from waypost.formats.edi.x12_dialect import X12
from waypost.formats.edi.x12_reader import X12Reader

Part = str | int | None
Range = tuple[int, int]


class Placed(str):
    """A text that knows its bytes."""

    __slots__ = ("end", "start")
    start: int
    end: int

    def __str__(self) -> str:
        return self


def placed(text: str, start: int, end: int) -> Placed:
    """``text`` with the bytes it was read from."""
    made = Placed(text)
    made.start, made.end = start, end
    return made


class _Untyped:
    """A grammar whose elements are all texts."""

    def __init__(self, grammar: Any) -> None:
        self._grammar = grammar

    def __getattr__(self, name: str) -> Any:
        return getattr(self._grammar, name)

    def element(self, place: str) -> tuple[str, int, str]:
        tag, number, _ = self._grammar.element(place)
        return tag, number, "AN"


def ranges(document: Any, paths: Sequence[Sequence[Part]]) -> list[Range | None]:
    """The bytes of each place of a document made of placed texts."""
    return [_range(document, path) for path in paths]


def _range(document: Any, path: Sequence[Part]) -> Range | None:
    for part in path:
        if isinstance(part, int) and isinstance(document, list):
            document = document[part] if 0 <= part < len(document) else None
        elif isinstance(document, Mapping) and part in document:
            document = document[part]
        else:
            return None
    found = list(_leaves(document))
    return (min(leaf.start for leaf in found), max(leaf.end for leaf in found)) if found else None


def _leaves(value: Any) -> Iterator[Placed]:
    if isinstance(value, Placed):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(each)


class _Rows:
    """Cuts the segments of one interchange into placed texts."""

    def __init__(self, marks: Delimiters, dialect: Dialect, encoding: str) -> None:
        self.marks, self.dialect, self.encoding = marks, dialect, encoding

    def of(self, data: bytes, offset: int) -> tuple[list[list[Any]], list[list[Placed]], list[str]]:
        """The rows as documents have them, the same with whole elements, and the texts of the segments."""
        cutting = Transaction(data, offset, self.marks, self.dialect)
        rows, flat, texts = [], [], []
        for segment, at in zip(cutting.segments, cutting.offsets, strict=True):
            elements = list(self._elements(segment, at))
            texts.append(segment.decode(self.encoding, "replace"))
            flat.append([self._text(piece, start) for piece, start in elements])
            rows.append([flat[-1][0], *(self._parts(piece, start) for piece, start in elements[1:])])
        return rows, flat, texts

    def _elements(self, segment: bytes, at: int) -> Iterator[tuple[bytes, int]]:
        if self.marks.tag:
            tag, equals, segment_rest = segment.partition(self.marks.tag)
            yield tag, at
            if equals:
                yield from _pieces(segment_rest, at + len(tag) + len(equals), self.marks.element, self.marks.release)
            return
        yield from _pieces(segment, at, self.marks.element, self.marks.release)

    def _parts(self, element: bytes, at: int) -> Any:
        marks = self.marks
        repeated = list(_pieces(element, at, marks.repetition, marks.release))
        made = [list(_pieces(piece, start, marks.component, marks.release)) for piece, start in repeated]
        told = [[self._text(piece, start) for piece, start in parts] for parts in made]
        if len(told) > 1:
            return told
        return told[0] if len(told[0]) > 1 else told[0][0]

    def _text(self, piece: bytes, start: int) -> Placed:
        return placed(piece.decode(self.encoding, "replace"), start, start + len(piece))


def _pieces(data: bytes, at: int, separator: bytes, release: bytes) -> Iterator[tuple[bytes, int]]:
    for piece in split(data, separator, release) if separator else [data]:
        yield piece, at
        at += len(piece) + len(separator)


def message_ranges(
    dialect: Dialect, data: bytes, context: bytes, encoding: str, whole: bool, paths: Sequence[Sequence[Part]],
    named: Callable[[Sequence[Any]], Mapping[str, Any]] | None = None,
) -> list[Range | None]:  # fmt: skip
    """For documents of EDIFACT and TRADACOMS: a message, or (``whole``) an interchange with its ``transactions``.
    ``named`` makes the body of its rows where the flow reads by name."""
    if not whole:
        header = dialect.read_header(context, 0, True)
        if not isinstance(header, Header):
            return [None] * len(paths)
        return ranges(_message(_Rows(header.delimiters, dialect, encoding).of(data, 0)[0], named), paths)
    made: list[Any] = []
    for token in cut([data], (dialect,), len(data)):
        if token.kind is Kind.TRANSACTION and token.header is not None:
            rows = _Rows(token.header.delimiters, dialect, encoding).of(token.data, token.start)[0]
            made.append(_message(rows, named))
    return ranges({"transactions": made}, paths)


def _message(rows: Sequence[Any], named: Callable[[Sequence[Any]], Mapping[str, Any]] | None = None) -> dict[str, Any]:
    body = list(rows[1:-1])
    return {"rows": body, "segments": by_tag(body), **({"body": named(rows)} if named and rows else {})}


def x12_ranges(
    data: bytes, context: bytes, reader: X12Reader, whole: bool, paths: Sequence[Sequence[Part]]
) -> list[Range | None]:
    """For documents of X12 that ``reader`` read: a transaction set, or (``whole``) a group with its
    ``transactions``."""
    header = X12.read_header(context, 0, True)
    if not isinstance(header, Header):
        return [None] * len(paths)
    cutting = _Rows(header.delimiters, X12, reader.encoding)
    rows, flat, texts = cutting.of(data, 0)
    group = [*(flat[0] if whole and flat else _group_row(cutting, context[header.end :])), *[""] * 9]
    kind = {"version": str(group[8]), "group": str(group[2])}
    sets = list(_sets(flat)) if whole else [(0, len(flat))]
    made = [
        _set(rows[start:end], flat[start:end], texts[start:end], kind, header.delimiters, reader) for start, end in sets
    ]
    return ranges({"transactions": made} if whole else made[0] if made else {}, paths)


def _group_row(cutting: _Rows, data: bytes) -> list[Placed]:
    flat = cutting.of(data, 0)[1] if data.strip() else []
    return flat[0] if flat else []


def _sets(flat: Sequence[Sequence[str]]) -> Iterator[tuple[int, int]]:
    start = -1
    for at, row in enumerate(flat):
        if row[0] == "ST":
            start = at
        elif row[0] == "SE" and start >= 0:
            yield start, at + 1
            start = -1


def _set(
    rows: Sequence[Any], flat: Sequence[list[Placed]], texts: Sequence[str], kind: Mapping[str, str],
    marks: Delimiters, reader: X12Reader,
) -> dict[str, Any]:  # fmt: skip
    first = flat[0] if flat else []
    set_id = str(first[1]) if len(first) > 1 else ""
    document = _message(rows)
    document["transaction"] = dict(zip(("set", "control_number", "convention"), first[1:], strict=False))
    schema, _ = reader.schema({**kind, "set": set_id})
    if schema is not None:
        shown = (m.decode(reader.encoding) for m in (marks.element, marks.component, marks.repetition))
        checked = SetCheck(schema, *shown)
        try:
            loops, _ = checked.check(texts[1:-1], list(flat[1:-1]))  # type: ignore[arg-type]
        except DataError:
            return document
        document.update(compile_view(_Untyped(schema))(loops))  # type: ignore[arg-type]
        if reader.names:
            document["body"] = BodyReader(checked.validator).body(rows[1:-1], lambda: flat[1:-1], False)
    return document
