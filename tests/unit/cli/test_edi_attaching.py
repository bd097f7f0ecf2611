"""``waypost edi attachments``."""

from __future__ import annotations

from pathlib import Path

from tests.unit.cli.commanding import Command
from tests.unit.formats.edi_health import interchange


def test_the_command_writes_links_and_never_writes_over(waypost: Command, tmp_path: Path) -> None:
    for name in ("275", "837"):
        (tmp_path / f"{name}.edi").write_bytes(interchange(name))
    call = ("edi", "attachments", tmp_path / "275.edi", "--into", tmp_path / "out", "--link", tmp_path / "837.edi")
    said = waypost(*call)
    assert said.code == 0 and "belongs to PCN-2026-00417 by claim" in said.out
    assert b"VANDERMEER" in (tmp_path / "out/0001-TRC20260417001.txt").read_bytes()
    again = waypost(*call)
    assert again.code == 2 and "is there already" in again.err
    other = waypost("edi", "attachments", tmp_path / "275.edi", "--link", tmp_path / "275.edi", "--json")
    assert other.code == 1 and other.json["attachments"][0]["belongs_to"] == ""
