"""Finds X12 interchanges in bytes and reads their segments by offset; no byte is ever lost or changed.

The separators are those the ISA segment itself uses (X12.5, X12.6): the fourth character separates elements, the one
behind the sixteenth separator components, the next ends segments. Many partners do not pad the ISA to its 106
characters, so separators are counted and never looked up at a fixed offset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

TRIVIA = b" \t\r\n\x00\x1a"
"""Bytes that may stand between segments without meaning: partners break lines, pad records and end files with SUB."""

_TRIVIA_RUN = re.compile(rb"(?:[ \t\r\n\x00\x1a]|\xef\xbb\xbf)*+")
_ISA = re.compile(rb"ISA[^A-Za-z0-9 \t\r\n\x00]")
_HEADER_LIMIT = 512
_ISA_ELEMENTS = 16


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The separators of one interchange. ``repetition`` is empty where the version has none; each is one character,
    and that may be several bytes of UTF-8."""

    element: bytes = b"*"
    component: bytes = b">"
    repetition: bytes = b""
    segment: bytes = b"~"


@dataclass(frozen=True, slots=True)
class Header:
    """The ISA segment at the start of an interchange: ``end`` is behind its terminator."""

    end: int
    elements: tuple[bytes, ...]
    delimiters: Delimiters


def skip_trivia(data: bytes | bytearray, position: int) -> int:
    """The first position from ``position`` on that is neither trivia nor a byte order mark."""
    match = _TRIVIA_RUN.match(data, position)
    return match.end() if match else position


def find_isa(data: bytes | bytearray, position: int, end: int | None = None) -> int:
    """Where the next ``ISA`` with a separator behind it begins; -1 when there is none."""
    match = _ISA.search(data, position, len(data) if end is None else end)
    return match.start() if match else -1


def read_header(data: bytes | bytearray, start: int, final: bool) -> Header | str | None:
    """The header at ``start``; what is wrong with it; or None when more bytes are needed and ``final`` is not said."""
    separator = bytes(data[start + 3 : start + 4])
    bounds = [start + 3]
    for _ in range(_ISA_ELEMENTS - 1):
        position = data.find(separator, bounds[-1] + 1, start + _HEADER_LIMIT)
        if position < 0:
            if final or len(data) >= start + _HEADER_LIMIT:
                return f"the ISA segment has {len(bounds)} elements of {_ISA_ELEMENTS}"
            return None
        bounds.append(position)
    component = _character(data, bounds[-1] + 1)
    segment = _character(data, bounds[-1] + 1 + len(component))
    end = bounds[-1] + 1 + len(component) + len(segment)
    if end + 4 > len(data) and not final:
        return None
    if not segment or segment in (separator, component) or segment.isalnum():
        return f"{segment!r} stands where the ISA segment names its terminator"
    if component == separator:
        return "the ISA segment names no component separator"
    elements = tuple(bytes(data[a + 1 : b]) for a, b in zip(bounds, [*bounds[1:], end - len(segment)], strict=True))
    return Header(end, elements, Delimiters(separator, component, _repetition(elements), segment))


def _character(data: bytes | bytearray, position: int) -> bytes:
    """The character at ``position``: one byte, or all bytes of one written in UTF-8."""
    lead = data[position] if position < len(data) else 0
    length = 2 if 0xC2 <= lead < 0xE0 else 3 if 0xE0 <= lead < 0xF0 else 4 if 0xF0 <= lead < 0xF5 else 1
    raw = bytes(data[position : position + length])
    try:
        raw.decode()
    except UnicodeDecodeError:
        return raw[:1]
    return raw


def _repetition(elements: tuple[bytes, ...]) -> bytes:
    """ISA11 is the repetition separator from version 00402 on; before, and with many partners after, it is a 'U'."""
    mark, version = elements[10], elements[11].strip()
    return mark if version >= b"00402" and mark.strip() and not mark.isalnum() else b""


