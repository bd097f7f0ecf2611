"""Formats whose contents carry numbers from durable sequences, such as the control numbers of EDI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from waypost.core.component import Format


class NumbersWanted(msgspec.Struct, frozen=True, array_like=True):
    """Numbers one outbound content takes from a durable sequence. After ``last`` comes ``first`` again where the
    sequence ``rolls``; else nothing more is sent."""

    sequence: str
    count: int
    first: int
    last: int
    rolls: bool


@runtime_checkable
class StampingFormat(Format, Protocol):
    """A format whose contents carry numbers that are given in the order in which they are sent. What ``encode`` writes
    holds none; they are put in as it leaves, in the commit that says it is about to be sent."""

    @property
    def stamps(self) -> bool:
        """Whether its options ask for it."""
        ...

    def numbers_wanted(self, body: bytes) -> Sequence[NumbersWanted]:
        """The numbers a content needs. Raises ``DataError`` for one that cannot be numbered."""
        ...

    def stamped(self, body: bytes, numbers: Mapping[str, Sequence[int]], at: int) -> bytes:
        """A content with its numbers, by sequence, and the time of sending (UTC µs) put in."""

    def exchange(self, content: bytes, *, sent: bool) -> Mapping[str, Any] | None:
        """What a content is in the books: partner, standard, interchange, groups, messages (set, number, group), kind
        of acknowledgement, acknowledges (level, number, verdict, set, group). It may lack its end. None where it is no
        content of a partner. Raises ``AgreementError``."""
        ...
