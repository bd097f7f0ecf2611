"""Where each field of a delimited record stands in its bytes."""

from __future__ import annotations

Range = tuple[int, int]


def field_ranges(data: bytes, delimiter: int, quote: int | None) -> list[Range]:
    """The bytes of each field, without the quotes around it; a doubled quote inside stays as it is written."""
    ranges: list[Range] = []
    at, end = 0, len(data.rstrip(b"\r\n"))
    while True:
        start = at
        if quote is not None and at < end and data[at] == quote:
            at = _closing(data, at + 1, end, quote)
            ranges.append((start + 1, at))
            at += 1
            while at < end and data[at] != delimiter:
                at += 1
        else:
            while at < end and data[at] != delimiter:
                at += 1
            ranges.append((start, at))
        if at >= end:
            return ranges
        at += 1


def _closing(data: bytes, at: int, end: int, quote: int) -> int:
    while at < end:
        if data[at] == quote:
            if at + 1 < end and data[at + 1] == quote:
                at += 2
                continue
            return at
        at += 1
    return end
