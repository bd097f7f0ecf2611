"""What the journal is after a stop: torn ends are cut off, anything else that changed is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.store.memory import accepted, delivered, limits
from waypost.core.clock import ManualClock
from waypost.core.errors import StoreDamaged, StoreTooNew
from waypost.store.chunk import ChunkFolder
from waypost.store.codec import Codec
from waypost.store.commit import Committer, Place
from waypost.store.disk import RealDisk
from waypost.store.journal import Journal
from waypost.store.record import FORMAT_VERSION
from waypost.store.recovery import recover
from waypost.store.reserve import Reserve
from waypost.store.segment import START, Identity

IDENTITY = Identity(b"S" * 16, 0)


class Writing:
    """A journal in a folder, opened as often as wanted."""

    def __init__(self, folder: Path, identity: Identity = IDENTITY, segment_bytes: int = 1 << 20) -> None:
        self.disk, self.folder, self.identity = RealDisk(), folder, identity
        recovered = recover(self.disk, str(folder), identity, 0)
        self.recovered = recovered
        place = Place(disk=self.disk, journal=str(folder), identity=identity, codec=Codec(), clock=ManualClock(0))
        chunks = ChunkFolder(self.disk, str(folder), identity.store_id, Codec())
        reserve = Reserve(self.disk, str(folder), size=4096, floor=0)
        self.committer = Committer(place, recovered, chunks, reserve, limits(segment_bytes=segment_bytes))
        self.journal = Journal(self.disk, str(folder), identity, Codec())

    def commit(self, *records):
        return self.committer.commit([list(records)])

    def records(self):
        found = []
        for group in self.journal.groups((0, 0), self.committer.end):
            found += [record for _, record in group.records]
        return found

    def path(self, number: int = 1) -> Path:
        return self.folder / f"{number:08d}.seg"

    def close(self):
        self.committer.close()


def reopened(folder: Path, **options) -> Writing:
    return Writing(folder, **options)


def cut(path: Path, size: int) -> None:
    os.truncate(path, size)


def flip(path: Path, offset: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[offset] ^= 1
    path.chmod(0o644)
    path.write_bytes(raw)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_torn_last_commit_is_cut_off_wherever_it_was_torn(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("journal")
    writing = Writing(folder)
    first = writing.commit(accepted(1))
    second = writing.commit(accepted(2, [b"x" * 700]), delivered(2))
    writing.close()
    kept = data.draw(st.integers(0, second.size - 1))
    cut(writing.path(), second.offset + kept)
    if data.draw(st.booleans(), "zeros where the rest was"):
        cut(writing.path(), second.offset + second.size)
    again = reopened(folder)
    if kept < second.size - 1:  # the last byte may have been a zero
        assert again.records() == [accepted(1)]
        assert again.committer.end == (1, first.offset + first.size)
    third = again.commit(delivered(1))
    assert again.records()[-1] == delivered(1)
    assert third.offset == again.recovered.end
    again.close()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_changed_byte_before_the_last_commit_is_damage_and_the_place_is_named(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("journal")
    writing = Writing(folder)
    frames = [writing.commit(accepted(seq, [b"y" * 100])) for seq in (1, 2, 3)]
    writing.close()
    victim = data.draw(st.sampled_from(frames[:2]))
    flip(writing.path(), victim.offset + data.draw(st.integers(0, victim.size - 1)))
    with pytest.raises(StoreDamaged, match=f"00000001.seg offset {victim.offset}: .*good frame at"):
        reopened(folder)


def test_a_changed_header_is_damage(tmp_path):
    writing = Writing(tmp_path)
    writing.commit(accepted(1))
    writing.close()
    flip(writing.path(), 20)
    with pytest.raises(StoreDamaged, match="header that cannot be read"):
        reopened(tmp_path)


def test_a_segment_of_another_store_is_refused(tmp_path):
    writing = Writing(tmp_path)
    writing.commit(accepted(1))
    writing.close()
    with pytest.raises(StoreDamaged, match="segment 1 of shard 0 of store 5353"):
        reopened(tmp_path, identity=Identity(b"T" * 16, 0))


def test_a_segment_of_a_later_format_is_refused(tmp_path):
    writing = Writing(tmp_path)
    writing.commit(accepted(1))
    writing.close()
    raw = bytearray(writing.path().read_bytes())
    raw[8:10] = (FORMAT_VERSION + 1).to_bytes(2, "little")
    writing.path().write_bytes(raw)
    with pytest.raises(StoreTooNew, match=f"format {FORMAT_VERSION + 1}; expected at most {FORMAT_VERSION}"):
        reopened(tmp_path)


def test_a_frame_copied_to_another_place_is_no_frame(tmp_path):
    writing = Writing(tmp_path)
    first = writing.commit(accepted(1))
    writing.close()
    raw = writing.path().read_bytes()
    writing.path().write_bytes(raw + raw[first.offset : first.offset + first.size])
    again = reopened(tmp_path)
    assert again.records() == [accepted(1)]
    assert again.recovered.cut == first.size
    again.close()


def test_a_frame_of_another_segment_is_no_frame(tmp_path):
    folders = [tmp_path / name for name in ("one", "two")]
    raws = []
    for number, folder in enumerate(folders):
        folder.mkdir()
        writing = Writing(folder, identity=Identity(bytes([number]) * 16, 0))
        writing.commit(accepted(1))
        writing.close()
        raws.append(writing.path().read_bytes())
    (folders[0] / "00000001.seg").write_bytes(raws[0][:START] + raws[1][START:])
    again = reopened(folders[0], identity=Identity(bytes(16), 0))
    assert again.records() == []
    again.close()


@pytest.fixture
def rotated(tmp_path) -> Writing:
    """Three segments: two sealed, the third being written, the fourth ready."""
    writing = Writing(tmp_path, segment_bytes=1000)
    seq = 0
    while writing.committer.end[0] < 3:
        seq += 1
        writing.commit(accepted(seq, [b"z" * 200]))
    writing.commit(accepted(seq + 1))
    writing.committer.tidy()
    writing.close()
    return writing


def test_sealed_segments_are_read_only_and_know_their_frames(rotated):
    segment = rotated.journal.open(1)
    offsets, end = segment.footer()
    assert [header.offset for header, _ in segment.frames(START, end)] == offsets
    assert rotated.path(1).stat().st_mode & 0o222 == 0
    assert rotated.path(3).stat().st_mode & 0o200
    segment.close()


def test_all_records_of_all_segments_are_read_in_order(rotated):
    again = reopened(rotated.folder)
    assert [record.seq for record in again.records()] == list(range(1, len(again.records()) + 1))
    again.close()


def test_a_segment_is_full_after_a_day(tmp_path):
    writing = Writing(tmp_path)
    writing.commit(accepted(1))
    writing.committer._place.clock._now = 24 * 3600 * 1_000_000 + 1
    writing.commit(accepted(2))
    assert writing.committer.end[0] == 2
    writing.close()


@pytest.mark.parametrize("lost", [1, 5, 30, 100_000])
def test_a_segment_that_was_not_quite_sealed_is_sealed_when_the_store_opens(rotated, lost):
    segment = rotated.journal.open(2)
    end = segment.footer()[1]
    segment.close()
    rotated.path(2).chmod(0o644)
    cut(rotated.path(2), max(end, rotated.path(2).stat().st_size - lost))
    before = rotated.records()
    again = reopened(rotated.folder)
    assert again.journal.open(2).footer()[1] == end
    assert again.records() == before
    again.close()


def test_a_damaged_frame_in_a_segment_that_is_not_the_last_is_damage(rotated):
    segment = rotated.journal.open(2)
    (*_, last), end = segment.footer()
    segment.close()
    rotated.path(2).chmod(0o644)
    flip(rotated.path(2), last + 50)
    with pytest.raises(StoreDamaged, match=f"00000002.seg offset {last}"):
        rotated.records()
    cut(rotated.path(2), end)
    with pytest.raises(StoreDamaged, match=f"00000002.seg offset {last}"):
        reopened(rotated.folder)


def test_a_missing_segment_is_damage(rotated):
    rotated.path(2).unlink()
    again = reopened(rotated.folder)
    with pytest.raises(StoreDamaged, match="no segment 2"):
        again.records()
    again.close()


def test_a_missing_last_segment_is_damage(rotated):
    rotated.path(3).unlink()
    rotated.path(4).unlink()
    with pytest.raises(StoreDamaged, match="the one after it is missing"):
        reopened(rotated.folder)


def test_a_first_commit_that_was_torn_in_a_new_segment_leaves_the_one_before_in_use_or_sealed(rotated):
    cut(rotated.path(3), START + 10)
    rotated.path(4).unlink()
    again = reopened(rotated.folder)
    assert again.committer.end == (3, START)
    known = len(again.records())
    again.commit(accepted(99))
    again.close()
    again = reopened(rotated.folder)
    assert len(again.records()) == known + 1
    again.close()


def test_the_one_before_goes_on_when_it_was_not_sealed_and_the_new_one_is_empty(tmp_path):
    writing = Writing(tmp_path)
    writing.commit(accepted(1))
    writing.committer.tidy()
    writing.close()
    assert writing.path(2).stat().st_size == START
    again = reopened(tmp_path)
    assert again.committer.end[0] == 1
    assert again.recovered.ready.number == 2
    again.close()


@pytest.mark.parametrize("size", [0, 10, START])
def test_a_segment_that_was_being_created_is_made_anew(tmp_path, size):
    writing = Writing(tmp_path)
    writing.commit(accepted(1))
    writing.close()
    writing.path(2).write_bytes(bytes(size))
    again = reopened(tmp_path)
    assert again.committer.end[0] == 1
    again.committer.tidy()
    again.close()
    again = reopened(tmp_path)
    assert again.recovered.ready.number == 2
    assert again.records() == [accepted(1)]
    again.close()
