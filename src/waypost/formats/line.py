"""Cuts a content into lines or takes it whole, holding no more than one record."""

from __future__ import annotations

from collections.abc import Sequence

from waypost.core.component import Slice
from waypost.core.errors import DataError


def too_large(start: int, limit_bytes: int, remedy: str = "") -> DataError:
    """The refusal of a record that grew beyond the limit."""
    return DataError(
        f"a record of more than {limit_bytes} bytes",
        where=f"record at byte {start}",
        expected=f"at most {limit_bytes} bytes",
        remedy=remedy or "raise max_message_bytes, or split the content before it is sent",
        code="record-too-large",
    )


class LineFramer:
    """One record a line, ended by LF or CRLF. Lines of nothing but white space are gaps."""

    def __init__(self, limit_bytes: int, offset: int) -> None:
        self._limit, self._start = limit_bytes, offset
        self._held = bytearray()
        self._refused: DataError | None = None
        self._returns = False

    def feed(self, data: bytes) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        self._returns = self._returns or b"\r" in data
        lines = data.split(b"\n")
        tail = lines.pop()
        slices: list[Slice] = []
        if lines:
            if self._held:
                lines[0] = bytes(self._held + lines[0])
                self._held = bytearray()
            slices = self._cut(lines)
        if tail and not self._refused:
            self._hold(tail)
        if self._refused and not slices:
            raise self._refused
        return slices

    def finish(self) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        last, self._held = bytes(self._held), bytearray()
        slices = self._cut([last])
        if self._refused:
            raise self._refused
        return slices

    def _cut(self, lines: list[bytes]) -> list[Slice]:
        if self._returns or max(map(len, lines)) > self._limit or not all(lines) or any(map(bytes.isspace, lines)):
            return self._cut_carefully(lines)
        start = self._start
        slices: list[Slice] = []
        for line in lines:
            end = start + len(line)
            slices.append(Slice(start, end, line))
            start = end + 1
        self._start = start
        return slices

    def _cut_carefully(self, lines: list[bytes]) -> list[Slice]:
        """Where some may be blank, too long, or end in CR."""
        start, limit = self._start, self._limit
        slices: list[Slice] = []
        for line in lines:
            following = start + len(line) + 1
            if line[-1:] == b"\r":
                line = line[:-1]
            if len(line) > limit:
                self._refused = too_large(start, limit)
                break
            if line.strip():
                slices.append(Slice(start, start + len(line), line))
            start = following
        self._start = start
        return slices

    def _hold(self, tail: bytes) -> None:
        self._held += tail
        if len(self._held) > self._limit + 1:  # one more than the limit may still be the CR of a CRLF
            self._held = bytearray()
            self._refused = too_large(self._start, self._limit)


class WholeFramer:
    """The whole content is one record; a content of nothing but white space has none."""

    def __init__(self, limit_bytes: int, offset: int) -> None:
        self._limit, self._start = limit_bytes, offset
        self._held = bytearray()
        self._refused: DataError | None = None

    def feed(self, data: bytes) -> Sequence[Slice]:
        if len(self._held) + len(data) > self._limit:
            self._held = bytearray()
            self._refused = self._refused or too_large(self._start, self._limit)
        if self._refused:
            raise self._refused
        self._held += data
        return ()

    def finish(self) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        data, self._held = bytes(self._held), bytearray()
        if not data.strip():
            return ()
        return (Slice(self._start, self._start + len(data), data),)
