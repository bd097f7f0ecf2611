"""A message is blamed for a death while its steps ran, and for no other."""

from __future__ import annotations

from pathlib import Path

from waypost.flow.delivery.trying import Trying


def test_a_death_is_counted_for_what_was_tried(tmp_path: Path) -> None:
    for deaths in range(3):
        trying = Trying(tmp_path / "trying")
        assert trying.deaths("orders/1/5") == deaths
        trying.begin("orders/1/5")
        trying.close()
    assert Trying(tmp_path / "trying").deaths("orders/1/5") == 3


def test_a_death_between_two_tries_blames_nobody(tmp_path: Path) -> None:
    trying = Trying(tmp_path / "trying")
    trying.begin("orders/1/5")
    trying.end()
    trying.close()
    assert Trying(tmp_path / "trying").deaths("orders/1/5") == 0


def test_what_went_well_in_the_end_is_forgotten(tmp_path: Path) -> None:
    Trying(tmp_path / "trying").begin("orders/1")
    after = Trying(tmp_path / "trying")
    assert after.deaths("orders/1") == 1
    after.acquit("orders/1")
    assert Trying(tmp_path / "trying").deaths("orders/1") == 0


def test_a_torn_note_is_no_note(tmp_path: Path) -> None:
    path = tmp_path / "trying"
    path.write_bytes((99).to_bytes(4, "little") + b"torn")
    assert Trying(path).deaths("orders/1") == 0
