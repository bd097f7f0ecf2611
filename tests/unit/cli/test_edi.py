"""``waypost edi``: what a file is made of, and whether it can be written again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.test_edifact import ORDERS
from tests.conformance.test_tradacoms import SENT
from tests.conformance.test_x12 import BINARY
from tests.unit.cli.commanding import Command
from waypost.formats.edi import outline

MIXED = b"From: them\n" + BINARY + b"\r\n" + ORDERS + SENT


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    path = tmp_path / "mixed.edi"
    path.write_bytes(MIXED)
    return path


def test_show_lists_every_part_with_its_offset(waypost: Command, mixed: Path) -> None:
    said = waypost("edi", "show", mixed, "--json")
    parts = said.json["parts"]
    kinds = [part["kind"] for part in parts if part["kind"] in ("interchange", "group", "transaction")]
    assert kinds == ["interchange", "group", "transaction", *["interchange", *["transaction"] * 2],
                     *["interchange", *["transaction"] * 3]]  # fmt: skip
    for part in parts:
        if part["kind"] == "transaction":
            assert MIXED[part["offset"] :][: part["bytes"]].startswith((b"ST*", b"UNH+", b"MHD="))
    assert said.json["transactions"] == 6 and said.json["junk_bytes"] == 11
    assert [part["set"] for part in parts if "set" in part] == ["899", "ORDERS", "ORDERS", "ORDHDR", "ORDERS", "ORDTLR"]


def test_show_says_what_is_wrong_and_where(waypost: Command, mixed: Path) -> None:
    said = waypost("edi", "show", mixed)
    assert said.code == 1, "there is junk before the first interchange"
    assert "byte 0: bytes that belong to no interchange; expected an interchange" in said.out
    assert "3 interchanges, 1 group, 6 transactions" in said.out
    mixed.write_bytes(ORDERS)
    assert waypost("edi", "show", mixed).code == 0
    mixed.write_bytes(ORDERS.replace(b"UNZ+2", b"UNZ+3"))
    fault = waypost("edi", "show", mixed, "--json").json["faults"][0]
    assert fault["code"] == "edifact-count" and fault["offset"] == ORDERS.index(b"UNZ") and fault["segment"] == "UNZ"


def test_roundtrip_is_done_when_every_byte_is_the_same(waypost: Command, mixed: Path) -> None:
    said = waypost("edi", "roundtrip", mixed)
    assert said.code == 0 and said.out.endswith("byte-exact\n")
    assert waypost("edi", "roundtrip", mixed, "--json").json["exact"] is True


def test_roundtrip_fails_when_a_byte_is_another(waypost: Command, mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = outline.written
    monkeypatch.setattr(outline, "written", lambda token: (right(token)[0].replace(b"4711", b"4712"), 1))
    mixed.write_bytes(ORDERS.replace(b"NM-2026-0815", b"4711"))
    said = waypost("edi", "roundtrip", mixed, "--json")
    assert said.code == 1 and said.json["difference"] == ORDERS.index(b"NM-2026-0815") + 3
    assert "written differently from byte" in waypost("edi", "roundtrip", mixed).out


@pytest.mark.parametrize("content", [b"", b"hello", b"ISA*00*short~"])
def test_a_file_that_holds_no_interchange_is_refused_with_a_place(
    waypost: Command, mixed: Path, content: bytes
) -> None:
    mixed.write_bytes(content)
    said = waypost("edi", "roundtrip", mixed)
    assert said.code == 1 and "byte 0: " in said.err and "byte-exact" not in said.out


def test_a_file_that_is_not_there_is_said_in_words(waypost: Command, tmp_path: Path) -> None:
    said = waypost("edi", "show", tmp_path / "none.edi")
    assert said.code == 1 and "No such file" in said.err and "Traceback" not in said.err


def test_a_transaction_beyond_the_limit_is_refused(
    waypost: Command, mixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outline, "LIMIT_BYTES", 1000)
    mixed.write_bytes(ORDERS.replace(b"QTY+21:12:PCE'", b"QTY+21:12:PCE'" * 200))
    said = waypost("edi", "roundtrip", mixed)
    assert said.code == 1 and "more than 1000 bytes" in said.err
