"""The separators of an interchange, and how its bytes come apart at them; nothing is lost or changed.

X12 has no release character before version 007040; EDIFACT and TRADACOMS release a separator in data with ``?``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

TRIVIA = b" \t\r\n\x00\x1a"
"""Bytes that may stand between segments without meaning: partners break lines, pad records and end files with SUB."""
LINE_ENDS = b"\r\n"

_TRIVIA_RUN = re.compile(rb"(?:[ \t\r\n\x00\x1a]|\xef\xbb\xbf)*+")
_SHIFTED = re.compile(rb"\x1b\$(?s:.)*?(?:\x1b\(|\Z)")
"""Double-byte characters between the escape sequences of ISO 2022, whose bytes may look like separators."""


@dataclass(frozen=True, slots=True)
class Delimiters:
    """Each is one character, which may be several bytes of UTF-8. ``repetition`` and ``release`` are empty where the
    interchange has none; ``tag`` is what stands behind a segment's tag, empty where it is the element separator;
    ``decimal`` is the decimal mark."""

    element: bytes = b"*"
    component: bytes = b">"
    repetition: bytes = b""
    segment: bytes = b"~"
    release: bytes = b""
    tag: bytes = b""
    decimal: bytes = b"."


def character(data: bytes | bytearray, position: int) -> bytes:
    """The character at ``position``: one byte, or all bytes of one written in UTF-8; empty behind the end."""
    lead = data[position] if position < len(data) else 0
    length = 2 if 0xC2 <= lead < 0xE0 else 3 if 0xE0 <= lead < 0xF0 else 4 if 0xF0 <= lead < 0xF5 else 1
    raw = bytes(data[position : position + length])
    try:
        raw.decode()
    except UnicodeDecodeError:
        return raw[:1]
    return raw


def skip_trivia(data: bytes | bytearray, position: int) -> int:
    """The first position from ``position`` on that is neither trivia nor a byte order mark."""
    match = _TRIVIA_RUN.match(data, position)
    return match.end() if match else position


def is_released(data: bytes | bytearray, position: int, release: bytes) -> bool:
    """Whether what stands at ``position`` is data because an odd number of release characters stands before it, maybe
    on the line before: some partners break lines anywhere."""
    size, count = len(release), 0
    breaks = LINE_ENDS if data[position : position + 1] not in (b"\r", b"\n") else b""
    while size:
        while position and data[position - 1] in breaks:
            position -= 1
        if position < size or data[position - size : position] != release:
            break
        position, count = position - size, count + 1
    return count % 2 == 1


def find_terminator(data: bytes | bytearray, position: int, delimiters: Delimiters, end: int | None = None) -> int:
    """Where the next segment terminator before ``end`` stands that is no data; -1 when there is none."""
    until = len(data) if end is None else end
    found = data.find(delimiters.segment, position, until)
    while found >= 0 and delimiters.release and is_released(data, found, delimiters.release):
        found = data.find(delimiters.segment, found + 1, until)
    return found


def split(data: bytes, separator: bytes, release: bytes) -> list[bytes]:
    """``data`` between its separators, release characters kept: joined again it is the same bytes.

    >>> split(b"A?+B+C??+D", b"+", b"?")
    [b'A?+B', b'C??', b'D']
    """
    masked = _SHIFTED.sub(_zeros, data) if b"\x1b$" in data else data
    if masked is not data:
        return _split_masked(data, masked, separator, release)
    pieces = data.split(separator)
    if not release or not any(release + mark in data for mark in (separator, b"\r", b"\n")):
        return pieces
    whole: list[bytes] = []
    held: list[bytes] = []
    for piece in pieces:
        if piece.endswith((release, b"\r", b"\n")) and is_released(piece, len(piece), release):
            held.append(piece)
        elif held:
            whole.append(separator.join([*held, piece]))
            held = []
        else:
            whole.append(piece)
    return [*whole, separator.join(held)] if held else whole  # the last release character releases nothing


def _split_masked(data: bytes, masked: bytes, separator: bytes, release: bytes) -> list[bytes]:
    made, position = [], 0
    for piece in split(masked, separator, release):
        made.append(data[position : position + len(piece)])
        position += len(piece) + len(separator)
    return made


def _zeros(match: re.Match[bytes]) -> bytes:
    return b"\x00" * len(match[0])


Row = list[str]


@lru_cache(maxsize=64)
def _token_pattern(element: str, component: str, repetition: str, release: str) -> re.Pattern[str]:
    marks = "".join(map(re.escape, (element, component, repetition, release)))
    return re.compile(f"(?s){re.escape(release)}(.?)|([{marks}])|([^{marks}]+)")


def split_text(text: str, element: str, component: str, repetition: str, release: str) -> list[list[list[str]]]:
    """A segment that holds release characters as elements, of repetitions, of components, released.

    >>> split_text("A?+B+C:D", "+", ":", "", "?")
    [[['A+B']], [['C', 'D']]]
    """
    elements = [[[""]]]
    for match in _token_pattern(element, component, repetition, release).finditer(text):
        released, mark, plain = match.groups()
        if mark == element:
            elements.append([[""]])
        elif mark == component:
            elements[-1][-1].append("")
        elif mark and mark == repetition:
            elements[-1].append([""])
        else:
            elements[-1][-1][-1] += plain or released or ""
    return elements
