"""Cuts a content into X12 transaction sets or groups, one interchange staged and checked at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from waypost.core.component import Slice
from waypost.core.errors import DataError
from waypost.formats.edi.token import (
    TRIVIA,
    Delimiters,
    Header,
    find_end,
    find_isa,
    find_segment,
    next_scan,
    read_header,
    skip_trivia,
)
from waypost.formats.line import too_large

Unit = Literal["transaction", "group"]
_SERVICE = (b"TA1", b"TA3", b"ISB", b"ISE")
"""Segments of the interchange itself, allowed between ISA and the first group (X12.5)."""
_ACKNOWLEDGES = (b"TA1", b"TA3")
_LOOK_AHEAD = 1024
"""More bytes than any end of an interchange, or start of the next, needs to be recognised."""
_MOST_FAULTS = 8


class X12Framer:
    """One slice a transaction set (or group), released once the envelope around it was found sound.

    The context of a slice is the ISA segment and, for transaction sets, the GS segment, as they stand. An interchange
    whose envelope is broken is one slice with a fault, and so is what stands between interchanges; whether the
    segments of a transaction set are right is for ``decode`` to say. ``limit_bytes`` bounds an interchange.
    """

    def __init__(self, unit: Unit, limit_bytes: int, offset: int, context: bytes) -> None:
        self._unit, self._limit = unit, limit_bytes
        self._buffer = bytearray()
        self._base = offset  # of the buffer's first byte
        self._scan = 0
        self._header: Header | None = None
        self._resumed = bytes(context)  # not empty: inside an interchange that was found sound before
        self._refused: DataError | None = None
        self._why_no_header = ""
        if context:
            header = read_header(context, 0, True)
            self._header = header if isinstance(header, Header) else None

    def feed(self, data: bytes) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        self._buffer += data
        return self._advance(False)

    def finish(self) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        return self._advance(True)

    def _advance(self, final: bool) -> list[Slice]:
        slices: list[Slice] = []
        while not self._refused and (self._end_interchange if self._header else self._begin_interchange)(slices, final):
            pass
        if not self._refused and len(self._buffer) > self._limit + _LOOK_AHEAD:
            self._refuse()
        if self._refused and not slices:
            raise self._refused
        return slices

    # ── between interchanges ─────────────────────────────────────────────────────────────────────────────────────

    def _begin_interchange(self, slices: list[Slice], final: bool) -> bool:
        """Find the next header; what stands before it goes out as a slice with a fault, unless it is trivia."""
        if not self._scan:
            self._drop(skip_trivia(self._buffer, 0))
        found = find_isa(self._buffer, self._scan)
        if found < 0:
            self._scan = max(len(self._buffer) - 3, 0) if not final else len(self._buffer)
            if final:
                self._junk(len(self._buffer), slices)
            return False
        header = read_header(self._buffer, found, final)
        self._scan = found
        if header is None:
            return False
        if isinstance(header, str):
            self._why_no_header, self._scan = self._why_no_header or header, found + 1
            return True
        self._junk(found, slices)
        header = read_header(self._buffer, 0, final)
        if self._refused or not isinstance(header, Header):
            return False
        self._header, self._scan = header, header.end - len(header.delimiters.segment)
        return True

    def _junk(self, end: int, slices: list[Slice]) -> None:
        data = bytes(self._buffer[:end]).rstrip(TRIVIA)
        why, self._why_no_header = self._why_no_header, ""
        if data:
            where = f"X12 content at byte {self._base}"
            said = f"{where}: {why or f'{len(data)} bytes that belong to no interchange'}; expected an ISA segment"
            if end > self._limit:
                return self._refuse()
            slices.append(Slice(self._base, self._base + len(data), data, said))
        self._drop(end)
        return None

    # ── inside one ───────────────────────────────────────────────────────────────────────────────────────────────

    def _end_interchange(self, slices: list[Slice], final: bool) -> bool:
        """Wait for the end of the interchange, then release what it holds."""
        assert self._header is not None
        delimiters = self._header.delimiters
        found = find_end(self._buffer, self._scan, delimiters, final)
        if found is None:
            self._scan = next_scan(self._buffer, self._scan, delimiters)
            return False
        end, fault = found
        if end > self._limit:
            self._refuse()
            return False
        data = bytes(memoryview(self._buffer)[:end])
        slices.extend(self._cut(data, self._header, fault))
        self._drop(end)
        self._header, self._resumed = None, b""
        return bool(self._buffer) or final

    def _cut(self, data: bytes, header: Header, fault: str) -> Sequence[Slice]:
        if self._resumed:
            return list(_Walk(data, self._base, header, self._unit, self._resumed))
        walk = _Walk(data, self._base, header, self._unit)
        slices = list(walk)
        faults = [fault] if fault else walk.faults
        if not faults:
            return slices
        control = header.elements[12].decode("ascii", "replace").strip()
        what = "; ".join(faults[:_MOST_FAULTS])
        said = f"interchange {control} at byte {self._base}: {what}; have the sender send it again"
        whole = data.rstrip(TRIVIA.replace(header.delimiters.segment, b""))
        return [Slice(self._base, self._base + len(whole), whole, said)]

    def _drop(self, count: int) -> None:
        if count:
            del self._buffer[:count]
            self._base += count
        self._scan = 0

    def _refuse(self) -> None:
        self._buffer = bytearray()
        remedy = "raise max_message_bytes, or have the sender split the interchange"
        self._refused = too_large(self._base, self._limit, remedy)


class _Walk:
    """Goes through the segments of one interchange that belong to its envelope; iterating yields the slices."""

    def __init__(self, data: bytes, base: int, header: Header, unit: Unit, resumed: bytes = b"") -> None:
        self._data, self._base, self._header, self._unit = data, base, header, unit
        self._delimiters: Delimiters = header.delimiters
        self._isa = resumed[: header.end] if resumed else data[: header.end]
        self._gs = resumed[header.end :]
        self._position = 0 if resumed else header.end
        self._group: list[bytes] = []
        self._group_start = self._groups = self._transactions = 0
        self.faults: list[str] = []

    def __iter__(self) -> Iterator[Slice]:
        while (start := skip_trivia(self._data, self._position)) < len(self._data) and len(self.faults) < _MOST_FAULTS:
            elements, end = self._segment(start)
            tag, self._position = elements[0], end
            if tag == b"ST":
                yield from self._transaction(start)
            elif tag == b"GS":
                self._open_group(elements, start, end)
            elif tag == b"GE":
                yield from self._close_group(elements, end)
            elif tag == b"IEA":
                self._close(elements)
            elif tag in _SERVICE and not self._gs:
                if tag in _ACKNOWLEDGES and self._unit == "transaction":
                    yield self._slice(start, end, self._isa)
            elif elements != [b""]:
                self._fault(start, f"segment {_text(tag)} outside a transaction set")

    def _segment(self, start: int) -> tuple[list[bytes], int]:
        end = self._data.find(self._delimiters.segment, start)
        behind = len(self._data) if end < 0 else end + len(self._delimiters.segment)
        text = self._data[start : len(self._data) if end < 0 else end]
        return text.split(self._delimiters.element), behind

    def _transaction(self, start: int) -> Iterator[Slice]:
        if not self._gs:
            self._fault(start, "a transaction set outside a group")
        trailer = find_segment(self._data, b"SE", self._position, self._delimiters)
        until = len(self._data) if trailer < 0 else trailer
        following = find_segment(self._data, b"ST", self._position, self._delimiters, until)
        if trailer < 0 or following >= 0:
            self._fault(start, "a transaction set without its SE segment")
            self._position = len(self._data)  # all that follows would be counted wrongly
            return
        _, self._position = self._segment(trailer)
        self._transactions += 1
        if self._unit == "transaction":
            yield self._slice(start, self._position, self._isa + self._gs)

    def _open_group(self, elements: list[bytes], start: int, end: int) -> None:
        if self._gs:
            self._fault(start, "a group begins inside another; its GE segment is missing")
        self._gs, self._group, self._group_start = self._data[start:end], elements, start
        self._transactions = 0
        self._groups += 1

    def _close_group(self, elements: list[bytes], end: int) -> Iterator[Slice]:
        if self._group:
            opened = self._group[6] if len(self._group) > 6 else b""
            self._compare("GE02", elements, 2, opened, "the control number of GS06")
            self._compare("GE01", elements, 1, b"%d" % self._transactions, "the number of transaction sets")
            if self._unit == "group":
                yield self._slice(self._group_start, end, self._isa)
        elif not self._gs:
            self._fault(end, "a GE segment without its GS")
        self._gs, self._group = b"", []

    def _close(self, elements: list[bytes]) -> None:
        if self._gs:
            self._fault(self._position, "the GE segment of the last group is missing")
        self._compare("IEA02", elements, 2, self._header.elements[12], "the control number of ISA13")
        if self._groups or _number(elements[1]) != b"1":  # interchanges of a lone TA1 are often counted as one group
            self._compare("IEA01", elements, 1, b"%d" % self._groups, "the number of groups")

    def _compare(self, name: str, elements: list[bytes], index: int, expected: bytes, words: str) -> None:
        found = elements[index] if len(elements) > index else b""
        if _number(found) != _number(expected):
            self.faults.append(f"{name} is {_text(found)}, {words} is {_text(expected)}")

    def _fault(self, start: int, said: str) -> None:
        self.faults.append(f"{said} (byte {self._base + start})")

    def _slice(self, start: int, end: int, context: bytes) -> Slice:
        return Slice(self._base + start, self._base + end, self._data[start:end], "", context)


def _number(text: bytes) -> bytes:
    """Control numbers and counts compare without padding, and without line ends inside."""
    digits = text.translate(None, TRIVIA)
    return digits.lstrip(b"0") or digits[:1]


def _text(value: bytes) -> str:
    return repr(value[:40].decode("ascii", "replace"))
