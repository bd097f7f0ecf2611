"""What a family of EDI syntaxes calls its envelope; one declaration a family, read by everything that cuts contents."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from waypost.formats.edi.delimiter import Delimiters

Bytes = bytes | bytearray


@dataclass(frozen=True, slots=True)
class Header:
    """The segment that opens an interchange, with a service string advice before it: ``end`` is behind its terminator,
    ``row`` its elements as they stand, the tag first."""

    end: int
    row: tuple[bytes, ...]
    delimiters: Delimiters


ReadHeader = Callable[[Bytes, int, bool], Header | str | None]
"""The header at a position; what is wrong with it; or None when more bytes are needed and the content goes on."""


@dataclass(frozen=True, slots=True)
class Trailer:
    """Where the trailer ``tag`` repeats what can be counted and what its header said; element numbers, 0 for none.
    ``opening`` is the header's element with the control number."""

    tag: bytes
    count: int
    control: int = 0
    opening: int = 0


@dataclass(frozen=True, eq=False)
class Dialect:
    """Tags of headers with their trailers on each level. ``services`` may stand beside groups and transactions;
    ``records`` are those of them that are messages by themselves; ``binary`` maps a segment with binary data to the
    element that holds its length; ``package`` is the header of an object of bytes, counted as a transaction. ``counts``
    says what the interchange's trailer counts: groups, without which no transaction may stand; groups, or transactions
    where there are none; or transactions.

    ``reference`` is the element of a header whose trailer repeats no control number that names the interchange.

    ``addresses`` are the elements of a header with sender, receiver and version, ``kinds`` that of a transaction's
    header with its name. ``start`` finds where an interchange may begin; ``read_header`` says whether one does.
    """

    name: str
    title: str
    start: re.Pattern[bytes]
    read_header: ReadHeader
    interchange: Mapping[bytes, Trailer]
    group: Mapping[bytes, Trailer]
    transaction: Mapping[bytes, Trailer]
    services: frozenset[bytes]
    addresses: Mapping[bytes, tuple[int, int, int]]
    kinds: Mapping[bytes, int]
    transaction_word: str
    group_word: str
    counts: Literal["groups", "either", "transactions"]
    records: frozenset[bytes] = frozenset()
    binary: Mapping[bytes, int] = field(default_factory=dict)
    package: bytes = b""
    reference: int = 1

    def control_number(self, header: Header) -> str:
        """What the sender calls the interchange."""
        number = self.interchange[header.row[0]].opening or self.reference
        row = header.row
        return row[number].decode("ascii", "replace").strip() if len(row) > number else ""

    @cached_property
    def closers(self) -> dict[bytes, bytes]:
        """The trailer of each header, of all levels."""
        levels = (self.interchange, self.group, self.transaction)
        return {tag: trailer.tag for level in levels for tag, trailer in level.items()}
