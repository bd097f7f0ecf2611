"""Where in a record something is wrong, in words a person can follow."""

from __future__ import annotations

_EXCERPT = 24
"""Bytes shown around a fault: enough to find it, too little to leak the record."""


def place(data: bytes, position: int) -> str:
    """Line, column and byte of ``position``; line and column count from 1, the byte from 0.

    >>> place(b"a\\nbc", 3)
    'line 2, column 2 (byte 3)'
    """
    position = min(max(position, 0), len(data))
    line = data.count(b"\n", 0, position) + 1
    column = position - (data.rfind(b"\n", 0, position) + 1) + 1
    return f"line {line}, column {column} (byte {position})"


def excerpt(data: bytes, position: int) -> str:
    """A few bytes around ``position``, printable.

    >>> excerpt(b'{"a": nope}', 6)
    '{"a": nope}'
    """
    start = max(position - _EXCERPT // 2, 0)
    return data[start : start + _EXCERPT].decode("ascii", "backslashreplace").encode("unicode_escape").decode()


def found_at(data: bytes, position: int) -> str:
    """The words ``near '…'``, or ``at the end``.

    >>> found_at(b"[1,", 3)
    'at the end'
    """
    return f"near '{excerpt(data, position)}'" if position < len(data) else "at the end"