def find_end(data: bytes | bytearray, scan: int, delimiters: Delimiters, final: bool) -> tuple[int, str] | None:
    """Where the interchange ends that was read up to ``scan``, and what is wrong with its end: behind its IEA
    segment; or where the next ISA begins, the IEA missing; or at the end of the data when it is ``final``. None when
    more bytes are needed."""
    intruder = find_isa(data, scan)  # first, so that many interchanges without an end are gone through but once
    while intruder >= 0 and not _begins_segment(data, intruder, delimiters):
        intruder = find_isa(data, intruder + 1)
    until = intruder if intruder >= 0 else len(data)
    trailer = _find_segment(data, b"IEA" + delimiters.element, scan, until, delimiters)
    if trailer >= 0:
        end = data.find(delimiters.segment, trailer, until)
        if end >= 0:
            return end + len(delimiters.segment), ""
        if final and intruder < 0:
            return len(data), ""
    if intruder >= 0:
        return intruder, "the IEA segment is missing or not ended: another interchange begins"
    return (len(data), "the IEA segment is missing: the content ends") if final else None


def next_scan(data: bytes | bytearray, scan: int, delimiters: Delimiters) -> int:
    """From where ``find_end`` must look again once more bytes are there."""
    trailer = _find_segment(data, b"IEA" + delimiters.element, scan, len(data), delimiters)
    return trailer if trailer >= 0 else max(scan, len(data) - 8)


def find_segment(data: bytes, tag: bytes, position: int, delimiters: Delimiters, end: int | None = None) -> int:
    """Where the next segment ``tag`` begins, looking at the starts of segments alone; -1 when there is none."""
    until = len(data) if end is None else end
    return _find_segment(data, tag + delimiters.element, position, until, delimiters)


def _find_segment(data: bytes | bytearray, head: bytes, position: int, end: int, delimiters: Delimiters) -> int:
    found = data.find(head, position, end)
    while found >= 0 and not _begins_segment(data, found, delimiters):
        found = data.find(head, found + 1, end)
    return found


def _begins_segment(data: bytes | bytearray, position: int, delimiters: Delimiters) -> bool:
    """Whether a terminator, or the start of the data, and behind it at most trivia, stands before ``position``."""
    terminator = delimiters.segment
    size = len(terminator)
    while position > 0:
        if data[position - size : position] == terminator:
            return True
        if data[position - 1] not in TRIVIA:
            return False
        position -= 1
    return True


@dataclass(frozen=True, slots=True)
class Interchange:
    """The segments of one interchange as ranges of the bytes it was read from.

    ``pieces`` are the bytes between terminators, trivia included, so that ``to_bytes`` gives back what was read.
    """

    start: int
    header: Header
    pieces: list[bytes]

    def offsets(self) -> list[int]:
        """Where each piece begins, counted from the start of the content."""
        size = len(self.header.delimiters.segment)
        return list(accumulate((len(p) + size for p in self.pieces[:-1]), initial=self.start))

    def segments(self) -> Iterator[list[bytes]]:
        """The elements of each segment, the tag first; pieces of nothing but trivia are no segments."""
        separator = self.header.delimiters.element
        for piece in self.pieces:
            if segment := piece[skip_trivia(piece, 0) :]:
                yield segment.split(separator)

    def to_bytes(self) -> bytes:
        return self.header.delimiters.segment.join(self.pieces)


def tokenize(content: bytes) -> Iterator[Interchange | bytes]:
    """Every byte of ``content`` in order: interchanges, and the bytes between them as they are."""
    position = 0
    while position < len(content):
        start, header = _next_header(content, position)
        if start > position:
            yield content[position:start]
        if header is None:
            return
        end = find_end(content, header.end - len(header.delimiters.segment), header.delimiters, True)
        position = end[0] if end else len(content)
        yield Interchange(start, header, content[start:position].split(header.delimiters.segment))


def _next_header(content: bytes, position: int) -> tuple[int, Header | None]:
    start = find_isa(content, position)
    while start >= 0:
        header = read_header(content, start, True)
        if isinstance(header, Header):
            return start, header
        start = find_isa(content, start + 1)
    return len(content), None
