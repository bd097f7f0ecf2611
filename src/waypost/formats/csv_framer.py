"""Cuts delimited text into records, aware of quotes: a quoted field may hold line ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from waypost.core.component import Slice
from waypost.core.errors import DataError
from waypost.formats.line import too_large
from waypost.formats.possessive import GROUPS

_BOM = b"\xef\xbb\xbf"


class CsvFramer:
    """One slice a record, ended by LF or CRLF outside quotes; empty lines are gaps; the context is the header record.

    A quote opens a quoted field only as the first character of a field, and a doubled quote inside stands for one
    (RFC 4180, section 2); without a quote each line is a record. Every byte is looked at once, so a quote never closed
    costs no more than the limit.
    """

    def __init__(
        self, delimiter: bytes, quote: bytes, header: bool, bom: bool, limit_bytes: int, offset: int, context: bytes
    ) -> None:
        self._quote, self._limit, self._bom = quote, limit_bytes, bom
        self._closed_after, self._closes_in = _quote_patterns(delimiter, quote) if quote else (bool, bool)
        self._header_due = header and not context
        self._context = context
        self._start = offset  # of the record being gathered
        self._position = offset  # behind the last complete line
        self._record = bytearray()  # its lines so far, each with its LF; empty outside quotes
        self._held = bytearray()  # the line not yet complete
        self._refused: DataError | None = None

    def feed(self, data: bytes) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        lines = data.split(b"\n")
        tail = lines.pop()
        slices: list[Slice] = []
        if lines and self._held:
            lines[0] = bytes(self._held + lines[0])
            self._held = bytearray()
        for line in lines:
            self._line(line, slices)
            if self._refused:
                break
        else:
            self._hold(tail)
        if self._refused and not slices:
            raise self._refused
        return slices

    def finish(self) -> Sequence[Slice]:
        slices: list[Slice] = []
        if not self._refused and (self._held or self._record):
            last, self._held = bytes(self._held), bytearray()
            self._line(last, slices)
            if self._record and not self._refused:
                self._end_open_record(bytes(self._record[:-1]), slices)
        if self._refused:
            raise self._refused
        return slices

    def _line(self, line: bytes, slices: list[Slice]) -> None:
        """Take one line, without its LF, into the record; end the record unless a quote is open."""
        if self._bom and self._position == 0 and line.startswith(_BOM):
            line = line[len(_BOM) :]
            self._start = self._position = len(_BOM)
        self._position += len(line) + 1
        if self._record:
            still_open = not (self._quote in line and self._closes_in(line))
            if not still_open:
                line = bytes(self._record + line)
        else:
            still_open = bool(self._quote) and self._quote in line and not self._closed_after(line)
        if not still_open:
            return self._end_record(line, slices)
        self._record += line
        self._record += b"\n"
        if len(self._record) - 1 > self._limit + 1:
            self._refuse()
        return None

    def _end_record(self, data: bytes, slices: list[Slice]) -> None:
        if data[-1:] == b"\r":
            data = data[:-1]
        if len(data) > self._limit:
            return self._refuse()
        if data and self._header_due:
            if b"\0" in data or (b"\r" in data and (not self._quote or self._quote not in data)):
                return self._refuse_header(data)
            self._context, self._header_due = data, False
        elif data:
            slices.append(Slice(self._start, self._start + len(data), data, "", self._context))
        if self._record:
            self._record = bytearray()
        self._start = self._position
        return None

    def _end_open_record(self, data: bytes, slices: list[Slice]) -> None:
        """The content ended within quotes. ``decode`` says so of a record; a header has no other place to be told."""
        if not self._header_due:
            return self._end_record(data, slices)
        said = f"header at byte {self._start}: a quote that is never closed; expected it closed; correct the header"
        slices.append(Slice(self._start, self._start + len(data), data, said))
        return None

    def _refuse_header(self, data: bytes) -> None:
        """A file of another kind would be one long header, and its records lost without a word."""
        found, expected = ("a character NUL", "text in an encoding of bytes; UTF-16 is not read")
        if b"\0" not in data:
            found, expected = ("lines that end in CR alone", "LF or CRLF")
        self._record, self._held = bytearray(), bytearray()
        self._refused = DataError(found, where=f"header at byte {self._start}", expected=expected,
                                  remedy="have the sender write it so", code="csv-header")  # fmt: skip

    def _hold(self, tail: bytes) -> None:
        self._held += tail
        if self._bom and self._position == 0 and self._held.startswith(_BOM):
            del self._held[: len(_BOM)]
            self._start = self._position = len(_BOM)
        if len(self._record) + len(self._held) > self._limit + 1:
            self._refuse()

    def _refuse(self) -> None:
        self._record, self._held = bytearray(), bytearray()
        self._refused = too_large(
            self._start, self._limit, "look for a quote that is never closed, or raise max_message_bytes"
        )


_Test = Callable[[bytes], object]


def _quote_patterns(delimiter: bytes, quote: bytes) -> tuple[_Test, _Test]:
    """Whether a line leaves no quote open, when it begins outside quotes and when it begins inside."""
    d, q = re.escape(delimiter), re.escape(quote)
    inside, field = _inside(q), _field(d, q)
    outside = re.compile(rb"(?:%b%b)*%b%b" % (field, d, GROUPS, field))
    closes = re.compile(rb"%b%b(?!%b)[^%b]*+(?:%b%b)*%b" % (inside, q, q, d, d, field, GROUPS))
    return outside.fullmatch, closes.fullmatch


def _inside(q: bytes) -> bytes:
    return rb"[^%b]*+(?:%b%b[^%b]*+)*%b" % (q, q, q, q, GROUPS)


def _field(d: bytes, q: bytes) -> bytes:
    return rb"(?:%b%b%b(?!%b)|(?!%b))[^%b]*+" % (q, _inside(q), q, q, q, d)


def has_more_fields(delimiter: bytes, quote: bytes, most: int) -> Callable[[bytes], bool]:
    """What says of a record whether it has more than ``most`` fields, without making them."""
    if not quote:
        return lambda data: data.count(delimiter) >= most
    d, q = re.escape(delimiter), re.escape(quote)
    beyond = re.compile(rb"(?:%b%b){%d}" % (_field(d, q), d, most)).match
    return lambda data: data.count(delimiter) >= most and beyond(data) is not None
