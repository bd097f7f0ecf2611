"""How TRADACOMS opens a transmission (ANA, 1982, a subset of UN/GTDI): separators are fixed and never announced."""

from __future__ import annotations

import re

from waypost.formats.edi.delimiter import Delimiters, find_terminator, split
from waypost.formats.edi.dialect import Bytes, Dialect, Header, Trailer

DELIMITERS = Delimiters(b"+", b":", b"", b"'", b"?", b"=")
_HEADER_LIMIT = 1024


def read_header(data: Bytes, start: int, final: bool) -> Header | str | None:
    """The STX segment at ``start``; see ``ReadHeader``."""
    end = find_terminator(data, start, DELIMITERS, start + _HEADER_LIMIT)
    if end < 0:
        if final or len(data) >= start + _HEADER_LIMIT:
            return "the STX segment is not ended by an apostrophe"
        return None
    content = bytes(data[start + len(b"STX=") : end]).translate(None, b"\r\n")
    row = split(content, DELIMITERS.element, DELIMITERS.release)
    if len(row) < 3:
        return f"the STX segment has {len(row)} elements, too few to name sender and receiver"
    return Header(end + 1, (b"STX", *row), DELIMITERS)


TRADACOMS = Dialect(
    name="tradacoms",
    title="TRADACOMS",
    start=re.compile(rb"STX="),
    read_header=read_header,
    interchange={b"STX": Trailer(b"END", 1)},
    group={b"BAT": Trailer(b"EOB", 1)},
    transaction={b"MHD": Trailer(b"MTR", 1)},
    services=frozenset(),
    addresses={b"STX": (2, 3, 1)},
    kinds={b"MHD": 2},
    transaction_word="message",
    group_word="batch",
    reference=5,
    counts="transactions",
)
