"""Cuts a content of any size into the tokens of its interchanges, holding one transaction at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from waypost.core.errors import DataError
from waypost.formats.edi.binary import find_package_end, read_binary
from waypost.formats.edi.delimiter import LINE_ENDS, Delimiters, find_terminator, is_released, skip_trivia
from waypost.formats.edi.dialect import Dialect, Header
from waypost.formats.edi.token import Fault, Kind, Token
from waypost.formats.line import too_large

_TRIVIA_LOOKED_AT = 4096
"""The most trivia before a trailer that ends a transaction."""
_LOOK_AHEAD = 4200
"""More bytes than the trivia before a tag and the tag need to be recognised."""
_START_BYTES = 8
_PACKAGE_TRAILER = 128


class Cutter:
    """Tokens of a content as its bytes come; joined, their data is the content.

    ``limit_bytes`` bounds one token. ``offset`` is where the first byte stands; with ``inside`` and its header reading
    begins within an interchange. What is broken is a token with a fault, never an exception; only a token beyond the
    limit is refused with a ``DataError``, then and at every later call. Adjacent gap or junk tokens are one run.
    """

    def __init__(
        self, dialects: tuple[Dialect, ...], limit_bytes: int, *, offset: int = 0, inside: Header | None = None
    ) -> None:
        self._dialects, self._limit = dialects, limit_bytes
        self._buffer = bytearray()
        self._base = offset  # of the buffer's first byte
        self._at = 0  # up to where the buffer was given out
        self._scan = 0  # from where to look on
        self._dialect, self._header = dialects[0], inside
        self._start = start_pattern(dialects)
        self._boundary = boundary_pattern(self._dialect, dialects, inside.delimiters) if inside else None
        self._opener = b""  # of the transaction that begins at _at
        self._binary = False  # whether it has segments with binary data
        self._why = ""  # the last start of an interchange was none
        self._refused: DataError | None = None

    @property
    def scanned_bytes(self) -> int:
        """How many bytes the token has, at the least, that is not complete yet."""
        return self._scan

    def feed(self, data: bytes) -> list[Token]:
        """The tokens that ``data`` completes."""
        self._buffer += data
        return self._advance(False)

    def finish(self) -> list[Token]:
        """The tokens left at the end of the content."""
        return self._advance(True)

    def _advance(self, final: bool) -> list[Token]:
        tokens: list[Token] = []
        while not self._refused and self._step(tokens, final):
            pass
        del self._buffer[: self._at]
        self._base, self._scan, self._at = self._base + self._at, max(self._scan - self._at, 0), 0
        if self._scan > self._limit:
            self._refused = self._refused or too_large(self._base, self._limit)
        if self._refused:
            self._buffer = bytearray()
            if not tokens:
                raise self._refused
        return tokens

    def _step(self, tokens: list[Token], final: bool) -> bool:
        if self._header is None:
            return self._seek(tokens, final)
        return (self._in_transaction if self._opener else self._in_envelope)(tokens, final)

    def _give(self, tokens: list[Token], kind: Kind, end: int, tag: bytes = b"", fault: Fault | None = None) -> None:
        if kind is not Kind.JUNK and kind is not Kind.GAP and end - self._at > self._limit:
            self._refused = too_large(self._base + self._at, self._limit)
            return
        start, self._at = self._at, end
        self._scan = max(self._scan, end)
        dialect = self._dialect if self._header else None
        data = bytes(memoryview(self._buffer)[start:end])
        tokens.append(Token(kind, self._base + start, data, tag, dialect, self._header, fault, self._binary))

    def _fault(self, code: str, at: int, segment: bytes, found: str, expected: str = "", hint: str = "") -> Fault:
        return Fault(f"{self._dialect.name}-{code}", self._base + at, _text(segment), found, expected, hint)

    # ── between interchanges ─────────────────────────────────────────────────────────────────────────────────────

    def _seek(self, tokens: list[Token], final: bool) -> bool:
        """Find the next header; what stands before it is given out as gap or junk."""
        buffer = self._buffer
        start = skip_trivia(buffer, self._at)
        if start > self._at:
            self._give(tokens, Kind.GAP, start)
        found, dialect = self._next_start(max(self._scan, self._at))
        if dialect is None:
            end = len(buffer) if final else max(self._at, len(buffer) - _START_BYTES)
            self._give_junk(tokens, end)
            return False
        self._give_junk(tokens, found)
        self._scan = found
        header = dialect.read_header(buffer, found, final)
        if header is None:
            return False
        self._dialect = dialect
        if isinstance(header, str):
            self._why, self._scan = header, found + 1
            self._give_junk(tokens, found + 1)
            return True
        self._header, self._why = header, ""
        self._boundary = boundary_pattern(dialect, self._dialects, header.delimiters)
        self._give(tokens, Kind.INTERCHANGE, header.end, header.row[0])
        return True

    def _next_start(self, position: int) -> tuple[int, Dialect | None]:
        match = self._start.search(self._buffer, position)
        return (match.start(), self._dialects[(match.lastindex or 1) - 1]) if match else (-1, None)

    def _give_junk(self, tokens: list[Token], end: int) -> None:
        if end > self._at:
            fault = self._fault("header", self._at, b"", self._why) if self._why else None
            self._give(tokens, Kind.JUNK, end, b"", fault)
            self._why = ""

    # ── in an interchange, between transactions ──────────────────────────────────────────────────────────────────

    def _in_envelope(self, tokens: list[Token], final: bool) -> bool:
        assert self._header is not None
        start = skip_trivia(self._buffer, self._at)
        if start > self._at:
            self._give(tokens, Kind.GAP, start)
        if start >= len(self._buffer):
            if final:
                self._miss(tokens, "the content ends")
            return False
        if not final and start + _START_BYTES > len(self._buffer):
            return False
        if self._start.match(self._buffer, start):
            self._miss(tokens, "another interchange begins")
            return True
        marks = self._header.delimiters
        end = find_terminator(self._buffer, max(self._scan, start), marks)
        if end < 0 and not final:
            self._scan = max(self._scan, len(self._buffer) - len(marks.segment) + 1)
            return False
        self._envelope_segment(tokens, len(self._buffer) if end < 0 else end + len(marks.segment))
        return True

    def _envelope_segment(self, tokens: list[Token], end: int) -> None:
        """What the segment up to ``end`` is."""
        assert self._header is not None
        tag, dialect = _tag(self._buffer, self._at, end, self._header.delimiters), self._dialect
        closers = dialect.closers
        if tag in dialect.transaction:
            self._opener, self._scan = tag, self._at
        elif tag == closers[self._header.row[0]]:
            self._give(tokens, Kind.INTERCHANGE_END, end, tag)
            self._header = None
        elif tag in dialect.group:
            self._give(tokens, Kind.GROUP, end, tag)
        elif any(tag == trailer.tag for trailer in dialect.group.values()):
            self._give(tokens, Kind.GROUP_END, end, tag)
        elif tag in dialect.services:
            self._give(tokens, Kind.SEGMENT, end, tag)
        elif not tag and end - self._at <= len(self._header.delimiters.segment):
            self._give(tokens, Kind.GAP, end)  # a doubled terminator
        else:
            found = f"segment {_text(tag)!r} outside a {dialect.transaction_word}"
            self._give(tokens, Kind.SEGMENT, end, tag, self._fault("segment-outside", self._at, tag, found))

    def _miss(self, tokens: list[Token], why: str) -> None:
        """The interchange ends without its trailer."""
        assert self._header is not None
        trailer = self._dialect.closers[self._header.row[0]]
        said = f"the {_text(trailer)} segment is missing: {why}"
        fault = self._fault("trailer-missing", self._at, trailer, said, _text(trailer),
                            "have the sender send the whole interchange again")  # fmt: skip
        self._give(tokens, Kind.INTERCHANGE_END, self._at, trailer, fault)
        self._header = None

    # ── in a transaction ─────────────────────────────────────────────────────────────────────────────────────────

    def _in_transaction(self, tokens: list[Token], final: bool) -> bool:
        assert self._header is not None and self._boundary is not None
        if self._opener == self._dialect.package:
            return self._in_package(tokens, final)
        buffer, marks, binary = self._buffer, self._header.delimiters, self._dialect.binary
        while hit := self._boundary.search(buffer, self._scan):
            at, tag = hit.start(1), hit[1].translate(None, LINE_ENDS)
            if marks.release and is_released(buffer, hit.start(), marks.release):
                self._scan = hit.start() + 1
            elif tag in binary:
                self._binary = True
                span = read_binary(buffer, at, marks, binary[tag], self._limit, final)
                if span is None:
                    self._scan = hit.start()
                    return False
                self._scan = span[1] if span[1] else hit.start() + 1
            elif tag == self._dialect.transaction[self._opener].tag:
                end = find_terminator(buffer, at, marks)
                if end < 0 and not final:
                    self._scan = hit.start()
                    return False
                self._end_transaction(tokens, len(buffer) if end < 0 else end + len(marks.segment))
                return True
            else:
                self._end_transaction(tokens, at, missing=True)
                return True
        if final:
            self._end_transaction(tokens, len(buffer), missing=True)
            return True
        self._scan = _rest_to_scan(buffer, self._scan, marks.segment)
        return False

    def _in_package(self, tokens: list[Token], final: bool) -> bool:
        """An object of any bytes, whose trailer says how many they are (ISO 9735-8)."""
        assert self._header is not None
        end = find_package_end(self._buffer, self._at, self._scan, self._header.delimiters, final)
        if end is None:
            self._scan = max(self._scan, len(self._buffer) - _PACKAGE_TRAILER)
            return False
        self._end_transaction(tokens, end or len(self._buffer), missing=not end)
        return True

    def _end_transaction(self, tokens: list[Token], end: int, missing: bool = False) -> None:
        opener, self._opener, fault = self._opener, b"", None
        if missing:
            trailer = _text(self._dialect.transaction[opener].tag)
            said = f"a {self._dialect.transaction_word} without its {trailer} segment"
            fault = self._fault("trailer-missing", self._at, opener, said, trailer, "have the sender send it again")
        self._give(tokens, Kind.TRANSACTION, end, opener, fault)
        self._binary = False


@lru_cache(maxsize=16)
def start_pattern(dialects: tuple[Dialect, ...]) -> re.Pattern[bytes]:
    """Finds where an interchange may begin; the number of the group that matched is that of the dialect."""
    return re.compile(b"|".join(b"(%b)" % dialect.start.pattern for dialect in dialects))


@lru_cache(maxsize=256)
def boundary_pattern(dialect: Dialect, others: tuple[Dialect, ...], marks: Delimiters) -> re.Pattern[bytes]:
    """Finds, behind a terminator, the tags that end a transaction, begin something else, or hold binary data."""
    tags = {tag for pair in dialect.closers.items() for tag in pair} | {*dialect.binary}
    ends = b"|".join(map(re.escape, {marks.tag or marks.element, marks.segment}))
    words = b"|".join(b"[\r\n]{0,2}".join(re.escape(tag[n : n + 1]) for n in range(len(tag))) for tag in sorted(tags))
    first = bytes(sorted({tag[0] for tag in tags}))
    starts = b"|".join(other.start.pattern for other in others)
    trivia = b"(?:[ \t\r\n\\x00\x1a]{0,%d}+)" % _TRIVIA_LOOKED_AT
    return re.compile(
        b"%b%b(?=[%b])((?:%b)(?=[\r\n]{0,2}(?:%b))|(?=%b))"
        % (re.escape(marks.segment), trivia, first, words, ends, starts)
    )


def _rest_to_scan(buffer: bytearray, scan: int, segment: bytes) -> int:
    """From where a boundary may begin that the bytes to come complete."""
    last = buffer.rfind(segment, scan)
    undecided = len(buffer) - len(segment) + 1
    return last if last >= 0 and len(buffer) - last <= _LOOK_AHEAD else max(scan, undecided)


def _tag(buffer: bytearray, start: int, end: int, marks: Delimiters) -> bytes:
    """The tag of the segment from ``start``, line ends inside it left out."""
    text = bytes(buffer[start : min(end, start + 64)])
    cut = text.partition(marks.segment)[0].partition(marks.element)[0]
    return (cut.partition(marks.tag)[0] if marks.tag else cut).translate(None, LINE_ENDS).strip()


def _text(value: bytes) -> str:
    return value[:40].decode("ascii", "backslashreplace")


def cut(pieces: Iterable[bytes], dialects: tuple[Dialect, ...], limit_bytes: int) -> Iterator[Token]:
    """The tokens of a whole content given in pieces. Raises ``DataError`` for a token beyond the limit."""
    cutter = Cutter(dialects, limit_bytes)
    for piece in pieces:
        yield from cutter.feed(piece)
    yield from cutter.finish()
