"""How X12 opens an interchange (X12.5, X12.6): the separators are those the ISA segment itself uses.

The fourth character separates elements, the one behind the sixteenth separator components, the next ends segments. Many
partners do not pad the ISA to its 106 characters, so separators are counted and never looked up at a fixed offset.
"""

from __future__ import annotations

import re
from dataclasses import replace

from waypost.formats.edi.delimiter import Delimiters, character, skip_trivia
from waypost.formats.edi.dialect import Bytes, Dialect, Header, Trailer

_HEADER_LIMIT = 512
_ISA_ELEMENTS = 16
_LOOK_AHEAD = 24
_FOLLOWS = re.compile(rb"(?:GS|TA1|TA3|ISB|ISE|ISX|IEA|ST|SE)")
_RELEASE_VERSION = b"00704"


def read_header(data: Bytes, start: int, final: bool) -> Header | str | None:
    """The ISA segment at ``start``, and the ISX behind it; see ``ReadHeader``."""
    separator = character(data, start + 3)
    bounds = [start + 3]
    for _ in range(_ISA_ELEMENTS - 1):
        position = data.find(separator, bounds[-1] + len(separator), start + _HEADER_LIMIT)
        if position < 0:
            if final or len(data) >= start + _HEADER_LIMIT:
                return f"the ISA segment has {len(bounds)} elements of {_ISA_ELEMENTS}"
            return None
        bounds.append(position)
    behind = bounds[-1] + len(separator)
    if behind + _LOOK_AHEAD > len(data) and not final:
        return None
    component, segment, end = _closing(data, behind, separator)
    if not segment or segment in (separator, component) or segment.isalnum():
        return f"{segment!r} stands where the ISA segment names its terminator"
    if component == separator:
        return "the ISA segment names no component separator"
    ends = [*bounds[1:], behind + len(component)]
    row = (b"ISA", *(bytes(data[a + len(separator) : b]) for a, b in zip(bounds, ends, strict=True)))
    header = Header(end, row, Delimiters(separator, component, _repetition(row), segment))
    return _with_release(data, header, final) if row[12].strip() >= _RELEASE_VERSION else header


def _closing(data: Bytes, behind: int, separator: bytes) -> tuple[bytes, bytes, int]:
    """Component separator, terminator, and where the ISA ends; a line end put between them, and a component separator
    left out, are recognised by the segment that follows."""
    component = character(data, behind)
    position = behind + len(component)
    segment = character(data, position)
    window = bytes(data[position : behind + _LOOK_AHEAD])
    if segment in (b"\r", b"\n"):
        after = skip_trivia(window, 0)
        mark = character(window, after)
        if mark and not mark.isalnum() and mark != separator and _FOLLOWS.match(window, skip_trivia(window, after + 1)):
            return component, mark, position + after + len(mark)
    elif segment.isalpha() and _FOLLOWS.match(window) and not component.isalnum():
        return b"", component, position
    return component, segment, position + len(segment)


def _repetition(row: tuple[bytes, ...]) -> bytes:
    """ISA11 is the repetition separator from version 00402 on; before, and with many partners after, it is a 'U'."""
    mark, version = row[11], row[12].strip()
    return mark if version >= b"00402" and mark.strip() and not mark.isalnum() else b""


def _with_release(data: Bytes, header: Header, final: bool) -> Header | None:
    """From version 007040 on an ISX segment behind the ISA may name a release character (X12.5, ISX01)."""
    start = skip_trivia(data, header.end)
    marks = header.delimiters
    if start > header.end + _HEADER_LIMIT:
        return header
    if len(data) < start + 4 and not final:
        return None
    if not data.startswith(b"ISX" + marks.element, start):
        return header
    end = data.find(marks.segment, start, start + _HEADER_LIMIT)
    if end < 0:
        return None if not final and len(data) < start + _HEADER_LIMIT else header
    release = character(data, start + 3 + len(marks.element))
    if release.isalnum() or release in (marks.element, marks.segment, marks.component):
        return header
    return Header(end + len(marks.segment), header.row, replace(marks, release=release))


X12 = Dialect(
    name="x12",
    title="X12",
    start=re.compile(rb"ISA[^A-Za-z0-9 \t\r\n\x00]"),
    read_header=read_header,
    interchange={b"ISA": Trailer(b"IEA", 1, 2, 13)},
    group={b"GS": Trailer(b"GE", 1, 2, 6)},
    transaction={b"ST": Trailer(b"SE", 1, 2, 2)},
    services=frozenset((b"TA1", b"TA3", b"ISB", b"ISE", b"ISX")),
    addresses={b"ISA": (6, 8, 12)},
    kinds={b"ST": 1},
    transaction_word="transaction set",
    group_word="group",
    counts="groups",
    records=frozenset((b"TA1", b"TA3")),
    binary={b"BIN": 1, b"BDS": 2},
)
