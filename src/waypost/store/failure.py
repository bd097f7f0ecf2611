"""Failure groups: failures that look alike have one fingerprint, whatever numbers and values their texts carry."""

from __future__ import annotations

import hashlib
import re

import msgspec

from waypost.store.record import State

TROUBLE = (State.RETRYING, State.PARKED, State.DEAD)
"""States in which a failure still matters to someone."""

_VALUES = re.compile(
    r"""[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}   # an id
      | '[^']*' | "[^"]*"                                               # a quoted value
      | \b(?=[0-9a-f]*\d)[0-9a-f]{12,}\b                                # a digest
      | \d+(?:[.,:/-]\d+)*                                              # a number, date or time
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LONGEST = 300


class FailureGroup(msgspec.Struct, array_like=True, frozen=True):
    """What alike failures have in common. ``text`` is masked."""

    flow: str
    place: str
    error_class: str
    code: str
    text: str

    @property
    def fingerprint(self) -> int:
        """63 bits that stand for the group."""
        digest = hashlib.blake2b(msgspec.msgpack.encode(self), digest_size=8).digest()
        return int.from_bytes(digest, "big") >> 1


class FailedOutput(msgspec.Struct, array_like=True, frozen=True):
    """An output that failed at least once, and its state now; ``place`` packs where the last failure is journaled."""

    group: FailureGroup
    state: int
    first_at: int
    at: int
    attempt: int
    place: bytes


def group_text(code: str, text: str) -> str:
    """What a failure is grouped by beside its code. A missing row of reference data is one group for each value,
    whichever rule wanted it."""
    if code.startswith("unmapped:"):
        table, _, value = code.removeprefix("unmapped:").partition("=")
        return f"reference table {table!r} has no row for {value!r}"
    return mask(text)


def mask(text: str) -> str:
    """An error's text without the values in it.

    >>> mask("order 4711: line 3 has quantity '12x'")
    'order #: line # has quantity #'
    """
    return _VALUES.sub("#", text[: 4 * _LONGEST])[:_LONGEST]
