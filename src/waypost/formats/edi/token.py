"""What a content is made of: every byte of it belongs to one token."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import msgspec

from waypost.formats.edi.dialect import Dialect, Header


class Kind(StrEnum):
    """``gap`` is trivia, ``junk`` belongs to no interchange, ``segment`` is a segment of the envelope that opens and
    closes nothing; ``interchange`` and ``group`` are their headers, ``interchange_end`` and ``group_end`` their
    trailers, ``transaction`` all segments from header to trailer."""

    GAP = "gap"
    JUNK = "junk"
    INTERCHANGE = "interchange"
    GROUP = "group"
    TRANSACTION = "transaction"
    SEGMENT = "segment"
    GROUP_END = "group_end"
    INTERCHANGE_END = "interchange_end"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at ``offset``, counted from the start of the content. ``found`` says it in words."""

    code: str
    offset: int
    segment: str
    found: str
    expected: str = ""
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.found} (byte {self.offset})"

    def detail(self) -> dict[str, Any]:
        """The fault as plain data."""
        return asdict(self)


class Token(msgspec.Struct, frozen=True, gc=False):
    """A piece of a content. ``start`` is its offset, ``data`` its bytes with the terminator; a trailer that is missing
    has no bytes. ``dialect`` and ``header`` are those of the interchange it stands in, None outside of one. ``binary``
    says that segments with binary data may be in it."""

    kind: Kind
    start: int
    data: bytes
    tag: bytes = b""
    dialect: Dialect | None = None
    header: Header | None = None
    fault: Fault | None = None
    binary: bool = False

    @property
    def end(self) -> int:
        return self.start + len(self.data)
