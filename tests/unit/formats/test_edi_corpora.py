"""EDI as other people write it: nothing is lost, nothing raises, what is valid is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from waypost.core.errors import DataError
from waypost.formats.edi.cutter import cut
from waypost.formats.edi.outline import DIALECTS, Survey, parts, round_trip
from waypost.formats.edi.segment import Transaction
from waypost.formats.edi.token import Kind
from waypost.testing.format_kit import build_format, decode_all, frame

FOLDERS = [parent / "shared/corpora/edi" for parent in Path(__file__).parents]
CORPORA = next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[4])
FILES = sorted(p for p in CORPORA.rglob("*") if p.is_file() and "LICENSE" not in p.name)
STARTS = {"x12": b"ISA", "edifact": b"UN", "tradacoms": b"STX="}
UNITS = {"x12": "group", "edifact": "interchange", "tradacoms": "interchange"}

if not FILES:
    pytest.skip(f"no corpora at {CORPORA}: EDI of other people is not tested", allow_module_level=True)


def said(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", FILES, ids=said)
def test_every_byte_is_kept_and_every_segment_is_where_it_is_said_to_be(path: Path) -> None:
    content = path.read_bytes()
    tokens = list(cut([content], DIALECTS, len(content)))
    assert b"".join(token.data for token in tokens) == content
    for token in tokens:
        if token.kind is Kind.TRANSACTION:
            assert token.header and token.dialect
            read = Transaction(token.data, token.start, token.header.delimiters, token.dialect)
            assert token.header.delimiters.segment.join(read.pieces) == token.data
            for offset, segment in zip(read.offsets, read.segments, strict=True):
                assert content[offset : offset + len(segment)] == segment


@pytest.mark.parametrize("path", FILES, ids=said)
def test_a_file_is_written_again_byte_by_byte_or_its_faults_have_places(path: Path) -> None:
    content = path.read_bytes()
    result = round_trip([content])
    assert result.difference == -1
    assert result.exact or result.counts.faults
    assert all(fault.code and fault.found and 0 <= fault.offset <= len(content) for fault in result.counts.faults)
    survey = Survey([content])
    assert sum(part["kind"] == "transaction" for part in parts(survey)) == survey.counts.transactions


@pytest.mark.parametrize("path", FILES, ids=said)
@pytest.mark.parametrize("name", STARTS)
def test_every_file_is_read_or_refused_with_a_reason(path: Path, name: str) -> None:
    content = path.read_bytes()
    if STARTS[name] not in content[:200]:
        return
    for unit in ("transaction", UNITS[name]):
        format_ = build_format(name, f"{{unit: {unit}}}")
        slices, refusal = frame(format_, [content], limit=1 << 23)
        assert not refusal
        for item, result in zip(slices, decode_all(format_, slices), strict=True):
            assert content[item.start : item.end] == item.data
            assert item.fault or isinstance(result, dict) or (isinstance(result, DataError) and result.where)


def test_most_files_have_transactions() -> None:
    found = [path for path in FILES if round_trip([path.read_bytes()]).counts.transactions]
    assert len(found) >= 0.95 * len(FILES)
