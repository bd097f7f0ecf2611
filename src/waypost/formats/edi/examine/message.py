"""The segments of one token as texts the patterns understand, and at which byte each of them begins."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from waypost.formats.edi.charset import decode, encoding_of
from waypost.formats.edi.delimiter import Delimiters, split
from waypost.formats.edi.dialect import Dialect, Header
from waypost.formats.edi.examine.release import as_written, hide
from waypost.formats.edi.finding import Finding
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.segment import Transaction, split_elements
from waypost.formats.edi.token import Token

_TRIVIA = " \t\r\n\x00\x1a\ufeff"
_LINE_END = re.compile("[\r\n]+")
_EXCERPT = 80


@dataclass(frozen=True, slots=True)
class Writing:
    """How an interchange is written: its separators as bytes and as text, and its encoding."""

    dialect: Dialect
    delimiters: Delimiters
    marks: Marks
    encoding: str


def writing_of(dialect: Dialect, header: Header) -> Writing:
    """How the interchange of ``header`` is written. X12 and TRADACOMS name no encoding: UTF-8 is tried first."""
    syntax = b"".join(header.row[1:2])[:4].decode("ascii", "replace")
    encoding = encoding_of(syntax) if dialect.name == "edifact" else ""
    one = header.delimiters
    texts = [m.decode("utf-8" if len(m) > 1 else "latin-1") for m in
             (one.element, one.component, one.repetition, one.segment, one.release, one.decimal)]  # fmt: skip
    return Writing(dialect, one, Marks(*texts), encoding)


class Message:
    """A token with its segments; ``texts`` have the element separator behind the tag, no trivia, hidden releases, and
    for binary data one letter. ``unreadable`` is the byte that is not of the encoding, -1 where all are; ``unmeasured``
    are the segments with binary data of which the length is wrong."""

    __slots__ = ("_binary", "_data", "_start", "_transaction", "_writing", "texts", "unmeasured", "unreadable")

    def __init__(self, token: Token, writing: Writing) -> None:
        self._data, self._start, self._writing, self._binary = token.data, token.start, writing, token.binary
        self._transaction: Transaction | None = None
        self.unreadable = -1
        self.unmeasured: list[int] = []
        self.texts = self._texts()

    def _texts(self) -> list[str]:
        data, writing = self._data, self._writing
        dialect, marks = writing.dialect, writing.marks
        special = self._binary or (b"\x1b" in data and b"\x1b$" in data)
        if special or (dialect.package and data.startswith(dialect.package)):
            return [self._special(segment, number) for number, segment in enumerate(self._cut().segments)]
        text = hide(self._decoded(data), marks)
        texts = text.split(marks.segment)
        if not texts[-1] and len(texts) > 1:
            texts.pop()
        if "\n" in text or "\r" in text or not all(texts) or text[0] in _TRIVIA or "\x1a" in text or "\x00" in text:
            texts = [piece.lstrip(_TRIVIA) for piece in texts]
            texts = [_LINE_END.sub("", t) if "\n" in t or "\r" in t else t for t in texts if t]
        if writing.delimiters.tag:
            tag = writing.delimiters.tag.decode("latin-1")
            texts = [t.replace(tag, marks.element, 1) for t in texts]
        return texts

    def _special(self, segment: bytes, number: int) -> str:
        """A segment that may hold binary data, or shifted characters."""
        marks = self._writing.marks
        elements = split_elements(segment, self._writing.delimiters, self._writing.dialect)
        length = self._writing.dialect.binary.get(elements[0])
        if length and len(elements) > length:
            if elements[length].lstrip(b"0") != b"%d" % len(elements[-1]):
                self.unmeasured.append(number)
            elements = [*elements[:-1], b"B"]
        elif self._writing.dialect.package and b"UNP" + self._writing.delimiters.element in segment:
            at = segment.rfind(b"UNP" + self._writing.delimiters.element)
            elements = split_elements(segment[at:], self._writing.delimiters, self._writing.dialect)
        return marks.element.join(hide(self._decoded(element), marks) for element in elements)

    def _decoded(self, data: bytes) -> str:
        try:
            return decode(data, self._writing.encoding)
        except UnicodeDecodeError as wrong:
            self.unreadable = max(self._data.find(data), 0) + wrong.start
            return data.decode("latin-1")

    def _cut(self) -> Transaction:
        if self._transaction is None:
            self._transaction = Transaction(self._data, self._start, self._writing.delimiters, self._writing.dialect)
        return self._transaction

    def row(self, index: int) -> list[str]:
        """The elements of a segment, the tag first; releases hidden."""
        return self.texts[index].split(self._writing.marks.element)

    def located(self, finding: Finding, index: int) -> Finding:
        """``finding`` with the byte its element begins at, and what stands there; its segment is number ``index``."""
        segments, offsets = self._cut().segments, self._cut().offsets
        index = min(max(index, 0), len(segments) - 1)
        if index < 0:
            return replace(finding, offset=self._start)
        segment, one = segments[index], self._writing.delimiters
        inside = 0
        if finding.element and self.texts[index].startswith(finding.segment):
            inside = _place(segment, one, finding.element, finding.component)
        excerpt = segment[:_EXCERPT].translate(None, b"\r\n").decode("utf-8", "replace")
        found = as_written(finding.found, self._writing.marks)
        return replace(finding, offset=offsets[index] + inside, excerpt=excerpt, found=found)


def _place(segment: bytes, marks: Delimiters, element: int, component: int) -> int:
    """Where an element, or a component of it, begins in a segment; its end where there is none."""
    start = 0
    if marks.tag and marks.tag in segment:
        start, element = segment.index(marks.tag) + len(marks.tag), element - 1
    pieces = split(segment[start:], marks.element, marks.release)
    at = start + sum(len(piece) + len(marks.element) for piece in pieces[:element])
    if element >= len(pieces):
        return len(segment)
    if component > 1 and marks.component:
        parts = split(pieces[element], marks.component, marks.release)
        at += sum(len(part) + len(marks.component) for part in parts[: component - 1])
    return min(at, len(segment))
