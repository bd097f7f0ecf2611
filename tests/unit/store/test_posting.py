"""Chunks of postings: which may go when segments are gone."""

from pathlib import Path

import pytest

from waypost.store import posting
from waypost.store.hashing import ENTRY
from waypost.store.index_db import IndexDatabase


@pytest.fixture
def database(tmp_path):
    database = IndexDatabase(Path(tmp_path / "index.db"))
    yield database
    database.close()


def written(database, *segments: tuple[int, int]) -> None:
    for number, span in enumerate(segments):
        with database.writer:
            posting.add_chunk(database.writer, [bytes([number]) * ENTRY], span)


def left(database) -> list[int]:
    return sorted(entry[0] for entry in posting.everything(database.writer))


def test_a_chunk_goes_when_all_its_segments_are_gone(database):
    written(database, (1, 2), (2, 3), (3, 4))
    posting.forget_segments(database.writer, [3, 4])
    assert left(database) == [1, 2]


def test_a_chunk_of_a_segment_begun_after_the_look_stays(database):
    """The journal goes on while retention works: what was not there at its look is not gone."""
    written(database, (3, 4), (5, 5))
    posting.forget_segments(database.writer, [3, 4])
    assert left(database) == [0, 1]


def test_without_any_segment_nothing_is_taken_for_gone(database):
    written(database, (1, 1))
    posting.forget_segments(database.writer, [])
    assert left(database) == [0]
