"""Puts control numbers, and the time, into an interchange that is written already; every other byte stays.

The same bytes and the same numbers give the same interchange, and stamping it again under other numbers gives what
would have been written under those: so is an interchange resent under new numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from waypost.core.errors import DataError
from waypost.formats.edi.cutter import cut
from waypost.formats.edi.delimiter import Delimiters, split
from waypost.formats.edi.dialect import Dialect, Header
from waypost.formats.edi.token import Kind, Token


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a dialect has numbers and times, by element: the interchange's, the group's and the message's headers and
    trailers. ``joined`` says that date and time are components of one element."""

    number: dict[bytes, int]
    trailer: dict[bytes, int]
    date: dict[bytes, int]
    joined: bool


X12_LAYOUT = Layout({b"ISA": 13, b"GS": 6, b"ST": 2}, {b"IEA": 2, b"GE": 2, b"SE": 2}, {b"ISA": 9, b"GS": 4}, False)
EDIFACT_LAYOUT = Layout(
    {b"UNB": 5, b"UNG": 5, b"UNH": 1}, {b"UNZ": 2, b"UNE": 2, b"UNT": 2}, {b"UNB": 4, b"UNG": 4}, True
)
LAYOUTS = {"x12": X12_LAYOUT, "edifact": EDIFACT_LAYOUT}


@dataclass(frozen=True, slots=True)
class Shape:
    """How many numbers an interchange takes."""

    groups: int
    messages: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of an interchange as they are written: its own, one a group, one a message. Empty ones leave what
    stands there."""

    interchange: str = ""
    groups: Sequence[str] = ()
    messages: Sequence[str] = ()


def shape_of(body: bytes, dialect: Dialect) -> Shape:
    """How many groups and messages one interchange has. Raises ``DataError`` where it is not one interchange."""
    kinds = [token.kind for token in _tokens(body, dialect)]
    if kinds.count(Kind.INTERCHANGE) != 1 or kinds.count(Kind.INTERCHANGE_END) != 1:
        raise DataError(f"{kinds.count(Kind.INTERCHANGE)} interchanges", where="control numbers",
                        expected="one whole interchange", code=f"{dialect.name}-structure")  # fmt: skip
    return Shape(kinds.count(Kind.GROUP), kinds.count(Kind.TRANSACTION))


def control_number(body: bytes, dialect: Dialect) -> str:
    """The number of the interchange a content begins with; '' where it begins with none."""
    header = dialect.read_header(body, 0, True)
    return dialect.control_number(header) if isinstance(header, Header) else ""


def stamped(body: bytes, dialect: Dialect, numbers: Numbers, at: datetime | None = None) -> bytes:
    """``body`` under ``numbers``, sent at ``at`` (None leaves the time that stands there)."""
    layout = LAYOUTS[dialect.name]
    groups, messages = iter(numbers.groups), iter(numbers.messages)
    group, made = "", []
    for token in _tokens(body, dialect):
        marks = token.header.delimiters if token.header else None
        if marks is None:
            made.append(token.data)
        elif token.kind is Kind.INTERCHANGE:
            made.append(_header(token.data, b"ISA" if b"ISA" in token.data[:8] else b"UNB", marks, layout,
                                numbers.interchange, at))  # fmt: skip
        elif token.kind is Kind.GROUP:
            group = next(groups, "")
            made.append(_header(token.data, token.data.lstrip()[:3].rstrip(marks.element), marks, layout, group, at))
        elif token.kind is Kind.GROUP_END:
            made.append(_trailer(token.data, marks, layout, group))
        elif token.kind is Kind.INTERCHANGE_END:
            made.append(_trailer(token.data, marks, layout, numbers.interchange))
        elif token.kind is Kind.TRANSACTION:
            made.append(_message(token.data, marks, layout, next(messages, "")))
        else:
            made.append(token.data)
    return b"".join(made)


def _tokens(body: bytes, dialect: Dialect) -> Iterator[Token]:
    return cut([body], (dialect,), max(len(body), 1))


def _header(data: bytes, tag: bytes, marks: Delimiters, layout: Layout, number: str, at: datetime | None) -> bytes:
    start = data.find(tag + marks.element)
    if start < 0 or tag not in layout.number:
        return data
    elements = split(data[start:], marks.element, marks.release)
    place = layout.number[tag]
    if number and len(elements) > place:
        width = len(elements[place]) if tag == b"ISA" else 0
        elements[place] = _put(elements[place], number.rjust(width, "0"), marks)
    if at is not None and len(elements) > layout.date[tag] + 1:
        _put_time(elements, layout.date[tag], at, marks, layout.joined)
    return data[:start] + marks.element.join(elements)


def _put(element: bytes, text: str, marks: Delimiters) -> bytes:
    """``text`` in the place of an element, with the terminator and what follows it, where it is the last one."""
    end = element.find(marks.segment)
    return text.encode("ascii") + (element[end:] if end >= 0 else b"")


def _put_time(elements: list[bytes], place: int, at: datetime, marks: Delimiters, joined: bool) -> None:
    if joined:
        date, time = [*elements[place].split(marks.component), b""][:2]
        elements[place] = marks.component.join((_date(date, at), _time(time, at)))
    else:
        elements[place], elements[place + 1] = _date(elements[place], at), _time(elements[place + 1], at)


def _date(written: bytes, at: datetime) -> bytes:
    return at.strftime("%y%m%d" if len(written) == 6 else "%Y%m%d").encode()


def _time(written: bytes, at: datetime) -> bytes:
    return at.strftime("%H%M%S" if len(written) >= 6 else "%H%M").encode()


def _trailer(data: bytes, marks: Delimiters, layout: Layout, number: str) -> bytes:
    lead = len(data) - len(data.lstrip())
    elements = split(data[lead:], marks.element, marks.release)
    place = layout.trailer.get(elements[0], 0)
    if not number or not place or len(elements) <= place:
        return data
    end = elements[place].find(marks.segment)
    said = elements[place] if end < 0 else elements[place][:end]
    width = len(said) if elements[0] == b"IEA" else 0
    elements[place] = _put(elements[place], number.rjust(width, "0"), marks)
    return data[:lead] + marks.element.join(elements)


def _message(data: bytes, marks: Delimiters, layout: Layout, number: str) -> bytes:
    """The first and the last segment of a message under another number."""
    if not number:
        return data
    tag = next((tag for tag in (b"ST", b"UNH") if data.lstrip().startswith(tag + marks.element)), b"")
    closer = {b"ST": b"SE", b"UNH": b"UNT"}.get(tag, b"")
    behind = data.rfind(marks.segment + closer + marks.element) if closer else -1
    if behind < 0:  # a line end between the segments
        behind = data.rfind(closer + marks.element) - len(marks.segment) if closer else -1
    if not tag or behind < 0:
        return data
    start = data.find(tag)
    end = start + len(split(data[start:behind], marks.segment, marks.release)[0])
    elements = split(data[start:end], marks.element, marks.release)
    if len(elements) <= layout.number[tag]:
        return data
    elements[layout.number[tag]] = number.encode("ascii")
    last = behind + len(marks.segment)
    return data[:start] + marks.element.join(elements) + data[end:last] + _trailer(data[last:], marks, layout, number)
