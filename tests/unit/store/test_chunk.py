"""Large bodies: out of the journal, into files of their own, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.store.memory import accepted, delivered
from waypost.core.errors import StoreDamaged
from waypost.store.chunk import LARGE, ChunkFolder, body_at, has_large, pack, put_back, take_out, unpack
from waypost.store.codec import Codec
from waypost.store.disk import RealDisk

sizes = st.lists(st.sampled_from([0, 1, 100, LARGE - 1, LARGE, LARGE + 1, 2 * LARGE]), max_size=4)


@given(st.lists(st.binary(max_size=50)))
def test_bodies_packed_in_a_column_come_out_as_they_were(bodies):
    column = pack(bodies)
    assert unpack(column) == bodies
    assert [body_at(column, index) for index in range(len(bodies))] == bodies


@given(sizes)
def test_a_record_is_the_same_after_its_large_bodies_went_out_and_came_back(lengths):
    bodies = [bytes([n]) * length for n, length in enumerate(lengths)]
    files: dict[str, bytes] = {}

    def store(body: bytes) -> str:
        files[f"f{len(files)}"] = body
        return f"f{len(files) - 1}"

    record = accepted(1, bodies)
    (kept,) = take_out([record], store)
    assert list(files.values()) == [body for body in bodies if len(body) > LARGE]
    assert all(len(body) <= LARGE for body in unpack(kept.bodies))
    assert has_large(record) == bool(files)
    assert put_back(kept.bodies, files.__getitem__) == record.bodies


def test_records_without_large_bodies_stay_as_they_are():
    records = [accepted(1), delivered(1)]
    assert take_out(records, pytest.fail) == records


@pytest.fixture
def folder(tmp_path):
    return ChunkFolder(RealDisk(), str(tmp_path), b"S" * 16, Codec())


def test_a_stored_body_is_loaded_and_goes_with_its_segment(folder, tmp_path):
    names = [folder.store(number, b"body %d" % number) for number in (1, 1, 2)]
    folder.settle()
    assert [folder.load(name) for name in names] == [b"body 1", b"body 1", b"body 2"]
    folder.remove(folder.of_segment(1))
    assert [path.name for path in tmp_path.iterdir()] == [names[2]]
    folder.remove(names)


def test_a_file_left_by_an_unfinished_commit_is_not_written_over(folder, tmp_path):
    (tmp_path / "00000001-000001").write_bytes(b"left")
    assert folder.store(1, b"body") == "00000001-000002"


CHANGES = {
    "shorter": lambda raw: raw[:-1],
    "longer": lambda raw: raw + b"x",
    "other data": lambda raw: raw[:-1] + b"x",
    "no chunk file": lambda raw: b"x" + raw[1:],
    "no header": lambda raw: raw[:5],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_file_is_damage(folder, tmp_path, change):
    name = folder.store(1, b"body")
    (tmp_path / name).write_bytes(change((tmp_path / name).read_bytes()))
    with pytest.raises(StoreDamaged, match="not what was written"):
        folder.load(name)


def test_a_file_of_another_store_is_damage(folder, tmp_path):
    name = folder.store(1, b"body")
    with pytest.raises(StoreDamaged, match="a chunk file of this store"):
        ChunkFolder(RealDisk(), str(tmp_path), b"T" * 16, Codec()).load(name)


def test_a_missing_file_is_damage(folder):
    with pytest.raises(StoreDamaged, match="no such file"):
        folder.load("00000001-000001")
