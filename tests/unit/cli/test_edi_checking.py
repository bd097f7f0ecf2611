"""``waypost edi check`` and ``waypost edi import``."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from tests.unit.cli.commanding import Command
from tests.unit.formats.edi_orders import X12_ORDER, edifact, x12
from tests.unit.formats.test_edi_untdid import TABLE


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A sound file and one with a fault."""
    sound, wrong = tmp_path / "sound.edi", tmp_path / "wrong.edi"
    sound.write_bytes(x12() + edifact())
    wrong.write_bytes(x12([X12_ORDER[0], X12_ORDER[1].replace("BEG*00", "BEG*99"), *X12_ORDER[2:]]))
    return sound, wrong


def test_sound_files_are_accepted(waypost: Command, files: tuple[Path, Path]) -> None:
    said = waypost("edi", "check", str(files[0]))
    assert said.code == 0 and "accepted: 1 of 1 850 004010, 1 of 1 ORDERS D96A" in said.out


def test_a_fault_is_one_line_with_its_byte(waypost: Command, files: tuple[Path, Path]) -> None:
    said = waypost("edi", "check", *map(str, files))
    assert said.code == 1
    offset = files[1].read_bytes().index(b"99*SA")
    assert f"{files[1]}:{offset}: error element-code: 850 0001 segment 2 BEG element 1: '99'" in said.out


def test_as_json_a_file_is_one_object(waypost: Command, files: tuple[Path, Path]) -> None:
    said = waypost("edi", "check", str(files[1]), "--json")
    assert said.code == 1
    assert said.json["accepted"] is False and said.json["standard"] == "x12" and said.json["version"] == "004010"
    assert said.json["sets"] == [
        {"set": "850", "version": "004010", "schema": "x12/004010/850", "received": 1, "accepted": 0}
    ]
    (error,) = said.json["errors"]
    assert {k: error[k] for k in ("code", "segment", "element", "loop", "rule", "found")} == {
        "code": "7", "segment": "BEG", "element": 1, "loop": "", "rule": "", "found": "'99'",
    }  # fmt: skip
    assert error["expected"].startswith("one of 00, 01") and error["hint"] and error["offset"] > 0


def test_an_overlay_is_named_by_its_file(waypost: Command, files: tuple[Path, Path], tmp_path: Path) -> None:
    overlay = tmp_path / "acme.yaml"
    overlay.write_text("overlay: acme/850\nuse: x12/004010/850\nset: {PO1/3: {codes: [EA]}}\n")
    assert waypost("edi", "check", str(files[0]), "--schema", str(overlay)).code == 1


@pytest.mark.parametrize("arguments", [("--schema", "x12/004010/999"), ("--schema", "nothing")])
def test_a_schema_that_is_not_there_is_wrong_usage(
    waypost: Command, files: tuple[Path, Path], arguments: tuple[str, ...]
) -> None:
    said = waypost("edi", "check", str(files[0]), *arguments)
    assert said.code == 2 and "x12/004010/850" in said.err


def test_a_file_that_is_not_there_is_said(waypost: Command) -> None:
    said = waypost("edi", "check", "nowhere.edi")
    assert said.code == 1 and "nowhere.edi" in said.err


def test_a_directory_becomes_schemas_that_check(waypost: Command, tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("ORDERS_D.99Z".replace("Z", "B"), TABLE)
    (tmp_path / "d99b.zip").write_bytes(content.getvalue())
    to = tmp_path / "schemas"
    said = waypost("edi", "import", "untdid", str(tmp_path / "d99b.zip"), "--to", str(to))
    assert said.code == 0 and "2 files written" in said.out
    (tmp_path / "one.edi").write_bytes(edifact(["UNH+1+ORDERS:D:99B:UN", "BGM+1", "UNS+S", "UNT+4+1"]))
    assert waypost("edi", "check", str(tmp_path / "one.edi"), "--schemas", str(to)).code == 0


def test_what_is_no_directory_is_refused_without_a_traceback(waypost: Command, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"no zip")
    said = waypost("edi", "import", "untdid", str(tmp_path / "x.zip"), "--to", str(tmp_path))
    assert said.code == 1 and "x.zip" in said.err
    assert waypost("edi", "import", "nothing", str(tmp_path / "x.zip")).code == 2
