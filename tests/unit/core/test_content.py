"""Content of any size: a rope of memory and files that reads as the bytes it stands for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.core.content import PIECE_BYTES, Content, Spool
from waypost.core.errors import EndpointUnavailable


@given(st.lists(st.binary(max_size=20), max_size=6), st.integers(0, 60), st.integers(0, 60), st.booleans())
def test_a_rope_reads_as_its_bytes(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], start: int, length: int, on_disk: bool
) -> None:
    spool = Spool(tmp_path_factory.getbasetemp() / "spool", memory_bytes=0 if on_disk else 1 << 20)
    whole, rope = b"".join(parts), Content.joined(spool.keep([part]) for part in parts)
    assert (rope.size, rope.whole()) == (len(whole), whole)
    assert rope.read(start, length) == whole[start : start + length]
    assert rope.part(start, start + length).whole() == whole[start : start + length]
    assert b"".join(rope.pieces(start)) == whole[start:]


def test_one_source_twice_in_a_rope_reads_in_order() -> None:
    once = Content.of(b"abcdef")
    rope = Content.joined([once.part(4), once.part(0, 2)])
    assert (rope.read(0, 4), rope.read(1, 2), rope.read(2, 9)) == (b"efab", b"fa", b"ab")


@given(st.binary(max_size=12).map(lambda data: bytes(byte % 2 for byte in data)), st.integers(1, 3))
def test_marks_are_found_wherever_pieces_end(data: bytes, cut: int) -> None:
    rope = Content.joined(Content.of(data[at : at + cut]) for at in range(0, len(data), cut))
    assert list(rope.find(b"\x00\x01")) == [at for at in range(len(data)) if data[at : at + 2] == b"\x00\x01"]


def test_a_large_content_is_in_a_file_without_a_name_that_goes_with_it(tmp_path: Path) -> None:
    content = Spool(tmp_path / "spool", memory_bytes=10).keep([b"x" * 8, b"y" * 8])
    assert list((tmp_path / "spool").iterdir()) == []
    before = len(os.listdir("/proc/self/fd"))
    assert content.whole() == b"x" * 8 + b"y" * 8
    del content
    assert len(os.listdir("/proc/self/fd")) == before - 1


def test_pieces_are_small() -> None:
    assert [len(piece) for piece in Content.of(bytes(PIECE_BYTES + 1)).pieces()] == [PIECE_BYTES, 1]


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(EndpointUnavailable, match=r"20 bytes cannot be kept: No space left on device.*make room"):
        Spool(tmp_path / "spool", memory_bytes=10).keep([bytes(20)])
