"""The segments of a transaction as ranges of the bytes they were read from; elements come apart when asked for."""

from __future__ import annotations

from itertools import accumulate, repeat

from waypost.formats.edi.binary import package_object, read_binary
from waypost.formats.edi.delimiter import LINE_ENDS, TRIVIA, Delimiters, split
from waypost.formats.edi.dialect import Dialect

_TRIVIA_LOOKED_AT = 4096


class Transaction:
    """What stands between the header and the trailer of a transaction, both included.

    ``start`` is the offset of its first byte in the content. Nothing is taken apart before it is asked for. The object
    of an EDIFACT package, which no terminator ends, stands in the piece of its UNP segment.
    """

    __slots__ = ("_pieces", "_segments", "data", "delimiters", "dialect", "start")

    def __init__(self, data: bytes, start: int, delimiters: Delimiters, dialect: Dialect) -> None:
        self.data, self.start, self.delimiters, self.dialect = data, start, delimiters, dialect
        self._pieces: list[bytes] | None = None
        self._segments: list[bytes] | None = None

    @property
    def pieces(self) -> list[bytes]:
        """All bytes between terminators, trivia included: joined by the terminator they are ``data``."""
        if self._pieces is None:
            self._pieces = split_segments(self.data, self.delimiters, self.dialect)
        return self._pieces

    @property
    def segments(self) -> list[bytes]:
        """The segments without terminators and without trivia before them; pieces of nothing but trivia are none."""
        if self._segments is None:
            self._segments = [*filter(None, map(bytes.lstrip, self.pieces, repeat(TRIVIA)))]
        return self._segments

    @property
    def offsets(self) -> list[int]:
        """Where each of ``segments`` begins, counted from the start of the content."""
        size = len(self.delimiters.segment)
        starts = accumulate((len(piece) + size for piece in self.pieces), initial=self.start)
        found = ((at, piece, piece.lstrip(TRIVIA)) for at, piece in zip(starts, self.pieces, strict=False))
        return [at + len(piece) - len(segment) for at, piece, segment in found if segment]

    def elements(self, number: int) -> list[bytes]:
        """The elements of segment ``number`` (from 0) as they stand, the tag first; line ends inside are left out."""
        return split_elements(self.segments[number], self.delimiters, self.dialect)


def split_elements(segment: bytes, marks: Delimiters, dialect: Dialect) -> list[bytes]:
    """The elements of a segment as they stand, the tag first; binary data stays whole."""
    number = dialect.binary.get(segment[:3])
    if number:
        *head, rest = segment.split(marks.element, number + 1)
        return [*head, rest]
    if b"\n" in segment or b"\r" in segment:
        segment = segment.translate(None, LINE_ENDS)
    if not marks.tag:
        return split(segment, marks.element, marks.release)
    tag, equals, rest = segment.partition(marks.tag)
    return [tag, *split(rest, marks.element, marks.release)] if equals else [tag]


def split_segments(data: bytes, marks: Delimiters, dialect: Dialect) -> list[bytes]:
    """``data`` between its segment terminators; binary data holds none, whatever its bytes are."""
    if dialect.package and data.startswith(dialect.package + marks.element):
        spans = [package_object(data, marks)]
    else:
        spans = _binaries(data, marks, dialect) if dialect.binary else []
    if not spans:
        return split(data, marks.segment, marks.release)
    pieces, position = [b""], 0
    for start, end in spans:
        first, *rest = split(data[position:start], marks.segment, marks.release)
        pieces[-1] += first
        pieces += rest
        pieces[-1] += data[start:end]
        position = end
    first, *rest = split(data[position:], marks.segment, marks.release)
    return [*pieces[:-1], pieces[-1] + first, *rest]


def _binaries(data: bytes, marks: Delimiters, dialect: Dialect) -> list[tuple[int, int]]:
    """Where binary data stands in a transaction."""
    spans: list[tuple[int, int]] = []
    heads = [(tag + marks.element, number) for tag, number in dialect.binary.items()]
    heads = [(head, number) for head, number in heads if head in data]
    position = 0
    while heads and position >= 0:
        found = [(at, number) for head, number in heads if (at := data.find(head, position)) >= 0]
        if not found:
            break
        at, number = min(found)
        span = read_binary(data, at, marks, number, len(data), True) if _begins(data, at, marks) else (0, 0)
        if span and span[1]:
            spans.append(span)
        position = span[1] if span and span[1] else at + 1
    return spans


def _begins(data: bytes, at: int, marks: Delimiters) -> bool:
    """Whether a segment begins at ``at``."""
    before = data[max(at - _TRIVIA_LOOKED_AT, 0) : at]
    return before.rstrip(TRIVIA.translate(None, marks.segment)).endswith(marks.segment)
