from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.store.indexed import IndexedBatch, unpacked_rows

ROW = struct.Struct("<HBH")
LAYOUTS = st.binary(max_size=40 * ROW.size).map(lambda rows: rows[: len(rows) // ROW.size * ROW.size])


def batch(rows: bytes, count: int) -> IndexedBatch:
    return IndexedBatch(1, "orders", "v1", bytes(16), count, 0, 0, b"", rows=rows)


@given(LAYOUTS, st.integers(0, 40))
def test_a_layout_is_read_as_it_was_written(rows: bytes, count: int) -> None:
    assert unpacked_rows(batch(rows, count).packed_rows(), count) == rows


@given(st.binary(max_size=200))
def test_a_layout_with_one_output_a_message_is_read_as_it_was_written(targets: bytes) -> None:
    rows = b"".join(ROW.pack(message, target, 0) for message, target in enumerate(targets))
    packed = batch(rows, len(targets)).packed_rows()
    assert len(packed) <= len(targets) + 1
    assert unpacked_rows(packed, len(targets)) == rows


@pytest.mark.parametrize("level", [1, 6])
def test_a_layout_that_an_earlier_version_compressed_is_read(level: int) -> None:
    import zlib

    rows = b"".join(ROW.pack(message, message % 2, 0) for message in range(200))
    assert unpacked_rows(zlib.compress(rows, level), 200) == rows
