"""Finds where binary data ends that a segment carries: by its length, since it may hold any byte."""

from __future__ import annotations

import re

from waypost.formats.edi.delimiter import Delimiters, find_terminator, skip_trivia
from waypost.formats.edi.dialect import Bytes

_HEAD_LIMIT = 64
_LENGTH = re.compile(rb"[0-9]{1,18}")
_NONE = (0, 0)


def read_binary(
    data: Bytes, start: int, marks: Delimiters, number: int, limit: int, final: bool
) -> tuple[int, int] | None:
    """Where the binary data of the segment at ``start`` begins and ends, ``number`` being the element with its length;
    ``(0, 0)`` when no terminator stands where it should end, so that the length can't be right; None when more bytes
    are needed."""
    bounds, position = [], start
    for _ in range(number + 1):
        position = data.find(marks.element, position, start + _HEAD_LIMIT)
        if position < 0:
            return _NONE if final or len(data) >= start + _HEAD_LIMIT else None
        position += len(marks.element)
        bounds.append(position)
    length = bytes(data[bounds[-2] : bounds[-1] - len(marks.element)])
    if not _LENGTH.fullmatch(length) or int(length) > limit:
        return _NONE
    end = bounds[-1] + int(length)
    if len(data) < end + len(marks.segment):
        return _NONE if final else None
    return (bounds[-1], end) if data.startswith(marks.segment, end) else _NONE


def find_package_end(data: Bytes, start: int, scan: int, marks: Delimiters, final: bool) -> int | None:
    """Behind the UNP segment of the object whose UNO segment begins at ``start``: the one that says how many bytes
    stand between the two, or at the end of the content the first. 0 when there is none; None when more bytes are
    needed."""
    opened = find_terminator(data, start, marks)
    if opened < 0:
        return 0 if final else None
    body = opened + len(marks.segment)
    first = 0
    pattern = re.compile(b"UNP" + re.escape(marks.element) + b"([0-9]{1,18})(?=%b)" % re.escape(marks.element))
    for hit in pattern.finditer(data, body if final else max(body, scan)):
        said = int(hit[1]) in (hit.start() - body, hit.start() - skip_trivia(data, body))
        if said or (final and not first):
            end = data.find(marks.segment, hit.end())
            if end < 0 and not final:
                return None
            first = len(data) if end < 0 else end + len(marks.segment)
        if said:
            return first
    return first if final else None


def package_object(data: bytes, marks: Delimiters) -> tuple[int, int]:
    """Where the object in the bytes from UNO to UNP begins and ends."""
    body = find_terminator(data, 0, marks) + len(marks.segment)
    trailer = data.rfind(b"UNP" + marks.element)
    return (body, trailer) if trailer >= body else (body, body)
