"""Properties of the EDI reader: no byte is lost, no content raises, time grows with the size alone."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.test_edifact import GROUPED, INTERACTIVE, ODD, ORDERS, PACKAGE, PLAIN
from tests.conformance.test_tradacoms import BATCHED, LINES, SENT, WRAPPED
from tests.conformance.test_x12 import BINARY, RELEASED, SOUND
from waypost.formats.edi.cutter import cut
from waypost.formats.edi.delimiter import split, split_text
from waypost.formats.edi.outline import DIALECTS, Survey, parts, round_trip
from waypost.formats.edi.segment import Transaction
from waypost.formats.edi.token import Kind, Token

KNOWN = [SOUND, BINARY, RELEASED, ORDERS, PLAIN, ODD, GROUPED, INTERACTIVE, PACKAGE, SENT, LINES, BATCHED, WRAPPED]
SCRAPS = [b"ISA*", b"UNA:+.? '", b"UNB+", b"STX=", b"IEA*1*1~", b"UNZ+1+1'", b"ST*850*1~", b"UNH+1'", b"MHD=1'", b"'",
          b"~", b"?", b"\n", b"BIN*9*", b"UNO+1'", b"UNP+3+1'", b"\x1b$", b"\xef\xbb\xbf"]  # fmt: skip
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 60), st.sampled_from(SCRAPS) | st.binary(max_size=4)), max_size=5
)


def edited(content: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for where, drop, put in edits:
        at = int(where * len(content))
        content = content[:at] + put + content[at + drop :]
    return content


ANY = st.builds(edited, st.lists(st.sampled_from(KNOWN), min_size=1, max_size=3).map(b"".join), EDITS)
CONTENTS = ANY | st.lists(st.sampled_from(SCRAPS), max_size=40).map(b"".join) | st.binary(max_size=200)


def joined(tokens: list[Token]) -> list[tuple[str, bytes, str]]:
    """Tokens with runs of what stands between interchanges as one."""
    made: list[tuple[str, bytes, str]] = []
    for token in tokens:
        outside = token.header is None or token.kind is Kind.GAP
        kind = "outside" if outside else str(token.kind)
        if outside and made and made[-1][0] == "outside":
            made[-1] = ("outside", made[-1][1] + token.data, "")
        else:
            made.append((kind, token.data, "" if outside else str(token.fault)))
    return made


@settings(deadline=None, max_examples=300)
@given(content=CONTENTS, sizes=st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_any_content_in_any_pieces_gives_the_same_tokens_and_all_its_bytes(content: bytes, sizes: list[int]) -> None:
    tokens = list(cut([content], DIALECTS, 1 << 20))
    assert b"".join(token.data for token in tokens) == content
    assert all(before.end == after.start for before, after in pairwise(tokens))
    pieces, at, turn = [], 0, 0
    while at < len(content):
        pieces.append(content[at : at + sizes[turn % len(sizes)]])
        at, turn = at + sizes[turn % len(sizes)], turn + 1
    assert joined(list(cut(pieces, DIALECTS, 1 << 20))) == joined(tokens)


@settings(deadline=None, max_examples=300)
@given(content=CONTENTS)
def test_any_content_is_written_again_byte_by_byte(content: bytes) -> None:
    result = round_trip([content])
    assert result.difference == -1
    assert result.exact or result.counts.faults or not content
    for token in cut([content], DIALECTS, 1 << 20):
        if token.kind is Kind.TRANSACTION:
            assert token.header and token.dialect
            read = Transaction(token.data, token.start, token.header.delimiters, token.dialect)
            for number, (offset, segment) in enumerate(zip(read.offsets, read.segments, strict=True)):
                assert content[offset : offset + len(segment)] == segment
                assert read.elements(number)
    assert list(parts(Survey([content]))) or not content.strip() or result.counts.bytes == len(content)


@given(st.text("ab?+:'", max_size=30))
def test_what_is_split_at_separators_is_joined_again(text: str) -> None:
    data = text.encode()
    assert b"+".join(split(data, b"+", b"?")) == data
    elements = split_text(text, "+", ":", "", "?")
    assert len(elements) == len(split(data, b"+", b"?"))


@pytest.mark.parametrize(
    "unit",
    [
        b"UNB+",
        b"ISA*",
        b"?'",
        b"'?",
        b"BIN*",
        b"~BIN*5*",
        b"'UNO+1'",
        b"UNP+9+",
        b"~ISA*",
        b"'UNH+",
        b"~" + b" " * 40,
        b"\n",
    ],
    ids=repr,
)
@pytest.mark.parametrize("start", [SOUND[:200], PLAIN[:120], SENT[:150]], ids=["x12", "edifact", "tradacoms"])
def test_time_grows_with_the_size_alone(start: bytes, unit: bytes) -> None:
    def seconds(size: int) -> float:
        content = start + unit * (size // len(unit))
        pieces = [content[at : at + 4096] for at in range(0, len(content), 4096)]
        started = time.process_time()
        for token in cut(pieces, DIALECTS, 1 << 24):
            if token.kind is Kind.TRANSACTION and token.header and token.dialect:
                assert Transaction(token.data, token.start, token.header.delimiters, token.dialect).pieces
        return time.process_time() - started

    small = seconds(1 << 16)
    assert seconds(1 << 19) < 8 * 4 * small + 0.5  # eight times the bytes; squared would be 64 times
