"""Cuts a content into HL7 v2 messages: each begins with MSH at the start of a line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from waypost.core.component import Slice
from waypost.core.errors import DataError
from waypost.formats.line import too_large

_BOUNDARY = re.compile(rb"[\r\n\x0b](?=MSH|FHS|BHS|BTS|FTS)")
_ENVELOPE = (b"FHS", b"BHS", b"BTS", b"FTS")
_BLANK = b"\r\n\x0b\x1c"
_BOM = b"\xef\xbb\xbf"


class Hl7Framer:
    """One slice a message, without the line end behind it. Batch and file headers and trailers are gaps; so are the
    block characters of MLLP in a file. What stands before the first MSH is a record with a fault."""

    def __init__(self, limit_bytes: int, offset: int) -> None:
        self._limit = limit_bytes
        self._held = bytearray()
        self._base = offset  # of the first byte held
        self._at = 0  # what lies before holds no boundary
        self._refused: DataError | None = None

    def feed(self, data: bytes) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        self._held += data
        slices: list[Slice] = []
        done = 0
        while not self._refused and (mark := _BOUNDARY.search(self._held, self._at)):
            self._take(done, mark.start(), slices)
            done = self._at = mark.end()
        self._drop(done)
        self._at = max(0, len(self._held) - 4)
        if not self._refused and self._is_too_long():
            self._refused = too_large(self._base, self._limit)
        if self._refused:
            self._held = bytearray()
            if not slices:
                raise self._refused
        return slices

    def finish(self) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        slices: list[Slice] = []
        self._take(0, len(self._held), slices)
        self._held = bytearray()
        if self._refused:
            raise self._refused
        return slices

    def _is_too_long(self) -> bool:
        """Whether what is held cannot become a record within the limit, blanks at its end apart."""
        if len(self._held) <= self._limit or (self._base == 0 and _BOM.startswith(self._held)):
            return False
        return len(self._held.rstrip(_BLANK)) > self._limit or len(self._held) > 2 * self._limit + 64

    def _drop(self, count: int) -> None:
        """Forget ``count`` bytes, and the blanks behind them."""
        rest = self._held[count:]
        kept = rest.lstrip(_BLANK)
        if self._base + count == 0 and kept.startswith(_BOM):
            kept = kept[len(_BOM) :]
        self._base += len(self._held) - len(kept)
        self._held = kept

    def _take(self, start: int, end: int, slices: list[Slice]) -> None:
        chunk = bytes(self._held[start:end])
        body = chunk.lstrip(_BLANK)
        if self._base + start == 0:
            body = body.removeprefix(_BOM)
        begin = self._base + start + len(chunk) - len(body)
        body = body.rstrip(_BLANK)
        if len(body) > self._limit:
            self._refused = too_large(begin, self._limit)
        if not body or self._refused or body.startswith(_ENVELOPE):
            return
        fault = ""
        if not body.startswith(b"MSH"):
            fault = f"record at byte {begin}: no MSH segment; expected an HL7 message; have the sender correct it"
        slices.append(Slice(begin, begin + len(body), body, fault))
