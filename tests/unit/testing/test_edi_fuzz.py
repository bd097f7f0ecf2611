"""The search for EDI that breaks us finds what is broken, and nothing in what is not."""

from __future__ import annotations

import pytest

from waypost.testing import edi_fuzz


def test_a_short_run_finds_nothing() -> None:
    found = edi_fuzz.run(1_500, 5)
    assert found.escapes == [] and found.executions >= 1_500
    assert set(found.kinds) == {"read", "check", "flow", "write", "answer", "validate"}


def test_what_raises_is_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, content: bytes) -> None:
        raise IndexError("gone")

    monkeypatch.setattr(edi_fuzz.Target, "check", broken)
    found = edi_fuzz.run(1_000, 5)
    assert len(found.escapes) >= 20 and "IndexError: gone" in found.escapes[0]


def test_a_run_is_repeated_by_its_seed() -> None:
    one, other = edi_fuzz.Maker(3), edi_fuzz.Maker(3)
    assert [one.content() for _ in range(50)] == [other.content() for _ in range(50)]
