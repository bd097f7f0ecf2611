"""X12 as other people write it: nothing is lost, nothing raises, what is valid is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from waypost.core.errors import DataError
from waypost.formats.edi.token import Interchange, tokenize
from waypost.testing.format_kit import build_format, decode_all, frame

CORPORA = Path(__file__).parents[4] / "shared/corpora/edi"
FILES = sorted(path for path in CORPORA.rglob("*") if path.is_file() and b"ISA" in path.read_bytes()[:60])
GOLDEN = Path(__file__).parents[2] / "golden/formats"

if not FILES:
    pytest.skip(f"no corpora at {CORPORA}: X12 of other people is not tested", allow_module_level=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_byte_is_kept(path: Path) -> None:
    content = path.read_bytes()
    tokens = list(tokenize(content))
    assert b"".join(t.to_bytes() if isinstance(t, Interchange) else t for t in tokens) == content
    for token in tokens:
        if isinstance(token, Interchange):
            for offset, piece in zip(token.offsets(), token.pieces, strict=True):
                assert content[offset : offset + len(piece)] == piece


@pytest.mark.parametrize("unit", ["transaction", "group"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_read_or_refused_with_a_reason(path: Path, unit: str) -> None:
    content, format_ = path.read_bytes(), build_format("x12", f"{{unit: {unit}, version: '004010'}}")
    slices, refusal = frame(format_, [content])
    assert not refusal
    for item, result in zip(slices, decode_all(format_, slices), strict=True):
        assert content[item.start : item.end] == item.data
        assert item.fault or isinstance(result, dict) or (isinstance(result, DataError) and result.where)


def test_what_was_read_can_be_written_in_the_separators_it_came_in() -> None:
    compared = 0
    for path in FILES:
        for token in tokenize(path.read_bytes()):
            if isinstance(token, Interchange):
                marks = token.header.delimiters
                again = [marks.element.join(row) for row in token.segments()]
                assert again == [p.lstrip(b" \t\r\n\x00\x1a") for p in token.pieces if p.strip(b" \t\r\n\x00\x1a")]
                compared += 1
    assert compared >= len(FILES) - 3
