"""The Python of maps is what people read and review: it changes only together with the file it was reviewed in."""

from tests.golden.maps.written import FILE, written


def test_maps_become_the_python_that_was_reviewed() -> None:
    """``python -m tests.golden.maps.written`` writes it anew."""
    assert written() == FILE.read_text("utf-8")
